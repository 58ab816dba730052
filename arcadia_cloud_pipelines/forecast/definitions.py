"""The Dagster definitions of forecasts."""

from __future__ import annotations

import dagster as dg

from ..dagster_support.assets import RESOURCES
from ..dagster_support.runs import skipping_overlap
from .assets import ASSETS
from .jobs import forecast_job

forecast_schedule = skipping_overlap(
    name="forecast_schedule",
    cron="13 9 * * *",
    job=forecast_job,
    description="Daily, after the preview and the costs of the last days are read: the forecast.",
)

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[forecast_job],
    schedules=[forecast_schedule],
    resources=RESOURCES,
)
