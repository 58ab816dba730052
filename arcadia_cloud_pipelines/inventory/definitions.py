"""The inventory's Dagster definitions."""

from __future__ import annotations

import dagster as dg

from ..dagster_support.assets import RESOURCES
from ..dagster_support.runs import skipping_overlap
from .assets import ASSETS, GROUP, LISTINGS
from .checks import CHECKS, nothing_overlooked

_WEEKLY = dg.AssetSelection.checks(nothing_overlooked)

inventory_job = dg.define_asset_job(
    "inventory_sync",
    selection=dg.AssetSelection.groups(GROUP) - _WEEKLY,
    description="List every kind and every project.",
)

inventory_schedule = skipping_overlap(
    name="inventory_schedule",
    cron="15 * * * *",
    job=inventory_job,
    each_team=True,
    description="Hourly refresh of the whole inventory.",
)

overlooked_job = dg.define_asset_job(
    "inventory_overlooked",
    selection=_WEEKLY,
    description="Look for what members of projects and tags mention and no listing holds.",
)

overlooked_schedule = skipping_overlap(
    name="overlooked_schedule",
    # After that hour's refresh: what it compares with is minutes old.
    cron="33 5 * * 1",
    job=overlooked_job,
    each_team=True,
    description="Weekly look for what the listings leave out.",
)

defs = dg.Definitions(
    assets=ASSETS,
    asset_checks=CHECKS,
    jobs=[inventory_job, overlooked_job],
    schedules=[inventory_schedule, overlooked_schedule],
    resources={**RESOURCES, **LISTINGS},
)
