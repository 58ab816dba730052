"""The Dagster definitions of billing."""

from __future__ import annotations

import dagster as dg

from ..dagster_support.assets import RESOURCES
from ..dagster_support.runs import skipping_overlap
from . import account_assets
from .assets import ASSETS
from .checks import CHECKS
from .jobs import (
    balance_job,
    daily_costs_job,
    facts_job,
    history_job,
    ingest_job,
    kept_months_job,
    open_month_job,
)
from .sensors import invoice_ingest_sensor

balance_schedule = skipping_overlap(
    name="balance_schedule",
    cron="7 * * * *",
    job=balance_job,
    each_team=True,
    description="Hourly snapshot of the balance.",
)

billing_history_schedule = skipping_overlap(
    name="billing_history_schedule",
    cron="23 2 * * *",
    job=history_job,
    each_team=True,
    description="Daily mirror of invoices and billing history.",
)

open_month_schedule = skipping_overlap(
    name="open_month_schedule",
    cron="43 2 * * *",
    job=open_month_job,
    each_team=True,
    description="Daily: the invoice preview, which DigitalOcean renews once a day.",
)

facts_schedule = skipping_overlap(
    name="account_and_rates_schedule",
    cron="53 2 * * *",
    job=facts_job,
    each_team=True,
    description="Daily: list prices, limits and state of the account.",
)

daily_costs_schedule = skipping_overlap(
    name="daily_costs_schedule",
    cron="3 9 * * *",
    job=daily_costs_job,
    each_team=True,
    description="Daily, after DigitalOcean's nightly estimate: the costs of the last days.",
)

kept_months_schedule = skipping_overlap(
    name="kept_months_schedule",
    cron="28 * * * *",
    job=kept_months_job,
    description="Hourly, after the inventory: the sums of months that changed.",
)

defs = dg.Definitions(
    assets=[*ASSETS, *account_assets.ASSETS],
    asset_checks=CHECKS,
    jobs=[
        balance_job,
        history_job,
        ingest_job,
        open_month_job,
        facts_job,
        daily_costs_job,
        kept_months_job,
    ],
    schedules=[
        balance_schedule,
        billing_history_schedule,
        open_month_schedule,
        facts_schedule,
        daily_costs_schedule,
        kept_months_schedule,
    ],
    sensors=[invoice_ingest_sensor],
    resources=RESOURCES,
)
