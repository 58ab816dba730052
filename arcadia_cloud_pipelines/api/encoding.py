"""Values as they go out: money as text, times in UTC, JSON of the database as it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from ..common import foreign_text


class JsonText(str):
    """JSON that is passed on as PostgreSQL wrote it."""

    __slots__ = ()


class RawJson(TypeDecorator[JsonText]):
    """A jsonb column read as text: decoding it only to encode it again costs more than the rest."""

    impl = sa.Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> JsonText | None:  # noqa: ARG002, D102
        return None if value is None else JsonText(value)


def raw_json(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A jsonb column as the text that goes out."""
    return sa.type_coerce(sa.cast(column, sa.Text), RawJson()).label(
        getattr(column, "key", None) or "value"
    )


def csv_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """RFC 4180; lists as JSON, nothing as the empty field."""
    out = io.StringIO()
    csv.writer(out).writerows([_csv_field(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _csv_field(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is str:
        return foreign_text.csv_cell(value)
    if isinstance(value, str):  # JSON, which begins with none of a formula's signs
        return value
    if isinstance(value, (datetime, list, dict, bool)):
        return dump(value).decode().strip('"')
    return _plain(value) if isinstance(value, Decimal) else str(value)


def _plain(number: Decimal) -> str:
    return format(number, "f")


def _default(value: Any) -> Any:
    if type(value) is JsonText:
        return orjson.Fragment(value.encode())
    if isinstance(value, Decimal):
        return _plain(value)
    raise TypeError(type(value).__name__)


def dump(value: Any) -> bytes:
    """JSON: money as text, times in RFC 3339 with Z."""
    return orjson.dumps(
        value.astimezone(UTC) if isinstance(value, datetime) else value,
        _default,
        orjson.OPT_UTC_Z | orjson.OPT_PASSTHROUGH_SUBCLASS,
    )


def day(value: date | None) -> str | None:
    """A date as text."""
    return None if value is None else value.isoformat()
