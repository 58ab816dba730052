"""Writes a month in the words of FOCUS as files that cost tools import.

The views of `focus_*.sql` hold what each column is made from; docs/focus.md explains it. Here is
only how their rows become files: times end in Z, a dataset may be split into several files, and a
manifest names them.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import sqlalchemy as sa

from ..common.times import rfc3339
from ..warehouse.engine import Warehouse
from ..warehouse.views import SCHEMA
from .focus_files import DATASETS, File, FocusError, Limits, write_dataset
from .reading import snapshot

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Export:
    """A month as it was written."""

    files: tuple[File, ...]
    charges: int
    billed_cost: Decimal
    """US dollars, the sum of BilledCost."""
    as_of: datetime
    """Age of the oldest fact in it."""
    complete: bool
    """False for a month that is open, or of which something is not read."""


def export_focus(
    warehouse: Warehouse,
    version: str,
    period: date,
    format_: str,
    folder: Path,
    limits: Limits | None = None,
) -> Export:
    """Write a month into a folder, which is there whole or as it was before.

    Args:
        warehouse: with the marts.
        version: of FOCUS, a key of DATASETS.
        period: first day of the month.
        format_: csv or parquet.
        folder: is made; one that an export made before is replaced.
        limits: of each file's size.

    Raises:
        FocusError: nothing is billed for the month, the folder holds other files, or one row is
            larger than a file may be.
    """
    _check_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    part = aside / "new"
    part.mkdir()
    try:
        with snapshot(warehouse) as connection:
            done = _totals(connection, version, period)
            files = tuple(
                file
                for dataset in DATASETS[version]
                for file in write_dataset(
                    connection, version, dataset, period, format_, part, limits
                )
            )
        done = replace(done, files=files)
        _write_manifest(part / MANIFEST, version, period, done)
        # Two renames on one disk: whoever looks finds one export whole, the old or the new.
        if folder.exists():
            folder.replace(aside / "old")
        part.replace(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return done


def _totals(connection: sa.Connection, version: str, period: date) -> Export:
    view = next(iter(DATASETS[version].values()))
    said = sa.table(view, schema=SCHEMA)
    cost = sa.column("BilledCost", sa.Numeric)
    complete = sa.column("x_Complete", sa.Boolean)
    row = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.sum(cost),
            sa.func.min(sa.column("x_AsOf")),
            sa.func.bool_and(complete),
        )
        .select_from(said)
        .where(sa.column("x_Period") == period)
    ).one()
    if row[0] == 0:
        raise FocusError(
            f"There are no costs for {period:%Y-%m}: choose a month that `arcadia query "
            "billing_months` lists."
        )
    return Export((), *row)


def _write_manifest(path: Path, version: str, period: date, done: Export) -> None:
    said = {
        "focus_version": version,
        "data_generator": "arcadia_cloud_pipelines",
        "period": f"{period:%Y-%m}",
        **asdict(done),
        "billed_cost": format(done.billed_cost, "f"),
        "currency": "USD",
        "as_of": rfc3339(done.as_of),
    }
    path.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _check_folder(folder: Path) -> None:
    """Make sure that the folder holds nothing but what an export wrote.

    Raises:
        FocusError: it holds something else.
    """
    try:
        found = {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise FocusError(f"{folder} is a file: name a folder with --output.") from None
    others = sorted(found - _listed(folder / MANIFEST))
    if others:
        raise FocusError(
            f"{folder} holds {others[0]}, which is not from an "
            "export: name an empty folder with --output."
        )


def _listed(manifest: Path) -> set[str]:
    """Return the names that an export wrote beside its manifest; none without one."""
    try:
        said = orjson.loads(manifest.read_bytes())
        return {MANIFEST, *(file["name"] for file in said["files"])}
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return set()
