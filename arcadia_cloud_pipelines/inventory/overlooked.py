"""Resources that the account mentions and no listing of ours holds: asked once a week.

Two lists of DigitalOcean's mention resources of several kinds: the members of the projects, which
every sync of `projects` records, and the tags, which say how many of each kind carry them. What
they mention and we do not have was overlooked: by a listing that leaves something out, a token that
sees less than it should, or a kind that nobody has told this release of.

Only too little is a finding. We may well hold more than is mentioned: tokens differ in what they
see, and what is deleted keeps its row for a while.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..common.late import CLOCK_TOLERANCE
from ..common.redaction import holds_secret
from ..common.times import Clock, utc_now
from ..digitalocean import DigitalOcean, Forbidden, NotFound, identity_of, read_listing
from ..kinds import KIND_BY_NAME, KINDS, NAMED, UNKNOWN, Json
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .freshness import newest_complete_syncs
from .listing import list_kind
from .sightings import sightings

logger = logging.getLogger(__name__)

_SQL = Statements(__file__)

PURPOSE = Purpose.CLOUD_SYNC_SLOW
SCOPE = "tag:read"
RECENT = timedelta(days=7)
"""How old the newest complete listing of a kind may be that somebody mentions."""
EXAMPLES = 5

ClientFor = Callable[[Purpose], DigitalOcean]

OTHERS = "others"
_COUNTERS: Mapping[str, tuple[str, ...]] = {
    counter: tuple(kind.name for kind in KINDS if kind.counter == counter)
    for counter in dict.fromkeys(kind.counter for kind in KINDS if kind.counter)
}
"""Counter of `/v2/tags` -> our kinds; the first is what the counter is about."""
_KINDS_OF: Mapping[str, tuple[str, ...]] = {
    **_COUNTERS,
    OTHERS: tuple(
        kind.name
        for kind in KINDS
        if kind.tags is not None and not any(kind.name in kinds for kinds in _COUNTERS.values())
    ),
}
"""The same, with what is in a tag's total and in none of these counters."""
_LISTED = {kind.asset for kind in KINDS}
_IN_THE_REST = {KIND_BY_NAME[kind].asset for kind in _KINDS_OF[OTHERS]}


@dataclass(frozen=True)
class Mention:
    """Something that is mentioned, of one kind."""

    kind: str
    why: str
    """What is the matter, in a few words."""
    mentioned: int | None
    """How many are; None where nobody counts."""
    recorded: int | None
    """How many of them we have; None where we have none of the sort."""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Overlooked:
    """Result of the comparison."""

    findings: tuple[Mention, ...]
    members: int
    """Members of projects that were looked for."""
    tags: int | None
    """Tags that were compared; None when they could not be read."""
    skipped: str | None = None
    """Why they could not."""


@dataclass(frozen=True)
class _Counts:
    """Counts of one reading of `/v2/tags`."""

    tags: int
    counted: list[tuple[str, str, int]]
    """Tag, counter and how many, of counters that can be compared."""
    strange: dict[str, list[tuple[str, int]]]
    """Counters that this release knows nothing of: tag and how many."""


def find_overlooked(
    warehouse: Warehouse, client_for: ClientFor, *, now: Clock = utc_now
) -> Overlooked:
    """Compare what we have with what members of projects and tags mention.

    Args:
        warehouse: where; only the account of the token counts.
        client_for: gives the client of a purpose. `/v2/tags` is read with the one of `PURPOSE`, and
            the kinds with too few rows, which are listed anew to rule out what changed since the
            last sync, each with its own.
        now: the clock.

    Raises:
        DigitalOceanError: something could not be asked. `/v2/tags` that answers 403 or 404 is no
            error: the result says that tags were left out.
        WarehouseError: the warehouse is away or not migrated.
    """
    warehouse.check_migrated()
    client = client_for(PURPOSE)
    scope: dict[str, Any] = {"account": client.account().uuid, "named": sorted(NAMED)}
    skipped = counts = None
    try:
        counts = _read_tags(client)
    except (Forbidden, NotFound) as error:
        skipped = str(error)
    listed_at = newest_complete_syncs(warehouse, scope["account"])
    with warehouse.transaction() as connection:
        members = _SQL.run(connection, "members", scope).all()
        unknown = _SQL.run(connection, "unknown", scope).all()
        short = [] if counts is None else _too_few(connection, scope, counts.counted)
    mentioned = {row.kind: (row.mentioned, tuple(row.seen)) for row in members}
    if counts is not None:
        _add_tagged(mentioned, counts.counted)
    not_listed = tuple(_not_listed(mentioned, listed_at, now()))
    # Of a kind that is not listed nothing else is worth saying.
    told = {finding.kind for finding in not_listed}
    short = [row for row in short if _KINDS_OF[row[1]][0] not in told]
    findings = [
        *not_listed,
        *(_unlisted_member(row) for row in members if row.overlooked and row.kind not in told),
        *map(_unknown_type, unknown),
        *_still_too_few(short, client_for),
        *_unknown_counters({} if counts is None else counts.strange),
    ]
    return Overlooked(
        tuple(findings),
        sum(row.mentioned for row in members),
        None if counts is None else counts.tags,
        skipped,
    )


def _unlisted_member(row: sa.Row[Any]) -> Mention:
    return Mention(
        row.kind,
        "is in a project, but in no listing of its kind",
        row.mentioned,
        row.mentioned - row.overlooked,
        _shown(row.examples),
    )


