"""Writes rows as CSV, JSON or Parquet, batch by batch."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from ..common.foreign_text import csv_cell, json_text

if TYPE_CHECKING:
    import pyarrow as pa
from .reading import Rows

# Enough for a share and for any amount: 26 digits before the point, 12 behind it.
DECIMAL = (38, 12)


def mart_text(value: Any) -> str:
    """Return a value as text: nothing for null, RFC 3339 for times, JSON for lists."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list | dict):
        return orjson.dumps(value, default=str).decode()
    return str(value)


def write_csv(rows: Rows, to: IO[str]) -> int:
    """Write a header and the rows, nulls as nothing, and return how many rows.

    A name that a spreadsheet would take for a formula is written as text.
    """
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(rows.columns)
    count = 0
    for batch in rows.batches:
        writer.writerows([csv_cell(mart_text(value)) for value in row] for row in batch)
        count += len(batch)
    return count


def write_json(rows: Rows, to: IO[str]) -> int:
    """Write an array of objects, a line each, and return how many. Money is text."""
    count = 0
    to.write("[")
    for count, row in enumerate(rows, 1):
        value = dict(zip(rows.columns, row, strict=True))
        to.write(",\n" if count > 1 else "\n")
        to.write(json_text(orjson.dumps(value, default=_json).decode()))
    to.write("\n]\n" if count else "]\n")
    return count


def _json(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else str(value)


def write_parquet(rows: Rows, path: Path) -> int:
    """Write a Parquet file, and return how many rows. Money is decimal, times are UTC."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [(name, _arrow(kind)) for name, kind in zip(rows.columns, rows.types, strict=True)]
    )
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in rows.batches:
            columns = zip(*batch, strict=True)
            arrays = [
                pa.array([_cell(value, kind) for value in column], field.type)
                for column, kind, field in zip(columns, rows.types, schema, strict=True)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(batch)
    return count


WRITERS = {"csv": write_csv, "json": write_json}
"""The formats that are text."""


def write_file(rows: Rows, format_: str, path: Path) -> int:
    """Write a file that is there whole or as it was before, and return how many rows.

    Args:
        rows: of one view.
        format_: csv, json or parquet.
        path: of the file; its folder is there.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        if format_ == "parquet":
            count = write_parquet(rows, part)
        else:
            with part.open("w", encoding="utf-8", newline="") as file:
                count = WRITERS[format_](rows, file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return count


def _arrow(kind: str) -> pa.DataType:
    """Return the type of a column; what Parquet does not have becomes JSON text."""
    import pyarrow as pa

    known = {
        "bigint": pa.int64(),
        "integer": pa.int32(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "numeric": pa.decimal128(*DECIMAL),
        "timestamp with time zone": pa.timestamp("us", tz="UTC"),
        "interval": pa.duration("us"),
    }
    if kind.endswith("[]"):
        return pa.list_(_arrow(kind.removesuffix("[]")))
    return known.get(kind, pa.string())


def _cell(value: Any, kind: str) -> Any:
    if value is None or isinstance(value, bool | int | str | date | timedelta):
        return value if kind != "jsonb" or value is None else mart_text(value)
    if isinstance(value, Decimal):
        return round(value, DECIMAL[1])
    return value if kind.endswith("[]") and isinstance(value, list) else mart_text(value)
