"""A reader's transaction, and the rows of one answer with their age and completeness.

Each question has a transaction of its own that can write nothing. It runs as `arcadia_reader` where
the configured login may become it, so that the owner's login reads what a reader reads; a login of
a tenant or an analyst stays what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..common.foreign_text import line
from ..marts.reading import MartError
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

_SQL = Statements(__file__)


ROWS = 100
MOST_ROWS = 1_000
MOST_BYTES = 256 * 1024
"""Of the rows of one answer as JSON."""
SECONDS = 10


class QueryRefused(MartError):
    """The question cannot be answered as it was asked; the text says why."""


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


@contextmanager
def refusals_told() -> Iterator[None]:
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


def take_rows(connection: sa.Connection, result: sa.CursorResult[Any], limit: int) -> Reply:
    """Take rows until a limit is reached."""
    limit = max(1, min(limit, MOST_ROWS))
    described = result.cursor.description if result.cursor is not None else ()
    columns = list(result.keys())
    rows: list[dict[str, Any]] = []
    size, truncated, notes = 0, False, []
    for row in result:
        value = dict(zip(columns, row, strict=True))
        # What is measured is what goes out: the rows are made from this JSON again.
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
        as_of, complete = age_of_sources(connection)
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


def age_of_sources(connection: sa.Connection) -> tuple[str | None, bool]:
    """Return the age of the oldest source, and whether all are whole; None where it is not told."""
    if not _SQL.run(connection, "tells_sources").scalar():
        return None, False
    as_of, complete = _SQL.run(connection, "sources").one()
    return None if as_of is None else as_of.isoformat(), bool(complete)
