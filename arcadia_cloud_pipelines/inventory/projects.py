"""Projects: the mirror of the list, and of which resource is in which.

Reads projects and their members from the API, and records both in one transaction. What a project
holds and no kind claims becomes a resource of kind `unknown`, through the ledger like all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from ..common.times import Clock
from ..digitalocean import (
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    Listing,
    NotFound,
    read_listing,
)
from ..digitalocean.accounts import know_accounts, presumed_account
from ..kinds import PROJECT, UNKNOWN, Json
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.errors import WarehouseError
from ..warehouse.statements import Statements
from . import ledger
from .listing import Progress
from .memberships import (
    UNKNOWN_KIND,
    Members,
    name_of_project,
    project_id,
    read_members,
    record_members,
)
from .own_project import Bootstrap, ensure_project
from .sightings import sightings, text_of
from .sync_runs import SUPERSEDED, SyncResult, not_ahead, record_failure, store_sync

_SQL = Statements(__file__)


@dataclass(frozen=True)
class ProjectsResult:
    """Result of a sync of the projects."""

    sync: SyncResult
    bootstrap: Bootstrap | None
    members: int
    attributed: int
    """Resources whose `project_id` was set or moved."""
    unknown: ledger.Recorded
    names: tuple[tuple[str, str | None, int], ...] = ()
    """Name, environment and number of members of each project."""


def sync_projects(
    warehouse: Warehouse,
    client: DigitalOcean,
    *,
    project_name: str,
    run_id: str | None = None,
    now: Clock | None = None,
    progress: Progress | None = None,
    guard: ledger.Guard | None = None,
) -> ProjectsResult:
    """Mirror the projects, make sure of our own, and give each resource its project.

    Raises:
        DigitalOceanError: the projects could not be listed; nothing was changed. A token without
            `project:read` is no error: the result says that projects are not available.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    now = now or warehouse.now
    know_accounts(client, warehouse)
    started_at = now()
    calls_before = client.calls
    account = presumed_account(client)

    def failed(error: Exception, *, available: bool) -> SyncResult:
        calls = client.calls - calls_before
        return record_failure(
            warehouse, PROJECT.name, account, started_at, now(), calls, error,
            available=available, run_id=run_id,
        )  # fmt: skip

    try:
        account = client.account().uuid
        read = _read(client, project_name, progress)
    except DigitalOceanError as error:
        cause = client.cause(error)
        failed(cause, available=True)
        raise cause from None
    if isinstance(read, DigitalOceanError):
        return ProjectsResult(failed(read, available=False), None, 0, 0, ledger.Recorded())

    try:
        with warehouse.transaction() as connection:
            at = _Scope(account, not_ahead(connection, started_at), run_id)
            calls = client.calls - calls_before
            return _record(connection, at, read, guard or ledger.Guard(), now, calls)
    except WarehouseError as error:
        failed(error, available=True)
        raise


@dataclass(frozen=True)
class _Scope:
    """Of what is recorded: whose it is, as of when, and by which run."""

    account: str
    started_at: datetime
    run_id: str | None

    def parameters(self) -> dict[str, Any]:
        return {
            "provider": "digitalocean",
            "account": self.account,
            "kind": PROJECT.name,
            "seen_at": self.started_at,
            "run_id": self.run_id,
        }


@dataclass(frozen=True)
class _Read:
    """Projects and members as the API lists them."""

    listing: Listing
    projects: list[Json]
    """Those of the listing, and our own if it was just created."""
    bootstrap: Bootstrap
    members: Members

    @property
    def expected(self) -> int | None:
        created = len(self.projects) - len(self.listing.items)
        return None if self.listing.total is None else self.listing.total + created

    @property
    def is_whole(self) -> bool:
        return self.listing.complete and not self.members.unread

    def reason(self) -> str | None:
        """Return why it is not whole."""
        reasons = [self.listing.reason] if self.listing.reason else []
        reasons += [
            f"the members of project {uuid} could not be read: {error}"
            for uuid, error in [*self.members.unread.items()][:3]
        ]
        return "; ".join(reasons) or None


def _read(client: DigitalOcean, own: str, progress: Progress | None) -> _Read | DigitalOceanError:
    """Read projects and members; return the refusal where the token may read no projects."""
    try:
        listing = read_listing(
            client, "/v2/projects", envelope="projects", identity=project_id, scope=PROJECT.scope
        )
    except (Forbidden, NotFound) as error:
        if client.cause(error).account_wide:
            raise
        return error
    # What was just created is in no list yet: it is recorded with what was listed.
    bootstrap, created = ensure_project(client, own, listing.items)
    projects = [*listing.items, *([created] if created else [])]
    return _Read(listing, projects, bootstrap, read_members(client, projects, progress))


