"""What `kill_functions` kills: each work of the product, the state it starts from, its result."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from arcadia_cloud_pipelines.allocation.allocate import allocate
from arcadia_cloud_pipelines.allocation.proposals import find_proposals
from arcadia_cloud_pipelines.allocation.statements import StatementError, close_month
from arcadia_cloud_pipelines.billing.balance import snapshot_balance
from arcadia_cloud_pipelines.billing.ingest import ingest_invoices
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.billing.kept import keep_months
from arcadia_cloud_pipelines.billing.open_month import refresh_open_month
from arcadia_cloud_pipelines.billing.rematch import rematch
from arcadia_cloud_pipelines.digitalocean.clients import Clients
from arcadia_cloud_pipelines.drift.adopting import adopt
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.inventory.listings import Listings
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.inventory.sync import record_fetched
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, PROJECT, Kind
from arcadia_cloud_pipelines.operations.retention import forget
from arcadia_cloud_pipelines.settings import Purpose, load_settings
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .consistency import contradictions

OLD_RUNS = 30
"""Runs that housekeeping finds in Dagster's storage; they are made for it."""


KINDS = tuple(
    KIND_BY_NAME[name]
    for name in (
        "droplet", "volume", "droplet_snapshot", "database", "database_user", "load_balancer",
        "reserved_ip", "domain", "firewall",
    )
)  # fmt: skip
"""Enough for every way in which a kind is listed: each is one more transaction like the others."""


@dataclass(frozen=True)
class Place:
    """Where a work works."""

    url: sa.URL
    """Of its database."""
    folder: Path
    """Of files, its own."""
    simulator: str
    token: str
    kinds: Sequence[Kind] = KINDS

    def warehouse(self) -> Warehouse:
        """Open it anew: no connection may cross a fork."""
        return Warehouse(self.url, embedded=False)

    def clients(self, warehouse: Warehouse) -> Clients:
        """Return clients of the simulated account."""
        environ = {"DO_API_URL": self.simulator, "DO_API_TOKEN": self.token, "ARCADIA_HOME": "/"}
        return Clients(load_settings(environ), warehouse)

    def advance(self, **how: float) -> None:
        """Let the simulated account live on."""
        requests.post(f"{self.simulator}/_simulator/advance", json=how, timeout=60)


def refresh(place: Place, warehouse: Warehouse) -> None:
    """Do what `inventory_sync` does."""
    clients = place.clients(warehouse)
    listings = Listings(clients, now=warehouse.now)

    def record(fetched: Any) -> Any:
        return record_fetched(warehouse, fetched, now=warehouse.now)

    listings.begin(place.kinds, record)
    sync_projects(warehouse, clients.for_purpose(PROJECT.purpose), project_name="skyai-internal")
    for kind in place.kinds:
        listings.take(kind, then=record)
    listings.close()
    clients.close()


def ingest(place: Place, warehouse: Warehouse) -> None:
    """Do what `billing_history`, the sensor's run and the jobs of the month do."""
    clients = place.clients(warehouse)
    client = clients.for_purpose(Purpose.CLOUD_BILLING)
    sync_invoices(warehouse, client)
    ingest_invoices(warehouse, client)
    rematch(warehouse)
    refresh_open_month(warehouse, client)
    snapshot_balance(warehouse, client)
    keep_months(warehouse)
    clients.close()


def detect(_place: Place, warehouse: Warehouse) -> None:
    """Do what `drift_sweep` does."""
    sweep(warehouse)


def state_month(_place: Place, warehouse: Warehouse) -> None:
    """Apply the rules, and close what can be closed; a closed month stays closed."""
    allocate(warehouse, None)
    for proposal in find_proposals(warehouse):
        close(warehouse, proposal.period)


def close(warehouse: Warehouse, period: date) -> None:
    """Close a month that nobody closed."""
    try:
        close_month(warehouse, period, actor="kill test")
    except StatementError as error:
        if "was closed" not in str(error):
            raise


def keep_house(place: Place, warehouse: Warehouse) -> None:
    """Do what `housekeeping` does."""
    forget(warehouse.engine, place.folder / "storage", datetime.now(UTC))


def filled_account(place: Place, warehouse: Warehouse) -> None:
    """A mirror of yesterday: a sync has much to say."""
    refresh(place, warehouse)
    place.advance(hours=24)


def filled_inventory(place: Place, warehouse: Warehouse) -> None:
    """Resources, and no invoice so far."""
    refresh(place, warehouse)


def planned_account(place: Place, warehouse: Warehouse) -> None:
    """Plans that reality has left since."""
    refresh(place, warehouse)
    adopt(warehouse, actor="kill test")
    place.advance(days=20)
    refresh(place, warehouse)
    with warehouse.transaction() as connection:
        connection.execute(sa.text('UPDATE cloud_provisioned SET spec = spec || \'{"name": "x"}\''))


def billed_account(place: Place, warehouse: Warehouse) -> None:
    """Months that can be closed."""
    refresh(place, warehouse)
    ingest(place, warehouse)
    with warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE cloud_projects SET tenant_id = 't' || id % 3"))


