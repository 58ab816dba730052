"""The simulated account: lives, clock, tokens, project membership."""

from __future__ import annotations

import threading
import uuid
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, TypeVar

import orjson

from . import catalog
from .billing.books import Billing
from .faults import Faults
from .lives import Facts, Interval, Life, ResourceId, Version, iso
from .registry import KINDS, TAGGED, Kind

Item = TypeVar("Item")

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HISTORY_START = datetime(2014, 3, 1, tzinfo=UTC)
START_OF_137_INVOICES = datetime(2015, 6, 1, tzinfo=UTC)
"""As `history_start` with the default `now`: an invoice for each of 137 months."""
API_BASE = "https://api.digitalocean.com"
VARIANTS = 4
HOUR = timedelta(hours=1)
HOURLY = 3600

UNDOCUMENTED_URN = "do:quantumvault:7d1f0c52-2b1e-4f7a-9d53-0e6f1c9a4b11"
"""A URN of a type that nobody knows, in some project of every account."""
BUCKET_URN = "do:space:simulated-assets"


class UnknownResourceError(KeyError):
    """No such resource, or not alive (any more)."""


@dataclass(frozen=True)
class Token:
    """A personal access token of the account."""

    name: str
    value: str
    scopes: frozenset[str] | None
    """None: every scope, as the classic tokens have."""

    def can(self, scope: str | None) -> bool:
        """Say if it carries the scope."""
        return scope is None or self.scopes is None or scope in self.scopes


@dataclass(frozen=True)
class ForeignUrn:
    """A project row without a resource of a simulated kind: a bucket, a stale row, a new type."""

    urn: str
    status: str
    since: datetime


class View:
    """The account as one request sees it: when, with which scopes, in which order."""

    def __init__(
        self,
        account: SimulatedAccount,
        at: datetime,
        scopes: frozenset[str] | None = None,
        variant: int = 0,
        base_url: str = API_BASE,
    ) -> None:
        self.account = account
        self.at = at
        self.scopes = scopes
        self.variant = variant
        self.base_url = base_url
        self.seconds = int(at.timestamp())
        self.epoch = self.seconds // HOURLY
        """The hour: noise is constant within one and other in the next."""
        # One view serves a page of objects within one lock: what it looked up stays true.
        self._fragments: dict[tuple[str, str], orjson.Fragment] = {}
        self._holders: dict[tuple[str, str], dict[ResourceId, list[ResourceId]]] = {}

    def can(self, scope: str) -> bool:
        """Say if this reader's token carries the scope."""
        return self.scopes is None or scope in self.scopes

    def order(self, items: Sequence[Item]) -> list[Item]:
        """The items in the order of this request: no list of the API promises one."""
        if len(items) < 2 or self.variant == 0:
            return list(items)
        cut = self.variant % len(items)
        turned = [*items[cut:], *items[:cut]]
        return turned[::-1] if self.variant == VARIANTS - 1 else turned

    def chance(self, key: object, one_in: int) -> bool:
        """Noise: true for this key in about one of so many hours."""
        return zlib.crc32(f"{key}:{self.epoch}".encode()) % one_in == 0

    def region(self, slug: str) -> orjson.Fragment:
        """A region object, rendered."""
        return self._fragment("region", slug)

    def size(self, slug: str) -> orjson.Fragment:
        """A size object, rendered."""
        return self._fragment("size", slug)

    def image(self, key: str) -> orjson.Fragment:
        """An image object, rendered."""
        return self._fragment("image", key)

    def _fragment(self, what: str, slug: str) -> orjson.Fragment:
        found = self._fragments.get((what, slug))
        if found is None:
            full = self.can("sizes:read")
            found = self._fragments[what, slug] = self.account.fragment((what, slug, full), self)
        return found

    def holders(self, kind: str, field: str) -> dict[ResourceId, list[ResourceId]]:
        """Resources of `kind` by the values their fact `field` holds (a value or a list)."""
        found = self._holders.get((kind, field))
        if found is None:
            found = self._holders[kind, field] = self.account.holders(kind, field, self.at)
        return found

    def project_of(self, urn: str) -> str:
        """The id of the project a URN is in."""
        return self.account.project_of(urn, self.at)


