"""The Grafana dashboard: every query of it runs, by a reader who may change nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.engine import Warehouse

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "arcadia.json"
PANELS: list[Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_asks_what_a_reader_may_read(warehouse: Warehouse, panel: Any) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text("SET LOCAL ROLE arcadia_reader"))
        for target in panel["targets"]:
            found = connection.execute(sa.text(target["rawSql"]))
            if target["format"] == "time_series":
                assert next(iter(found.keys())) == "time"
