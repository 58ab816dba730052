"""What the warehouse holds, in a page that a person can read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..warehouse.engine import Warehouse


@dataclass(frozen=True)
class BillingSummary:
    """Invoices and their lines."""

    invoices: int
    ingested: int
    billed: Decimal
    lines: int
    matched: Decimal
    matchable: Decimal
    """US dollars of lines that bill a resource: credits and what is `not_a_resource` left out."""


@dataclass(frozen=True)
class WarehouseSummary:
    """The warehouse in figures, for one account."""

    kinds: list[tuple[str, int, int]]
    """Kind, live, deleted."""
    events: list[tuple[str, int]]
    projects: list[tuple[str, str | None, int]]
    """Name, environment, live resources."""
    billing: BillingSummary | None
    open_drift: int | None
    """None where the schema has no drift."""
    open_alarms: int


_KINDS = sa.text(
    """
    SELECT kind, count(*) FILTER (WHERE deleted_at IS NULL),
           count(*) FILTER (WHERE deleted_at IS NOT NULL)
    FROM cloud_resources WHERE account = :account GROUP BY kind ORDER BY 2 DESC, kind
    """
)
_EVENTS = sa.text(
    """
    SELECT e.event, count(*) FROM cloud_resource_events e
    JOIN cloud_resources r ON r.id = e.resource_id
    WHERE r.account = :account GROUP BY e.event ORDER BY 2 DESC, e.event
    """
)
_PROJECTS = sa.text(
    """
    SELECT p.name, p.environment, count(r.id)
    FROM cloud_projects p
    LEFT JOIN cloud_resources r ON r.project_id = p.id AND r.deleted_at IS NULL
    WHERE p.account = :account AND p.deleted_at IS NULL
    GROUP BY p.id ORDER BY 3 DESC, p.name
    """
)
_INVOICES = sa.text(
    """
    SELECT count(*), count(*) FILTER (WHERE ingest_status = 'ingested'), coalesce(sum(amount), 0)
    FROM cloud_invoices WHERE account = :account
    """
)
_LINES = sa.text(
    """
    SELECT count(*),
           coalesce(sum(l.amount) FILTER (WHERE l.resource_id IS NOT NULL AND l.amount > 0), 0),
           coalesce(sum(l.amount) FILTER (
               WHERE l.unmatched_reason IS DISTINCT FROM 'not_a_resource' AND l.amount > 0), 0)
    FROM cloud_cost_lines l JOIN cloud_invoices i ON i.id = l.invoice_id
    WHERE i.account = :account
    """
)
_DRIFT = sa.text(
    """
    SELECT count(*) FROM cloud_drift d JOIN cloud_resources r ON r.id = d.resource_id
    WHERE d.status = 'open' AND r.account = :account
    """
)

_ALARMS = sa.text(
    """
    SELECT count(*) FROM cloud_alarms
    WHERE closed_at IS NULL AND coalesce(account, :account) = :account
    """
)


def summarize(warehouse: Warehouse, account: str) -> WarehouseSummary:
    """Count what there is of one account.

    Args:
        warehouse: migrated.
        account: whose.
    """
    scope: dict[str, Any] = {"account": account}
    with warehouse.transaction() as connection:

        def rows(query: sa.TextClause) -> list[Any]:
            return list(connection.execute(query, scope).tuples())

        billing = None
        if _exists(connection, "cloud_cost_lines"):
            (invoices, ingested, billed), *_ = rows(_INVOICES)
            (lines, matched, matchable), *_ = rows(_LINES)
            if invoices:
                billing = BillingSummary(invoices, ingested, billed, lines, matched, matchable)
        return WarehouseSummary(
            kinds=rows(_KINDS),
            events=rows(_EVENTS),
            projects=rows(_PROJECTS),
            billing=billing,
            open_drift=rows(_DRIFT)[0][0] if _exists(connection, "cloud_drift") else None,
            open_alarms=rows(_ALARMS)[0][0],
        )


def _exists(connection: sa.Connection, table: str) -> bool:
    found = connection.execute(sa.text("SELECT to_regclass(:table)"), {"table": table}).scalar()
    return found is not None
