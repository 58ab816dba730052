"""The questions that people ask first, answered from the schema `marts`.

Sentences only: what to do about each stands in the marts' own columns and in docs/tables.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..common import foreign_text
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

NAMED = 3
"""Projects, reasons and drifts that an answer names; the others it counts."""


@dataclass(frozen=True)
class SummaryAnswer:
    """One question, with what is known."""

    question: str
    text: str
    details: tuple[str, ...] = ()
    mart: str = ""
    """The view to ask for more, as `arcadia query` takes it."""


_SQL = Statements(__file__)


def answers(warehouse: Warehouse, account: str) -> list[SummaryAnswer]:
    """Answer the first questions about one account.

    Args:
        warehouse: migrated.
        account: whose.
    """
    with warehouse.transaction() as connection:
        return [
            _last_month(connection, account),
            _this_month(connection, account),
            _waste(connection, account),
            _drift(connection, account),
            _nobodys(connection, account),
        ]


def _rows(connection: sa.Connection, name: str, **values: Any) -> list[Any]:
    return list(_SQL.run(connection, name, values))


def _last_month(connection: sa.Connection, account: str) -> SummaryAnswer:
    question = "What did the last month cost, and for whom?"
    months = _rows(connection, "last_month", account=account)
    if not months:
        return SummaryAnswer(question, "No month is billed and read yet.", mart="billing_months")
    (month,) = months
    projects = _rows(connection, "by_project", account=account, period=month.period)
    details = [f"{_dollars(row.amount)} {_name(row.name)}" for row in projects[:NAMED]]
    if rest := projects[NAMED:]:
        others = f"{len(rest):,} other project{'s' if len(rest) > 1 else ''}"
        details.append(f"{_dollars(sum(row.amount for row in rest))} {others}")
    text = f"{month.period:%B %Y}: {_dollars(month.amount)}."
    return SummaryAnswer(question, text, tuple(details), "cost_by_project")


def _this_month(connection: sa.Connection, account: str) -> SummaryAnswer:
    question = "What will this month cost?"
    months = _rows(connection, "this_month", account=account)
    if not months:
        return SummaryAnswer(question, "No balance was read yet.", mart="month_to_date")
    (month,) = months
    so_far = f"{_dollars(month.amount_so_far)} until {month.as_of:%-d %B, %H:%M} UTC"
    so_far += _invoiced(month.invoiced_so_far)
    if month.last_month_so_far is not None:
        so_far += f"; the month before had {_dollars(month.last_month_so_far)} by then"
        so_far += _invoiced(month.last_month_invoiced_so_far)
    if month.expected is None:
        return SummaryAnswer(question, f"No forecast yet; {so_far}.", mart="month_to_date")
    between = (
        f", between {_dollars(month.low)} and {_dollars(month.high)} in four of five months"
        if month.low is not None and month.high is not None
        else ""
    )
    text = f"{month.period:%B %Y}: about {_dollars(month.expected)}{between}."
    return SummaryAnswer(question, text, (f"{so_far}",), "forecast")


def _invoiced(amount: Decimal) -> str:
    return f", beside {_dollars(amount)} invoiced already" if amount else ""


def _waste(connection: sa.Connection, account: str) -> SummaryAnswer:
    question = "What is paid for without need?"
    reasons = _rows(connection, "waste", account=account)
    if not reasons:
        return SummaryAnswer(question, "Nothing that is known of.", mart="savings")
    resources = sum(row.resources for row in reasons)
    total = _dollars(sum(row.amount for row in reasons))
    return SummaryAnswer(
        question,
        f"{_count(resources, 'resource')} for {total} a month.",
        tuple(
            f"{_dollars(row.amount)} {row.resources:,} × {row.reason.replace('_', ' ')}"
            for row in reasons
        ),
        "savings",
    )


def _drift(connection: sa.Connection, account: str) -> SummaryAnswer:
    question = "What is not as it was planned, and what does that cost?"
    drifts = _rows(connection, "drift", account=account)
    if not drifts:
        return SummaryAnswer(
            question, "Nothing: all that has a plan is as planned.", mart="open_drift"
        )
    cost = sum((row.monthly_delta for row in drifts if row.monthly_delta is not None), Decimal(0))
    known = [row for row in drifts if row.monthly_delta is not None]
    costs = f", {_signed(cost)} a month where it is a question of the plan's price" if known else ""
    details = [_drifted(row) for row in drifts[:NAMED]]
    if rest := len(drifts) - NAMED:
        details += [f"and {rest:,} more"] if rest > 0 else []
    return SummaryAnswer(
        question, f"{_count(len(drifts), 'field')}{costs}.", tuple(details), "open_drift"
    )


def _drifted(row: Any) -> str:
    who = f"{row.kind} {_name(row.name)}"
    if row.field == "deleted_at":
        return f"{who} is gone"
    delta = f" ({_signed(row.monthly_delta)} a month)" if row.monthly_delta is not None else ""
    return (
        f"{who}: {_name(row.field)} is {_name(row.actual or 'not set')}, planned "
        f"{_name(row.desired or 'not set')}{delta}"
    )


def _nobodys(connection: sa.Connection, account: str) -> SummaryAnswer:
    question = "What belongs to nobody?"
    reasons = _rows(connection, "nobodys", account=account)
    if not reasons:
        return SummaryAnswer(question, "Nothing: every resource has a tenant.", mart="")
    words = {
        "no_project": "in no project",
        "project_without_tenant": "in projects without a tenant",
    }
    resources = sum(row.resources for row in reasons)
    total = _dollars(sum(row.amount for row in reasons))
    return SummaryAnswer(
        question,
        f"{_count(resources, 'resource')} for {total} a month.",
        tuple(
            f"{_dollars(row.amount)} {row.resources:,} {words.get(row.reason, row.reason)}"
            for row in reasons
        ),
        "resources_without_tenant",
    )


def _dollars(amount: Decimal | int) -> str:
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def _signed(amount: Decimal) -> str:
    return _dollars(amount) if amount < 0 else f"+{_dollars(amount)}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _name(text: object) -> str:
    """Return foreign text, shortened: the whole value stands in the mart."""
    shown = foreign_text.line(str(text))
    return shown if len(shown) <= 60 else f"{shown[:59]}…"
