"""An account read once, by the functions that the assets call."""

from __future__ import annotations

from arcadia_cloud_pipelines.billing.account_facts import sync_account_facts
from arcadia_cloud_pipelines.billing.balance import snapshot_balance
from arcadia_cloud_pipelines.billing.ingest import ingest_invoices
from arcadia_cloud_pipelines.billing.insights import sync_daily_costs
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.billing.open_month import refresh_open_month
from arcadia_cloud_pipelines.billing.prepayment import sync_prepayment
from arcadia_cloud_pipelines.billing.rates import sync_rates
from arcadia_cloud_pipelines.billing.rematch import rematch
from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory.actions import sync_actions
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse


def read_whole_account(warehouse: Warehouse, account: SimulatedAccount) -> None:
    """Read all that a deployment reads from the API, once, as of the account's own time."""
    with (
        serve(account) as server,
        DigitalOcean(server.url, Secret(server.token), budget=CallBudget(limits=())) as client,
    ):
        sync_projects(warehouse, client, project_name="skyai-internal")
        for kind in KINDS:
            sync_kind(warehouse, client, kind)
        sync_actions(warehouse, client)
        sync_invoices(warehouse, client)
        ingest_invoices(warehouse, client)
        rematch(warehouse)
        snapshot_balance(warehouse, client)
        refresh_open_month(warehouse, client)
        sync_rates(warehouse, client)
        sync_prepayment(warehouse, client)
        sync_account_facts(warehouse, client)
        sync_daily_costs(warehouse, client, now=lambda: account.now)
