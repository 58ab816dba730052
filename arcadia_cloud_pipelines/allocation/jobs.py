"""The job that the schedule starts."""

import dagster as dg

allocation_job = dg.define_asset_job(
    "cost_allocation",
    selection=dg.AssetSelection.assets("cost_allocations"),
    description="Say who pays for each invoice line, in all months.",
)
