"""A small simulated account over HTTP, and a mirror of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import T0, Mirror


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(seed=7, droplets=12, now=T0, churn=0)


@pytest.fixture
def server(account: SimulatedAccount) -> Iterator[RunningSimulator]:
    with serve(account) as running:
        yield running


@pytest.fixture
def mirror(warehouse: Warehouse, server: RunningSimulator) -> Mirror:
    return Mirror(warehouse, server)
