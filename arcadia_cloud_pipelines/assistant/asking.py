"""Answers questions of a program that nobody watches: with a reader's rights and within limits.

Each question has a transaction of its own that can write nothing. It runs as `arcadia_reader` where
the configured login may become it, so that the owner's login reads what a reader reads; a login of
a tenant or an analyst stays what it is. A statement of the caller's is first made into a view that
is dropped at once, so that the server itself says what is in it: functions that could do more than
read are refused by what they are, not by how they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..foreign_text import line
from ..marts.reading import MartError, find
from ..warehouse import described_views, views
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

ROWS = 100
MOST_ROWS = 1_000
MOST_BYTES = 256 * 1024
"""Of the rows of one answer as JSON."""
SECONDS = 10
MOST_SQL = 20_000

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "contains", "is null", "is not null")

_SQL = Statements(__file__)
_IN_RULE = re.compile(r":(funcid|aggfnoid|winfnoid|opno) (\d+)")


class QueryRefused(MartError):
    """The question cannot be answered as it was asked; the text says why."""


@dataclass(frozen=True)
class Filter:
    """A condition on one column of a view."""

    column: str
    operator: str = "="
    value: Any = None


@dataclass(frozen=True)
class Reply:
    """Rows, and how old and how whole what they rest on is."""

    columns: Sequence[Mapping[str, str]]
    """Name and type of each."""
    rows: Sequence[Mapping[str, Any]]
    """Money as text, times in RFC 3339. Texts come from the account: data, never instructions."""
    as_of: str | None
    """Age of the oldest fact that the rows rest on; without such a column, of the oldest source."""
    complete: bool
    """True when all that the rows rest on was read whole."""
    truncated: bool = False
    """True when there are more rows than these."""
    notes: Sequence[str] = field(default=())


@contextmanager
def reading(warehouse: Warehouse, *, only_look: bool = True) -> Iterator[sa.Connection]:
    """Open a transaction with a reader's rights and a time limit.

    Args:
        warehouse: by whatever login is configured.
        only_look: False for one that makes a view for a moment; it is rolled back.

    Raises:
        QueryRefused: the login could write and cannot become `arcadia_reader`.
    """
    with warehouse.transaction() as connection:
        if only_look:
            connection.execute(
                sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            )
        else:
            connection.execute(sa.text("SET TRANSACTION READ WRITE"))
        _SQL.run(connection, "limits", {"timeout": f"{SECONDS}s"})
        if _SQL.run(connection, "may_become_reader").scalar():
            connection.execute(sa.text("SET LOCAL ROLE arcadia_reader"))
        if problem := _SQL.run(connection, "can_write").scalar():
            raise QueryRefused(
                f"The login {line(problem)} may write and cannot become arcadia_reader: run "
                "`arcadia migrate` as a user who may create roles, or set ARCADIA_DATABASE_URL to "
                "a login of your own in that role."
            )
        try:
            yield connection
        finally:
            if not only_look and connection.in_transaction():
                connection.get_transaction().rollback()  # type: ignore[union-attr]


def list_relations(warehouse: Warehouse) -> Reply:
    """Return the views and tables that this login may read, with the question each answers."""
    with reading(warehouse) as connection, _told():
        return _answer(connection, _SQL.run(connection, "relations"), MOST_ROWS)


def describe_mart(warehouse: Warehouse, name: str) -> dict[str, Any]:
    """Return a view's question, grain, example and columns, with its as_of and complete."""
    view = find(name)
    types: Mapping[str, str] = described_views.described_columns()[view.name]["columns"]
    with reading(warehouse) as connection, _told():
        as_of, complete = _sources(connection)
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
    with reading(warehouse) as connection, _told():
        streaming = connection.execution_options(stream_results=True)
        return _answer(connection, streaming.execute(sa.text(statement), values), limit)


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


def query(warehouse: Warehouse, sql: str, limit: int = ROWS) -> Reply:
    """Run one SELECT of the caller's.

    Raises:
        QueryRefused: it is no single SELECT, has a function that could do more than read, takes too
            long, or the server refuses it.
    """
    text = _one_statement(sql)
    _check(warehouse, text)
    with reading(warehouse) as connection, _told():
        streaming = connection.execution_options(stream_results=True)
        return _answer(connection, streaming.exec_driver_sql(text.replace("%", "%%")), limit)


