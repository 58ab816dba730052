"""Times: always aware, always UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The time, aware; a parameter everywhere, so that tests move it."""
    return datetime.now(UTC)


def parse_time(value: object) -> datetime | None:
    """A time as the API spells it: nanoseconds, offsets, Go's zero time, the empty text.

    None for what is no time: a mirror goes on without it.
    """
    if not isinstance(value, str) or not value or value.startswith("0001-"):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_month(value: object) -> date | None:
    """`2026-04` as the first day of the month; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(f"{value}-01")
    except ValueError:
        return None


def ago(age: timedelta) -> str:
    """Return an age in the unit that suits it: `90 minutes`, `5 hours`, `3 days`."""
    minutes = int(age.total_seconds() // 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{minutes // 60} hours" if minutes < 2880 else f"{minutes // 1440} days"


def rfc3339(time: datetime) -> str:
    """Return an aware time as text in UTC, such as `2026-10-01T00:00:00Z`."""
    return time.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def database_time(time: datetime) -> str:
    """Return an aware time as PostgreSQL writes it into JSON: `2026-10-01T00:00:00.5+00:00`."""
    whole, _, fraction = time.astimezone(UTC).isoformat().removesuffix("+00:00").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}+00:00" if fraction else f"{whole}+00:00"
