"""Sends what is due: one message a channel, with all that happened since the last one.

Each channel is on its own. One that fails is tried again later, with everything that has come
together by then, and holds up no other. A message that was taken just before the process died, and
so was not noted, is sent a second time.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from ..common.severity import Severity
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .channels import Channel
from .errors import AlarmError
from .texts import MessageLine, message, plain_text

FIRST_DELAY = timedelta(minutes=1)
LAST_DELAY = timedelta(hours=1)
LEAST_BETWEEN = timedelta(minutes=5)
"""Least time between two messages of one channel, so that a storm is a few messages. Critical
alarms do not wait."""

Route = Callable[[str, str, str, str | None], Iterable[str]]

logger = logging.getLogger(__name__)

_SQL = Statements(__file__)


def announce(connection: sa.Connection, route: Route, known: Iterable[str], now: datetime) -> None:
    """Put the messages that are due into `cloud_alarm_deliveries`.

    Args:
        connection: of the look's transaction.
        route: says which channels an alarm goes to.
        known: every channel there is. What waits for one that is no longer configured goes where
            the alarm would go today.
        now: the time of the look.
    """
    known = list(known)
    due = _SQL.run(connection, "due", {"now": now, "known": known}).all()
    rows = [
        {"alarm": row.id, "phase": row.phase, "channel": channel}
        for row in due
        for channel in route(row.kind, row.severity, row.subject, row.account)
    ]
    if due:
        values = {
            "rows": json.dumps(rows),
            "ids": [row.id for row in due],
            "known": known,
            "now": now,
        }
        _SQL.run(connection, "address", values)
        _SQL.run(connection, "drop_unknown", values)
        _SQL.run(connection, "announced", values)
    _SQL.run(connection, "announce_endings", {"now": now})


def deliver(
    warehouse: Warehouse, channels: Mapping[str, Channel], now: datetime, *, until: float | None
) -> dict[str, str | None]:
    """Send every channel what waits for it.

    Args:
        warehouse: where the messages wait.
        channels: by name; what waits for another stays.
        now: the time.
        until: `time.monotonic()` after which no further channel is begun; None for no limit.

    Returns:
        For each channel that was tried, why it failed; None when it took its message.
    """
    with warehouse.transaction() as connection:
        waiting = list(_SQL.run(connection, "waiting", {"known": list(channels)}).scalars())
    results: dict[str, str | None] = {}
    for name in waiting:
        if until is not None and time.monotonic() > until:
            break
        with warehouse.transaction() as connection:
            tried, error = _deliver_to(connection, name, channels[name], now)
        if tried:
            results[name] = error
    return results


def _deliver_to(
    connection: sa.Connection, name: str, channel: Channel, now: datetime
) -> tuple[bool, str | None]:
    """Send one channel its message, unless another process does or it is not yet time."""
    if not _SQL.run(connection, "take_channel", {"channel": name}).scalar_one():
        return False, None
    rows = _SQL.run(connection, "unsent", {"channel": name}).all()
    if not rows or not _is_time(connection, name, rows, now):
        return False, None
    error = _attempt(channel, rows)
    values = {"ids": [row.id for row in rows], "now": now}
    if error is None:
        _SQL.run(connection, "sent", values)
        _SQL.run(connection, "told", values)
    else:
        attempts = max(row.attempts for row in rows)
        delay = min(LAST_DELAY, FIRST_DELAY * 2 ** min(attempts, 20))
        _SQL.run(connection, "failed", {**values, "due": now + delay, "error": plain_text(error)})
        logger.warning("alarms: %s", plain_text(error))
    return True, error


def _is_time(connection: sa.Connection, name: str, rows: Sequence[Any], now: datetime) -> bool:
    # Later than that it was put off by a clock that was ahead.
    if any(row.attempts and now < row.due_at <= now + LAST_DELAY for row in rows):
        return False
    if any(row.phase == "opened" and row.severity == Severity.CRITICAL for row in rows):
        return True
    last = _SQL.run(connection, "last_sent", {"channel": name}).scalar()
    return last is None or not timedelta(0) <= now - last < LEAST_BETWEEN


def _attempt(channel: Channel, rows: Sequence[Any]) -> str | None:
    lines: dict[str, list[MessageLine]] = {"opened": [], "closed": []}
    for phase, group in groupby(sorted(rows, key=lambda row: row.phase), lambda row: row.phase):
        lines[phase] = [
            MessageLine(r.severity, r.subject, r.text if phase == "opened" else r.ending, r.advice)
            for r in group
        ]
    try:
        channel(*message(lines["opened"], lines["closed"]))
    except AlarmError as error:
        return str(error)
    except Exception as error:  # whatever a channel does, the others are told
        return type(error).__name__  # its text may hold the address
    return None
