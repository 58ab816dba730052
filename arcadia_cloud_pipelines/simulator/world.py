"""What exists in the simulated account and when: lives, ids, memberships of projects."""

from __future__ import annotations

import threading
import uuid
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from random import Random
from typing import Any

from .lives import Facts, Interval, Life, ResourceId, Version, iso
from .registry import KINDS, TAGGED, Kind

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HISTORY_START = datetime(2014, 3, 1, tzinfo=UTC)
START_OF_137_INVOICES = datetime(2015, 6, 1, tzinfo=UTC)
"""As `history_start` with the default `now`: an invoice for each of 137 months."""

UNDOCUMENTED_URN = "do:quantumvault:7d1f0c52-2b1e-4f7a-9d53-0e6f1c9a4b11"
"""A URN of a type that nobody knows, in some project of every account."""
BUCKET_URN = "do:space:simulated-assets"


class UnknownResourceError(KeyError):
    """No such resource, or not alive (any more)."""


@dataclass(frozen=True)
class ForeignUrn:
    """A project row without a resource of a simulated kind: a bucket, a stale row, a new type."""

    urn: str
    status: str
    since: datetime


class World:
    """Everything that was ever made, from its first instant to its last; no API and no tokens.

    Raises:
        ValueError: an instant has no time zone, or history does not begin before now.
    """

    def __init__(self, seed: int, now: datetime, history_start: datetime) -> None:
        if now.tzinfo is None or history_start.tzinfo is None:
            raise ValueError("now and history_start need a time zone")
        if history_start >= now:
            raise ValueError("history_start must lie before now")
        self.seed = seed
        self.history_start = history_start.astimezone(UTC)
        self.now = now.astimezone(UTC)
        self.lock = threading.RLock()
        self.lives: dict[str, dict[ResourceId, Life]] = {kind: {} for kind in KINDS}
        self.foreign: list[ForeignUrn] = []
        self.default_project: str = ""
        self._alive: dict[str, dict[ResourceId, Life]] = {kind: {} for kind in KINDS}
        self._hidden: set[tuple[str, ResourceId]] = set()
        self._memberships: dict[str, list[tuple[datetime, str]]] = {}
        self._revisions = dict.fromkeys(KINDS, 0)
        self._cache: dict[Any, tuple[Any, Any]] = {}
        self._used_ids: set[int] = set()
        self._vpcs: dict[str, str] = {}
        self._peopled = False

    # ---- randomness and ids

    def rng(self, *parts: object) -> Random:
        """A generator of its own for one purpose, so that one kind does not disturb another."""
        return Random(f"{self.seed}:{':'.join(map(str, parts))}")  # noqa: S311

    def new_uuid(self, rng: Random) -> str:
        """A uuid that depends on the generator only."""
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))

    def new_int(self, rng: Random, low: int, high: int) -> int:
        """An integer that this account has not used as an id before."""
        while (number := rng.randint(low, high)) in self._used_ids:
            pass
        self._used_ids.add(number)
        return number

    def vpc_uuid(self, region: str) -> str:
        """The default VPC of a region."""
        if region not in self._vpcs:
            made = uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed}:vpc:{region}")
            self._vpcs[region] = str(made)
        return self._vpcs[region]

    # ---- lives

    def add_life(
        self,
        kind: str,
        resource_id: ResourceId,
        facts: Facts,
        created_at: datetime,
    ) -> Life:
        """Put a new life into the books: what `create` and the kinds' histories use."""
        if resource_id in self.lives[kind]:
            raise ValueError(f"{kind} {resource_id} exists already (ids are never used twice)")
        life = Life(kind, resource_id, [Version(created_at, facts)])
        self.lives[kind][resource_id] = life
        self._alive[kind][resource_id] = life
        self._touch(kind)
        self._make_tags(kind, facts, created_at)
        return life

    def change_life(self, life: Life, at: datetime, **fields: Any) -> None:
        """Change facts from an instant on."""
        life.change(at, fields)
        self._touch(life.kind)
        self._make_tags(life.kind, fields, at)

    def _make_tags(self, kind: str, facts: Facts, at: datetime) -> None:
        """A tag that something is given exists from then on."""
        if self._peopled and kind in TAGGED:
            for tag in facts.get("tags") or ():
                if tag not in self.lives["tag"]:
                    self.add_life("tag", tag, {}, at)

    def end_life(self, life: Life, at: datetime) -> None:
        """Delete a resource at an instant, and let go of it whatever pointed to it."""
        self.bury(life, at)
        for kind in KINDS.values():
            if life.kind in (kind.parent, kind.ends_with):
                for child_id in self.holders(kind.name, "parent", self.now).get(life.id, []):
                    child = self.lives[kind.name][child_id]
                    self.end_life(child, max(at, child.versions[-1].valid_from))
            for field, target in kind.refs.items():
                if target != life.kind:
                    continue
                for other_id in self.holders(kind.name, field, self.now).get(life.id, []):
                    other = self.lives[kind.name][other_id]
                    value = other.facts[field]
                    kept = [v for v in value if v != life.id] if isinstance(value, list) else None
                    self.change_life(other, max(at, other.versions[-1].valid_from), **{field: kept})

    def bury(self, life: Life, at: datetime) -> None:
        """End a life in the past; for histories, which take care of references themselves."""
        life.deleted_at = at
        self._alive[life.kind].pop(life.id, None)
        self._touch(life.kind)

    def _touch(self, kind: str) -> None:
        self._revisions[kind] += 1

    def find(self, kind: str, resource_id: ResourceId) -> Life:
        """A life by its id, deleted or not.

        Raises:
            UnknownResourceError: there never was one.
        """
        try:
            return self.lives[kind][resource_id]
        except KeyError:
            raise UnknownResourceError(f"no {kind} {resource_id}") from None

    def alive(self, kind: str) -> list[Life]:
        """Return what exists now, in order of making."""
        return list(self._alive[kind].values())

    def ids(self, kind: str) -> list[ResourceId]:
        """The ids of what exists now (hidden ones too), in order of making."""
        with self.lock:
            return list(self._alive[kind])

    # ---- reading

    def _cached(self, key: Any, kinds: Sequence[str], make: Callable[[], Any]) -> Any:
        """A value that holds until a resource of one of these kinds changes."""
        stamp = tuple(self._revisions[kind] for kind in kinds)
        cached = self._cache.get(key)
        if cached is None or cached[0] != stamp:
            if len(self._cache) > 500:  # a client's ?name= filters would pile up
                self._cache.clear()
            cached = self._cache[key] = (stamp, make())
        return cached[1]

    def holders(self, kind: str, field: str, at: datetime) -> dict[ResourceId, list[ResourceId]]:
        """See `View.holders`."""

        def make() -> dict[ResourceId, list[ResourceId]]:
            found: dict[ResourceId, list[ResourceId]] = {}
            for life in self._at(kind, at):
                facts = life.facts if at == self.now else life.facts_at(at)
                value = (facts or {}).get(field)
                for one in value if isinstance(value, list) else [value]:
                    if one is not None:
                        found.setdefault(one, []).append(life.id)
            return found

        if at != self.now:
            return make()
        result: dict[ResourceId, list[ResourceId]]
        result = self._cached(("holders", kind, field), (kind,), make)
        return result

    def _at(self, kind: str, at: datetime) -> Iterable[Life]:
        if at == self.now:
            return self._alive[kind].values()
        return (life for life in self.lives[kind].values() if life.alive(at))

    def listing(
        self, kind: str, select: Callable[[Facts], bool] | None = None, key: object = None
    ) -> list[Life]:
        """Return what a list of the kind shows now, in the order of this day.

        Args:
            kind: the kind.
            select: which of them; None for all.
            key: stands for `select` in the cache.
        """
        day = int(self.now.timestamp()) // 86400

        def make() -> list[Life]:
            lives = [
                life
                for life in self._alive[kind].values()
                if (kind, life.id) not in self._hidden and (select is None or select(life.facts))
            ]
            # Some order that holds for a day and means nothing.
            return sorted(lives, key=lambda life: zlib.crc32(f"{life.id}:{day}".encode()))

        result: list[Life] = self._cached(("listing", kind, key, day), (kind,), make)
        return result

    # ---- projects

    def join(self, urn: str, project_id: str, at: datetime) -> None:
        """Put a URN into a project at an instant not before its latest change."""
        self._memberships.setdefault(urn, []).append((at, project_id))
        self._touch("project")

    def add_foreign_urn(self, project_id: str, foreign: ForeignUrn) -> None:
        """Put a row into a project that no simulated resource stands behind."""
        self.foreign.append(foreign)
        self.join(foreign.urn, project_id, foreign.since)

    def project_of(self, urn: str, at: datetime) -> str:
        """The project a URN was in at an instant: the default one unless somebody assigned it."""
        history = self._memberships.get(urn)
        if history:
            index = bisect_right(history, at, key=lambda m: m[0])
            if index and self.lives["project"][history[index - 1][1]].alive(at):
                return history[index - 1][1]
        return self.default_project

    def project_rows(self, project_id: str) -> list[tuple[str, Life | None, str, str]]:
        """The resources of a project now: URN, life if there is one, assigned_at, status."""

        def make() -> dict[str, list[tuple[str, Life | None, str, str]]]:
            rows: dict[str, list[tuple[str, Life | None, str, str]]] = {}
            for kind in KINDS.values():
                if kind.urn is None:
                    continue
                for life in self.listing(kind.name):
                    urn = f"do:{kind.urn}:{life.id}"
                    history = self._memberships.get(urn)
                    since = history[-1][0] if history else life.created_at
                    rows.setdefault(self.project_of(urn, self.now), []).append(
                        (urn, life, iso(since), "ok")
                    )
            for foreign in self.foreign:
                project = self.project_of(foreign.urn, self.now)
                rows.setdefault(project, []).append(
                    (foreign.urn, None, iso(foreign.since), foreign.status)
                )
            return rows

        kinds = ["project", *(k.name for k in KINDS.values() if k.urn is not None)]
        rows: dict[str, list[tuple[str, Life | None, str, str]]]
        rows = self._cached("project rows", kinds, make)
        return rows.get(project_id, [])

    # ---- for invoices

    def intervals(
        self, start: datetime, end: datetime, kinds: Iterable[str] | None = None
    ) -> Iterator[Interval]:
        """Return who existed in [start, end), with which size and at which list price.

        One resource gives several intervals when it was resized, when its price changed, or
        when it was not billed in between; changes that cost nothing (names, tags) do not
        split. In order of kind and of creation.
        """
        chosen = list(KINDS) if kinds is None else list(kinds)
        for name in chosen:
            kind = KINDS[name]
            for life in self.lives[name].values():
                if life.created_at < end and (life.deleted_at is None or life.deleted_at > start):
                    yield from self._intervals_of(kind, life, start, end)

    def intervals_of(self, life: Life, start: datetime, end: datetime) -> Iterator[Interval]:
        """The intervals of one life; see `intervals`."""
        return self._intervals_of(KINDS[life.kind], life, start, end)

    def _intervals_of(
        self, kind: Kind, life: Life, start: datetime, end: datetime
    ) -> Iterator[Interval]:
        pending: Interval | None = None
        for begin, finish, facts in life.spans(start, end):
            cuts = [begin, *(c for c in kind.price_changes if begin < c < finish), finish]
            for since, until in pairwise(cuts):
                price = kind.price(facts, since) if kind.price is not None else None
                size = kind.size(facts)
                urn = f"do:{kind.urn}:{life.id}"
                this = Interval(
                    kind.name, life.id, since, until, size, price, facts,
                    self.project_of(urn, until) if kind.urn else self.default_project,
                    life.created_at, life.deleted_at,
                )  # fmt: skip
                if pending is None:
                    pending = this
                elif (pending.size_slug, pending.price) == (size, price):
                    pending = Interval(**{**vars(this), "started_at": pending.started_at})
                else:
                    yield pending
                    pending = this
        if pending is not None:
            yield pending
