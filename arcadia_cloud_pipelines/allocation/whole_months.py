"""The months that are billed, and what speaks against closing one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import sqlalchemy as sa

from ..warehouse.statements import Statements

_SQL = Statements(__file__)


def billed_months(connection: sa.Connection, period: date | None = None) -> Sequence[sa.RowMapping]:
    """Return the month of each account, or all, with what decides if it can be closed."""
    return _SQL.run(connection, "months", {"period": period}).mappings().all()


def against(month: sa.RowMapping) -> Iterator[str]:
    """Yield what speaks against closing a month."""
    if not month["is_over"]:
        yield "it is not over"
    elif not month["is_billed"]:
        yield "its last invoice has not arrived"
    if month["not_read"]:
        yield f"the lines of {month['not_read']:,} invoices are not read"
    if month["off"]:
        yield f"{month['off']:,} invoices do not add up, by ${month['off_by']:,f}"
