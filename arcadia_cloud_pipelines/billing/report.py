"""Answers from the billing tables: sums by method, month and product, and what is off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .reconcile import Mismatch, reconcile

_SQL = Statements(__file__)

TOLERANCE = Decimal("0.05")
"""US dollars that an invoice may be off without an alarm: it is rounded line by line (fact sheet,
6.3), so that its lines and its total can differ by some cents."""


RECENT_MONTHS = 3
"""Months that the share of matched dollars looks at: older ones cannot be mended."""


@dataclass(frozen=True)
class Share:
    """The lines of one method or reason, added up."""

    method: str
    """resource_id, name or group, else the reason why there is no resource."""
    lines: int
    amount: Decimal


@dataclass(frozen=True)
class MatchedMonth:
    """The share of a month's usage that found its resource; US dollars, credits left out."""

    period: date
    matched: Decimal
    missing: Decimal
    """Should have been found, and was not."""
    too_early: Decimal
    """Never seen, and over before the first complete listing of its kind."""

    @property
    def share(self) -> Decimal:
        """Return the part of all usage that found its resource."""
        return _share(self.matched, self.matched + self.missing + self.too_early)

    @property
    def found(self) -> Decimal:
        """Return the part that found its resource of what could be found."""
        return _share(self.matched, self.matched + self.missing)


@dataclass(frozen=True)
class UnknownProduct:
    """A product that `products.toml` has no rule for."""

    product: str
    lines: int
    amount: Decimal
    first: date
    last: date


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return part / whole if whole else Decimal(1)


def matched_months(warehouse: Warehouse, months: int = RECENT_MONTHS) -> list[MatchedMonth]:
    """Return how the usage of the newest months found its resources, the newest first."""
    with warehouse.transaction() as connection:
        return [
            MatchedMonth(*row) for row in _SQL.run(connection, "matched_months", {"months": months})
        ]


def unknown_products(warehouse: Warehouse) -> list[UnknownProduct]:
    """Return the products without a rule, the dearest first."""
    with warehouse.transaction() as connection:
        return [UnknownProduct(*row) for row in _SQL.run(connection, "unknown_products")]


def conflicting_ids(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """Return lines whose two ids name two resources.

    Returns:
        Period, invoice, line, product, the two ids, the resource that was taken, the other.
    """
    with warehouse.transaction() as connection:
        return [tuple(row) for row in _SQL.run(connection, "conflicting_ids")]


def mismatches(warehouse: Warehouse) -> list[Mismatch]:
    """Ingested invoices whose lines, summary and amount do not add up to the cent, oldest first."""
    return [one for one in differences(warehouse) if one.off_by]


def differences(warehouse: Warehouse) -> list[Mismatch]:
    """Return the mismatches, and the invoices that their summary explains."""
    with warehouse.transaction() as connection:
        return reconcile(connection)


def shares(warehouse: Warehouse) -> list[Share]:
    """Lines and dollars by how they were matched, or why not; the largest first."""
    with warehouse.transaction() as connection:
        return [Share(*row) for row in _SQL.run(connection, "shares")]


def months_by_product(warehouse: Warehouse) -> dict[date, dict[str, Decimal]]:
    """US dollars of each closed month by product, in order of the month."""
    months: dict[date, dict[str, Decimal]] = {}
    with warehouse.transaction() as connection:
        for period, product, amount in _SQL.run(connection, "months_by_product"):
            months.setdefault(period, {})[product] = amount
    return months


def largest_lines(
    warehouse: Warehouse, invoice_uuids: Sequence[str]
) -> list[sa.Row[tuple[object, ...]]]:
    """The ten dearest lines of some invoices: period, product, text, dollars, method, resource."""
    with warehouse.transaction() as connection:
        return list(_SQL.run(connection, "largest_lines", {"uuids": list(invoice_uuids)}).all())


def not_ingested(warehouse: Warehouse) -> list[tuple[str, date, str, datetime, str | None]]:
    """(uuid, period, status, since when it is known, error) of invoices that are not in."""
    with warehouse.transaction() as connection:
        return list(_SQL.run(connection, "not_ingested").tuples())


def without_ids(warehouse: Warehouse) -> list[tuple[date, str, str, int]]:
    """Return (period, uuid, why, attempts) of invoices whose JSON form was not read whole."""
    with warehouse.transaction() as connection:
        return list(_SQL.run(connection, "without_ids").tuples())


def newest_balance(warehouse: Warehouse) -> datetime | None:
    """Return when the newest snapshot was captured."""
    with warehouse.transaction() as connection:
        newest: datetime | None = _SQL.run(connection, "newest_balance").scalar()
    return newest
