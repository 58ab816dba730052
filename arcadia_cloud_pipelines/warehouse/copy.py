"""Rows into PostgreSQL by COPY, the way every set of rows travels."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..common.frames import pa, pa_csv, pd

_CHUNK = 1 << 15
"""Letters that are sent at once: no more than a socket holds, so that PostgreSQL stores them while
the next are made. By a megabyte at a time the two took turns, and twice as long."""
_FRAME_ROWS = 50_000
_CSV_ROWS = 1_000


class _Reader(io.TextIOBase):
    """A file whose lines are made as they are read: memory does not grow with the rows."""

    def __init__(self, rows: Iterable[Sequence[object]], same: Iterable[object]) -> None:
        self._rows = iter(rows)
        self._same = "".join(f"{_field(value)}\t" for value in same)
        self._rest = ""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        """At most `size` characters of COPY's text format; the empty text at the end."""
        want = size if size is not None and size > 0 else _CHUNK
        if not self._rest:
            lines = []
            length = 0
            for row in self._rows:
                lines.append(self._same + "\t".join(map(_field, row)))
                length += len(lines[-1])
                if length >= want:
                    break
            self._rest = "\n".join([*lines, ""]) if lines else ""
        given, self._rest = self._rest[:want], self._rest[want:]
        return given


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    if type(value) is bytes:
        return f"\\\\x{value.hex()}"
    text = value if type(value) is str else str(value)
    # Four searches for a letter take a tenth of a regular expression's time, and most find none.
    if "\\" in text or "\n" in text or "\t" in text or "\r" in text:
        return text.translate(_ESCAPES)
    return text


_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def copy_rows(
    connection: sa.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    same: Mapping[str, object] | None = None,
) -> int:
    """COPY `rows` into `table`, and return how many there were.

    Args:
        connection: an open transaction; the rows are part of it.
        table: a name from our own code, never from input.
        columns: the columns that each row fills, in its order.
        rows: values whose `str` PostgreSQL reads; None for NULL, bytes for bytea.
        same: columns that have one value in all rows.
    """
    same = same or {}
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column}"' for column in (*same, *columns))
    reader = _Reader(rows, same.values())
    with driver.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", reader, size=_CHUNK)
        return int(cursor.rowcount)


def array_literal(items: Iterable[str]) -> str:
    """A text[] as PostgreSQL reads it."""
    quoted = ",".join('"' + i.replace("\\", "\\\\").replace('"', '\\"') + '"' for i in items)
    return "{" + quoted + "}"


class _CsvReader(io.RawIOBase):
    """A file of CSV whose rows are written as they are read."""

    def __init__(self, rows: pa.Table) -> None:
        starts = range(0, rows.num_rows, _CSV_ROWS)
        self._parts = (rows.slice(start, _CSV_ROWS) for start in starts)
        self._text = io.BytesIO()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes; none at the end."""
        given = self._text.read(size)
        if given or (part := next(self._parts, None)) is None:
            return given
        self._text = io.BytesIO()
        # Ten times as fast as to_csv; quotes every text, so that only a missing one is bare.
        options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
        pa_csv.write_csv(part, self._text, options)
        self._text.seek(0)
        return self._text.read(size)


def copy_frame(
    connection: sa.Connection, table: str, frame: pd.DataFrame, columns: Sequence[str]
) -> int:
    """COPY columns of a frame into the same columns of `table`; the number of rows.

    Missing values become NULL. Text goes as it is: PostgreSQL casts it to the column's type.
    """
    for start in range(0, len(frame), _FRAME_ROWS):
        copy_arrow(connection, table, arrow(frame.iloc[start : start + _FRAME_ROWS], columns))
    return len(frame)


def arrow(frame: pd.DataFrame, columns: Sequence[str]) -> pa.Table:
    """Return columns of a frame as pyarrow has them."""
    return pa.Table.from_pandas(frame[list(columns)], preserve_index=False)


def copy_arrow(connection: sa.Connection, table: str, rows: pa.Table) -> None:
    """COPY rows into the columns of `table` that have the names of theirs, as `copy_frame` does."""
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column}"' for column in rows.column_names)
    with driver.cursor() as cursor:
        cursor.copy_expert(
            f"COPY {table} ({names}) FROM STDIN WITH (FORMAT csv)", _CsvReader(rows), size=_CHUNK
        )
