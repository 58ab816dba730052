"""What people ask of the billing tables: sums by method, month and product, and what is off."""

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


@dataclass(frozen=True)
class Share:
    """How the lines of one method or reason add up."""

    method: str
    """resource_id, name or group, else the reason why there is no resource."""
    lines: int
    amount: Decimal


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


def newest_balance(warehouse: Warehouse) -> datetime | None:
    """When the newest snapshot was captured."""
    with warehouse.transaction() as connection:
        newest: datetime | None = _SQL.run(connection, "newest_balance").scalar()
    return newest
