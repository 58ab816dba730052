"""One way to ask the warehouse of a test."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.engine import Warehouse


def query(warehouse: Warehouse, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    with warehouse.transaction() as connection:
        return [dict(row) for row in connection.execute(sa.text(sql), parameters).mappings()]
