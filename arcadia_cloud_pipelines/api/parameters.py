"""Parameters of requests, checked strictly: what is not understood is refused, not ignored."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.json_schema import WithJsonSchema

from ..inventory.kind_names import kind_names
from .cursors import LENGTH

LIMIT = 100
LARGEST_LIMIT = 1000
LARGEST_ID = 2**63 - 1

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _whole(value: object) -> object:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("must be a whole number")
    return value


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return value == "true"


def _date(value: object) -> object:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("must be a date such as 2026-04-01")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a date such as 2026-04-01") from None


def _time(value: object) -> object:
    if isinstance(value, datetime):
        return value
    problem = "must be a time with its zone such as 2026-04-01T12:00:00Z (write a + as %2B)"
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError(problem)
    try:
        time = datetime.fromisoformat(value.upper())
    except ValueError:
        raise ValueError(problem) from None
    try:
        # PostgreSQL knows fewer offsets than RFC 3339.
        return time.astimezone(UTC)
    except OverflowError:
        return _FIRST if time.year == 1 else _LAST


def _json(value: Any) -> Any:
    """Refuse what JSON cannot hold in PostgreSQL: NaN, broken text, numbers beyond 64 bits."""
    try:
        json.dumps(value, allow_nan=False)  # orjson makes null of it
        text = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("must be a JSON value that a resource could have") from None
    if b"\\u0000" in text:
        raise ValueError("holds the character NUL, which no stored value has")
    return orjson.loads(text)


Text = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
# The check of the text comes last, and so runs first.
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_whole)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
Instant = Annotated[
    datetime,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
# Checked by kind_filter.py: rows of an earlier release may have further ones.
KindName = Annotated[Text, WithJsonSchema({"type": "string", "enum": list(kind_names())})]
JsonValue = Annotated[Any, BeforeValidator(_json), WithJsonSchema({})]


class RouteQuery(BaseModel):
    """The query of a route: these parameters, and no others."""

    model_config = ConfigDict(extra="forbid")


class AccountQuery(RouteQuery):
    """Whose rows, where several teams are mirrored."""

    account: Text | None = Field(default=None, description="The team, by its account.")


class PageQuery(RouteQuery):
    """What every list takes."""

    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT), BeforeValidator(_whole)] = Field(
        default=LIMIT, description="Rows of a page."
    )
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=LENGTH)] | None = Field(
        default=None, description="`next_cursor` of the page before, with the same filters."
    )

    def filters(self) -> dict[str, object]:
        """Return what is asked for, apart from which page of it."""
        return self.model_dump(exclude={"limit", "cursor", "totals"})
