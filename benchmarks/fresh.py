"""A warehouse that nothing was in before."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.warehouse.engine import Warehouse, open_warehouse


@contextmanager
def fresh_warehouse() -> Iterator[tuple[Path, Warehouse]]:
    """Give a home in a folder of its own, and its migrated warehouse; both go afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        warehouse = open_warehouse(load_settings({"ARCADIA_HOME": str(home)}))
        warehouse.check_migrated()
        yield home, warehouse
        warehouse.engine.dispose()
