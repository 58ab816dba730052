"""The jobs that schedules and the sensor start."""

import dagster as dg

balance_job = dg.define_asset_job(
    "balance_snapshot",
    selection=dg.AssetSelection.assets("balance_snapshots"),
    description="Append one snapshot of the balance.",
)

history_job = dg.define_asset_job(
    "billing_history",
    selection=dg.AssetSelection.assets("invoices"),
    description="Mirror the billing history and the invoice headers.",
)

ingest_job = dg.define_asset_job(
    "invoice_ingest",
    selection=dg.AssetSelection.assets("cost_lines"),
    description="Ingest the lines of pending invoices, or of those in the run configuration.",
)

open_month_job = dg.define_asset_job(
    "open_month",
    selection=dg.AssetSelection.assets("open_month_lines"),
    description="Replace the provisional lines of the open month.",
)

facts_job = dg.define_asset_job(
    "account_and_rates",
    selection=dg.AssetSelection.assets("rate_card", "account_facts", "prepayments"),
    description="Read the catalogue's prices, the account's limits and what is paid in advance.",
)

daily_costs_job = dg.define_asset_job(
    "daily_costs_read",
    selection=dg.AssetSelection.assets("daily_costs"),
    description="Read the costs of the last days, and of those that are missing.",
)

kept_months_job = dg.define_asset_job(
    "month_sums",
    selection=dg.AssetSelection.assets("kept_months"),
    description="Make the sums of months whose lines or resources changed.",
)