def _record(
    connection: sa.Connection, at: _Scope, read: _Read, guard: ledger.Guard, now: Clock, calls: int
) -> ProjectsResult:
    """Record the projects, what each holds, and the row of this sync."""
    scope, members = at.parameters(), read.members
    attributed, unknown = 0, ledger.Recorded()
    # First, because memberships refer to the rows of projects.
    recorded = _record_projects(connection, scope, read.projects, read.listing.complete, guard)
    if not recorded.superseded:
        _record_as_resources(connection, at, read, guard)
        attributed = record_members(connection, scope, members, guard)
        unknown = _record_unknown(connection, at, read, guard, now)
    sync = SyncResult(
        kind=PROJECT.name,
        account=at.account,
        started_at=at.started_at,
        ended_at=now(),
        rows_seen=None if recorded.superseded else len(read.projects),
        rows_expected=read.expected,
        complete=read.is_whole and not recorded.superseded,
        api_calls=calls,
        error=SUPERSEDED if recorded.superseded else read.reason(),
        recorded=recorded,
    )
    store_sync(connection, sync, at.run_id)
    return ProjectsResult(
        sync, read.bootstrap, len(members.members), attributed, unknown, tuple(members.counts)
    )


def _record_projects(
    connection: sa.Connection,
    scope: dict[str, Any],
    projects: Sequence[Json],
    complete: bool,
    guard: ledger.Guard,
) -> ledger.Recorded:
    _SQL.run(connection, "lock", scope)
    if _SQL.run(connection, "superseded", scope).scalar_one():
        return ledger.Recorded(superseded=True)
    _SQL.run(connection, "create_listed")
    copy_rows(
        connection,
        "listed_projects",
        ("provider_id", "name", "description", "environment", "is_default", "attrs"),
        (
            (
                project_id(p),
                name_of_project(p),
                text_of(p.get("description")),
                text_of(p.get("environment")),
                "t" if p.get("is_default") else "f",
                # owner_id and owner_uuid say whose account it is, which `account` does.
                orjson.dumps(
                    {k: text for k in ("purpose", "created_at") if (text := text_of(p.get(k)))}
                ).decode(),
            )
            for p in projects
        ),
    )
    live, missing = _SQL.run(connection, "count_rows", scope).one()
    confirmed = ledger.loss_confirmed(connection, scope)
    implausible = complete and not confirmed and guard.implausible(live, missing)
    discovered, restored, _ = _SQL.run(connection, "record", scope).one()
    struck = deleted = 0
    if complete and missing and not implausible:
        limits = {"strikes": ledger.STRIKES, "between": guard.between}
        struck, deleted = _SQL.run(connection, "strike", scope | limits).one()
    if complete and confirmed and not missing:
        ledger.end_confirmation(connection, scope)
    return ledger.Recorded(
        discovered=discovered,
        restored=restored,
        struck=struck,
        deleted=deleted,
        missing=missing,
        live=live + discovered + restored - deleted,
        implausible=implausible,
    )


def _record_as_resources(
    connection: sa.Connection, at: _Scope, read: _Read, guard: ledger.Guard
) -> None:
    """Record the projects as resources, too: with what changes in them, and perhaps a spec."""
    ledger.record(
        connection,
        ledger.Observation(
            account=at.account, kind=PROJECT.name, started_at=at.started_at,
            sightings=sightings(PROJECT, read.projects), complete=read.listing.complete,
            run_id=at.run_id,
        ),
        guard,
    )  # fmt: skip


def _record_unknown(
    connection: sa.Connection, at: _Scope, read: _Read, guard: ledger.Guard, now: Clock
) -> ledger.Recorded:
    """Record the members that no kind claims, with a sync row of their own."""
    members = read.members
    observation = ledger.Observation(
        account=at.account,
        kind=UNKNOWN,
        started_at=at.started_at,
        sightings=sightings(UNKNOWN_KIND, members.unknown.values()),
        complete=read.listing.complete and len(members.whole) == len(read.projects),
        run_id=at.run_id,
    )
    unknown = ledger.record(connection, observation, guard)
    store_sync(
        connection,
        SyncResult(
            kind=UNKNOWN, account=at.account, started_at=at.started_at, ended_at=now(),
            rows_seen=len(observation.sightings), rows_expected=None,
            complete=observation.complete, api_calls=0, recorded=unknown,
            error=None if observation.complete else "not every project's list was read",
        ),
        at.run_id,
    )  # fmt: skip
    return unknown