def old_storage(place: Place, warehouse: Warehouse) -> None:
    """Dagster's storage after months: old events, runs, snapshots and output."""
    import dagster as dg

    logging.disable(logging.INFO)  # each run would print twenty lines
    home = place.folder / "dagster"
    home.mkdir(parents=True)
    url = place.url.render_as_string(hide_password=False)
    with dg.DagsterInstance.from_ref(_instance_ref(home, url)) as instance:
        for number in range(OLD_RUNS):
            dg.materialize([_thing(number)], instance=instance)
    with warehouse.transaction() as connection:
        for statement in (
            "UPDATE event_logs SET timestamp = timestamp - interval '200 days' WHERE id % 4 > 0",
            "UPDATE runs SET create_timestamp = create_timestamp - interval '200 days'"
            " WHERE id % 4 > 0",
        ):
            connection.execute(sa.text(statement))
        runs = connection.execute(sa.text("SELECT run_id FROM runs ORDER BY id")).scalars().all()
    old = (datetime.now(UTC) - timedelta(days=100)).timestamp()
    for run in runs:
        log = place.folder / "storage" / run / "compute_logs" / "step.err"
        log.parent.mkdir(parents=True)
        log.write_text("output")
        for path in (log, log.parent, log.parent.parent):
            os.utime(path, (old, old))
    shutil.rmtree(home)


def _thing(number: int) -> Any:
    import dagster as dg

    @dg.asset(name=f"thing_{number % 3}")
    def thing() -> None:
        """Nothing: its events are what counts."""

    return thing


def _instance_ref(home: Path, url: str) -> Any:
    from dagster._core.instance.ref import InstanceRef

    storage = {
        "module": "dagster_postgres",
        "class": "DagsterPostgresStorage",
        "config": {"postgres_url": url},
    }
    return InstanceRef.from_dir(
        str(home),
        overrides={"storage": {"custom": storage}, "telemetry": {"enabled": False}},
    )


def of_warehouse(connection: sa.Connection) -> dict[str, Any]:
    """Return what must be the same whether or not somebody was killed in between."""
    asked = {
        "rows": "SELECT kind, count(*), count(deleted_at) FROM cloud_resources GROUP BY 1",
        "events": "SELECT event, count(*) FROM cloud_resource_events GROUP BY 1",
        "projects": "SELECT count(*), count(deleted_at) FROM cloud_projects",
        "memberships": "SELECT count(*), count(valid_to) FROM cloud_project_memberships",
        "invoices": "SELECT invoice_uuid, ingest_status, line_count, lines_total, lines_digest"
        " FROM cloud_invoices",
        "lines": "SELECT count(*), sum(amount), count(resource_id) FROM cloud_cost_lines",
        "revisions": "SELECT count(*) FROM cloud_invoice_revisions",
        "open month": "SELECT count(*), sum(amount) FROM cloud_open_month_lines",
        "kept": "SELECT count(*), sum(amount) FROM cloud_month_costs",
        "drift": "SELECT status, count(*) FROM cloud_drift GROUP BY 1",
        "allocations": "SELECT tenant_id, count(*), sum(amount) FROM cloud_cost_allocations"
        " GROUP BY 1",
        "statements": "SELECT period, tenant_id, line_count, total FROM cloud_statements",
        "closings": "SELECT period, amount, corrections FROM cloud_statement_closings",
    }
    return _answers(connection, asked)


def of_storage(connection: sa.Connection) -> dict[str, Any]:
    """Return what is left of Dagster's storage."""
    asked = {
        "events": "SELECT id FROM event_logs",
        "runs": "SELECT id FROM runs",
        "tags": "SELECT run_id, key FROM run_tags",
        "snapshots": "SELECT id FROM snapshots",
    }
    return _answers(connection, asked)


def _answers(connection: sa.Connection, asked: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: sorted(map(str, map(tuple, connection.execute(sa.text(statement)))))
        for name, statement in asked.items()
    }


def lost_parents(connection: sa.Connection) -> list[str]:
    """Return what half a housekeeping would leave behind."""
    asked = {
        "tags of runs that are gone": "SELECT count(*) FROM run_tags AS t WHERE NOT EXISTS"
        " (SELECT FROM runs AS r WHERE r.run_id = t.run_id)",
        "runs without the snapshot that they name": "SELECT count(*) FROM runs AS r"
        " WHERE snapshot_id IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM snapshots AS s WHERE s.snapshot_id = r.snapshot_id)",
        "assets without their newest event": "SELECT count(*) FROM asset_keys AS a"
        " WHERE NOT EXISTS (SELECT FROM event_logs AS e WHERE e.asset_key = a.asset_key"
        " AND e.dagster_event_type = 'ASSET_MATERIALIZATION')",
    }
    return [
        f"{count} {what}"
        for what, statement in asked.items()
        if (count := connection.execute(sa.text(statement)).scalar_one())
    ]


@dataclass(frozen=True)
class Work:
    """One thing that the product does, and how to see that it was done whole."""

    prepare: Callable[[Place, Warehouse], None]
    do: Callable[[Place, Warehouse], None]
    problems: Callable[[sa.Connection], list[str]] = contradictions
    result: Callable[[sa.Connection], dict[str, Any]] = of_warehouse
    migrated: bool = True
    """False for a database of Dagster's."""


WORKS: Mapping[str, Work] = {
    "sync": Work(filled_account, refresh),
    "ingest": Work(filled_inventory, ingest),
    "detection": Work(planned_account, detect),
    "statements": Work(billed_account, state_month),
    "housekeeping": Work(old_storage, keep_house, lost_parents, of_storage, migrated=False),
}