def _unknown_type(row: sa.Row[Any]) -> Mention:
    return Mention(
        f"{UNKNOWN}: {row.urn_type or 'no type'}",
        "type of urn that this release does not know",
        row.recorded,
        row.recorded,
        _shown(row.examples),
    )


def _unknown_counters(strange: dict[str, list[tuple[str, int]]]) -> Iterator[Mention]:
    for counter, tags in sorted(strange.items()):
        yield Mention(
            counter,
            "is counted by tags, but not known to this release",
            sum(count for _, count in tags),
            None,
            _shown(f"tag {tag} ({count:,})" for tag, count in tags),
        )


def _shown(examples: Iterable[str]) -> tuple[str, ...]:
    """A few, none of which is a credential that somebody made a name of."""
    return tuple("***" if holds_secret(e) else e for e in list(examples)[:EXAMPLES])


def _read_tags(client: DigitalOcean) -> _Counts:
    listing = read_listing(
        client, "/v2/tags", envelope="tags", identity=identity_of("name"), scope=SCOPE
    )
    counted: list[tuple[str, str, int]] = []
    strange: dict[str, list[tuple[str, int]]] = {}
    for item in listing.items:
        tag, resources = str(item["name"]), item.get("resources")
        if not isinstance(resources, dict):
            continue
        rest = _count(resources)
        for counter, value in resources.items():
            count = _count(value)
            if not count or not isinstance(value, dict):
                continue
            if counter in _COUNTERS:
                counted.append((tag, counter, count))
            elif counter not in _LISTED:
                strange.setdefault(counter, []).append((tag, count))
            elif counter in _IN_THE_REST:
                continue  # it stays in the rest, with which its kind is compared
            rest -= count
        if rest > 0:
            counted.append((tag, OTHERS, rest))
    return _Counts(len(listing.items), counted, strange)


def _count(value: Any) -> int:
    count = value.get("count") if isinstance(value, dict) else None
    return count if isinstance(count, int) else 0


def _add_tagged(
    mentioned: dict[str, tuple[int, tuple[str, ...]]], counted: Iterable[tuple[str, str, int]]
) -> None:
    """Add what tags mention of kinds that no project has a member of."""
    tagged: dict[str, list[str]] = {}
    for tag, counter, count in counted:
        if counter != OTHERS:
            tagged.setdefault(_KINDS_OF[counter][0], []).append(f"tag {tag} ({count:,})")
    for kind, tags in tagged.items():
        mentioned.setdefault(kind, (0, tuple(tags)))


def _not_listed(
    mentioned: Mapping[str, tuple[int, Sequence[str]]],
    listed_at: Mapping[str, datetime],
    now: datetime,
) -> Iterable[Mention]:
    """Kinds without a complete listing, or without one of late; projects first."""
    wanted = {"project": (None, ()), **mentioned}
    for kind, (count, examples) in wanted.items():
        newest = listed_at.get(kind)
        if newest is not None and -CLOCK_TOLERANCE <= now - newest <= RECENT:
            continue
        if newest is not None:
            why = f"last listed completely on {newest:%Y-%m-%d}"
        elif kind == "project" or kind in KIND_BY_NAME:
            why = "never listed completely"
        else:
            why = "no listing of this kind in this release"
        yield Mention(kind, why, count or None, None, _shown(examples))


def _too_few(
    connection: Any, scope: Mapping[str, str], counted: Sequence[tuple[str, str, int]]
) -> list[tuple[str, str, int, int]]:
    """Tag, counter, how many are mentioned and recorded, where those are fewer."""
    kinds = [(kind, counter) for counter, names in _KINDS_OF.items() for kind in names]
    found = _SQL.run(
        connection,
        "tagged",
        {
            **scope,
            "tags": [tag for tag, _, _ in counted],
            "counters": [counter for _, counter, _ in counted],
            "counts": [count for _, _, count in counted],
            "kinds": [kind for kind, _ in kinds],
            "of": [counter for _, counter in kinds],
        },
    )
    return [tuple(row) for row in found]


def _still_too_few(
    short: Sequence[tuple[str, str, int, int]], client_for: ClientFor
) -> Iterable[Mention]:
    """The counters of which even a listing made after the tags were read shows too few."""
    for counter in sorted({counter for _, counter, _, _ in short}):
        listed = _carriers(_KINDS_OF[counter], client_for)
        missing = [
            (tag, mentioned, max(recorded, len(listed.get(tag.lower(), ()))))
            for tag, of, mentioned, recorded in short
            if of == counter and mentioned > len(listed.get(tag.lower(), ()))
        ]
        if missing:
            yield Mention(
                "other kinds" if counter == OTHERS else _KINDS_OF[counter][0],
                "fewer resources have a tag than it counts",
                sum(mentioned for _, mentioned, _ in missing),
                sum(recorded for _, _, recorded in missing),
                _shown(
                    f"tag {tag} ({recorded:,} of {count:,})" for tag, count, recorded in missing
                ),
            )


def _carriers(kinds: Iterable[str], client_for: ClientFor) -> dict[str, set[str]]:
    """Identities by the tag that they carry, as listings show them now."""
    found: dict[str, set[str]] = {}
    for kind in map(KIND_BY_NAME.__getitem__, kinds):
        items: list[Json] = []
        try:
            items = list_kind(client_for(kind.purpose), kind).items
        except (Forbidden, NotFound) as error:
            logger.info("%s", error)
        for sighting in sightings(kind, items):
            for tag in sighting.tags:
                found.setdefault(tag.lower(), set()).add(sighting.provider_id)
    return found
