"""The simulated account: operations, tokens, the clock, and what the API shows of a life."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson

from . import catalog_objects
from .billing.books import Books
from .faults import Faults
from .lives import Facts, Life, ResourceId, Version, iso
from .registry import KINDS, SimulatedKind
from .view import Token, View
from .world import HISTORY_START, NOW, UnknownResourceError, World

HOUR = timedelta(hours=1)


class SimulatedAccount(World):
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
        super().__init__(seed, now, history_start)
        self.droplets = droplets
        self.churn = churn
        self.faults = Faults()
        self.violations: list[str] = []
        """What a client did that the documentation does not cover: a test asserts none."""
        rng = self.rng("identity")
        self.team_uuid = f"{rng.getrandbits(160):040x}"
        self.owner_uuid = f"{rng.getrandbits(160):040x}"
        self.tokens: dict[str, Token] = {}
        self._grown: dict[str, list[tuple[datetime, str, Any]]] = {}
        self._fragments: dict[Any, orjson.Fragment] = {}
        self._fragments_epoch = 0
        self._picks: tuple[datetime, dict[str, list[Life]]] = (self.now, {})
        self.token = self.add_token("default")
        self.billing = Books(self)
        """Invoices, history and balance; computed when first asked for."""
        for kind in KINDS.values():
            if kind.populate is not None:
                kind.populate(self, self.rng("populate", kind.name))
        self._peopled = True
        self._operations = 0

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

    def _living(self, kind: str, resource_id: ResourceId) -> Life:
        try:
            return self._alive[kind][resource_id]
        except KeyError:
            raise UnknownResourceError(f"no living {kind} {resource_id}") from None

    def _check_fields(
        self, spec: SimulatedKind, resource_id: ResourceId, facts: Facts, fields: Facts
    ) -> None:
        """A misspelt field would be a test that tests nothing."""
        known = self.rng("fields")
        allowed = set(spec.template(self, known)) | spec.consumed | set(facts) - set(fields)
        life = Life(spec.name, resource_id, [Version(self.now, {**facts, **fields})])
        allowed |= set(spec.render(View(self, self.now), life, life.facts))
        unknown = set(fields) - allowed
        if unknown:
            raise ValueError(f"a {spec.name} has no field {sorted(unknown)}")

    # ---- tokens

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
        at = hour + timedelta(seconds=rng.randrange(3600))
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

    # ---- objects

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
                made = catalog_objects.region_object(slug, epoch=view.epoch, with_sizes=flag)
            elif what == "size":
                made = catalog_objects.size_object(slug, at=view.at, epoch=view.epoch)
            else:
                made = catalog_objects.image_object(slug)
                if not made["public"]:
                    made["id"] += self.seed
            for field, value in made.items():
                if isinstance(value, list):
                    made[field] = view.order(value)
            found = self._fragments[full] = orjson.Fragment(orjson.dumps(made))
        return found

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
