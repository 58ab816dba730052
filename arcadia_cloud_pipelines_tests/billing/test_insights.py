"""The cost of each day: every day once, revisions known, and nothing lost to silence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.insights import (
    FIRST_DAY,
    WINDOW_DAYS,
    missing_days,
    parse_points,
    product_of,
    sync_daily_costs,
    windows,
)
from arcadia_cloud_pipelines.digitalocean import BadAnswer, DigitalOcean
from arcadia_cloud_pipelines.simulator import SimulatedAccount
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import sync_inventory

SOON = datetime(2026, 1, 20, 10, tzinfo=UTC)
BEGIN, END = date(2026, 1, 1), date(2026, 1, 2)


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(
        seed=7, droplets=5, now=SOON, history_start=datetime(2025, 10, 10, tzinfo=UTC)
    )


def sync(warehouse: Warehouse, client: DigitalOcean, at: datetime = SOON) -> Any:
    return sync_daily_costs(warehouse, client, now=lambda: at)


def test_the_days_of_a_month_are_its_use(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    sync_inventory(warehouse, client)
    first = sync(warehouse, client)
    assert first.days == first.changed == (SOON.date() - FIRST_DAY).days
    assert (first.available, first.revised, first.problems) == (True, 0, ())
    used = sum(
        line.amount
        for line in account.billing.lines("2025-12")
        if line.product not in ("Taxes", "Credits")
    )
    [december] = query(
        warehouse,
        "SELECT sum(amount) AS amount FROM cloud_daily_costs WHERE day < '2026-01-01'",
    )
    assert december["amount"] == used
    methods = query(
        warehouse,
        "SELECT r.kind, c.kind AS said, c.match_method FROM cloud_daily_costs AS c"
        " JOIN cloud_resources AS r ON r.id = c.resource_id",
    )
    assert {row["match_method"] for row in methods} <= {"name", "group"}
    assert methods
    assert all(row["kind"] == row["said"] for row in methods)
    shown = query(warehouse, "SELECT sum(amount) AS amount FROM marts.daily_cost")
    assert shown == query(warehouse, "SELECT sum(amount) AS amount FROM cloud_daily_costs")


def test_a_day_said_otherwise_is_a_revision_and_silence_takes_nothing(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    sync(warehouse, client)
    again = sync(warehouse, client)
    assert (again.changed, again.revised) == (0, 0)
    points = account.billing.days._points
    said, silent = date(2026, 1, 10), date(2026, 1, 11)
    old = Decimal(points[said][0]["total_amount"])
    points[said][0]["total_amount"] = str(old + 3)
    before = query(warehouse, "SELECT * FROM cloud_cost_days WHERE day = :d", d=silent)
    points[silent] = []
    revised = sync(warehouse, client, SOON + timedelta(hours=1))
    assert (revised.changed, revised.revised) == (1, 1)
    [row] = query(warehouse, "SELECT * FROM cloud_cost_days WHERE day = :d", d=said)
    assert row["amount"] - row["amount_before"] == 3
    assert (row["revisions"], row["revised_at"]) == (1, SOON + timedelta(hours=1))
    assert query(warehouse, "SELECT * FROM cloud_cost_days WHERE day = :d", d=silent) == before


def test_only_missing_and_recent_days_are_asked_for(
    warehouse: Warehouse, client: DigitalOcean
) -> None:
    sync(warehouse, client)
    assert sync(warehouse, client).days == 30
    query(warehouse, "DELETE FROM cloud_cost_days WHERE day = '2025-12-05' RETURNING day")
    # Still two calls: the days between come along.
    assert sync(warehouse, client).days == (SOON.date() - date(2025, 12, 5)).days


def test_a_silent_day_between_others_is_missing(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    account.billing.days.points(FIRST_DAY, SOON.date())
    account.billing.days._points[date(2025, 12, 20)] = []
    sync(warehouse, client)
    assert missing_days(warehouse) == [date(2025, 12, 20)]
    [month] = query(warehouse, "SELECT * FROM marts.daily_cost_months WHERE period = '2025-12-01'")
    assert (month["days"], month["days_missing"], month["complete"]) == (30, 1, False)


def test_an_account_without_insights_is_told_and_loses_nothing(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    sync(warehouse, client)
    rows = query(warehouse, "SELECT count(*) AS rows FROM cloud_daily_costs")
    client.account()
    account.team_uuid = "another"
    refused = sync(warehouse, client)
    assert not refused.available
    assert len(refused.problems) == 1
    assert query(warehouse, "SELECT count(*) AS rows FROM cloud_daily_costs") == rows


def point(**values: Any) -> dict[str, Any]:
    return {"start_date": "2026-01-01", "total_amount": "0.86", "sku": "1-DO-DROP-0109"} | values


@pytest.mark.parametrize(
    "bad",
    [
        {"start_date": None}, {"start_date": "20260101"}, {"start_date": "2026-02-30"},
        {"start_date": "2025-12-31"}, {"start_date": "2026-01-04"}, {"total_amount": None},
        {"total_amount": 0.86}, {"total_amount": "NaN"}, {"total_amount": ""},
    ],
    ids=repr,
)  # fmt: skip
def test_a_point_without_a_day_or_an_amount_is_no_answer(bad: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer):
        parse_points([point(**bad)], BEGIN, END)


def test_the_day_after_the_window_is_not_used_and_texts_are_data() -> None:
    frame = parse_points(
        [point(start_date="2026-01-03"), point(description="a\0b", region=7)], BEGIN, END
    )
    [row] = frame.to_dict("records")
    assert (row["day"], row["description"]) == ("2026-01-01", "ab")
    assert row["amount"] == Decimal("0.86")
    assert frame["region"].isna().all()


def test_skus_tell_products() -> None:
    assert product_of("1-DO-DROP-0109") == "Droplets"
    assert product_of("1-KS-K8SWN-00109") == "Kubernetes Clusters"
    assert product_of("1-XX-NEW-0001") is None
    assert product_of(None) is None


@given(st.sets(st.integers(0, 400), max_size=60))
def test_calls_cover_each_due_day_once_and_none_is_too_long(numbers: set[int]) -> None:
    due = {FIRST_DAY + timedelta(n) for n in numbers}
    covered: list[date] = []
    for begin, end in windows(due):
        assert (end - begin).days < WINDOW_DAYS
        covered += [begin + timedelta(n) for n in range((end - begin).days + 1)]
    assert len(covered) == len(set(covered))
    assert due <= set(covered)
