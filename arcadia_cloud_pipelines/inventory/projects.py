"""Projects: the mirror of the list, which resource is in which, and the project of our own.

Reads projects and their members from the API, and records both in one transaction. What a project
holds and no kind claims becomes a resource of kind `unknown`, through the ledger like all others.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from ..digitalocean import (
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    Listing,
    NotFound,
    RateLimited,
    RequestRefused,
    Unauthorized,
    fan_out,
    read_listing,
)
from ..digitalocean.accounts import know_accounts, presumed_account
from ..kinds import KIND_OF_URN_TYPE, NAMED, PROJECT, UNKNOWN, Endpoint, Json, Kind
from ..redaction import MASK
from ..times import Clock, parse_time
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse, WarehouseError
from ..warehouse.statements import Statements
from . import ledger
from .listing import Progress
from .sightings import LONGEST, sightings, text_of
from .sync_runs import SUPERSEDED, SyncResult, not_ahead, record_failure, store_sync

logger = logging.getLogger(__name__)

_SQL = Statements(__file__)

PURPOSE = PROJECT.purpose
SCOPE = PROJECT.scope
CONFLICT = 409

UNKNOWN_KIND = Kind(
    name=UNKNOWN,
    asset="projects",
    description="Members of projects whose type of urn is not known to this release.",
    endpoints=(Endpoint("/v2/projects/{id}/resources", "resources"),),
    scope=SCOPE,
    identity="urn",
    title="urn",
    region=None,
    tags=None,
    created_at=None,
    noise=("links", "assigned_at"),
)


class Member(NamedTuple):
    """One resource of one project, as the project's list names it."""

    urn: str
    kind: str
    provider_id: str
    project: str
    """Uuid of the project."""
    assigned_at: datetime | None


@dataclass(frozen=True)
class Bootstrap:
    """What became of the project that the first sync makes sure of."""

    outcome: str
    """`exists`, `created`, `read_only` when the token may not create it, else `refused`."""
    warning: str | None = None


@dataclass(frozen=True)
class ProjectsResult:
    """What a sync of the projects came to."""

    sync: SyncResult
    bootstrap: Bootstrap | None
    members: int
    attributed: int
    """Resources whose `project_id` was set or moved."""
    unknown: ledger.Recorded
    names: tuple[tuple[str, str | None, int], ...] = ()
    """Name, environment and number of members of each project."""


def split_urn(urn: str) -> tuple[str, str]:
    """Kind and identity out of `do:<type>:<rest>`; the rest may hold colons.

    A type nobody told us about gives the kind `unknown` and the whole urn as its identity.
    """
    _, _, rest = urn.partition(":")
    urn_type, _, identity = rest.partition(":")
    kind = KIND_OF_URN_TYPE.get(urn_type.lower())
    return (kind, identity) if kind is not None and identity else (UNKNOWN, urn)


