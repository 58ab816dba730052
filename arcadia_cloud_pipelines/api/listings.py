"""Lists: pages by keyset, as JSON or as a stream of CSV.

A page begins after the keys of the last row of the page before. It costs the same however deep it
is, and a walk shows each row that was there all along exactly once, whatever is inserted meanwhile.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from .answers import CSV, PRIVATE, json_answer, wants_csv
from .caller import Caller
from .config import ApiConfig
from .cursors import Position, read_cursor, write_cursor
from .database import Database
from .encoding import JsonText, csv_lines
from .parameters import LARGEST_LIMIT, PageQuery

NEXT_CURSOR = "X-Next-Cursor"


@dataclass(frozen=True)
class ListRoute:
    """One list: how its rows are asked for, and by what they are ordered."""

    name: str
    select: Callable[[sa.Connection], sa.Select[Any]]
    """The rows wanted, without order and limit."""
    keys: tuple[sa.ColumnElement[int], ...]
    """Columns that no two rows share, and that never change; their labels are in the rows."""
    key_names: tuple[str, ...] = ("id",)


@dataclass(frozen=True)
class Page:
    """A part of a list."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    following: Position | None
    """After which the next page begins; None when this is the last."""


def fetch(
    connection: sa.Connection,
    listing: ListRoute,
    position: Position | None,
    limit: int,
    page_bytes: int,
) -> Page:
    """The page after `position`: at most `limit` rows, and not much more than `page_bytes`."""
    select = listing.select(connection)
    if position is not None:
        select = select.where(after(listing.keys, position))
    # One row more than asked for says whether there is a next page.
    found = connection.execute(select.order_by(*listing.keys).limit(limit + 1))
    columns = tuple(map(str, found.keys()))
    rows: list[tuple[Any, ...]] = [tuple(row) for row in found.all()]
    more = len(rows) > limit
    del rows[limit:]
    large = [n for n, name in enumerate(columns) if any(type(r[n]) is JsonText for r in rows[:1])]
    size = 0
    for count, row in enumerate(rows, 1):
        size += sum(len(row[n] or "") for n in large) + 16 * len(columns)
        if size > page_bytes and count < len(rows):
            del rows[count:]
            more = True
            break
    if not more or not rows:
        return Page(columns, rows, None)
    places = [columns.index(name) for name in listing.key_names]
    return Page(columns, rows, tuple(rows[-1][place] for place in places))


def after(keys: Sequence[sa.ColumnElement[int]], position: Position) -> sa.ColumnElement[bool]:
    """The condition for the rows after a position."""
    # A single column is compared as itself: the planner knows more about it than about rows.
    if len(keys) == 1:
        return keys[0] > position[0]
    return sa.tuple_(*keys) > sa.tuple_(*(sa.literal(key, sa.BigInteger) for key in position))


def row_object(row: sa.RowMapping) -> dict[str, Any]:
    """A row as the object that goes out."""
    return {str(name): value for name, value in row.items()}


async def answer_list(
    request: Request,
    database: Database,
    caller: Caller,
    listing: ListRoute,
    query: PageQuery,
    extra: Callable[[sa.Connection], dict[str, Any]] | None = None,
) -> Response:
    """One page of a list, or all of it from the cursor on as CSV.

    Args:
        request: says which form, and what the client has already.
        database: where.
        caller: who asks.
        listing: the list.
        query: page and filters.
        extra: further members of the JSON object, read in the same transaction.
    """
    config: ApiConfig = request.app.state.config
    filters = query.filters()
    position = read_cursor(query.cursor, listing.name, filters, len(listing.keys))
    as_csv = wants_csv(request)
    whole = as_csv and "limit" not in query.model_fields_set
    limit = LARGEST_LIMIT if whole else query.limit

    def read(connection: sa.Connection) -> tuple[Page, dict[str, Any]]:
        page = fetch(connection, listing, position, limit, config.page_bytes)
        return page, extra(connection) if extra is not None and not as_csv else {}

    page, members = await database.read(caller, read)

    def cursor(page: Page) -> str | None:
        following = page.following
        return None if following is None else write_cursor(listing.name, filters, following)

    if not as_csv:
        rows = [dict(zip(page.columns, row, strict=True)) for row in page.rows]
        return json_answer(request, {"data": rows, "next_cursor": cursor(page), **members})
    headers = {"Content-Disposition": f'attachment; filename="{listing.name}.csv"'}
    if whole:
        parts = _csv(database, caller, listing, page, config.page_bytes)
        return StreamingResponse(parts, media_type=CSV, headers=PRIVATE | headers)
    if page.following is not None:
        headers[NEXT_CURSOR] = cursor(page) or ""
    return Response(
        csv_lines([page.columns, *page.rows]), media_type=CSV, headers=PRIVATE | headers
    )


async def _csv(
    database: Database, caller: Caller, listing: ListRoute, page: Page, page_bytes: int
) -> AsyncIterator[bytes]:
    """The list from `page` on. Between pages no connection is held: a slow reader keeps none."""
    yield csv_lines([page.columns, *page.rows])
    while page.following is not None:
        following = page.following

        def read(connection: sa.Connection, following: Position = following) -> Page:
            return fetch(connection, listing, following, LARGEST_LIMIT, page_bytes)

        page = await database.read(caller, read)
        yield csv_lines(page.rows)
