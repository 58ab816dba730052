"""The job that the schedule starts."""

import dagster as dg

forecast_job = dg.define_asset_job(
    "cost_forecast",
    selection=dg.AssetSelection.assets("cost_forecasts", "reviewed_budgets"),
    description="Say what the open month will cost, and read the budgets.",
)
