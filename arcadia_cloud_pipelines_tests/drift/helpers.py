"""Short words for what the tests of drift say often: resources, listings, specs, sweeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import sqlalchemy as sa

from arcadia_cloud_pipelines.drift.resource_refs import ResourceRef
from arcadia_cloud_pipelines.drift.specs import RecordedSpec, record_provisioned
from arcadia_cloud_pipelines.drift.sweep import SweepResult, sweep
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query

T0 = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEAM = "team-a"
COLUMNS = ("name", "region", "status", "size_slug", "tags", "project_id", "created_at",
           "deleted_at")  # fmt: skip


def at(hours: float) -> datetime:
    """So many hours after the start of the test's time."""
    return T0 + timedelta(hours=hours)


def execute(warehouse: Warehouse, sql: str, **parameters: Any) -> None:
    """One statement."""
    with warehouse.transaction() as connection:
        connection.execute(sa.text(sql), parameters)


def listed(
    warehouse: Warehouse,
    kind: str = "droplet",
    hours: float = 0,
    *,
    account: str | None = TEAM,
    complete: bool = True,
    implausible: bool = False,
    withheld: dict[str, int] | None = None,
) -> None:
    """A sync of a kind, as its row in cloud_sync_runs."""
    execute(
        warehouse,
        """
        INSERT INTO cloud_sync_runs
            (account, kind, started_at, ended_at, complete, implausible, withheld, rows_seen)
        VALUES (:account, :kind, :at, :at, :complete, :implausible, :withheld, 1)
        """,
        account=account, kind=kind, at=at(hours), complete=complete, implausible=implausible,
        withheld=orjson.dumps(withheld or {}).decode(),
    )  # fmt: skip


def resource(
    warehouse: Warehouse,
    provider_id: object = "1",
    *,
    kind: str = "droplet",
    account: str = TEAM,
    seen: tuple[datetime, datetime] = (T0, T0),
    **fields: Any,
) -> int:
    """A row of cloud_resources, written past the ledger; what is no column goes into attrs.

    `seen` are the first and the last listing that held it.
    """
    values: dict[str, Any] = {
        "name": f"{kind}-{provider_id}", "region": "fra1", "status": "active",
        "size_slug": "s-1vcpu-1gb", "tags": [], "project_id": None, "created_at": None,
        "deleted_at": None,
    }  # fmt: skip
    attrs = {key: value for key, value in fields.items() if key not in COLUMNS}
    values |= {key: value for key, value in fields.items() if key in COLUMNS}
    rows = query(
        warehouse,
        """
        INSERT INTO cloud_resources (
            account, kind, provider_id, name, region, status, size_slug, tags, project_id,
            created_at, deleted_at, attrs, first_seen_at, last_seen_at
        ) VALUES (
            :account, :kind, :provider_id, :name, :region, :status, :size_slug, :tags, :project_id,
            :created_at, :deleted_at, :attrs, :first, :last
        ) RETURNING id
        """,
        account=account, kind=kind, provider_id=str(provider_id), first=seen[0], last=seen[1],
        attrs=orjson.dumps(attrs).decode(), **values,
    )  # fmt: skip
    return int(rows[0]["id"])


def change(warehouse: Warehouse, resource_id: int, **fields: Any) -> None:
    """What somebody did to a resource; columns and attrs alike."""
    for key, value in fields.items():
        if key in COLUMNS:
            sql = f"UPDATE cloud_resources SET {key} = :value WHERE id = :id"
            execute(warehouse, sql, value=value, id=resource_id)
        else:
            execute(
                warehouse,
                "UPDATE cloud_resources SET attrs = attrs || CAST(:value AS jsonb) WHERE id = :id",
                value=orjson.dumps({key: value}).decode(), id=resource_id,
            )  # fmt: skip


def desire(
    warehouse: Warehouse, resource_id: int | ResourceRef, hours: float = 0, **spec: Any
) -> RecordedSpec:
    """A spec, merged."""
    return record_provisioned(
        warehouse, resource_id, spec, actor="ann", reason="as built", now=lambda: at(hours)
    )


def swept(warehouse: Warehouse, hours: float = 0.1, run_id: str | None = None) -> SweepResult:
    """One sweep at that time."""
    return sweep(warehouse, run_id=run_id, now=lambda: at(hours))


def drift(warehouse: Warehouse, status: str | None = None) -> list[dict[str, Any]]:
    """The records in order."""
    sql = "SELECT * FROM cloud_drift WHERE status = coalesce(:status, status) ORDER BY id"
    return query(warehouse, sql, status=status)


def inbox(warehouse: Warehouse) -> list[tuple[int, str, Any, Any]]:
    """The open records: resource, field, desired, actual."""
    return [
        (d["resource_id"], d["field"], d["desired"], d["actual"]) for d in drift(warehouse, "open")
    ]


def events(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The drift_detected events in order."""
    return query(
        warehouse, "SELECT * FROM cloud_resource_events WHERE event = 'drift_detected' ORDER BY id"
    )


def spec_of(warehouse: Warehouse, resource_id: int) -> dict[str, Any]:
    """The row of cloud_provisioned."""
    rows = query(
        warehouse, "SELECT * FROM cloud_provisioned WHERE resource_id = :id", id=resource_id
    )
    return rows[0]


def project(warehouse: Warehouse, provider_id: str, name: str) -> int:
    """A project."""
    rows = query(
        warehouse,
        """
        INSERT INTO cloud_projects (account, provider_id, name, first_seen_at, last_seen_at)
        VALUES (:account, :provider_id, :name, :seen, :seen) RETURNING id
        """,
        account=TEAM, provider_id=provider_id, name=name, seen=T0,
    )  # fmt: skip
    return int(rows[0]["id"])


def everything(warehouse: Warehouse) -> str:
    """Every row of every table as one text, for canaries to be looked for."""
    names = query(warehouse, "SELECT tablename AS n FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(
        row["line"]
        for name in names
        for row in query(warehouse, f"SELECT t::text AS line FROM {name['n']} AS t")
    )
