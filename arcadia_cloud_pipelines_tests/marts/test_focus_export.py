"""`arcadia export focus`: files that cost tools import."""

from __future__ import annotations

import csv
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from focus_data_toolkit.convert import convert_files
from focus_data_toolkit.model import lint_focus_1_4_structure

from arcadia_cloud_pipelines.marts.focus import export_focus
from arcadia_cloud_pipelines.marts.focus_files import FocusError, Limits
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..cli.conftest import Run, arcadia  # noqa: F401 (a fixture)
from .conftest import Account


@pytest.fixture
def month(warehouse: Warehouse) -> Any:
    """A billed month of 40 lines, of which one has a name that a spreadsheet would compute."""
    with warehouse.transaction() as connection:
        account = Account(connection)
        web = account.resource("droplet", "1", name="=1+2", tags=["env:prod"])
        invoice = account.invoice("i", "42.00", ingested_at=account.now)
        for number in range(39):
            account.line(invoice, "1.00", web, kind="droplet", description=f"line {number}")
        account.line(invoice, "3.00", product="Taxes", description="VAT (8.00%)")
        account.line(account.invoice("other", "9.00", back=2), "9.00")
        return account.month(1)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_month_is_three_files_and_a_manifest(
    warehouse: Warehouse, month: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "out"
    done = export_focus(warehouse, "1.4", month, "csv", folder)
    names = {"cost_and_usage.csv", "billing_period.csv", "invoice_detail.csv"}
    assert {path.name for path in folder.iterdir()} == {*names, "manifest.json"}
    rows = rows_of(folder / "cost_and_usage.csv")
    assert len(rows) == 40
    assert rows[0]["BillingPeriodStart"] == f"{month}T00:00:00Z"
    assert rows[0]["ResourceName"] == "'=1+2"
    assert json.loads(rows[0]["Tags"]) == {"env": "prod"}
    assert rows[0]["PricingQuantity"] == ""
    assert lint_focus_1_4_structure("Cost and Usage", rows).messages() == []
    assert len(rows_of(folder / "invoice_detail.csv")) == 2
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["billed_cost"] == "42.00"
    assert manifest["complete"] is True
    assert (manifest["focus_version"], manifest["period"]) == ("1.4", f"{month:%Y-%m}")
    for file in manifest["files"]:
        data = (folder / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert done.billed_cost == Decimal("42.00")


def test_parquet_has_types(warehouse: Warehouse, month: Any, tmp_path: Path) -> None:
    export_focus(warehouse, "1.4", month, "parquet", tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "cost_and_usage.parquet")
    assert str(table.schema.field("BillingPeriodStart").type) == "timestamp[us, tz=UTC]"
    assert sum(table["BilledCost"].to_pylist()) == Decimal("42")
    assert json.loads(table["Tags"][0].as_py()) == {"env": "prod"}


@pytest.mark.parametrize("format_", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("limits", "files"),
    [(Limits(rows=15), 3), (Limits(rows=40), 1), (Limits(rows=1), 40)],
)
def test_files_have_no_more_rows_than_allowed(
    warehouse: Warehouse, month: Any, tmp_path: Path, format_: str, limits: Limits, files: int
) -> None:
    done = export_focus(warehouse, "1.2", month, format_, tmp_path / "out", limits)
    assert len(done.files) == files
    assert all(file.rows <= (limits.rows or 0) for file in done.files)
    assert sum(file.rows for file in done.files) == 40


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_files_have_no_more_bytes_than_allowed_and_lose_no_row(
    warehouse: Warehouse, month: Any, tmp_path: Path, format_: str
) -> None:
    folder = tmp_path / "out"
    [whole] = export_focus(warehouse, "1.2", month, format_, folder).files
    most = whole.bytes - 1
    done = export_focus(warehouse, "1.2", month, format_, folder, Limits(bytes=most))
    assert len(done.files) > 1
    assert all((folder / file.name).stat().st_size <= most for file in done.files)
    if format_ == "csv":
        numbers = [
            row["x_LineNumber"] for file in done.files for row in rows_of(folder / file.name)
        ]
    else:
        numbers = [
            str(number)
            for file in done.files
            for number in pq.read_table(folder / file.name)["x_LineNumber"].to_pylist()
        ]
    assert numbers == [str(number) for number in range(1, 41)]


def test_a_row_larger_than_a_file_may_be_is_refused(
    warehouse: Warehouse, month: Any, tmp_path: Path
) -> None:
    with pytest.raises(FocusError, match="One row alone"):
        export_focus(warehouse, "1.2", month, "csv", tmp_path / "out", Limits(bytes=100))
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_the_one_before_and_no_other_file(
    warehouse: Warehouse, month: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    export_focus(warehouse, "1.4", month, "csv", folder, Limits(rows=5))
    assert len(list(folder.iterdir())) > 8
    export_focus(warehouse, "1.4", month, "csv", folder)
    assert len(list(folder.iterdir())) == 4
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(FocusError, match=r"mine\.txt, which is not from an export"):
        export_focus(warehouse, "1.4", month, "csv", folder)
    assert (folder / "mine.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FocusError, match="is a file"):
        export_focus(warehouse, "1.4", month, "csv", tmp_path / "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]


def test_what_a_manifest_names_outside_the_folder_is_not_its_own(
    warehouse: Warehouse, month: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"files": "none"}')
    with pytest.raises(FocusError, match="not from an export"):
        export_focus(warehouse, "1.4", month, "csv", folder)


def test_an_importer_of_1_2_takes_it(warehouse: Warehouse, month: Any, tmp_path: Path) -> None:
    """The toolkit reads 1.2 and makes 1.4 of it."""
    export_focus(warehouse, "1.2", month, "csv", tmp_path / "out")
    source = tmp_path / "out" / "cost_and_usage.csv"
    convert_files(source, tmp_path / "converted", source_version="1.2")
    [made] = (tmp_path / "converted").rglob("*cost_and_usage*.csv")
    assert sum(Decimal(row["BilledCost"]) for row in rows_of(made)) == Decimal("42.00")


def test_the_command(
    arcadia: Run, warehouse: Warehouse, month: Any, libpq_url: str, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    url = {"ARCADIA_DATABASE_URL": libpq_url}
    period = f"{month:%Y-%m}"
    done = arcadia("export", "focus", "--period", period, "--format", "csv", **url)
    assert done.returncode == 0, done.stderr
    assert f"$42.00 billed for {period}" in done.stdout
    assert done.stderr == ""
    assert len(rows_of(tmp_path / f"focus-1.4-{period}" / "cost_and_usage.csv")) == 40
    nothing = arcadia("export", "focus", "--period", "2019-01", **url)
    assert nothing.returncode == 1
    assert nothing.stderr.startswith("Error: There are no costs for 2019-01")
    assert arcadia("export", "focus", "--period", "2026-13", **url).returncode == 2
    assert arcadia("export", "focus", **url).returncode == 2


def test_an_open_month_is_said_to_be_open(
    arcadia: Run, warehouse: Warehouse, libpq_url: str, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    with warehouse.transaction() as connection:
        account = Account(connection)
        account.line(account.invoice("i", "1.00", back=0), "1.00")
        period = f"{account.month(0):%Y-%m}"
    done = arcadia(
        "export", "focus", "--version", "1.2", "--period", period, "--output", str(tmp_path / "o"),
        ARCADIA_DATABASE_URL=libpq_url,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "is not complete" in done.stderr
    assert json.loads((tmp_path / "o" / "manifest.json").read_text())["complete"] is False
