"""`arcadia alarms watch`: looks once a minute, as long as it lives, whatever else works.

A process of its own, for the daemon cannot report its own death.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..alarms import conditions, orchestration
from ..alarms.channels import configured_channels
from ..alarms.look import Looked, look
from ..alarms.outage import Outage
from ..alarms.rules import Router
from ..alarms.sources import Question
from ..alarms.state import marks
from ..common.late import lately
from ..common.times import utc_now
from ..settings import Settings, load_settings
from ..warehouse.embedded_programs import EmbeddedPostgresError
from ..warehouse.engine import dagster_url, open_warehouse
from ..warehouse.errors import WarehouseError
from . import machine

EVERY = 60.0
"""Seconds from one look to the next."""

QUESTIONS: dict[str, Question] = {
    **machine.QUESTIONS, **orchestration.QUESTIONS, **conditions.QUESTIONS,
}  # fmt: skip

WATCHED_LATELY = timedelta(minutes=4)

logger = logging.getLogger(__name__)


def look_once(settings: Settings, *, watching: bool = False) -> Looked | None:
    """Look at everything once, and tell what is due.

    Returns:
        The result; None when the warehouse cannot be used, which is then told.
    """
    outage = Outage(settings.home / "outage.json")
    try:
        warehouse = open_warehouse(settings)
        dagster = sa.create_engine(
            dagster_url(settings), poolclass=sa.NullPool, connect_args={"connect_timeout": 10}
        )
        looked = look(settings, warehouse, dagster, QUESTIONS, watching=watching)
    except (WarehouseError, EmbeddedPostgresError, SQLAlchemyError) as error:
        reason = str(error) if not isinstance(error, SQLAlchemyError) else type(error).__name__
        logger.info("alarms: %s", reason)
        route = Router(settings).route("warehouse", "critical", "warehouse", None)
        outage.goes_on(reason, route, configured_channels(settings), utc_now())
        return None
    outage.is_over(configured_channels(settings))
    return looked


def watched_lately(settings: Settings) -> bool:
    """Return whether `arcadia alarms watch` looked a moment ago."""
    warehouse = open_warehouse(settings)
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        now = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        watched = marks(connection).get("watched")
    return watched is not None and lately(watched, now, WATCHED_LATELY)


def watch(
    stop: threading.Event, every: float = EVERY, read: Callable[[], Settings] = load_settings
) -> None:
    """Look again and again until told to stop; no error ends it."""
    while True:
        try:
            look_once(read(), watching=True)
        except Exception:  # the one that tells of all others must not fall
            logger.exception("alarms: this look failed")
        if stop.wait(every):
            return
