"""The ledger: the only way a sighting reaches `cloud_resources`.

One listing of one kind is recorded in one transaction and a fixed number of statements, whatever
the number of rows. What costs is what changed: of every sighting only identity and digest travel
to the database. What is new follows straight into its tables, and what differs to be compared.

The rules are those of the data contract: new → `discovered`; a meaningful field changed →
`updated`; only tags → `tagged`; seen again after deletion → `restored`; missing from a complete
listing → a strike, and the third in a row → `deleted`. A field that appears on all rows at once is
a change of the API: one row in `cloud_schema_events`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from ..common.redaction import names_secret
from ..kinds import NAMED
from ..settings.values import strike_interval
from ..warehouse.copy import array_literal, copy_rows
from ..warehouse.statements import Statements
from .sightings import Sighting, changes_from_nothing, known_fields

STRIKES = 3
"""Complete listings in a row that must lack a resource before it counts as deleted."""
IMPLAUSIBLE_SHARE = 0.5
"""A listing that lacks more than this share of the live rows strikes nothing…"""
IMPLAUSIBLE_FROM = 10
"""…where there are at least this many of them."""
APPEARED_FROM = 10
"""A field that no row had and at least this many have now is one event of the API, not one each…"""
APPEARED_SHARE = 0.9
"""…where at least this share of what was listed has it. Fewer changes are read one by one."""
BLANKED_FROM = 3
"""A field that at least this many rows had and none has any more is withheld, not recorded."""


@dataclass(frozen=True)
class Guard:
    """Limits of what the ledger finds plausible. The defaults are the contract's."""

    share: float = IMPLAUSIBLE_SHARE
    at_least: int = IMPLAUSIBLE_FROM
    blanked_from: int = BLANKED_FROM
    appeared_from: int = APPEARED_FROM
    between: timedelta = field(default_factory=strike_interval)
    """Least time between two strikes of one resource: ARCADIA_STRIKE_MINUTES."""

    def implausible(self, live: int, missing: int, *, whose_unknown: bool = False) -> bool:
        """Return true where so many of the live rows cannot plausibly be missing.

        Args:
            live: rows that were live.
            missing: those of them that the listing lacks.
            whose_unknown: nothing says that the listing is of the same account, so that one
                without a single known row is more likely of another.
        """
        if whose_unknown and 0 < live == missing:
            return True
        return live >= self.at_least and missing > self.share * live


@dataclass(frozen=True)
class Observation:
    """One listing of one kind, ready to be recorded."""

    account: str
    kind: str
    started_at: datetime
    """When the listing began: no row of it is newer, and events are dated by it."""
    sightings: Sequence[Sighting]
    """Distinct by `provider_id`."""
    complete: bool
    """Whether absence means anything."""
    run_id: str | None = None
    dropped_fields: frozenset[str] = frozenset()
    """Fields that this release does not store any more: they may vanish from all rows at once."""
    unknown_fields: frozenset[str] = frozenset()
    """Fields that this listing says nothing of: what is stored of them stays."""
    regions: frozenset[str] | None = None
    """Regions that were asked for, "" for rows without one; None for all. Absence from elsewhere
    means nothing."""
    whose_unknown: bool = False
    """True where nothing says that what was listed is this account's."""


@dataclass(frozen=True)
class Recorded:
    """Result of recording one observation; counts of rows."""

    discovered: int = 0
    updated: int = 0
    """With a meaningful change, tags alone included; restored rows are not in it."""
    restored: int = 0
    struck: int = 0
    deleted: int = 0
    missing: int = 0
    """Live rows that the listing lacked, struck or not."""
    live: int = 0
    """Live rows after recording."""
    implausible: bool = False
    withheld: dict[str, int] = field(default_factory=dict)
    """Fields that went empty everywhere at once, with the number of rows that had them."""
    appeared: dict[str, int] = field(default_factory=dict)
    """Fields that the API began to tell of all rows at once, with the number of rows that have
    them: one row each in `cloud_schema_events`, and no event of a resource."""
    foreign: int = 0
    """Sightings whose row is another account's and was left alone."""
    outside: int = 0
    """Those of the missing whose regions were not asked for."""
    superseded: bool = False
    """A sync that began later was recorded first: this one changed nothing."""


_SQL = Statements(__file__)


ROW_COLUMNS = (
    "name", "region", "status", "size_slug", "tags", "created_at", "attrs", "content_hash",
)  # fmt: skip


class _Place(NamedTuple):
    """Where a sighting goes that is new or differs from its row."""

    ordinal: int
    """Of the sighting."""
    is_new: bool
    resource_id: int
    project_id: int | None
    has_digest: bool
    """Whether the next listing may pass it by where nothing differs."""
    names_own: bool
    """Whether the object itself names a project that is known."""


_Placed = tuple[_Place, Sighting]