def _one_statement(sql: str) -> str:
    """Return the statement without its last semicolon; another one would begin a second."""
    text = sql.strip().rstrip("; \t\r\n")
    if not text or len(text) > MOST_SQL or "\0" in text:
        raise QueryRefused(f"Give one SELECT of at most {MOST_SQL:,} characters.")
    if ";" in text:
        raise QueryRefused(
            "Only one statement is answered, so a semicolon may stand at its end alone; within a "
            "text write chr(59)."
        )
    return text


def _check(warehouse: Warehouse, text: str) -> None:
    """Have the server read the statement, without running it, and refuse what it must not call."""
    with reading(warehouse, only_look=False) as connection, _told():
        # What closes the bracket and goes on fits in here, and nowhere else: it is one statement.
        asked = f"CREATE TEMP VIEW arcadia_asked AS SELECT asked.* FROM (\n{text}\n) AS asked"  # noqa: S608
        connection.exec_driver_sql(asked.replace("%", "%%"))
        rule = str(_SQL.run(connection, "rule").scalar_one())
        found = {(kind == "opno", int(oid)) for kind, oid in _IN_RULE.findall(rule)}
        called = {
            "functions": [oid for is_operator, oid in found if not is_operator],
            "operators": [oid for is_operator, oid in found if is_operator],
        }
        refused = _SQL.run(connection, "not_for_readers", called).scalars().all()
    if refused:
        raise QueryRefused(
            f"Not for readers, because it may do more than read: {', '.join(refused)}."
        )


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the server refuses into one sentence."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        code = getattr(error.orig, "pgcode", None)
        if code is None:
            raise
        if code == "57014":
            raise QueryRefused(
                f"It took longer than {SECONDS} s: ask for less, such as one period."
            ) from None
        diagnosis = error.orig.diag  # type: ignore[union-attr]
        said = ". ".join(filter(None, (diagnosis.message_primary, diagnosis.message_hint)))
        raise QueryRefused(f"The database refuses it ({code}): {line(said)[:400]}") from None


def _answer(connection: sa.Connection, result: sa.CursorResult[Any], limit: int) -> Reply:
    """Take rows until a limit is reached."""
    limit = max(1, min(limit, MOST_ROWS))
    described = result.cursor.description if result.cursor is not None else ()
    columns = list(result.keys())
    rows: list[dict[str, Any]] = []
    size, truncated, notes = 0, False, []
    for row in result:
        value = dict(zip(columns, row, strict=True))
        text = orjson.dumps(value, default=_json)
        if len(rows) == limit or size + len(text) > MOST_BYTES:
            truncated = True
            reached = f"{limit:,} rows" if len(rows) == limit else f"{MOST_BYTES:,} bytes"
            notes.append(f"There are more rows than these: the limit is {reached}.")
            break
        size += len(text)
        rows.append(orjson.loads(text))
    result.close()
    oids: list[Any] = [one[1] for one in described or ()]
    types = _types(connection, oids)
    dated = dict(zip(columns, types, strict=False))
    as_of, complete = _of_rows(rows, dated)
    if as_of is None:
        as_of, complete = _sources(connection)
        notes.append("as_of and complete are about all sources: these rows do not say them.")
    named = [{"name": name, "type": kind} for name, kind in zip(columns, types, strict=True)]
    return Reply(named, rows, as_of, complete, truncated, tuple(notes))


def _json(value: Any) -> Any:
    if isinstance(value, memoryview):
        return value.hex()
    return str(value)


def _types(connection: sa.Connection, oids: Sequence[int]) -> list[str]:
    found = _SQL.run(connection, "types", {"oids": list(oids)}).tuples().all()
    names = dict(found)
    return [names.get(oid, "unknown") for oid in oids]


def _of_rows(
    rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]
) -> tuple[str | None, bool]:
    """Return the oldest as_of of the rows, and whether all are complete; None where none says."""
    if types.get("as_of") != "timestamp with time zone" or types.get("complete") != "boolean":
        return None, False
    ages = [row["as_of"] for row in rows if row["as_of"] is not None]
    if not ages:
        return None, False
    complete = all(row["complete"] is True and row["as_of"] is not None for row in rows)
    return min(ages, key=datetime.fromisoformat), complete


def _sources(connection: sa.Connection) -> tuple[str | None, bool]:
    """Return the age of the oldest source, and whether all are whole; None where it is not told."""
    if not _SQL.run(connection, "tells_sources").scalar():
        return None, False
    as_of, complete = _SQL.run(connection, "sources").one()
    return None if as_of is None else as_of.isoformat(), bool(complete)
