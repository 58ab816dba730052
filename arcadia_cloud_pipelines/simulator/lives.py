"""What a resource was, and when: the history that lists and invoices are both made from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

Facts = dict[str, Any]
"""What is true of a resource, without what the catalogue or the clock adds to its API object.
Region, size and image are slugs here and become objects when rendered."""

ResourceId = str | int


class Version(NamedTuple):
    """The facts of a resource from one instant until the next version's."""

    valid_from: datetime
    facts: Facts


@dataclass(slots=True)
class Life:
    """One resource from creation to deletion. `versions` is never empty and in time order."""

    kind: str
    id: ResourceId
    versions: list[Version]
    deleted_at: datetime | None = None

    @property
    def created_at(self) -> datetime:
        """Return when it came into being."""
        return self.versions[0].valid_from

    @property
    def facts(self) -> Facts:
        """The latest facts (of a deleted resource: the last ones)."""
        return self.versions[-1].facts

    def alive(self, at: datetime) -> bool:
        """Say if it existed at that instant (not any more at the instant of deletion)."""
        return self.created_at <= at and (self.deleted_at is None or at < self.deleted_at)

    def facts_at(self, at: datetime) -> Facts | None:
        """The facts at that instant; None when it did not exist."""
        if not self.alive(at):
            return None
        if self.versions[-1].valid_from <= at:
            return self.versions[-1].facts
        return self.versions[bisect_right(self.versions, at, key=lambda v: v.valid_from) - 1].facts

    def change(self, at: datetime, fields: Facts) -> None:
        """From `at` on, these fields have these values.

        Raises:
            ValueError: the instant lies before the latest version or after deletion.
        """
        last = self.versions[-1]
        if at < last.valid_from or self.deleted_at is not None:
            raise ValueError(f"{self.kind} {self.id} cannot change at {at}: not its latest time")
        new = Version(at, {**last.facts, **fields})
        if at == last.valid_from:
            self.versions[-1] = new
        elif new.facts != last.facts:
            self.versions.append(new)

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, Facts]]:
        """The versions that overlap [start, end), cut to it."""
        last = end if self.deleted_at is None else min(end, self.deleted_at)
        for index, version in enumerate(self.versions):
            following = self.versions[index + 1 : index + 2]
            begin = max(start, version.valid_from)
            finish = min(last, following[0].valid_from) if following else last
            if begin < finish:
                yield begin, finish, version.facts


class Price(NamedTuple):
    """A list price in US dollars."""

    monthly: Decimal
    hourly: Decimal


@dataclass(frozen=True)
class Interval:
    """A stretch of time in which one resource had one size and one price."""

    kind: str
    id: ResourceId
    started_at: datetime
    ended_at: datetime
    size_slug: str | None
    price: Price | None
    """None: not billed at all, or not in this state (a reserved IP that is assigned)."""
    facts: Facts
    """Those at the end of the stretch: a renamed resource shows its latest name."""
    project_id: str
    """Where it was at the end of the stretch."""
    created_at: datetime
    deleted_at: datetime | None

    @property
    def hours(self) -> Decimal:
        """Its length in hours, exact to the second."""
        return Decimal(int((self.ended_at - self.started_at).total_seconds())) / 3600


def iso(at: datetime) -> str:
    """An instant as most of the API spells it: `2020-07-21T18:37:44Z`."""
    return f"{at.astimezone(UTC).isoformat()[:19]}Z"
