"""Closes months: a statement for each tenant, and for nobody, that never changes again.

What changes later is a correction on the statement of the month closed next: for every closed
month, what its allocation is now less all that was stated for it. So at every closing the
statements of a tenant add up to what the closed months cost it, whatever happened in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .allocate import apply
from .rule_file import RuleFile
from .rules import VARIABLE, read_allocation_rules
from .whole_months import against, billed_months

_SQL = Statements(__file__)


class StatementError(Exception):
    """A month cannot be closed or a statement not be shown; the text says why and what to do."""


@dataclass(frozen=True)
class Statement:
    """The costs of a tenant in a closed month; no tenant: those that nobody pays."""

    id: int
    account: str
    period: date
    tenant_id: str | None
    closed_at: datetime
    closed_by: str
    is_whole: bool
    """False when the month was closed by force: an invoice was missing or did not add up."""
    rules_digest: str
    line_count: int
    amount: Decimal
    """US dollars of the month."""
    corrections: Decimal
    """US dollars of corrections to months closed before."""
    total: Decimal
    forced_because: str | None


@dataclass(frozen=True)
class StatementLine:
    """One line of a statement."""

    position: int
    period: date
    is_correction: bool
    corrects_statement_id: int | None
    invoice_uuid: str
    project_name: str | None
    product: str | None
    kind: str | None
    name: str | None
    description: str | None
    region: str | None
    hours: Decimal | None
    charge: str
    rule: str
    reason: str | None
    amount: Decimal


def close_month(
    warehouse: Warehouse,
    period: date,
    *,
    actor: str,
    path: Path | None = None,
    forced_because: str | None = None,
) -> Sequence[Statement]:
    """Close a month of every account that is billed for it, in one transaction.

    The rules are applied once more before, so that the statements rest on what is stored now.

    Args:
        warehouse: where.
        period: first day of the month.
        actor: who closes it.
        path: the file of rules; None for those that were applied last.
        forced_because: why it is closed although it is not whole; None refuses that.

    Raises:
        StatementError: it is closed already, not billed, or not whole; nothing was stored.
        AllocationRulesError: the rules cannot be used; nothing was stored.
        WarehouseError: the warehouse is away or not migrated; nothing was stored.
    """
    file = None if path is None else read_allocation_rules(path)
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        close_in(
            connection, period, actor=actor, file=file, source=str(path or VARIABLE),
            forced_because=forced_because,
        )  # fmt: skip
    return list_statements(warehouse, period)


def close_in(
    connection: sa.Connection,
    period: date,
    *,
    actor: str,
    file: RuleFile | None = None,
    source: str = VARIABLE,
    forced_because: str | None = None,
) -> None:
    """Close a month within a transaction, as `close_month` does."""
    digest = apply(connection, file, source=source).file.digest
    months = billed_months(connection, period)
    if not months:
        raise StatementError(
            f"{period:%Y-%m} has no invoice, so it cannot be closed: choose a month that is billed."
        )
    for month in months:
        not_whole = "; ".join(against(month)) or None
        if month["closed_at"] is not None:
            raise StatementError(
                f"{period:%Y-%m} of account {month['account']} was closed at "
                f"{month['closed_at']:%Y-%m-%d %H:%M} UTC and cannot be closed again: what "
                "changed since becomes a correction on the next statement, so close the next month."
            )
        if not_whole and not forced_because:
            raise StatementError(
                f"{period:%Y-%m} of account {month['account']} is not complete: "
                f"{not_whole}. Wait until it is, or close it with --force --reason TEXT; the "
                "reason is stored."
            )
        _close(
            connection,
            {
                "account": month["account"],
                "period": period,
                "closed_by": actor,
                "digest": digest,
                "not_whole": not_whole,
                "forced_because": forced_because if not_whole else None,
            },
        )


def _close(connection: sa.Connection, said: Mapping[str, Any]) -> None:
    _SQL.run(connection, "create_stated", said)
    _SQL.run(connection, "add_corrections", said)
    closing = _SQL.run(connection, "close", said).scalar_one()
    _SQL.run(connection, "state", {**said, "closing": closing})
    _SQL.run(connection, "state_lines", {"closing": closing})
    _SQL.run(connection, "drop_stated")


def list_statements(
    warehouse: Warehouse, period: date | None = None, statement_id: int | None = None
) -> Sequence[Statement]:
    """Return the statements of a month, or of all, by month and tenant."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        rows = _SQL.run(connection, "list", {"period": period, "id": statement_id})
        return [Statement(*row) for row in rows]


def read_statement(
    warehouse: Warehouse, statement_id: int
) -> tuple[Statement, Sequence[StatementLine]]:
    """Return a statement with its lines.

    Raises:
        StatementError: there is none with that id.
    """
    found = list_statements(warehouse, statement_id=statement_id)
    if not found:
        raise StatementError(
            f"There is no statement {statement_id}: see `arcadia statements list`."
        )
    with warehouse.transaction() as connection:
        rows = _SQL.run(connection, "lines", {"id": statement_id})
        return found[0], [StatementLine(*row) for row in rows]
