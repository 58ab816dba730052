"""Reads a view of the schema `marts`.

Rows go through in batches: a view of a million rows needs the memory of one batch.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..warehouse import described_views, views
from ..warehouse.engine import Warehouse

BATCH = 10_000


class MartError(Exception):
    """A view cannot be read or written as was asked for; the text says why."""


class UnknownMart(MartError):
    """No view has that name; the text names near ones."""


@dataclass(frozen=True)
class Rows:
    """The rows of one view, read once, in batches."""

    columns: Sequence[str]
    types: Sequence[str]
    """As PostgreSQL names them: text, numeric, timestamp with time zone and so on."""
    batches: Iterator[Sequence[Sequence[Any]]]

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for batch in self.batches:
            yield from batch


def names() -> list[str]:
    """Return the names of all views."""
    return sorted(view.name for view in views.read_views())


def find(name: str) -> views.ViewSource:
    """Return the view of that name; `marts.` before it is allowed.

    Raises:
        UnknownMart: there is none.
    """
    wanted = name.removeprefix(f"{views.SCHEMA}.")
    for view in views.read_views():
        if view.name == wanted:
            return view
    near = difflib.get_close_matches(wanted, names(), cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else "See `arcadia query` for the list."
    raise UnknownMart(f"There is no view {wanted!r} in the schema marts. {hint}")


@contextmanager
def snapshot(warehouse: Warehouse) -> Iterator[sa.Connection]:
    """Open a transaction that can write nothing and sees one state of all tables."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield connection


@contextmanager
def read_mart(
    warehouse: Warehouse, view: views.ViewSource, limit: int | None = None
) -> Iterator[Rows]:
    """Read a view in a snapshot of its own."""
    with snapshot(warehouse) as connection:
        yield read_rows(connection, view, limit=limit)


def read_rows(
    connection: sa.Connection,
    view: views.ViewSource,
    *,
    where: Mapping[str, Any] | None = None,
    order: Sequence[str] = (),
    limit: int | None = None,
) -> Rows:
    """Read a view: the rows whose columns have the values of `where`, in the order of `order`."""
    table = sa.table(view.name, schema=views.SCHEMA)
    statement = sa.select(sa.text("*")).select_from(table).limit(limit)
    for name, value in (where or {}).items():
        statement = statement.where(sa.column(name) == value)
    statement = statement.order_by(*(sa.column(name).nulls_last() for name in order))
    # A cursor on the server: psycopg2 would otherwise fetch all rows before the first is read.
    streaming = connection.execution_options(stream_results=True, max_row_buffer=BATCH)
    result = streaming.execute(statement)
    columns = list(result.keys())
    described = described_views.described_columns()[view.name]["columns"]
    types = [described[column] for column in columns]
    return Rows(columns, types, (list(batch) for batch in result.partitions(BATCH)))
