"""Figures of the newest allocation, for checks and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Payer:
    """The share of a tenant in a month, or of nobody for a reason."""

    period: date
    tenant_id: str | None
    reason: str | None
    amount: Decimal

    @property
    def name(self) -> str:
        """The tenant, or why there is none."""
        return f"(nobody: {self.reason})" if self.tenant_id is None else self.tenant_id


@dataclass(frozen=True)
class WrongLine:
    """A line that is not allocated to the last digit."""

    invoice_uuid: str
    line_number: int
    shares: Decimal
    amount: Decimal
    of_line: Decimal


def newest_months(warehouse: Warehouse, months: int) -> Sequence[Payer]:
    """Return what each month costs those who pay, the oldest of the newest months first."""
    with warehouse.transaction() as connection:
        rows = _SQL.run(connection, "months", {"months": f"{months - 1} months"})
        return [Payer(*row) for row in rows]


def wrong_lines(warehouse: Warehouse) -> Sequence[WrongLine]:
    """Return the lines whose shares are not 1, or whose parts are not the line."""
    with warehouse.transaction() as connection:
        return [WrongLine(*row) for row in _SQL.run(connection, "wrong_lines")]


def wrong_months(warehouse: Warehouse) -> Sequence[tuple[str, date, Decimal]]:
    """Return account, month and US dollars that are billed and not allocated."""
    with warehouse.transaction() as connection:
        return [tuple(row) for row in _SQL.run(connection, "wrong_months")]