def ensure_project(
    client: DigitalOcean, name: str, projects: Sequence[Json]
) -> tuple[Bootstrap, Json | None]:
    """Make sure that the project `name` exists.

    Args:
        client: with a token that may create projects; one that may not is a warning.
        name: from DO_PROJECT_NAME.
        projects: the whole list, as just read.

    Returns:
        What was found or done, and the project when it was created.
    """
    if any(str(p.get("name", "")).casefold() == name.casefold() for p in projects):
        return Bootstrap("exists"), None
    body = {
        "name": name,
        "purpose": "Operational / Developer tooling",
        "description": "Made sure of by arcadia_cloud_pipelines (DO_PROJECT_NAME).",
        "environment": "Production",
    }
    try:
        created = client.post("/v2/projects", body).get("project")
    except Forbidden:
        return Bootstrap(
            "read_only",
            f"The project {name!r} does not exist and the token may not create it: grant it "
            "project:create, create the project by hand, or set DO_PROJECT_NAME to one there is.",
        ), None
    except RequestRefused as error:
        if error.status == CONFLICT:  # somebody else created it since the list was read
            return Bootstrap("exists"), None
        return Bootstrap(
            "refused", f"The project {name!r} (DO_PROJECT_NAME) could not be created: {error}"
        ), None
    logger.info("created the project %r", name)
    return Bootstrap("created"), created if isinstance(created, dict) else None


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
        try:
            listing = read_listing(
                client, "/v2/projects", envelope="projects", identity=_project_id, scope=SCOPE
            )
        except (Forbidden, NotFound) as error:
            if client.cause(error).account_wide:
                raise
            return ProjectsResult(failed(error, available=False), None, 0, 0, ledger.Recorded())
        bootstrap, created = ensure_project(client, project_name, listing.items)
        projects = [*listing.items, *([created] if created else [])]
        found = _read_members(client, projects, progress)
    except DigitalOceanError as error:
        cause = client.cause(error)
        failed(cause, available=True)
        raise cause from None

    guard = guard or ledger.Guard()
    scope = {
        "provider": "digitalocean",
        "account": account,
        "kind": PROJECT.name,
        "seen_at": started_at,
        "run_id": run_id,
    }
    try:
        with warehouse.transaction() as connection:
            scope["seen_at"] = started_at = not_ahead(connection, started_at)
            recorded = _record_projects(connection, scope, projects, listing.complete, guard)
            attributed = 0
            unknown = ledger.Recorded()
            if not recorded.superseded:
                # As resources, too, with what changes in them, and a spec where they have one.
                ledger.record(
                    connection,
                    ledger.Observation(
                        account=account, kind=PROJECT.name, started_at=started_at,
                        sightings=sightings(PROJECT, projects), complete=listing.complete,
                        run_id=run_id,
                    ),
                    guard,
                )  # fmt: skip
                attributed = _record_members(connection, scope, found, guard)
                observation = ledger.Observation(
                    account=account,
                    kind=UNKNOWN,
                    started_at=started_at,
                    sightings=sightings(UNKNOWN_KIND, found.unknown.values()),
                    complete=listing.complete and len(found.whole) == len(projects),
                    run_id=run_id,
                )
                unknown = ledger.record(connection, observation, guard)
                seen = len(observation.sightings)
                store_sync(
                    connection,
                    SyncResult(
                        kind=UNKNOWN, account=account, started_at=started_at, ended_at=now(),
                        rows_seen=seen, rows_expected=None, complete=observation.complete,
                        api_calls=0, recorded=unknown,
                        error=None if observation.complete else "not every project's list was read",
                    ),
                    run_id,
                )  # fmt: skip
            sync = SyncResult(
                kind=PROJECT.name,
                account=account,
                started_at=started_at,
                ended_at=now(),
                rows_seen=None if recorded.superseded else len(projects),
                rows_expected=None if listing.total is None else listing.total + bool(created),
                complete=listing.complete and not found.unread and not recorded.superseded,
                api_calls=client.calls - calls_before,
                error=SUPERSEDED if recorded.superseded else _reason(listing, found),
                recorded=recorded,
            )
            store_sync(connection, sync, run_id)
    except WarehouseError as error:
        failed(error, available=True)
        raise
    return ProjectsResult(
        sync, bootstrap, len(found.members), attributed, unknown, tuple(found.counts)
    )


@dataclass
class _Found:
    """What the lists of all projects held."""

    members: list[Member] = field(default_factory=list)
    unknown: dict[str, Json] = field(default_factory=dict)
    """Members that no kind claims, by urn."""
    whole: list[str] = field(default_factory=list)
    """Uuids of the projects whose list was read whole: absence from others means nothing."""
    unread: dict[str, DigitalOceanError] = field(default_factory=dict)
    """Uuids of the projects whose list could not be read, and why."""
    counts: list[tuple[str, str | None, int]] = field(default_factory=list)
    """Name, environment and number of members of each project."""


