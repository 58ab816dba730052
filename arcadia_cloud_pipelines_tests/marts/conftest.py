"""A small account written by hand, and short words to write it with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.engine import Warehouse

TEAM = "f81d4fae7dec11d0a76500a0c91e6bf6"

Rows = list[dict[str, Any]]


class Account:
    """Writes rows of the tables; whatever is not said has a plain value."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.now: datetime = connection.scalar(sa.text("SELECT now()"))  # type: ignore[assignment]
        self._line = 0

    def month(self, back: int = 1) -> date:
        """First day of the month so many before this one."""
        first = self.now.date().replace(day=1)
        for _ in range(back):
            first = (first - timedelta(days=1)).replace(day=1)
        return first

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row and return its id."""
        values = {
            name: orjson.dumps(value).decode() if isinstance(value, dict) else value
            for name, value in values.items()
        }
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        statement = sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id")
        return int(self.connection.execute(statement, values).scalar_one())

    def project(self, name: str, tenant: str | None = None, **values: Any) -> int:
        return self.insert(
            "cloud_projects", **{
                "account": TEAM, "provider_id": f"uuid-{name}", "name": name, "tenant_id": tenant,
                "first_seen_at": self.now, "last_seen_at": self.now,
            } | values,
        )  # fmt: skip

    def resource(self, kind: str, provider_id: str, **values: Any) -> int:
        return self.insert(
            "cloud_resources", **{
                "account": TEAM, "kind": kind, "provider_id": provider_id,
                "name": f"{kind}-{provider_id}", "region": "fra1", "status": "active",
                "created_at": self.now - timedelta(days=100),
                "first_seen_at": self.now - timedelta(days=100), "last_seen_at": self.now,
            } | values,
        )  # fmt: skip

    def event(self, resource: int, event: str, hours_ago: float, **changes: Any) -> int:
        """An event with fields as (from, to)."""
        return self.insert(
            "cloud_resource_events", resource_id=resource, event=event,
            occurred_at=self.now - timedelta(hours=hours_ago),
            changes={name: {"from": a, "to": b} for name, (a, b) in changes.items()},
        )  # fmt: skip

    def member(self, kind: str, provider_id: str, project: int, **values: Any) -> int:
        return self.insert(
            "cloud_project_memberships", **{
                "account": TEAM, "urn": f"do:{kind}:{provider_id}", "kind": kind,
                "provider_id": provider_id, "project_id": project,
                "valid_from": self.now - timedelta(days=100),
            } | values,
        )  # fmt: skip

    def listing(self, source: str, minutes_ago: float = 10, **values: Any) -> int:
        at = self.now - timedelta(minutes=minutes_ago)
        return self.insert(
            "cloud_sync_runs", **{
                "account": TEAM, "kind": source, "started_at": at, "ended_at": at,
                "complete": True, "rows_seen": 1,
            } | values,
        )  # fmt: skip

    def invoice(self, name: str, amount: str, back: int = 1, **values: Any) -> int:
        return self.insert(
            "cloud_invoices", **{
                "account": TEAM, "invoice_uuid": name, "amount": Decimal(amount),
                "period": self.month(back), "ingest_status": "ingested",
                "first_seen_at": self.now,
            } | values,
        )  # fmt: skip

    def line(self, invoice: int, amount: str, resource: int | None = None, **values: Any) -> int:
        """A line, and the invoice's totals with it."""
        self._line += 1
        period = self.connection.scalar(
            sa.text(
                "UPDATE cloud_invoices SET lines_total = coalesce(lines_total, 0) + :amount,"
                " line_count = coalesce(line_count, 0) + 1 WHERE id = :id RETURNING period"
            ),
            {"amount": Decimal(amount), "id": invoice},
        )
        begin = datetime(period.year, period.month, 1, tzinfo=UTC)
        matched = {"resource_id": resource, "match_method": "resource_id"}
        unmatched = {"unmatched_reason": "not_a_resource"}
        return self.insert(
            "cloud_cost_lines", **{
                "account": TEAM, "invoice_id": invoice, "line_number": self._line,
                "period": period, "product": "Droplets", "amount": Decimal(amount),
                "started_at": begin, "ended_at": (begin + timedelta(days=32)).replace(day=1),
            } | (unmatched if resource is None else matched) | values,
        )  # fmt: skip


@pytest.fixture
def account(warehouse: Warehouse) -> Iterator[Account]:
    """Rows written in one transaction, in which `ask` reads them."""
    with warehouse.transaction() as connection:
        yield Account(connection)


Ask = Callable[..., Rows]


@pytest.fixture
def ask(account: Account) -> Ask:
    """Ask a view: its rows with the columns named, in the order of those columns."""

    def rows(view: str, *columns: str, where: str = "true") -> Rows:
        names = ", ".join(f'"{column}"' for column in columns)
        statement = f"SELECT {names} FROM marts.{view} WHERE {where} ORDER BY {names}"
        return [dict(row) for row in account.connection.execute(sa.text(statement)).mappings()]

    return rows
