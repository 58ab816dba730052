"""What a line of an invoice is, and what a stretch of use costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from .. import catalog
from ..lives import Interval, ResourceId

CENT = Decimal("0.01")
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
_CAP = Decimal(catalog.HOURS_PER_MONTH)
ZERO = Decimal("0.00")

PER_SECOND = datetime(2026, 1, 1, tzinfo=UTC)
"""Droplets are billed by the second since."""
SPACES_SINCE = datetime(2017, 10, 1, tzinfo=UTC)
UNKNOWN_PRODUCT = "Quantum Vault"
"""A product that nobody knows, since 2025."""
OVERAGES = frozenset({"Bandwidth"})
"""Products that the summary adds up under overages."""
WELCOME = "Welcome Bonus"
"""A credit by a name that no list of products has."""
CREDITS = frozenset({"Credits", "Adjustments", "Discounts", WELCOME})
TAXES = "Taxes"

_PLATFORM = frozenset({
    "Agents", "App Platform", "Custom Models", "Database Clusters", "Dedicated Inference",
    "Functions", "Knowledge Bases", "Kubernetes Clusters", "Serverless Inference",
    "Vector Databases",
})  # fmt: skip


class SimulatedLine(NamedTuple):
    """One line: what the CSV and the JSON both show, the ids the JSON alone shows, the truth."""

    product: str
    description: str
    amount: Decimal
    start: datetime | None
    end: datetime | None
    hours: int | None = None
    """Of backups: how many."""
    group: str = ""
    project: str = ""
    resource_id: str | None = None
    resource_uuid: str | None = None
    kind: str | None = None
    """The kind of the resource it pays for. Not served: tests compare with it."""
    life_id: ResourceId | None = None

    @property
    def category(self) -> str:
        """Return what the last column of later years says."""
        return "paas" if self.product in _PLATFORM else "iaas"


@dataclass
class Charge:
    """A stretch and what it costs."""

    stretch: Interval
    hours: int
    amount: Decimal


def to_cents(amount: Decimal) -> Decimal:
    """Rounded to the cent, half up."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def next_month(month: datetime) -> datetime:
    """The first instant of the month after."""
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def charges_of(stretches: Iterable[Interval]) -> Iterator[Charge]:
    """Return the cost of one resource's stretches in a month: no more than 672 hours together."""
    left = _CAP
    for stretch in stretches:
        if stretch.price is None:
            continue
        whole = int(stretch.hours)
        billed = Decimal(max(1, whole))
        by_second = stretch.kind == "droplet" and stretch.started_at >= PER_SECOND
        if by_second:
            billed = stretch.hours
        used = min(billed, left)
        left -= used
        amount = to_cents(stretch.price.monthly * used / _CAP)
        if by_second and used > 0 and stretch.price.monthly > 0:
            amount = max(amount, CENT)
        yield Charge(stretch, whole, amount)