class SimulatedAccount:
    """An account with a past, a clock and a future, all decided by its seed.

    Args:
        seed: equal seeds (and equal other arguments) give equal bytes.
        droplets: how many ordinary droplets are alive at `now`, cluster workers among them;
            the other kinds scale with it.
        now: where the clock stands; time zone aware.
        history_start: nothing is older than this.
        churn: how much happens when the clock moves; 1 is about four events a day and 25
            droplets, 0 leaves only noise and what a test does itself.

    Every method is safe to call from any thread.
    """

    def __init__(
        self,
        seed: int = 7,
        droplets: int = 25,
        now: datetime = NOW,
        history_start: datetime = HISTORY_START,
        churn: float = 1.0,
    ) -> None:
        if now.tzinfo is None or history_start.tzinfo is None:
            raise ValueError("now and history_start need a time zone")
        if history_start >= now:
            raise ValueError("history_start must lie before now")
        self.seed = seed
        self.droplets = droplets
        self.churn = churn
        self.history_start = history_start.astimezone(UTC)
        self.now = now.astimezone(UTC)
        self.lock = threading.RLock()
        self.faults = Faults()
        self.violations: list[str] = []
        """What a client did that the documentation does not cover: a test asserts none."""
        self.lives: dict[str, dict[ResourceId, Life]] = {kind: {} for kind in KINDS}
        self.foreign: list[ForeignUrn] = []
        self.default_project: str = ""
        rng = self.rng("identity")
        self.team_uuid = f"{rng.getrandbits(160):040x}"
        self.owner_uuid = f"{rng.getrandbits(160):040x}"
        self.tokens: dict[str, Token] = {}
        self._alive: dict[str, dict[ResourceId, Life]] = {kind: {} for kind in KINDS}
        self._hidden: set[tuple[str, ResourceId]] = set()
        self._grown: dict[str, list[tuple[datetime, str, Any]]] = {}
        self._memberships: dict[str, list[tuple[datetime, str]]] = {}
        self._revisions = dict.fromkeys(KINDS, 0)
        self._cache: dict[Any, tuple[Any, Any]] = {}
        self._fragments: dict[Any, orjson.Fragment] = {}
        self._fragments_epoch = 0
        self._used_ids: set[int] = set()
        self._vpcs: dict[str, str] = {}
        self._picks: tuple[datetime, dict[str, list[Life]]] = (self.now, {})
        self.token = self.add_token("default")
        self.billing = Billing(self)
        """Invoices, history and balance; computed when first asked for."""
        self._peopled = False
        for kind in KINDS.values():
            if kind.populate is not None:
                kind.populate(self, self.rng("populate", kind.name))
        self._peopled = True
        self._operations = 0

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

    # ---- operations

    def create(self, kind: str, **overrides: Any) -> dict[str, Any]:
        """Make a resource now and give back its API object.

        Args:
            kind: as `cloud_resources.kind` spells it.
            overrides: any field of its object; region, size and image by slug; `id` too.
        """
        with self.lock:
            spec = KINDS[kind]
            self._operations += 1
            rng = self.rng("create", kind, self._operations)
            resource_id = overrides.pop(spec.identity, None)
            if resource_id is None:
                resource_id = spec.new_id(self, rng)
            facts = {**spec.template(self, rng), **overrides}
            if spec.within_parent and "/" not in str(resource_id):
                resource_id = f"{facts.get('parent')}/{resource_id}"
            self._check_fields(spec, resource_id, facts, overrides)
            self.add_life(kind, resource_id, facts, self.now)
            return self.get(kind, resource_id)

    def update(self, kind: str, resource_id: ResourceId, **fields: Any) -> dict[str, Any]:
        """Change a resource now and give back its API object.

        Raises:
            UnknownResourceError: it is not alive.
            ValueError: its object has no such field.
        """
        with self.lock:
            life = self._living(kind, resource_id)
            self._check_fields(KINDS[kind], resource_id, life.facts, fields)
            self.change_life(life, self.now, **fields)
            return self.get(kind, resource_id)

    def delete(self, kind: str, resource_id: ResourceId) -> None:
        """Delete a resource now. Its id never comes back.

        Raises:
            UnknownResourceError: it is not alive.
        """
        with self.lock:
            self.end_life(self._living(kind, resource_id), self.now)

    def hide(self, kind: str, resource_id: ResourceId) -> None:
        """Leave a living resource out of lists (not out of existence) until `show`."""
        with self.lock:
            self._living(kind, resource_id)
            self._hidden.add((kind, resource_id))
            self._touch(kind)

    def show(self, kind: str, resource_id: ResourceId) -> None:
        """End a `hide`."""
        with self.lock:
            self._hidden.discard((kind, resource_id))
            self._touch(kind)

    def grow(self, kind: str, field: str, value: Any) -> None:
        """Let all objects of a kind have one more field from now on, as a new API version does."""
        with self.lock:
            self._grown.setdefault(KINDS[kind].name, []).append((self.now, field, value))
            self._touch(kind)

    def assign(self, project: str, urn: str) -> None:
        """Put a URN into a project, given by id or by name.

        Raises:
            UnknownResourceError: no such project.
        """
        with self.lock:
            for life in self.alive("project"):
                if project in (life.id, life.facts["name"]):
                    self.join(urn, str(life.id), self.now)
                    return
            raise UnknownResourceError(f"no project {project}")

    def join(self, urn: str, project_id: str, at: datetime) -> None:
        """Put a URN into a project at an instant not before its latest change."""
        self._memberships.setdefault(urn, []).append((at, project_id))
        self._touch("project")

    def add_foreign_urn(self, project_id: str, foreign: ForeignUrn) -> None:
        """Put a row into a project that no simulated resource stands behind."""
        self.foreign.append(foreign)
        self.join(foreign.urn, project_id, foreign.since)

    def add_token(self, name: str, scopes: Iterable[str] | None = None) -> str:
        """Issue a token and give back its value; without scopes it may do everything."""
        with self.lock:
            value = f"dop_v1_{self.rng('token', name).getrandbits(256):064x}"
            chosen = None if scopes is None else frozenset(scopes)
            self.tokens[value] = Token(name, value, chosen)
            return value

    def revoke_token(self, value: str) -> None:
        """From now on the token is answered with 401."""
        with self.lock:
            self.tokens.pop(value, None)

    def _living(self, kind: str, resource_id: ResourceId) -> Life:
        try:
            return self._alive[kind][resource_id]
        except KeyError:
            raise UnknownResourceError(f"no living {kind} {resource_id}") from None

    def _check_fields(
        self, spec: Kind, resource_id: ResourceId, facts: Facts, fields: Facts
    ) -> None:
        """A misspelt field would be a test that tests nothing."""
        known = self.rng("fields")
        allowed = set(spec.template(self, known)) | spec.consumed | set(facts) - set(fields)
        life = Life(spec.name, resource_id, [Version(self.now, {**facts, **fields})])
        allowed |= set(spec.render(View(self, self.now), life, life.facts))
        unknown = set(fields) - allowed
        if unknown:
            raise ValueError(f"a {spec.name} has no field {sorted(unknown)}")

    # ---- the clock

    def advance(self, *, days: float = 0, hours: float = 0, minutes: float = 0) -> None:
        """Move the clock on; what happens in between happens at its own instants."""
        self.advance_to(self.now + timedelta(days=days, hours=hours, minutes=minutes))

    def advance_to(self, at: datetime) -> None:
        """Move the clock to an instant. Many small steps and one big one end in the same state.

        Raises:
            ValueError: the instant lies in the past.
        """
        at = at.astimezone(UTC)
        with self.lock:
            if at < self.now:
                raise ValueError(f"the clock stands at {self.now} and cannot go back to {at}")
            hour = self.now.replace(minute=0, second=0, microsecond=0)
            while hour + HOUR <= at:
                # An hour happens as a whole when it is over.
                self.now = max(self.now, hour + HOUR)
                if self.churn > 0:
                    self._live_hour(hour)
                hour += HOUR
            self.now = at

    def _live_hour(self, hour: datetime) -> None:
        for kind in KINDS.values():
            if kind.live is not None:
                kind.live(self, self.rng("live", kind.name, int(hour.timestamp())), hour)

    def count(self, rng: Random, per_day: float) -> int:
        """Draw how often something happens in this hour, given how often a day it does."""
        rate = per_day * self.churn / 24
        return int(rate) + (rng.random() < rate % 1)

    def moment(self, rng: Random, hour: datetime, life: Life | None = None) -> datetime:
        """An instant in the hour, not before the latest change of a life."""
        at = hour + timedelta(seconds=rng.randrange(HOURLY))
        return at if life is None else max(at, life.versions[-1].valid_from)

    def pick(self, rng: Random, kind: str, wanted: Callable[[Life], bool]) -> Life | None:
        """A living resource that is as wanted, if a few tries find one."""
        if self._picks[0] != self.now:
            self._picks = (self.now, {})
        lives = self._picks[1].get(kind)
        if lives is None:
            lives = self._picks[1][kind] = self.alive(kind)
        for _ in range(8 if lives else 0):
            life = rng.choice(lives)
            if life.deleted_at is None and wanted(life):
                return life
        return None

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

    def render(self, life: Life, view: View) -> dict[str, Any]:
        """The API object of a life, with ready-made parts as `orjson.Fragment`."""
        kind = KINDS[life.kind]
        facts = life.facts if view.at >= life.versions[-1].valid_from else life.facts_at(view.at)
        if facts is None:
            raise UnknownResourceError(f"no {life.kind} {life.id} at {view.at}")
        result = kind.render(view, life, facts)
        if not facts.keys() <= kind.consumed:
            result.update((k, v) for k, v in facts.items() if k not in kind.consumed)
        for since, field, value in self._grown.get(life.kind, ()):
            if view.at >= since:
                result.setdefault(field, value)
        if view.scopes is not None:
            for field, (scope, blank) in kind.blanks.items():
                if field in result and scope not in view.scopes:
                    result[field] = blank
        return result

    def get(self, kind: str, resource_id: ResourceId, at: datetime | None = None) -> dict[str, Any]:
        """The API object of a resource, now or at any instant of its life.

        Raises:
            UnknownResourceError: it did not exist then.
        """
        with self.lock:
            view = View(self, self.now if at is None else at)
            life = self.find(kind, resource_id)
            if not life.alive(view.at):
                raise UnknownResourceError(f"no {kind} {resource_id} at {view.at}")
            result: dict[str, Any] = orjson.loads(orjson.dumps(self.render(life, view)))
            return result

    def fragment(self, key: tuple[str, str, bool], view: View) -> orjson.Fragment:
        """A catalogue object as bytes: shared by thousands of droplets in one page."""
        if self._fragments_epoch != view.epoch:
            self._fragments.clear()
            self._fragments_epoch = view.epoch
        full = (*key, view.variant)
        found = self._fragments.get(full)
        if found is None:
            what, slug, flag = key
            if what == "region":
                made = catalog.region_object(slug, epoch=view.epoch, with_sizes=flag)
            elif what == "size":
                made = catalog.size_object(slug, at=view.at, epoch=view.epoch)
            else:
                made = catalog.image_object(slug)
                if not made["public"]:
                    made["id"] += self.seed
            for field, value in made.items():
                if isinstance(value, list):
                    made[field] = view.order(value)
            found = self._fragments[full] = orjson.Fragment(orjson.dumps(made))
        return found

    # ---- projects

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

    def summary(self) -> dict[str, Any]:
        """Count what there is, for people."""
        with self.lock:
            return {
                "now": iso(self.now),
                "seed": self.seed,
                "resources": {kind: len(lives) for kind, lives in self._alive.items()},
                "deleted": {
                    kind: len(self.lives[kind]) - len(self._alive[kind]) for kind in self.lives
                },
                "hidden": [f"{kind}:{resource_id}" for kind, resource_id in self._hidden],
                "violations": len(self.violations),
            }
