"""Memberships of resources in projects: the lists of members, and what they change.

Every project has a list of its own. A resource that no list names any more left its project only
where the list was read whole.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..common.redaction import MASK
from ..common.times import parse_time
from ..digitalocean import (
    DigitalOcean,
    DigitalOceanError,
    Listing,
    NotFound,
    error_of_one,
    fan_out,
    read_listing,
)
from ..kinds import KIND_OF_URN_TYPE, NAMED, PROJECT, UNKNOWN, Endpoint, Json, Kind
from ..warehouse.copy import copy_rows
from ..warehouse.statements import Statements
from . import ledger
from .listing import Progress
from .sightings import LONGEST, text_of

logger = logging.getLogger(__name__)

_SQL = Statements(__file__)


UNKNOWN_KIND = Kind(
    name=UNKNOWN,
    asset="projects",
    description="Members of projects whose type of urn is not known to this release.",
    endpoints=(Endpoint("/v2/projects/{id}/resources", "resources"),),
    scope=PROJECT.scope,
    identity="urn",
    title="urn",
    status="status",
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


def split_urn(urn: str) -> tuple[str, str]:
    """Kind and identity out of `do:<type>:<rest>`; the rest may hold colons.

    A type nobody told us about gives the kind `unknown` and the whole urn as its identity.
    """
    _, _, rest = urn.partition(":")
    urn_type, _, identity = rest.partition(":")
    kind = KIND_OF_URN_TYPE.get(urn_type.lower())
    return (kind, identity) if kind is not None and identity else (UNKNOWN, urn)


@dataclass
class Members:
    """The members of all projects, as their lists have them."""

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
            scope=PROJECT.scope,
        )
    except NotFound:
        logger.warning("project %s went away while the projects were read", project)
        return None
    except DigitalOceanError as error:
        return error_of_one(client, error)


def read_members(
    client: DigitalOcean, projects: Sequence[Json], progress: Progress | None
) -> Members:
    """Read the members of all projects.

    Raises:
        DigitalOceanError: the members of none could be read, or of none could be any more.
    """
    found = Members()
    uuids = [project_id(project) for project in projects]
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
        found.counts.append(
            (name_of_project(project), text_of(project.get("environment")), len(members))
        )
    # Of one project it is that project's trouble; of all, the token's or the network's.
    if found.unread and len(found.unread) == len(projects):
        raise min(found.unread.values(), key=lambda error: not error.transient)
    return found


def project_id(project: Json) -> str:
    """Return the uuid of a project."""
    return str(project["id"])


def _member(resource: Json, project: str) -> Member:
    urn = str(resource["urn"])
    kind, identity = split_urn(urn)
    return Member(urn, kind, identity, project, parse_time(resource.get("assigned_at")))


def name_of_project(project: Json) -> str:
    """Return the name of a project, masked where it holds a secret."""
    # A name cannot be missing; one that holds a secret is told apart by its uuid.
    return text_of(project.get("name")) or (MASK if project.get("name") else "")


def record_members(
    connection: sa.Connection,
    scope: dict[str, Any],
    found: Members,
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
    # A newer release may know the kind of what an earlier one stored as unknown.
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
