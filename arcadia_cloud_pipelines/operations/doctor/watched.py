"""All that alarms are raised for, asked here and now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from ...alarms.model import Alarm
from ...alarms.sources import Sources
from ...alarms.state import marks
from ...alarms.texts import plain_text
from ...common.late import lately
from ...common.severity import Severity
from ...settings import Settings
from ...warehouse.embedded_programs import EmbeddedPostgresError
from ...warehouse.engine import Warehouse, running_dagster_url
from ..home import Home
from ..watch import QUESTIONS
from .findings import Finding, neither, well, wrong

ASKED_ELSEWHERE = frozenset({"late", "token_rejected", "pool_closed", "disk_low", "clock_off"})
ONLY_AT_WORK = frozenset({"daemon_silent", "code_silent", "run_stuck", "asset_late"})
"""A deployment that was stopped, such as a demo, is silent and late for that reason."""
OF_THE_ACCOUNT = frozenset({"drift"})
"""Says how the account is, not whether this deployment works: shown, and never wrong."""
SHOWN = 5
UNWATCHED_AFTER = timedelta(minutes=10)


def check_watched(
    settings: Settings, home: Home, warehouse: Warehouse, now: datetime
) -> Iterator[Finding]:
    """Ask every question of the alarms; what is only a warning is shown and not wrong."""
    at_work = home.in_use() or (settings.has_account and settings.database_url is not None)
    try:
        url = running_dagster_url(settings)
    except EmbeddedPostgresError:
        url = None
    if url is None:
        return  # said of Dagster's storage already
    dagster = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 10})
    sources = Sources(warehouse, dagster, settings, now)
    asked = 0
    for name, question in QUESTIONS.items():
        if name in ASKED_ELSEWHERE or (name in ONLY_AT_WORK and not at_work):
            continue
        try:
            answer = question(sources)
        except Exception as error:  # one that cannot be answered takes away no other
            if not _is_empty(dagster):
                yield neither(name, f"could not be checked: {type(error).__name__}")
            continue
        asked += 1
        yield from _findings(name, answer.bad)
    yield well("alarms", f"{asked} things that raise alarms were checked")
    yield from _watch(home, warehouse, now)


def _findings(name: str, bad: Sequence[Alarm]) -> Iterator[Finding]:
    if name in OF_THE_ACCOUNT and bad:
        yield neither(name, _listed(bad))
        return
    warnings = [alarm for alarm in bad if alarm.severity is Severity.WARNING]
    errors = [alarm for alarm in bad if alarm.severity is not Severity.WARNING]
    if errors:
        yield wrong(name, _listed(errors), plain_text(errors[0].advice))
    if warnings:
        yield neither(name, f"warning: {_listed(warnings)}")


def _listed(alarms: Sequence[Alarm]) -> str:
    shown = [plain_text(f"{alarm.subject}: {alarm.text}", 240) for alarm in alarms[:SHOWN]]
    more = [f"and {len(alarms) - SHOWN:,} more"] * (len(alarms) > SHOWN)
    return "; ".join(shown + more)


def _is_empty(dagster: sa.Engine) -> bool:
    """Return whether Dagster's database holds nothing yet, or does not answer: said elsewhere."""
    try:
        with dagster.connect() as connection:
            return connection.execute(sa.text("SELECT to_regclass('runs')")).scalar() is None
    except sa.exc.SQLAlchemyError:
        return True


def _watch(home: Home, warehouse: Warehouse, now: datetime) -> Iterator[Finding]:
    with warehouse.transaction() as connection:
        looked = marks(connection).get("looked")
        waiting = connection.execute(
            sa.text("SELECT count(*) FROM cloud_alarm_deliveries WHERE sent_at IS NULL "
                    "AND attempts > 2")
        ).scalar_one()  # fmt: skip
    if waiting:
        yield wrong(
            "alarms", f"{waiting:,} messages could not be delivered so far",
            "look at cloud_alarm_deliveries.error, and check the address",
        )  # fmt: skip
    if home.in_use() and (looked is None or not lately(looked, now, UNWATCHED_AFTER)):
        yield wrong(
            "watch", "no process has looked for alarms in the last 10 minutes",
            f"look at {home.logs}/alarms.log, and restart `arcadia up`",
        )  # fmt: skip
