"""Short words for what the inventory's tests say often: sightings, listings, rows, events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg2
import sqlalchemy as sa

from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory.ledger import Guard, Observation
from arcadia_cloud_pipelines.inventory.sightings import Sighting
from arcadia_cloud_pipelines.inventory.sync import record_listing, sync_kind
from arcadia_cloud_pipelines.inventory.sync_runs import SyncResult
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.settings import Purpose, Settings
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..conftest import libpq
from ..support.sql import query

T0 = datetime(2026, 10, 20, 12, tzinfo=UTC)
CREATED = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)


def at(hours: float) -> datetime:
    """So many hours after the start of the test's time."""
    return T0 + timedelta(hours=hours)


def sighting(
    provider_id: object = "1",
    name: str | None = "web",
    *,
    region: str | None = "fra1",
    status: str | None = "active",
    size_slug: str | None = "s-1vcpu-1gb",
    tags: Iterable[str] = (),
    created_at: datetime | None = CREATED,
    project: str | None = None,
    **attrs: Any,
) -> Sighting:
    """A droplet as one listing showed it."""
    columns = (name, region, status, size_slug, tuple(sorted(tags)), created_at)
    body = orjson.dumps(attrs, option=orjson.OPT_SORT_KEYS)
    digest = hashlib.md5(repr((columns, project)).encode() + body).digest()
    return Sighting(str(provider_id), *columns, body, project, digest)


def fleet(ids: Iterable[object], **fields: Any) -> list[Sighting]:
    """One sighting for each id, named after it."""
    return [sighting(i, f"web-{i}", **fields) for i in ids]


def record(
    warehouse: Warehouse,
    seen: Iterable[Sighting],
    hours: float = 0,
    *,
    account: str = "team-a",
    kind: str = "droplet",
    complete: bool = True,
    guard: Guard | None = None,
    dropped: frozenset[str] = frozenset(),
    unknown: frozenset[str] = frozenset(),
) -> SyncResult:
    """Give one listing to the ledger, with its sync row, as `sync_kind` does."""
    began = at(hours)
    return record_listing(
        warehouse,
        Observation(account, kind, began, list(seen), complete, f"run-{hours}", dropped, unknown),
        expected=None,
        reason=None if complete else "cut short",
        api_calls=1,
        now=lambda: began,
        guard=guard,
    )


def rows(warehouse: Warehouse, kind: str | None = None) -> dict[str, dict[str, Any]]:
    """The resources by identity."""
    found = query(
        warehouse,
        "SELECT * FROM cloud_resources WHERE kind = coalesce(:kind, kind) ORDER BY id",
        kind=kind,
    )
    return {row["provider_id"]: row for row in found}


def events(warehouse: Warehouse, provider_id: object | None = None) -> list[dict[str, Any]]:
    """The events in order, with the identity they belong to."""
    return query(
        warehouse,
        """
        SELECT r.provider_id, e.event, e.changes, e.occurred_at, e.run_id
        FROM cloud_resource_events AS e JOIN cloud_resources AS r ON r.id = e.resource_id
        WHERE r.provider_id = coalesce(:id, r.provider_id) ORDER BY e.id
        """,
        id=None if provider_id is None else str(provider_id),
    )


def story(warehouse: Warehouse, provider_id: object) -> list[str]:
    """The names of one resource's events."""
    return [event["event"] for event in events(warehouse, provider_id)]


def syncs(warehouse: Warehouse, kind: str | None = None) -> list[dict[str, Any]]:
    """The sync rows in order."""
    sql = "SELECT * FROM cloud_sync_runs WHERE kind = coalesce(:kind, kind) ORDER BY id"
    return query(warehouse, sql, kind=kind)


DATA_TABLES = ("cloud_projects", "cloud_resources", "cloud_resource_events",
               "cloud_project_memberships")  # fmt: skip


def stored(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    """Everything that is mirrored; sync rows are no part of it."""
    return {t: query(warehouse, f"SELECT * FROM {t} ORDER BY id") for t in DATA_TABLES}


def everything(warehouse: Warehouse) -> str:
    """Every row of every table of every schema as one text, for canaries to be looked for."""
    tables = query(
        warehouse,
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    return "\n".join(
        row["line"]
        for table in tables
        for row in query(warehouse, f"SELECT t::text AS line FROM {table['name']} AS t")
    )


class StillClock:
    """A clock for the client: sleeping moves it and takes no time."""

    def __init__(self) -> None:
        self.now = T0.timestamp()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(url: str, token: str) -> DigitalOcean:
    """A client that never waits."""
    clock = StillClock()
    return DigitalOcean(
        url, Secret(token), budget=CallBudget(clock=clock), clock=clock, jitter=lambda: 0.0,
        timeout=(2, 5),
    )  # fmt: skip


def settings(url: str, token: str | None, project_name: str = "skyai-internal") -> Settings:
    """Settings of a machine with one token for everything."""
    from pathlib import Path

    tokens = {} if token is None else dict.fromkeys(Purpose, Secret(token))
    return Settings(Path("/nowhere"), url, tokens, project_name, None, None)


class TestClients:
    """What the Dagster resource `clients` gives, with clients that never wait."""

    __test__ = False

    def __init__(self, url: str, token: str | None, project_name: str = "skyai-internal") -> None:
        self.settings = settings(url, token, project_name)

    def for_purpose(self, purpose: Purpose) -> DigitalOcean:
        return client(self.settings.api_url, self.settings.token(purpose).reveal())


class Mirror:
    """One simulated account and the warehouse that mirrors it; each sync an hour later."""

    def __init__(self, warehouse: Warehouse, server: Any) -> None:
        self.warehouse = warehouse
        self.server = server
        self.account = server.account
        self.hours = 0

    def now(self) -> datetime:
        return at(self.hours)

    def sync(self, kind: str = "droplet", token: str | None = None, **options: Any) -> SyncResult:
        self.hours += 1
        return sync_kind(
            self.warehouse, client(self.server.url, token or self.server.token),
            KIND_BY_NAME[kind], now=self.now, **options,
        )  # fmt: skip


@contextmanager
def untouched(warehouse: Warehouse) -> Iterator[None]:
    """Whatever happens inside changes nothing that is mirrored."""
    before = stored(warehouse)
    yield
    assert stored(warehouse) == before


@contextmanager
def before_statement(
    warehouse: Warehouse, part: str, action: Callable[[], None]
) -> Iterator[list[str]]:
    """Do something, once, right before a statement that contains `part` is sent."""
    done: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if part in statement and not done:
            done.append(statement)
            action()

    sa.event.listen(warehouse.engine, "before_cursor_execute", note)
    yield done
    sa.event.remove(warehouse.engine, "before_cursor_execute", note)
    assert done, f"no statement with {part!r} was sent"


def raw_connection(url: sa.URL) -> psycopg2.extensions.connection:
    """A connection of its own, outside of any pool."""
    made = psycopg2.connect(libpq(url))
    made.autocommit = True
    return made


def cut_connections(warehouse: Warehouse) -> None:
    """What an administrator, a failover or a crash does to everybody connected."""
    connection = raw_connection(warehouse.engine.url)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connection.close()
