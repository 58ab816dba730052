"""The inventory's Dagster definitions."""

from __future__ import annotations

import dagster as dg

from ..dagster_support import RESOURCES, skipping_overlap
from .assets import ASSETS, GROUP, LISTINGS
from .checks import CHECKS

inventory_job = dg.define_asset_job(
    "inventory_sync",
    selection=dg.AssetSelection.groups(GROUP),
    description="List every kind and every project.",
)

inventory_schedule = skipping_overlap(
    name="inventory_schedule",
    cron="15 * * * *",
    job=inventory_job,
    description="Hourly refresh of the whole inventory.",
)

defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=[inventory_job],
    schedules=[inventory_schedule],
    resources={**RESOURCES, **LISTINGS},
)
