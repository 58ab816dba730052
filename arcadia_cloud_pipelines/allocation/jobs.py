"""The job that the schedule starts."""

import dagster as dg

allocation_job = dg.define_asset_job(
    "cost_allocation",
    selection=dg.AssetSelection.assets("cost_allocations", "statement_proposals"),
    description="Say who pays for each invoice line, and which months can be closed.",
)
