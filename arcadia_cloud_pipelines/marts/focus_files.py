"""The files of one dataset of an export: split where they would be too large, times ending in Z."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..common.times import rfc3339
from .reading import MartError, Rows, find, read_rows
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


def write_dataset(
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
    # A tenth less than estimated: a file that came out too large is written twice.
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