def _list_members(client: DigitalOcean, project: str) -> Listing | DigitalOceanError | None:
    """Return the members of one project, why they are not known, or None if it is gone.

    Raises:
        DigitalOceanError: one that the members of every other project would meet, too.
    """
    try:
        return read_listing(
            client,
            f"/v2/projects/{project}/resources",
            envelope="resources",
            identity=lambda resource: str(resource["urn"]),
            scope=SCOPE,
        )
    except NotFound:
        logger.warning("project %s went away while the projects were read", project)
        return None
    except (Unauthorized, RateLimited):
        raise
    except DigitalOceanError as error:
        cause = client.cause(error)
        if cause.account_wide:
            raise cause from None
        return error


def _read_members(
    client: DigitalOcean, projects: Sequence[Json], progress: Progress | None
) -> _Found:
    found = _Found()
    uuids = [_project_id(project) for project in projects]
    listings = fan_out(client, uuids, _list_members)
    for number, (project, uuid, listing) in enumerate(
        zip(projects, uuids, listings, strict=True), 1
    ):
        if progress is not None:
            progress(f"projects: members of {number:,} of {len(projects):,}")
        if listing is None:
            continue
        if isinstance(listing, DigitalOceanError):
            found.unread[uuid] = listing
            continue
        if listing.complete:
            found.whole.append(uuid)
        # A deleted resource can stay in the list as `not_found`.
        live = [
            r
            for r in listing.items
            if r.get("status") != "not_found" and len(str(r["urn"])) <= LONGEST
        ]
        members = [_member(resource, uuid) for resource in live]
        found.members += members
        found.unknown |= {m.urn: r for m, r in zip(members, live, strict=True) if m.kind == UNKNOWN}
        found.counts.append((_name(project), text_of(project.get("environment")), len(members)))
    if found.unread and len(found.unread) == len(projects):
        raise min(found.unread.values(), key=lambda error: not error.transient)
    return found


def _reason(listing: Listing, found: _Found) -> str | None:
    """Return why the listing of the projects and their members is not whole."""
    reasons = [listing.reason] if listing.reason else []
    reasons += [
        f"the members of project {uuid} could not be read: {error}"
        for uuid, error in [*found.unread.items()][:3]
    ]
    return "; ".join(reasons) or None


def _project_id(project: Json) -> str:
    return str(project["id"])


def _member(resource: Json, project: str) -> Member:
    urn = str(resource["urn"])
    kind, identity = split_urn(urn)
    return Member(urn, kind, identity, project, parse_time(resource.get("assigned_at")))


def _name(project: Json) -> str:
    # A name cannot be missing; one that holds a secret is told apart by its uuid.
    return text_of(project.get("name")) or (MASK if project.get("name") else "")


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
                _project_id(p),
                _name(p),
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


def _record_members(
    connection: sa.Connection,
    scope: dict[str, Any],
    found: _Found,
    guard: ledger.Guard,
) -> int:
    """Record who is in which project; the number of resources whose project was set or moved.

    Args:
        connection: the transaction.
        scope: parameters of every statement.
        found: members of all projects.
        guard: how much may plausibly be gone at once.
    """
    scope = {**scope, "named": sorted(NAMED)}
    _SQL.run(connection, "create_members")
    copy_rows(
        connection,
        "listed_members",
        Member._fields,
        found.members,
    )
    _SQL.run(connection, "resolve_members", scope)
    urns = _SQL.run(connection, "unknown_urns", scope).scalars().all()
    known = [(urn, *split_urn(urn)) for urn in urns if split_urn(urn)[0] != UNKNOWN]
    resolved = {
        "urns": [urn for urn, _, _ in known],
        "kinds": [kind for _, kind, _ in known],
        "identities": [identity for _, _, identity in known],
    }
    _SQL.run(connection, "lock_kinds", scope | resolved)
    if known:
        _SQL.run(connection, "leave_unknown", scope | resolved)
    _SQL.run(connection, "close_moved", scope)
    limits = {"read": found.whole, "share": guard.share, "at_least": guard.at_least}
    _SQL.run(connection, "close_gone", scope | limits)
    _SQL.run(connection, "take_over", scope)
    _SQL.run(connection, "open", scope)
    attributed: int = _SQL.run(connection, "attribute", scope).one().attributed
    return attributed
