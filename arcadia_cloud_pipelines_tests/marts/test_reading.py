"""Views as CSV, JSON and Parquet, and through the command line."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from arcadia_cloud_pipelines.marts import reading, writing
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..cli.conftest import Run, arcadia  # noqa: F401 (a fixture)
from .conftest import Account


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A warehouse with a resource whose name a spreadsheet would compute, and what it cost."""
    with warehouse.transaction() as connection:
        account = Account(connection)
        web = account.resource("droplet", "1", name='=cmd|"x"', tags=["a", "b,c"])
        account.line(account.invoice("i", "1.10"), "1.10", web)
        account.event(web, "discovered", 1, size=(None, {"gb": 3}))
        for minutes in (180, 120, 60):
            account.listing("volume", minutes, struck=1)
        gone = account.resource("volume", "2", deleted_at=account.now)
        account.event(gone, "deleted", 1, deleted_at=(None, "…"))
    return warehouse


def test_csv_is_exact_and_computes_nothing(filled: Warehouse) -> None:
    text = io.StringIO()
    with reading.read_mart(filled, reading.find("marts.resources")) as rows:
        assert writing.write_csv(rows, text) == 1
    [row] = csv.DictReader(io.StringIO(text.getvalue()))
    assert row["name"] == '\'=cmd|"x"'
    assert row["monthly_amount"] == "1.10"
    assert row["tags"] == '["a","b,c"]'
    assert row["project_id"] == ""
    assert row["complete"] == "false"


def test_json_keeps_money_as_text(filled: Warehouse) -> None:
    text = io.StringIO()
    with reading.read_mart(filled, reading.find("resources")) as rows:
        writing.write_json(rows, text)
    [row] = json.loads(text.getvalue())
    assert row["monthly_amount"] == "1.10"
    assert row["tags"] == ["a", "b,c"]
    empty = io.StringIO()
    with reading.read_mart(filled, reading.find("open_drift")) as rows:
        assert writing.write_json(rows, empty) == 0
    assert json.loads(empty.getvalue()) == []


def test_parquet_keeps_types(filled: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "resources.parquet"
    with reading.read_mart(filled, reading.find("resources")) as rows:
        assert writing.write_file(rows, "parquet", path) == 1
    [row] = pq.read_table(path).to_pylist()
    assert row["monthly_amount"] == Decimal("1.10")
    assert row["tags"] == ["a", "b,c"]
    assert row["created_at"].tzinfo is not None
    assert row["created_at"] < datetime.now(UTC)
    with reading.read_mart(filled, reading.find("changes")) as rows:
        writing.write_file(rows, "parquet", path)
    [change] = [row for row in pq.read_table(path).to_pylist() if row["event"] == "discovered"]
    assert json.loads(change["is"]) == {"gb": 3}
    with reading.read_mart(filled, reading.find("arrivals_and_departures")) as rows:
        writing.write_file(rows, "parquet", path)
    [deleted] = [row for row in pq.read_table(path).to_pylist() if row["event"] == "deleted"]
    assert len(deleted["listings"]) == 3
    assert all(at.tzinfo is not None for at in deleted["listed_at"])


@pytest.mark.parametrize("name", reading.names())
def test_every_mart_can_be_exported(filled: Warehouse, tmp_path: Path, name: str) -> None:
    for format_ in ("parquet", "csv", "json"):
        with reading.read_mart(filled, reading.find(name)) as rows:
            writing.write_file(rows, format_, tmp_path / f"{name}.{format_}")
    assert len([*tmp_path.iterdir()]) == 3


def test_a_file_that_cannot_be_written_whole_leaves_the_old_one(
    filled: Warehouse, tmp_path: Path
) -> None:
    path = tmp_path / "old.csv"
    path.write_text("old")

    def broken(_rows: object, _to: object) -> int:
        raise OSError(28, "No space left on device")

    with (
        pytest.MonkeyPatch.context() as patch,
        reading.read_mart(filled, reading.find("resources")) as rows,
    ):
        patch.setitem(writing.WRITERS, "csv", broken)
        with pytest.raises(OSError, match="No space"):
            writing.write_file(rows, "csv", path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["old.csv"]


def test_a_mart_that_is_not_there_names_near_ones() -> None:
    with pytest.raises(reading.UnknownMart, match="Did you mean cost_by_project"):
        reading.find("cost_by_projects")


def test_the_commands(arcadia: Run, filled: Warehouse, libpq_url: str, tmp_path: Path) -> None:  # noqa: F811
    url = {"ARCADIA_DATABASE_URL": libpq_url}
    listed = arcadia("query", **url)
    assert "cost_by_project" in listed.stdout
    table = arcadia("query", "resources", **url)
    assert '=cmd|"x"' in table.stdout
    assert json.loads(arcadia("query", "resources", "--json", **url).stdout)[0]["kind"] == "droplet"
    assert arcadia("query", "resources", "--csv", **url).stdout.startswith("account,")
    wrong = arcadia("query", "resource", **url)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(
        "Error: There is no view 'resource' in the schema marts. Did you mean resources"
    )
    done = arcadia("export", str(tmp_path / "out"), **url)
    assert done.returncode == 0, done.stderr
    assert len([*(tmp_path / "out").iterdir()]) == len(reading.names())
