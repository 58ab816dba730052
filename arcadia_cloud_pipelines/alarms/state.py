"""Keeps the episodes: opens one when a thing turns bad, ends it when the thing is well again.

Written so that restarts and several processes at once make no difference: the state is in the
warehouse alone, and one look at a time changes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .model import Alarm, Answer
from .texts import plain_text

REOPEN_AFTER = timedelta(minutes=30)
"""Least time from the end of an episode to the next of the same thing, so that what turns bad and
well every other minute is told at most twice an hour."""

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Episode:
    """One row of `cloud_alarms`."""

    id: int
    account: str | None
    kind: str
    key: str
    severity: str
    subject: str
    text: str
    advice: str
    opened_at: datetime
    told_at: datetime | None
    closed_at: datetime | None
    ending: str | None


def take_turn(connection: sa.Connection) -> bool:
    """Take the lock of the one who looks, until the transaction ends; False if another has it."""
    return bool(_SQL.run(connection, "take_turn").scalar_one())


def record_alarms(connection: sa.Connection, answer: Answer, now: datetime) -> None:
    """Write down one answer; the caller has taken its turn before it asked."""
    bad = {alarm.key: alarm for alarm in answer.bad}
    for key in bad:
        if not key.startswith(answer.scope):
            raise ValueError(f"the alarm {key} is outside the question {answer.scope}")
    values = {
        "scope": answer.scope,
        "keep": [*bad.keys() | answer.unsure],
        "endings": json.dumps({key: plain_text(text) for key, text in answer.endings.items()}),
        "ending": plain_text(answer.ending),
        "well": None if answer.well is None else [*answer.well],
        "bad": json.dumps([_row(alarm) for alarm in bad.values()]),
        "now": now,
        "quiet_since": now - REOPEN_AFTER,
    }
    _SQL.run(connection, "close", values)
    if bad:
        _SQL.run(connection, "open", values)


def _row(alarm: Alarm) -> dict[str, Any]:
    return {
        "account": alarm.account,
        "kind": alarm.kind,
        "key": alarm.key,
        "severity": alarm.severity.value,
        "subject": plain_text(alarm.subject, 120),
        "text": plain_text(alarm.text, 500),
        "advice": plain_text(alarm.advice, 300),
        "wait": f"{alarm.wait.total_seconds()} seconds",
    }


def set_mark(connection: sa.Connection, name: str, at: datetime) -> None:
    """Move a mark of `cloud_alarm_marks`."""
    _SQL.run(connection, "set_mark", {"name": name, "at": at})


def marks(connection: sa.Connection) -> dict[str, datetime]:
    """Return every mark."""
    return dict(_SQL.run(connection, "marks").tuples().all())


def open_alarms(warehouse: Warehouse) -> list[Episode]:
    """Return what is bad now, the worst and oldest first."""
    with warehouse.transaction() as connection:
        return _episodes(_SQL.run(connection, "open_alarms").mappings())


def newest_alarms(warehouse: Warehouse, limit: int) -> list[Episode]:
    """Return the newest episodes, ended ones too, the newest first."""
    with warehouse.transaction() as connection:
        return _episodes(_SQL.run(connection, "newest_alarms", {"limit": limit}).mappings())


def _episodes(rows: Iterable[Any]) -> list[Episode]:
    return [Episode(**row) for row in rows]
