"""Paid in advance: what is said is kept and dated, what is not said is not known."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from arcadia_cloud_pipelines.billing.prepayment import Prepayment, parse_prepayment, sync_prepayment
from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.simulator import SimulatedAccount
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import NOW


def stored(warehouse: Warehouse) -> list[dict[str, Any]]:
    return query(
        warehouse,
        "SELECT balance, spend_limit, prepay_threshold, blocked, first_read_at, last_read_at"
        " FROM cloud_prepayments ORDER BY id",
    )


@pytest.mark.parametrize(
    ("status", "config", "read"),
    [
        ({}, {}, Prepayment()),
        ({"balance": "12.50", "blocked": False}, {},
         Prepayment(Decimal("12.50"), blocked=False)),
        ({"balance": 12.5, "spend_limit": 100, "eligible": True}, {"prepay_threshold": "5"},
         Prepayment(Decimal("12.50"), Decimal(100), Decimal(5), eligible=True)),
        ({"balance": "-3.00"}, {"spend_limit": "7.00"},
         Prepayment(Decimal("-3.00"), Decimal("7.00"))),
        ({"balance": "lots", "blocked": "no", "spend_limit": float("nan")}, {}, Prepayment()),
    ],
)  # fmt: skip
def test_what_is_not_said_is_not_known(
    status: dict[str, Any], config: dict[str, Any], read: Prepayment
) -> None:
    assert parse_prepayment(status, config) == read


def test_a_change_is_dated_and_a_repeat_is_not(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    account.billing.prepayment = {"balance": "80.00", "blocked": False, "spend_limit": "500.00"}
    hour = timedelta(hours=1)
    sync_prepayment(warehouse, client, now=lambda: NOW)
    sync_prepayment(warehouse, client, now=lambda: NOW + hour)
    account.billing.prepayment = {"balance": "0.00", "blocked": True}
    sync_prepayment(warehouse, client, now=lambda: NOW + 2 * hour)
    before, after = stored(warehouse)
    assert (before["balance"], before["blocked"]) == (Decimal("80.00"), False)
    assert (before["first_read_at"], before["last_read_at"]) == (NOW, NOW + hour)
    assert (after["balance"], after["blocked"], after["spend_limit"]) == (0, True, None)


def test_a_team_without_prepayment_leaves_no_row(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    account.billing.prepayment = None
    assert sync_prepayment(warehouse, client) is None
    assert stored(warehouse) == []
