"""Drift in the words of people: the same everywhere it is shown."""

from __future__ import annotations

from typing import Any

from ..common.times import parse_time
from ..kinds import GONE
from .spec_fields import canonical_json

WHOLE = "(the whole resource)"
"""The field of a record about a resource that is gone."""


def drift_text(value: Any) -> str:
    """Return a JSON value for people: texts bare, nothing as a dash."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else canonical_json(value)


def field_text(field: str) -> str:
    """Return the name of a field for people."""
    return WHOLE if field == GONE else field


def value_text(field: str, value: Any) -> str:
    """Return the value of a field for people: when it went, for a resource that is gone."""
    if field != GONE:
        return drift_text(value)
    if value is None:
        return "exists"
    gone = parse_time(value)
    return f"gone since {gone:%Y-%m-%d %H:%M} UTC" if gone else f"gone since {drift_text(value)}"


def accepted_text(field: str, value: Any) -> str:
    """Return what is desired from now on, as a sentence without its end."""
    if field != GONE:
        return f"{field} is desired to be {drift_text(value)}"
    if value is None:
        return "the resource is desired to exist again"
    return f"the resource is {value_text(field, value)}, and nothing is desired of it any more"
