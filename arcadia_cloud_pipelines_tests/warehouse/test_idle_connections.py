"""A connection that died while it lay idle costs the next caller nothing."""

from __future__ import annotations

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


@pytest.mark.parametrize("outside", [False, True])
def test_one_that_died_while_it_lay_idle_is_replaced(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, *, outside: bool
) -> None:
    monkeypatch.setattr(idle_connections, "IDLE_SECONDS", 0)
    used = warehouse.outside_transactions() if outside else warehouse
    first = pid(used)
    assert pid(used) == first
    end_connections(warehouse.engine.url)
    assert pid(used) != first
    used.engine.dispose()


def test_one_that_was_just_used_is_not_tried(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_connections, "IDLE_SECONDS", 1e9)
    first = pid(warehouse)
    end_connections(warehouse.engine.url)
    with pytest.raises(WarehouseUnreachable):
        pid(warehouse)
    # The pool knows now that the server went away.
    assert pid(warehouse) != first
