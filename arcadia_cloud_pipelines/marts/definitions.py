"""The views of the schema `marts` in Dagster's graph, downstream of the tables that they read."""

from __future__ import annotations

import dagster as dg

from ..dagster_support.assets import RESOURCES_ASSET, view_asset
from ..warehouse import described_views, views

GROUP = "marts"

ASSET_OF_TABLE = {
    "cloud_actions": dg.AssetKey("actions"),
    "cloud_account_facts": dg.AssetKey("account_facts"),
    "cloud_allocation_months": dg.AssetKey("cost_allocations"),
    "cloud_balance_snapshots": dg.AssetKey("balance_snapshots"),
    "cloud_billed_rates": dg.AssetKey("kept_months"),
    "cloud_budgets": dg.AssetKey("reviewed_budgets"),
    "cloud_billing_entries": dg.AssetKey("invoices"),
    "cloud_cost_lines": dg.AssetKey("cost_lines"),
    "cloud_cost_days": dg.AssetKey("daily_costs"),
    "cloud_daily_costs": dg.AssetKey("daily_costs"),
    "cloud_drift": dg.AssetKey("drift_records"),
    "cloud_drift_sweeps": dg.AssetKey("drift_records"),
    "cloud_forecast_lines": dg.AssetKey("cost_forecasts"),
    "cloud_forecast_tests": dg.AssetKey("cost_forecasts"),
    "cloud_forecasts": dg.AssetKey("cost_forecasts"),
    "cloud_invoice_lists": dg.AssetKey("invoices"),
    "cloud_invoice_revisions": dg.AssetKey("cost_lines"),
    "cloud_invoices": dg.AssetKey("invoices"),
    "cloud_kept_months": dg.AssetKey("kept_months"),
    "cloud_month_costs": dg.AssetKey("kept_months"),
    "cloud_open_months": dg.AssetKey("open_month_lines"),
    "cloud_open_month_lines": dg.AssetKey("open_month_lines"),
    "cloud_prepayments": dg.AssetKey("prepayments"),
    "cloud_project_memberships": dg.AssetKey("projects"),
    "cloud_project_tenancies": dg.AssetKey("projects"),
    "cloud_projects": dg.AssetKey("projects"),
    "cloud_provisioned_sources": dg.AssetKey("terraform_specs"),
    "cloud_provisioned": dg.AssetKey("terraform_specs"),
    "cloud_rates": dg.AssetKey("rate_card"),
    "cloud_resource_events": RESOURCES_ASSET,
    "cloud_resources": RESOURCES_ASSET,
    "cloud_schema_event_rows": RESOURCES_ASSET,
    "cloud_schema_events": RESOURCES_ASSET,
    "cloud_sync_runs": RESOURCES_ASSET,
    "cloud_tag_policy": dg.AssetKey("reviewed_tag_policy"),
    "cloud_tenant_costs": dg.AssetKey("cost_allocations"),
}
"""The asset that writes a table which views read. A table that people write has none."""

WITHOUT_ASSET = frozenset(
    {
        "cloud_api_calls", "cloud_drift_decisions", "cloud_drift_ignore_rules",
        "cloud_statement_closings", "cloud_token_accounts",
    }
)  # fmt: skip
"""Tables that commands, the HTTP API or the client write, not an asset."""


def asset_key(view: str) -> dg.AssetKey:
    """Return the key of a view's asset: its name, unless an asset that writes rows has it."""
    return dg.AssetKey("live_resources" if view == "resources" else view)


def _asset(view: views.ViewSource) -> dg.AssetSpec:
    described = described_views.described_columns()[view.name]
    prefix = f"{views.SCHEMA}."
    deps = {
        asset_key(read.removeprefix(prefix)) if read.startswith(prefix) else ASSET_OF_TABLE[read]
        for read in described["reads"]
        if read not in WITHOUT_ASSET
    }
    return view_asset(
        asset_key(view.name),
        {
            "dagster/table_name": f"{views.SCHEMA}.{view.name}",
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(column, type_, description=view.comment_of(column))
                    for column, type_ in described["columns"].items()
                ]
            ),
        },
        group_name=GROUP,
        kinds={"postgres", "view"},
        deps=sorted(deps),
        description=f"{view.comment}\n\n```sql\n{view.example}\n```",
    )


ASSETS = [_asset(view) for view in views.read_views()]

defs = dg.Definitions(assets=ASSETS)
