"""Answers questions of a program that nobody watches: which views there are, and rows of one.

A statement of the program's own goes through `querying`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..common.foreign_text import line
from ..marts.reading import find
from ..warehouse import described_views, views
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .answering import (
    MOST_ROWS,
    ROWS,
    QueryRefused,
    Reply,
    age_of_sources,
    reading,
    refusals_told,
    take_rows,
)

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "is null", "is not null")

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Filter:
    """A condition on one column of a view."""

    column: str
    operator: str = "="
    value: Any = None


def list_relations(warehouse: Warehouse) -> Reply:
    """Return the views and tables that this login may read, with the question each answers."""
    with reading(warehouse) as connection, refusals_told():
        return take_rows(connection, _SQL.run(connection, "relations"), MOST_ROWS)


def describe_mart(warehouse: Warehouse, name: str) -> dict[str, Any]:
    """Return a view's question, grain, example and columns, with its as_of and complete."""
    view = find(name)
    types: Mapping[str, str] = described_views.described_columns()[view.name]["columns"]
    with reading(warehouse) as connection, refusals_told():
        as_of, complete = age_of_sources(connection)
    return {
        "view": f"{views.SCHEMA}.{view.name}",
        "question": view.comment,
        "one_row_for_each": list(view.grain),
        "example": view.example,
        "columns": [
            {"name": column, "type": type_, "comment": view.comment_of(column)}
            for column, type_ in types.items()
        ],
        "as_of": as_of,
        "complete": complete,
    }


def read_view(
    warehouse: Warehouse,
    name: str,
    *,
    filters: Sequence[Filter] = (),
    columns: Sequence[str] = (),
    order_by: Sequence[str] = (),
    limit: int = ROWS,
) -> Reply:
    """Read rows of one view.

    Args:
        warehouse: where it is.
        name: of the view.
        filters: all of them hold.
        columns: all when empty; as_of and complete come in any case.
        order_by: columns, with `-` before one for the largest first.
        limit: rows, at most `MOST_ROWS`.

    Raises:
        UnknownMart: there is no such view.
        QueryRefused: a column, an operator or a value does not fit.
    """
    view = find(name)
    types: Mapping[str, str] = described_views.described_columns()[view.name]["columns"]

    def column(wanted: str) -> str:
        if wanted not in types:
            raise QueryRefused(
                f"{view.name} has no column {line(wanted)!r}; it has {', '.join(types)}."
            )
        return f'"{wanted}"'

    always = [c for c in ("as_of", "complete") if c in types and c not in columns]
    selected = ", ".join(column(c) for c in (*columns, *always)) if columns else "*"
    values: dict[str, Any] = {}
    where = [
        _condition(column(one.column), types[one.column], one, f"value_{number}", values)
        for number, one in enumerate(filters)
    ]
    order = [
        column(one.removeprefix("-")) + (" DESC" if one.startswith("-") else "") + " NULLS LAST"
        for one in order_by
    ]
    statement = f"SELECT {selected} FROM {views.SCHEMA}.{view.name}"  # noqa: S608
    if where:
        statement += f" WHERE {' AND '.join(where)}"
    if order:
        statement += f" ORDER BY {', '.join(order)}"
    with reading(warehouse) as connection, refusals_told():
        streaming = connection.execution_options(stream_results=True)
        return take_rows(connection, streaming.execute(sa.text(statement), values), limit)


def _condition(name: str, kind: str, one: Filter, key: str, values: dict[str, Any]) -> str:
    """Return one condition as SQL; its value goes into `values`."""
    if one.operator not in OPERATORS:
        raise QueryRefused(f"No operator {line(one.operator)!r}; there are {', '.join(OPERATORS)}.")
    if one.operator in ("is null", "is not null"):
        return f"{name} {one.operator.upper()}"
    if one.value is None:
        raise QueryRefused(f"The filter on {name} has no value; for none say 'is null'.")
    many = isinstance(one.value, list | tuple)
    if one.operator in ("in", "contains") and not (many or kind == "text"):
        raise QueryRefused(f"The filter on {name}, {one.operator}, takes a list.")
    values[key] = [_plain(v) for v in one.value] if many else _plain(one.value)
    if one.operator == "in":
        values[key] = values[key] if many else [values[key]]
        return f"{name} = ANY (CAST(:{key} AS {kind}[]))"
    if one.operator == "contains":
        if kind.endswith("[]"):
            return f"{name} @> CAST(:{key} AS {kind})"
        return f"strpos(lower(CAST({name} AS text)), lower(CAST(:{key} AS text))) > 0"
    return f"{name} {one.operator} CAST(:{key} AS {kind})"


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
