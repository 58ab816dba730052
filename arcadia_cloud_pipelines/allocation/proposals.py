"""Proposes to close the months that are whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .whole_months import against, billed_months

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Proposal:
    """A month that is whole and not closed."""

    account: str
    period: date
    amount: Decimal
    unallocated: Decimal
    tenants: int


def find_proposals(warehouse: Warehouse) -> Sequence[Proposal]:
    """Return which months could be closed now.

    Months before the newest that is closed are left alone; while none is, only the newest whole
    month is proposed: an account may have years of invoices from before.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return list(_proposals(connection))


def propose(warehouse: Warehouse) -> Sequence[Proposal]:
    """Store which months could be closed now, and return them."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        found = list(_proposals(connection))
        wanted = {"accounts": [p.account for p in found], "periods": [p.period for p in found]}
        _SQL.run(connection, "delete_proposals", wanted)
        for one in found:
            _SQL.run(connection, "store_proposal", vars(one))
    return found


def _proposals(connection: sa.Connection) -> Iterator[Proposal]:
    months = billed_months(connection)
    allocated = {(row.account, row.period): row for row in _SQL.run(connection, "allocated")}
    for account in sorted({month["account"] for month in months}):
        own = [month for month in months if month["account"] == account]
        closed = [month["period"] for month in own if month["closed_at"] is not None]
        whole = [
            month
            for month in own
            if month["closed_at"] is None
            and not any(against(month))
            and (account, month["period"]) in allocated
        ]
        after = [m for m in whole if m["period"] > max(closed)] if closed else whole[-1:]
        for month in after:
            row = allocated[account, month["period"]]
            yield Proposal(account, month["period"], month["amount"], row.unallocated, row.tenants)
