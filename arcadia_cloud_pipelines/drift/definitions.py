"""The Dagster definitions of drift."""

from __future__ import annotations

import dagster as dg

from ..dagster_support.assets import RESOURCES
from ..dagster_support.runs import skipping_overlap
from .assets import ASSETS
from .checks import CHECKS
from .jobs import accept_job, sweep_job, terraform_job

terraform_schedule = skipping_overlap(
    name="terraform_schedule",
    cron="18 * * * *",
    job=terraform_job,
    description="Hourly reading of the configured Terraform states, before drift is detected.",
)

drift_schedule = skipping_overlap(
    name="drift_schedule",
    cron="20 * * * *",
    job=sweep_job,
    description="Hourly comparison of specs with what is live, after the inventory's refresh.",
)

defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=[sweep_job, terraform_job, accept_job],
    schedules=[terraform_schedule, drift_schedule],
    resources=RESOURCES,
)
