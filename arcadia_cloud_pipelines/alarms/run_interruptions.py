"""Runs of Dagster's that were ended before they were done, or hang."""

from __future__ import annotations

from datetime import timedelta

from ..common.severity import Severity
from ..common.times import ago
from ..warehouse.statements import Statements
from .model import Alarm, Answer, alarm_key
from .run_reasons import RETRY_COMES, is_repeated, selection_of, why_failed
from .sources import Sources, stored_json
from .teams import whose_run

_SQL = Statements(__file__)

WORKS_AT_MOST = timedelta(hours=2, minutes=10)
WAITS_AT_MOST = timedelta(minutes=30)


def interrupted_runs(sources: Sources) -> Answer:
    """Find runs of the last minutes whose process was ended by something else.

    Dagster repeats them, mostly before anybody looks; why the process ended is still to be found.
    """
    bad: dict[str, Alarm] = {}
    with sources.asking() as connection:
        since = (sources.now - RETRY_COMES).timestamp()
        for run in _SQL.run(connection, "failures_since", {"since": since}).all():
            by_hand = run.job.startswith("__")
            name = (
                selection_of(run.run_body)
                if by_hand
                else f"job {run.job}{whose_run(stored_json(run.run_body))}"
            )
            key = alarm_key("run_interrupted", name)
            if key in bad or not is_repeated(run, sources.now):
                continue
            bad[key] = Alarm(
                key=key,
                subject=f"{name} interrupted",
                text=f"run {run.run_id}: {why_failed(connection, run.run_id)} "
                "Dagster repeats it once",
                advice="Check why its process ended: no memory left (`dmesg`), a restart, or a "
                "kill. A repeat that fails is an alarm of its own.",
                severity=Severity.WARNING,
            )
    return Answer("run_interrupted/", list(bad.values()), ending="The run was repeated.")


def stuck_runs(sources: Sources) -> Answer:
    """Find runs that wait, or work, for too long."""
    with sources.asking() as connection:
        runs = _SQL.run(connection, "stuck_runs").all()
    bad = []
    for run in runs:
        limit = WORKS_AT_MOST if run.status in ("STARTED", "CANCELING") else WAITS_AT_MOST
        if sources.now - run.since <= limit:
            continue
        state = "works" if run.status in ("STARTED", "CANCELING") else "waits to start"
        bad.append(
            Alarm(
                key=alarm_key("run_stuck", run.job),
                subject=f"job {run.job} stuck",
                text=f"run {run.run_id} {state} for {ago(sources.now - run.since)}",
                advice="Check that the daemon works and which run uses the pool. If nothing moves, "
                "terminate the run in the Dagster UI.",
            )
        )
    return Answer("run_stuck/", bad)