def record(
    connection: sa.Connection, observation: Observation, guard: Guard | None = None
) -> Recorded:
    """Record what one listing showed.

    Call it in a transaction of its own and commit right after. Two recordings of one kind and
    account take turns; of two, the one whose listing began later wins, whichever comes first.

    Args:
        connection: an open transaction.
        observation: the listing. An incomplete one records what it saw and strikes nothing.
        guard: what counts as implausible; the contract's figures when None.
    """
    guard = guard or Guard()
    seen = observation.sightings
    scope = _parameters(observation)
    # Two runs may list one kind at once: the second waits here, and sees what the first wrote.
    _SQL.run(connection, "lock", scope)
    if _SQL.run(connection, "superseded", scope).scalar_one():
        return Recorded(superseded=True)

    # Identities and digests first: whole rows travel for those alone that are new or differ.
    foreign, live, missing, outside = _compare_digests(connection, scope, seen)
    confirmed = loss_confirmed(connection, scope)
    # Of a listing that is not complete nothing is concluded, so there is nothing to doubt.
    implausible = (
        observation.complete and not confirmed
        and guard.implausible(live, missing, whose_unknown=observation.whose_unknown)
    )  # fmt: skip
    new, differing = _place(connection, scope, seen)
    withheld: dict[str, int] = {}
    appeared: dict[str, int] = {}
    if differing:
        _compare_rows(connection, scope, differing)
        withheld = _withhold(connection, observation, guard, new, confirmed=confirmed)
        # Before new rows are added: afterwards a field that they have looks old.
        appeared = _record_appeared(connection, scope, guard)
    unchanged = len(seen) - len(new) - len(differing)
    if implausible and observation.whose_unknown:
        # Most likely it is another account's, and so is what is new in it.
        _SQL.run(connection, "leave_out_new")
        new = []
    updated, restored = _write(connection, scope, new, differing)
    if unchanged:
        _SQL.run(connection, "touch", scope)

    # Absence means something in a complete listing alone, and not where half of all is missing.
    struck = deleted = 0
    if observation.complete and missing and not implausible:
        struck, deleted = _strike(connection, scope, guard)
    if confirmed and observation.complete and not missing:
        end_confirmation(connection, scope)
    _SQL.run(connection, "clear")
    return Recorded(
        discovered=len(new), updated=updated, restored=restored, struck=struck, deleted=deleted,
        missing=missing + outside, live=live + len(new) + restored - deleted,
        implausible=implausible, withheld=withheld, appeared=appeared, foreign=foreign,
        outside=outside,
    )  # fmt: skip


def _parameters(observation: Observation) -> dict[str, object]:
    """Return what every statement may need to know of an observation."""
    return {
        "provider": "digitalocean",
        "account": observation.account,
        "kind": observation.kind,
        "seen_at": observation.started_at,
        "run_id": observation.run_id,
        "named": observation.kind in NAMED,
        "regions": None if observation.regions is None else sorted(observation.regions),
    }


def _compare_digests(
    connection: sa.Connection, scope: Mapping[str, object], seen: Sequence[Sighting]
) -> tuple[int, int, int, int]:
    """Compare what was listed with the rows, by identity and digest alone.

    Returns:
        Numbers of rows: another account's, live ones, those of them that are missing, and those
        that are missing from regions that were not asked for.
    """
    _SQL.run(connection, "create_listed")
    copy_rows(
        connection, "listed", ("ordinal", "provider_id", "content_hash", "project"),
        ((n, s.provider_id, s.content_hash, s.project) for n, s in enumerate(seen)),
    )  # fmt: skip
    _SQL.run(connection, "analyze_listed")
    _SQL.run(connection, "compare", scope)
    foreign, live, missing, outside = _SQL.run(connection, "count_rows", scope).one()
    return foreign, live, missing, outside


def _place(
    connection: sa.Connection, scope: Mapping[str, object], seen: Sequence[Sighting]
) -> tuple[list[_Placed], list[_Placed]]:
    """Give a row to each sighting that is new, and return those that are new and that differ."""
    _SQL.run(connection, "place", scope)
    new: list[_Placed] = []
    differing: list[_Placed] = []
    for row in _SQL.run(connection, "placed").tuples():
        place = _Place(*row)
        (new if place.is_new else differing).append((place, seen[place.ordinal]))
    return new, differing


def _compare_rows(
    connection: sa.Connection, scope: Mapping[str, object], differing: Sequence[_Placed]
) -> None:
    """Send what differs from its row as a whole, and compare it field by field."""
    _SQL.run(connection, "create_incoming")
    copy_rows(
        connection, "incoming", ("resource_id", *ROW_COLUMNS),
        ((place.resource_id, *staged_row(one)) for place, one in differing),
    )  # fmt: skip
    _SQL.run(connection, "describe_incoming")
    _SQL.run(connection, "compare_fields", scope)


