"""A simulated account with two years of invoices over HTTP, and a client that never waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class NoWait:
    """A clock whose sleep is over at once."""

    def __init__(self) -> None:
        self.now = NOW.timestamp()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(
        seed=7, droplets=12, now=NOW, history_start=datetime(2025, 1, 10, tzinfo=UTC)
    )


@pytest.fixture
def server(account: SimulatedAccount) -> Iterator[RunningSimulator]:
    with serve(account) as running:
        yield running


@pytest.fixture
def client(server: RunningSimulator) -> Iterator[DigitalOcean]:
    with DigitalOcean(
        server.url, Secret(server.token), clock=NoWait(), budget=CallBudget(limits=())
    ) as opened:
        yield opened


def sync_inventory(warehouse: Warehouse, client: DigitalOcean) -> None:
    """List every kind once."""
    for kind in KINDS:
        sync_kind(warehouse, client, kind, now=lambda: NOW)


def stored_lines(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Every cost line without our own numbers, in the order of the invoices."""
    return query(
        warehouse,
        """
        SELECT i.invoice_uuid, to_jsonb(l) - 'id' AS line
        FROM cloud_cost_lines AS l JOIN cloud_invoices AS i ON i.id = l.invoice_id
        ORDER BY i.period, i.invoice_uuid, l.line_number
        """,
    )
