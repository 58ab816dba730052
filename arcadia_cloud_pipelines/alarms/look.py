"""One look: ask every question, write down the answers, tell what is due."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from ..common.severity import Severity
from ..settings import Settings
from ..warehouse.engine import Warehouse
from . import heartbeat
from .channels import configured_channels
from .delivery import announce, deliver
from .model import Alarm, Answer
from .rules import Router
from .sources import Question, Sources
from .state import marks, record_alarms, set_mark, take_turn
from .teams import newest_success
from .texts import plain_text

REFRESH_JOB = "inventory_sync"
"""The job whose good runs, of every team, keep the dead man's switch from going off."""

logger = logging.getLogger(__name__)


@dataclass
class Looked:
    """Result of one look."""

    turn: bool = True
    """False when another process looks right now."""
    unanswered: dict[str, str] = field(default_factory=dict)
    """Questions that could not be answered, and why: what they are about stays as it is."""
    delivered: dict[str, str | None] = field(default_factory=dict)
    """Channels that were tried; why each failed, None where it did not."""


def look(
    settings: Settings,
    warehouse: Warehouse,
    dagster: sa.Engine,
    questions: Mapping[str, Question],
    *,
    now: datetime | None = None,
    watching: bool = False,
    seconds: float | None = 40,
) -> Looked:
    """Look at everything once, and tell what is due.

    Args:
        settings: who is told, and what some questions look at.
        warehouse: where the alarms are kept.
        dagster: Dagster's own database.
        questions: by name.
        now: the time; the warehouse's when None.
        watching: whether this is the process that looks all the time.
        seconds: after which no further channel is begun.

    Raises:
        WarehouseError: the warehouse is away or not migrated.
        sqlalchemy.exc.SQLAlchemyError: it cannot be written.
    """
    begun = time.monotonic()
    warehouse.check_migrated()
    router = Router(settings)
    channels = configured_channels(settings)
    result = Looked()
    with warehouse.transaction() as connection:
        if not take_turn(connection):
            return Looked(turn=False)
        now = now or connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        sources = Sources(warehouse, dagster, settings, now)
        for name, question in questions.items():
            answer = _ask(name, question, sources, result)
            if answer is not None:
                record_alarms(connection, answer, now)
        record_alarms(connection, _configuration(router), now)
        announce(connection, router.route, channels, now)
        for mark in ("looked", "watched") if watching else ("looked",):
            set_mark(connection, mark, now)
    until = None if seconds is None else begun + seconds
    result.delivered = deliver(warehouse, channels, now, until=until)
    _ping(sources)
    return result


def _ask(name: str, question: Question, sources: Sources, result: Looked) -> Answer | None:
    try:
        return question(sources)
    except Exception as error:  # one that cannot be answered takes away no other
        reason = plain_text(f"{type(error).__name__}: {error}", 200)
        result.unanswered[name] = reason
        logger.info("alarms: %s could not be looked at: %s", name, reason)
        return None


def _configuration(router: Router) -> Answer:
    """Return what is wrong with who is told."""
    bad = []
    if router.problems:
        bad.append(
            Alarm(
                key="alarm_settings/all",
                subject="settings of alarms",
                text=" ".join(router.problems),
                advice="Correct the setting and restart. Until then alarms go to the other "
                "addresses of ARCADIA_NOTIFY_URLS, or to the log.",
                severity=Severity.WARNING,
            )
        )
    return Answer("alarm_settings/", bad)


def _ping(sources: Sources) -> None:
    url = sources.settings.heartbeat_url
    if url is None:
        return
    try:
        with sources.asking() as connection:
            refreshed_at = newest_success(sources.settings, connection, REFRESH_JOB)
    except sa.exc.SQLAlchemyError as error:
        logger.info("alarms: the newest refresh is not known: %s", type(error).__name__)
        return
    with sources.warehouse.transaction() as connection:
        pinged = marks(connection).get("pinged")
    if refreshed_at and heartbeat.is_due(refreshed_at, pinged, sources.now) and heartbeat.ping(url):
        with sources.warehouse.transaction() as connection:
            set_mark(connection, "pinged", refreshed_at)