def _write(
    connection: sa.Connection,
    scope: Mapping[str, object],
    new: Sequence[_Placed],
    differing: Sequence[_Placed],
) -> tuple[int, int]:
    """Add what is new and change what differs; return how many were updated and restored."""
    _add(connection, scope, new)
    updated = restored = 0
    if differing:
        updated, restored = _SQL.run(connection, "update", scope).one()
        _SQL.run(connection, "clear_changes")
    if any(place.names_own for place, _ in (*new, *differing)):
        _SQL.run(connection, "leave_own_project", scope)
        _SQL.run(connection, "enter_own_project", scope)
    return updated, restored


def _add(
    connection: sa.Connection, scope: Mapping[str, object], arrivals: Sequence[_Placed]
) -> None:
    """Add rows, each with an event that has all that is known of it as a change from nothing.

    They go where they stay: to stage 50,000 and take them from there takes twice as long.
    """
    if not arrivals:
        return
    seen_at = scope["seen_at"]
    same = {name: scope[name] for name in ("provider", "account", "kind")}
    copy_rows(
        connection, "cloud_resources", ("id", "provider_id", "project_id", *ROW_COLUMNS),
        (
            (place.resource_id, one.provider_id, place.project_id,
             *staged_row(one, has_digest=place.has_digest))
            for place, one in arrivals
        ),
        same | {"first_seen_at": seen_at, "last_seen_at": seen_at},
    )  # fmt: skip
    same = {name: scope[name] for name in ("account", "run_id")}
    copy_rows(
        connection, "cloud_resource_events", ("resource_id", "changes"),
        (
            (place.resource_id, changes_from_nothing(one, place.project_id))
            for place, one in arrivals
        ),
        same | {"event": "discovered", "occurred_at": seen_at},
    )  # fmt: skip


def _withhold(
    connection: sa.Connection,
    observation: Observation,
    guard: Guard,
    new: Sequence[_Placed],
    *,
    confirmed: bool,
) -> dict[str, int]:
    """Leave fields as they are that the listing says nothing of, or that went empty everywhere.

    Args:
        connection: an open transaction, in which the rows that differ are compared.
        observation: the listing.
        guard: how many rows must have had a field.
        new: what has no row yet; a field that any of it has is not empty everywhere.
        confirmed: people know of the loss.

    Returns:
        The fields that went empty, with the number of rows that had them.
    """
    withheld: dict[str, int] = {}
    if not confirmed:
        dropped = sorted(observation.dropped_fields | observation.unknown_fields)
        blanked = _SQL.run(
            connection, "blanked", {"blanked_from": guard.blanked_from, "dropped": dropped}
        )
        # Fields that name a secret are left out of every kind: no loss either.
        withheld = {name: n for name, n in blanked.tuples() if not names_secret(name)}
        if withheld:
            elsewhere = set().union(*(known_fields(one) for _, one in new))
            withheld = {name: n for name, n in withheld.items() if name not in elsewhere}
    left = sorted(observation.unknown_fields.union(withheld))
    if left:
        _SQL.run(connection, "withhold", {"withheld": left})
        _SQL.run(connection, "withhold_changes", {"withheld": left})
    return withheld


def _record_appeared(
    connection: sa.Connection, scope: Mapping[str, object], guard: Guard
) -> dict[str, int]:
    """Record the fields that the API began to tell; the rows take them without an event each."""
    limits: dict[str, object] = {"appeared_from": guard.appeared_from, "share": APPEARED_SHARE}
    _SQL.run(connection, "appeared", {**scope, **limits})
    appeared = dict(_SQL.run(connection, "record_appeared", scope).tuples().all())
    if appeared:
        _SQL.run(connection, "appeared_changes", {"fields": [*appeared]})
    return appeared


def _strike(
    connection: sa.Connection, scope: Mapping[str, object], guard: Guard
) -> tuple[int, int]:
    """Strike the rows that are missing; return how many, and how many of them are gone for it."""
    limits: dict[str, object] = {"strikes": STRIKES, "between": guard.between}
    struck, deleted = _SQL.run(connection, "strike", {**scope, **limits}).one()
    return struck, deleted


def loss_confirmed(connection: sa.Connection, scope: Mapping[str, object]) -> bool:
    """Say if people confirmed that the loss of this account's kind is real."""
    return bool(_SQL.run(connection, "loss_confirmed", scope).scalar_one())


def end_confirmation(connection: sa.Connection, scope: Mapping[str, object]) -> None:
    """Nothing is missing any more: from here on losses are guarded again."""
    _SQL.run(connection, "end_confirmation", scope)


def staged_row(sighting: Sighting, *, has_digest: bool = True) -> tuple[object, ...]:
    """A sighting as COPY takes it, in the order of `ROW_COLUMNS`."""
    return (
        *sighting[1:5],
        array_literal(sighting.tags),
        sighting.created_at,
        sighting.attrs.decode(),
        sighting.content_hash if has_digest else None,
    )
