"""Writes a month in the words of FOCUS as files that cost tools import.

The views of `focus_*.sql` hold what each column is made from; docs/focus.md explains it. Here is
only how their rows become files: times end in Z, a dataset may be split into several files, and a
manifest names them.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from ..times import rfc3339
from ..warehouse.engine import Warehouse
from ..warehouse.views import SCHEMA
from .reading import MartError, Rows, find, read_rows, snapshot
from .writing import write_file

DATASETS: Mapping[str, Mapping[str, str]] = {
    "1.4": {
        "cost_and_usage": "focus_1_4",
        "billing_period": "focus_1_4_billing_period",
        "invoice_detail": "focus_1_4_invoice_detail",
    },
    "1.2": {"cost_and_usage": "focus_1_2"},
}
"""The view of each dataset, by version of the standard. The first one has the charges."""

MANIFEST = "manifest.json"

SAMPLE = 1_000
"""Rows from which the size of a row is estimated."""
MOST_ROWS = 50_000
"""Rows of one file where bytes are limited: so many are held in memory."""


class FocusError(MartError):
    """An export cannot be made; the text says why, and the folder is as it was."""


@dataclass(frozen=True)
class Limits:
    """Size of one file; None for no limit."""

    rows: int | None = None
    bytes: int | None = None

    @property
    def split(self) -> bool:
        """Return whether a dataset may become several files."""
        return self.rows is not None or self.bytes is not None


@dataclass(frozen=True)
class File:
    """One file of an export."""

    name: str
    dataset: str
    rows: int
    bytes: int
    sha256: str


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
                for file in _write(connection, version, dataset, period, format_, part, limits)
            )
        done = replace(done, files=files)
        _write_manifest(part / MANIFEST, version, period, done)
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


def _write(
    connection: sa.Connection,
    version: str,
    dataset: str,
    period: date,
    format_: str,
    folder: Path,
    limits: Limits | None,
) -> Iterator[File]:
    """Write one dataset of a month, and yield its files."""
    view = find(DATASETS[version][dataset])
    rows = read_rows(connection, view, where={"x_Period": period}, order=view.grain)
    if format_ == "csv":
        rows = replace(rows, batches=map(_with_z, rows.batches))
    if limits is None or not limits.split:
        path = folder / f"{dataset}.{format_}"
        count = write_file(rows, format_, path)
        yield _file(path, dataset, count)
        return
    for number, (path, count) in enumerate(_parts(rows, format_, folder, limits), 1):
        named = path.replace(folder / f"{dataset}-{number:04}.{format_}")
        yield _file(named, dataset, count)


def _with_z(batch: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """Return rows whose times are texts as FOCUS has them, such as `2026-10-01T00:00:00Z`."""
    return [
        [rfc3339(value) if isinstance(value, datetime) else value for value in row] for row in batch
    ]


def _parts(rows: Rows, format_: str, folder: Path, limits: Limits) -> Iterator[tuple[Path, int]]:
    """Write rows into files that keep the limits; yield each with the number of its rows."""
    waiting = iter(rows)
    most = limits.rows or MOST_ROWS
    if limits.bytes is not None:
        sample = list(itertools.islice(waiting, min(SAMPLE, most)))
        waiting = itertools.chain(sample, waiting)
        most = min(most, MOST_ROWS, _fitting(rows, sample, format_, folder, limits.bytes))
    numbers = itertools.count()
    chunk = list(itertools.islice(waiting, most))
    # A dataset without a row is a file with a header.
    while True:
        yield from _halved(rows, chunk, format_, folder, limits.bytes, numbers)
        chunk = list(itertools.islice(waiting, most))
        if not chunk:
            return


def _fitting(rows: Rows, sample: list[Any], format_: str, folder: Path, limit: int) -> int:
    """Estimate how many rows fit into a file."""
    path = folder / "sample"
    write_file(replace(rows, batches=iter([sample])), format_, path)
    size = path.stat().st_size
    path.unlink()
    return max(1, int(0.9 * limit * len(sample) / size))


def _halved(
    rows: Rows, chunk: list[Any], format_: str, folder: Path, limit: int | None,
    numbers: Iterator[int],
) -> Iterator[tuple[Path, int]]:  # fmt: skip
    """Write a chunk into one file, or each half of it into files when that is too large."""
    path = folder / f"part-{next(numbers)}"
    write_file(replace(rows, batches=iter([chunk] if chunk else [])), format_, path)
    size = path.stat().st_size
    if limit is None or size <= limit:
        yield path, len(chunk)
        return
    path.unlink()
    if len(chunk) < 2:
        raise FocusError(
            f"One row alone makes a file of {size:,} bytes: set --max-bytes above {limit:,}."
        )
    middle = len(chunk) // 2
    for half in (chunk[:middle], chunk[middle:]):
        yield from _halved(rows, half, format_, folder, limit, numbers)


def _file(path: Path, dataset: str, rows: int) -> File:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return File(path.name, dataset, rows, path.stat().st_size, digest)


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
