"""One way to ask the warehouse of a test, and to see what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.engine import Warehouse


def query(warehouse: Warehouse, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    with warehouse.transaction() as connection:
        return [dict(row) for row in connection.execute(sa.text(sql), parameters).mappings()]


@contextmanager
def statements(warehouse: Warehouse) -> Iterator[list[str]]:
    """The SQL statements that are sent inside."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    sa.event.listen(warehouse.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(warehouse.engine, "before_cursor_execute", note)
