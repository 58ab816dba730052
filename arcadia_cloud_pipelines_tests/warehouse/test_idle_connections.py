"""A connection that died while it lay idle costs the next caller nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse import idle_connections
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import WarehouseUnreachable

PID = sa.text("SELECT pg_backend_pid()")
END = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def end_connections(url: sa.URL) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        assert connection.execute(END).all()


def pid(warehouse: Warehouse) -> int:
    with warehouse.transaction() as connection:
        return int(connection.execute(PID).scalar_one())


@pytest.fixture
def reads(warehouse: Warehouse) -> Iterator[Warehouse]:
    outside = warehouse.outside_transactions()
    yield outside
    outside.engine.dispose()


def test_one_that_died_while_it_lay_idle_is_replaced(
    reads: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_connections, "IDLE_SECONDS", 0)
    first = pid(reads)
    assert pid(reads) == first
    end_connections(reads.engine.url)
    assert pid(reads) != first


def test_one_that_was_just_used_is_not_tried(
    reads: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_connections, "IDLE_SECONDS", 1e9)
    first = pid(reads)
    end_connections(reads.engine.url)
    with pytest.raises(WarehouseUnreachable):
        pid(reads)
    # The pool knows now that the server went away.
    assert pid(reads) != first
