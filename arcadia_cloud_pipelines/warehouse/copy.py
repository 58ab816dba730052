"""Rows into PostgreSQL by COPY, the way every set of rows travels."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

_CHUNK = 1 << 20
_FRAME_ROWS = 50_000


class _Reader(io.TextIOBase):
    """A file whose lines are made as they are read: memory does not grow with the rows."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = iter(rows)
        self._rest = ""

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> str:
        """At most `size` characters of CSV; the empty text at the end."""
        want = size if size is not None and size > 0 else _CHUNK
        if not self._rest:
            buffer = io.StringIO()
            writer = csv.writer(buffer, lineterminator="\n")
            while buffer.tell() < want:
                row = next(self._rows, None)
                if row is None:
                    break
                writer.writerow(row)
            self._rest = buffer.getvalue()
        given, self._rest = self._rest[:want], self._rest[want:]
        return given


NULL = "\x01NULL\x01"
"""What a row holds where the column shall be NULL.

The csv module writes None and "" alike (QUOTE_NOTNULL needs Python 3.12), and `\\N` is a name that
somebody could give a droplet.
"""


def copy_rows(
    connection: sa.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> int:
    """COPY `rows` into `table`, and return how many there were.

    Args:
        connection: an open transaction; the rows are part of it.
        table: a name from our own code, never from input.
        columns: the columns that each row fills, in its order.
        rows: texts and numbers as PostgreSQL reads them; `NULL` for no value.
    """
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column}"' for column in columns)
    with driver.cursor() as cursor:
        cursor.copy_expert(
            f"COPY {table} ({names}) FROM STDIN WITH (FORMAT csv, NULL '{NULL}')",
            _Reader(rows),
            size=_CHUNK,
        )
        return int(cursor.rowcount)


def array_literal(items: Iterable[str]) -> str:
    """A text[] as PostgreSQL reads it."""
    quoted = ",".join('"' + i.replace("\\", "\\\\").replace('"', '\\"') + '"' for i in items)
    return "{" + quoted + "}"


def copy_frame(
    connection: sa.Connection, table: str, frame: pd.DataFrame, columns: Sequence[str]
) -> int:
    """COPY columns of a frame into the same columns of `table`; the number of rows.

    Missing values become NULL. Text goes as it is: PostgreSQL casts it to the column's type.
    """
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{column}"' for column in columns)
    with driver.cursor() as cursor:
        for start in range(0, len(frame), _FRAME_ROWS):
            part = frame.iloc[start : start + _FRAME_ROWS]
            text = io.StringIO()
            part.to_csv(text, columns=list(columns), index=False, header=False, na_rep=NULL)
            text.seek(0)
            cursor.copy_expert(
                f"COPY {table} ({names}) FROM STDIN WITH (FORMAT csv, NULL '{NULL}')",
                text,
                size=_CHUNK,
            )
    return len(frame)
