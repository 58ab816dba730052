"""The rate card and the account's own facts: dated, and never two at one instant."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.account_facts import _store as store_facts
from arcadia_cloud_pipelines.billing.account_facts import parse_facts, sync_account_facts
from arcadia_cloud_pipelines.billing.rates import Rate, parse_rates, sync_rates
from arcadia_cloud_pipelines.billing.rates import _store as store_rates
from arcadia_cloud_pipelines.digitalocean import BadAnswer, DigitalOcean
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import NOW


def size(slug: str = "s-1", hourly: Any = 0.00743999984115362, monthly: Any = 5.0) -> Any:
    return {"slug": slug, "price_hourly": hourly, "price_monthly": monthly}


def test_prices_lose_the_noise_of_floats() -> None:
    assert parse_rates([size()]) == [Rate("s-1", Decimal("0.00744"), Decimal("5.00"))]


@pytest.mark.parametrize(
    "bad", [None, "5", True, float("nan"), float("inf"), -1, [5], 1e30], ids=repr
)
def test_a_price_that_is_none_is_named_with_its_size(bad: Any) -> None:
    with pytest.raises(BadAnswer, match="no price for the size s-1"):
        parse_rates([size(hourly=bad)])


def test_a_reading_without_news_writes_nothing(warehouse: Warehouse, client: DigitalOcean) -> None:
    first = sync_rates(warehouse, client, now=lambda: NOW)
    assert first.complete
    assert first.changed == first.plans > 10
    assert sync_rates(warehouse, client, now=lambda: NOW + timedelta(days=1)).changed == 0
    rows = query(warehouse, "SELECT * FROM cloud_rates WHERE valid_to IS NULL")
    assert len(rows) == first.plans
    assert all(row["valid_from"] == NOW for row in rows)


def test_the_account_gives_limits_and_its_state_and_nobody(
    warehouse: Warehouse, client: DigitalOcean
) -> None:
    read = sync_account_facts(warehouse, client, now=lambda: NOW)
    assert read.facts["status"] == "active"
    assert int(read.facts["droplet_limit"]) > 0
    assert "@" not in repr(query(warehouse, "SELECT * FROM cloud_account_facts"))
    assert sync_account_facts(warehouse, client, now=lambda: NOW).changed == 0


def test_facts_are_numbers_of_limits_and_the_state_alone() -> None:
    account = {
        "droplet_limit": 25, "volume_limit": True, "reserved_ip_limit": "7", "email": "a@b.example",
        "name": "Ann", "status": " locked ", "team": {"name": "x"}, "status_message": "call us",
    }  # fmt: skip
    assert parse_facts(account) == {"droplet_limit": "25", "status": "locked"}


readings = st.lists(
    st.tuples(
        st.integers(-3, 30),
        st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3),
    ),
    max_size=8,
)


@given(readings)
def test_rates_of_one_plan_never_overlap_and_the_newest_reading_holds(
    warehouse: Warehouse, read: list[tuple[int, dict[str, str]]]
) -> None:
    # Hours may go back: a clock can be wrong.
    with warehouse.engine.connect() as connection:
        prices: dict[str, str] = {}
        for hour, found in read:
            rates = [Rate(slug, Decimal(p), Decimal(p)) for slug, p in found.items()]
            store_rates(connection, "team", rates, NOW + timedelta(hours=hour))
            connection.exec_driver_sql("DROP TABLE listed_rates")
            prices |= found
        check_dated(connection, "cloud_rates", "size_slug", "hourly::text", prices)
        connection.rollback()


@given(readings)
def test_facts_never_overlap_and_what_is_no_longer_said_ends(
    warehouse: Warehouse, read: list[tuple[int, dict[str, str]]]
) -> None:
    with warehouse.engine.connect() as connection:
        for hour, facts in read:
            store_facts(
                connection, {"account": "team", "seen_at": NOW + timedelta(hours=hour)}, facts
            )
            connection.exec_driver_sql("DROP TABLE listed_facts")
        last = read[-1][1] if read else {}
        check_dated(connection, "cloud_account_facts", "name", "value", last)
        connection.rollback()


def check_dated(
    connection: Any, table: str, key: str, value: str, expected: dict[str, str]
) -> None:
    now = dict(
        connection.exec_driver_sql(
            f"SELECT {key}, {value} FROM {table} WHERE valid_to IS NULL"
        ).all()
    )
    assert now == expected
    overlaps = connection.exec_driver_sql(
        f"""
        SELECT a.{key} FROM {table} AS a JOIN {table} AS b
            ON a.{key} = b.{key} AND a.id < b.id
            AND tstzrange(a.valid_from, a.valid_to) && tstzrange(b.valid_from, b.valid_to)
        """
    ).all()
    assert overlaps == []
