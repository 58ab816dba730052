"""The Dagster definitions of allocation."""

from __future__ import annotations

import dagster as dg

from ..dagster_support.assets import RESOURCES
from ..dagster_support.runs import skipping_overlap
from .assets import ASSETS
from .checks import CHECKS
from .jobs import allocation_job

allocation_schedule = skipping_overlap(
    name="allocation_schedule",
    # After the invoices of the night, and the lines that the sensor asks for.
    cron="37 4 * * *",
    job=allocation_job,
    description="Daily, after invoices and projects: who pays for each line.",
)

defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=[allocation_job],
    schedules=[allocation_schedule],
    resources=RESOURCES,
)
