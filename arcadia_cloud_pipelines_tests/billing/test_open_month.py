"""The month that goes on: charges within it, as of when, and when it is over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.billing.open_month import refresh_open_month
from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.simulator import SimulatedAccount
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import NOW

NOVEMBER = date(2026, 11, 1)
OVER = datetime(2026, 12, 1, tzinfo=UTC)


def invoice_within(
    warehouse: Warehouse, account: str, issued_at: datetime | None, seen_at: datetime = NOW
) -> None:
    """An invoice of November, as a listing left it."""
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO cloud_invoices (account, invoice_uuid, amount, period, issued_at, "
                "first_seen_at) VALUES (:account, 'within', 50, '2026-11-01', :issued, :seen)"
            ),
            {"account": account, "issued": issued_at, "seen": seen_at},
        )


def test_a_charge_within_the_month_does_not_end_it(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    team = client.account().uuid
    invoice_within(warehouse, team, NOW - timedelta(days=4))
    month = refresh_open_month(warehouse, client, now=lambda: NOW)
    assert (month.period, month.note) == (NOVEMBER, None)
    assert month.lines
    sync_invoices(warehouse, client, now=lambda: NOW)
    (left,) = query(warehouse, "SELECT count(*) AS n FROM cloud_open_month_lines")
    assert left["n"] == month.lines


def test_the_preview_is_kept_as_of_when_it_was_made_and_adds_up(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    preview = account.billing.find("preview")
    month = refresh_open_month(warehouse, client, now=lambda: NOW)
    (row,) = query(warehouse, "SELECT * FROM cloud_open_months")
    assert row["updated_at"] == month.updated_at == preview.updated_at
    assert row["amount"] == row["lines_total"] == month.amount == preview.amount
    assert (row["read_at"], row["line_count"], row["note"]) == (NOW, month.lines, None)

    account.billing.skew("preview", "5.00")
    off = refresh_open_month(warehouse, client, now=lambda: NOW)
    assert off.note is not None
    assert "$5.00 apart" in off.note
    assert off.amount == off.total + Decimal("5.00")


@settings(max_examples=30)
@given(
    issued=st.none() | st.integers(-40 * 24, 40 * 24),
    seen=st.integers(-40 * 24, 40 * 24),
    at=st.integers(-40 * 24, 40 * 24),
)
def test_a_month_is_billed_when_it_is_over_and_its_last_invoice_is_here(
    warehouse: Warehouse, issued: int | None, seen: int, at: int
) -> None:
    def hour(n: int) -> datetime:
        return OVER + timedelta(hours=n)

    with warehouse.transaction() as connection:
        connection.execute(sa.text("DELETE FROM cloud_invoices"))
    invoice_within(warehouse, "a", None if issued is None else hour(issued), hour(seen))
    (row,) = query(
        warehouse, "SELECT cloud_month_is_billed('a', '2026-11-01', :at) AS billed", at=hour(at)
    )
    dated = seen if issued is None else issued
    proven = issued is not None and issued >= 0
    assert row["billed"] == (proven or (at >= 0 and dated >= -12))


@pytest.mark.parametrize("broken", [{"invoice_period": "soon"}, {"amount": "much"}])
def test_a_preview_that_cannot_be_read_leaves_what_was_there(
    warehouse: Warehouse,
    client: DigitalOcean,
    monkeypatch: pytest.MonkeyPatch,
    broken: dict[str, str],
) -> None:
    before = refresh_open_month(warehouse, client, now=lambda: NOW)
    get = client.get

    def spoilt(path: str, *args: object, **more: object) -> dict[str, object]:
        answer = get(path, *args, **more)  # type: ignore[arg-type]
        if "invoice_preview" in answer:
            answer["invoice_preview"] |= broken
        return answer

    monkeypatch.setattr(client, "get", spoilt)
    with pytest.raises(Exception, match="preview"):
        refresh_open_month(warehouse, client, now=lambda: NOW)
    (left,) = query(warehouse, "SELECT count(*) AS n FROM cloud_open_month_lines")
    assert left["n"] == before.lines
