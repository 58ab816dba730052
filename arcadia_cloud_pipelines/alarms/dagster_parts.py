"""Questions to Dagster's own database: do its daemon, its schedules and its pools work?

In SQL, without Dagster: these are asked by a process that must work when Dagster does not.
"""

from __future__ import annotations

from datetime import timedelta

from ..common.severity import Severity
from ..common.times import ago
from ..settings import Purpose
from ..warehouse.statements import Statements
from .model import Alarm, Answer, alarm_key
from .sources import Question, Sources, stored_json

SILENT_AFTER = timedelta(minutes=5)
"""A daemon's threads report every 30 seconds."""
FORGOTTEN_AFTER = timedelta(days=7)
SENSORS_SILENT_AFTER = timedelta(minutes=15)

_SQL = Statements(__file__)


def silent_daemon(sources: Sources) -> Answer:
    """Does Dagster's daemon, and do all parts of it, report?"""
    with sources.asking() as connection:
        rows = _SQL.run(connection, "heartbeats").all()
    ages = {r.daemon_type: sources.now - r.at for r in rows}
    ages = {name: age for name, age in ages.items() if age < FORGOTTEN_AFTER}
    # A beat ahead of now is from before a clock was set back: no sign of life.
    silent = {name: age for name, age in ages.items() if abs(age) > SILENT_AFTER}
    bad = []
    if silent and len(silent) == len(ages):
        bad.append(_silent("daemon_silent/all", "Dagster's daemon", min(silent.values())))
    elif silent:
        bad += [
            _silent(alarm_key("daemon_silent", name), f"Dagster's {name.lower()} daemon", age)
            for name, age in silent.items()
        ]
    # Nothing is known where none ever reported, or none for a week.
    return Answer("daemon_silent/", bad, well=None if ages else frozenset())


def _silent(key: str, subject: str, age: timedelta) -> Alarm:
    return Alarm(
        key=key,
        subject=f"{subject} is silent",
        text=f"{_no_sign(age)}: no schedule or sensor is looked at, no run started",
        advice="Check that `arcadia up` runs, look at logs/daemon.log in its folder, and "
        "restart it.",
        severity=Severity.CRITICAL,
        # It takes a while to start.
        wait=timedelta(minutes=2),
    )


def _no_sign(age: timedelta) -> str:
    if age < timedelta(0):
        return f"its newest sign is dated {ago(-age)} ahead of now, by a clock that was wrong"
    return f"it gave no sign for {ago(age)}"


def closed_pools(sources: Sources) -> Answer:
    """Find pools without slots, in which nothing ever runs."""
    with sources.asking() as connection:
        names = _SQL.run(connection, "closed_pools").scalars().all()
    ours = {purpose.value for purpose in Purpose}
    bad = [
        Alarm(
            key=alarm_key("pool_closed", name),
            subject=f"pool {name}",
            text="it has no slots, so none of its steps can run",
            advice=f"Run `dagster instance concurrency set {name} 1`.",
        )
        for name in names
        if name in ours
    ]
    return Answer("pool_closed/", bad)


def stopped_instigators(sources: Sources) -> Answer:
    """Find schedules and sensors that are turned off, or fail at each tick."""
    with sources.asking() as connection:
        rows = _SQL.run(connection, "instigators").all()
    bad = []
    for row in rows:
        origin = stored_json(row.instigator_body).get("origin") or {}
        name = origin.get("instigator_name") or origin.get("job_name")
        if not name:
            continue
        what = "schedule" if row.instigator_type == "SCHEDULE" else "sensor"
        if row.status == "STOPPED":
            bad.append(
                Alarm(
                    key=alarm_key("instigator", name),
                    subject=f"{what} {name} is off",
                    text="somebody turned it off, so nothing starts by it",
                    advice="Turn it on in the Dagster UI (Automation) when that is over.",
                    severity=Severity.WARNING,
                )
            )
        elif row.tick_status == "FAILURE" and sources.now - row.ticked_at < FORGOTTEN_AFTER:
            error = stored_json(row.tick_body).get("error") or {}
            bad.append(
                Alarm(
                    key=alarm_key("instigator", name),
                    subject=f"{what} {name} fails",
                    text=str(error.get("message") or "its newest tick failed"),
                    advice="Look at its ticks in the Dagster UI (Automation).",
                    wait=timedelta(minutes=3),
                )
            )
    return Answer("instigator/", bad)


def silent_sensors(sources: Sources) -> Answer:
    """Is any sensor evaluated? None is while the code location does not load."""
    with sources.asking() as connection:
        rows = _SQL.run(connection, "instigators").all()
    ticks = [
        row.ticked_at
        for row in rows
        if row.instigator_type == "SENSOR" and row.status != "STOPPED" and row.ticked_at
    ]
    age = sources.now - max(ticks) if ticks else None
    if age is None or age > FORGOTTEN_AFTER:
        return Answer("code_silent/", well=frozenset())
    bad = []
    if abs(age) > SENSORS_SILENT_AFTER:
        bad.append(
            Alarm(
                key="code_silent/sensors",
                subject="no sensor is evaluated",
                text=f"none for {ago(abs(age))}, although each is due every minute: the code "
                "location does not load, or the daemon stands still",
                advice="Look at the code location in the Dagster UI (Deployment) and at "
                "logs/code-server.log.",
                wait=timedelta(minutes=2),
            )
        )
    return Answer("code_silent/", bad)


QUESTIONS: dict[str, Question] = {
    "daemon_silent": silent_daemon,
    "pool_closed": closed_pools,
    "instigator": stopped_instigators,
    "code_silent": silent_sensors,
}
"""By the kind of alarm that they can raise."""
