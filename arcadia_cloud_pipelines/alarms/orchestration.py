"""Questions to Dagster's own database: do runs and checks end well, and in time?

In SQL, without Dagster: these are asked by a process that must work when Dagster does not. Whether
its daemon and its schedules work at all is asked in `dagster_parts`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from ..late import lately
from ..severity import Severity
from ..times import ago
from ..warehouse.dagster_marks import WHOLE_ACCOUNT
from ..warehouse.statements import Statements
from . import dagster_parts
from .model import Alarm, Answer, alarm_key
from .sources import Question, Sources, stored_json
from .teams import OVER, of_team, run_teams, whose_run

RETRY_COMES = timedelta(minutes=15)
"""How long a run that Dagster said it repeats is waited for."""
AD_HOC_FOR = timedelta(days=1)
"""How long a failure of what somebody started by hand, and nobody repeated, is told."""
WORKS_AT_MOST = timedelta(hours=2, minutes=10)
WAITS_AT_MOST = timedelta(minutes=30)
DAILY_LATE_AFTER = timedelta(hours=36)
DAILY = ("invoices", "open_month_lines")
"""Assets that come once a day and leave no time of their own in the warehouse."""

TOLD_BY_OTHERS = frozenset(
    {"fresh", "plausible", "reconciled", "none_left_behind", "no_open_drift"}
)
"""Checks of which `conditions` tells each thing by itself. That they cannot run is still told."""

_SQL = Statements(__file__)


def failed_runs(sources: Sources) -> Answer:
    """Find jobs whose newest run failed, but for an account that does not answer."""
    bad, well = [], set()
    endings: dict[str, str] = {}
    with sources.asking() as connection:
        teams = run_teams(sources.settings, connection)
        for run in _SQL.run(connection, "newest_runs", teams.scope).all():
            part, whose = of_team(run.team)
            key = alarm_key("run_failed", run.job, *part)
            endings |= {alarm_key("run_failed", run.job, team): OVER for team in teams.over}
            if run.status == "SUCCESS" or run.superseded:
                well.add(key)
            elif not (
                run.newer_under_way
                or _is_repeated(run, sources.now)
                or _failed_for_the_account(connection, run.run_id)
            ):
                bad.append(_failed(connection, run, key, f"job {run.job}{whose}"))
    # Of a job whose runs are all gone nothing is known.
    return Answer("run_failed/", bad, well=frozenset(well | endings.keys()), endings=endings)


def unanswered_account(sources: Sources) -> Answer:
    """Find jobs whose newest run failed because the account does not answer: one alarm for all.

    Where several teams are mirrored each has its own account, and an alarm of its own.
    """
    failed: dict[str, list[Any]] = {}
    unsure = set()
    with sources.asking() as connection:
        for run in _SQL.run(
            connection, "newest_runs", run_teams(sources.settings, connection).scope
        ).all():
            is_well = run.status == "SUCCESS" or run.superseded
            if is_well or not _failed_for_the_account(connection, run.run_id):
                continue
            if run.newer_under_way or _is_repeated(run, sources.now):
                unsure.add(_outage_key(run.team))
            else:
                failed.setdefault(run.team, []).append(run)
        bad = [_outage(connection, team, runs) for team, runs in failed.items()]
    return Answer("account_out/", bad, unsure=frozenset(unsure))


def _outage_key(team: str) -> str:
    return alarm_key("account_out", team or "all")


def _outage(connection: sa.Connection, team: str, runs: Sequence[Any]) -> Alarm:
    _, whose = of_team(team)
    newest = max(runs, key=lambda run: run.end_time or 0)
    others = sorted(run.job for run in runs if run is not newest)
    more = f" (for it failed also: {', '.join(others)})" if others else ""
    return Alarm(
        key=_outage_key(team),
        subject=f"DigitalOcean account{whose} out of reach",
        text=f"job {newest.job}, run {newest.run_id}: {_reason(connection, newest.run_id)}{more}",
        advice="Correct what it names. Nothing stored is lost; the schedules go on by themselves "
        "when the account answers.",
    )


def _failed_for_the_account(connection: sa.Connection, run_id: str) -> bool:
    return any(
        entry.get("label") == WHOLE_ACCOUNT
        for (text,) in _SQL.run(connection, "failures_of_run", {"run_id": run_id})
        for entry in _user_failure(stored_json(text).get("dagster_event") or {}).get(
            "metadata_entries", ()
        )
    )


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
                _selection(run.run_body)
                if by_hand
                else f"job {run.job}{whose_run(stored_json(run.run_body))}"
            )
            key = alarm_key("run_interrupted", name)
            if key in bad or not _is_repeated(run, sources.now):
                continue
            bad[key] = Alarm(
                key=key,
                subject=f"{name} interrupted",
                text=f"run {run.run_id}: {_reason(connection, run.run_id)} Dagster repeats it once",
                advice="Check why its process ended: no memory left (`dmesg`), a restart, or a "
                "kill. A repeat that fails is an alarm of its own.",
                severity=Severity.WARNING,
            )
    return Answer("run_interrupted/", list(bad.values()), ending="The run was repeated.")


def failed_by_hand(sources: Sources) -> Answer:
    """Find assets that somebody materialised by hand in the last day, and that failed."""
    newest: dict[str, Any] = {}
    with sources.asking() as connection:
        since = (sources.now - AD_HOC_FOR).timestamp()
        for run in _SQL.run(connection, "ad_hoc_runs", {"since": since}).all():
            newest.setdefault(_selection(run.run_body), run)
        bad = [
            _failed(connection, run, alarm_key("hand_run_failed", selection), selection)
            for selection, run in newest.items()
            if run.status == "FAILURE" and not _is_repeated(run, sources.now)
        ]
    return Answer(
        "hand_run_failed/", bad, ending="A later run succeeded, or nobody repeated it within a day."
    )


def _failed(connection: sa.Connection, run: Any, key: str, subject: str) -> Alarm:
    return Alarm(
        key=key,
        subject=f"{subject} failed",
        text=f"run {run.run_id}: {_reason(connection, run.run_id)}",
        advice="Look at the run in the Dagster UI. The alarm ends with the next run that succeeds.",
    )


def _is_repeated(run: Any, now: datetime) -> bool:
    """Return whether Dagster said that it repeats this run, and not too long ago."""
    tags = stored_json(run.run_body).get("tags") or {}
    if not isinstance(tags, dict) or tags.get("dagster/will_retry") != "true":
        return False
    return lately(datetime.fromtimestamp(run.end_time or 0, UTC), now, RETRY_COMES)


def _selection(run_body: str) -> str:
    """Return the assets of a run, and its team, as text."""
    chosen = stored_json(run_body).get("asset_selection") or {}
    keys = chosen.get("__frozenset__") or chosen.get("__set__") or [] if chosen else []
    names = sorted("/".join(map(str, key.get("path", ()))) for key in keys)
    return (f"assets {', '.join(names)}" if names else "assets") + whose_run(stored_json(run_body))


def _reason(connection: sa.Connection, run_id: str) -> str:
    """Return why a run failed: its first failed step's own words, and how many more failed."""
    steps: list[tuple[str, str]] = []
    whole = ""
    for (text,) in _SQL.run(connection, "failures_of_run", {"run_id": run_id}):
        event = stored_json(text)
        dagster_event = event.get("dagster_event") or {}
        if dagster_event.get("event_type_value") == "STEP_FAILURE":
            steps.append((str(dagster_event.get("step_key") or "a step"), _words(dagster_event)))
        else:
            whole = str(event.get("user_message") or dagster_event.get("message") or "")
    if not steps:
        return whole or "no step says why"
    (name, words), more = steps[0], len(steps) - 1
    others = f" ({more:,} more step{'s' if more > 1 else ''} failed)" if more else ""
    return f"{name}: {words}{others}"


def _user_failure(dagster_event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what our own code said of a step's failure; empty where it said nothing."""
    data = dagster_event.get("event_specific_data") or {}
    return data.get("user_failure_data") or {}


def _words(dagster_event: Mapping[str, Any]) -> str:
    """Return the innermost message of a step's failure."""
    by_user = _user_failure(dagster_event).get("description")
    if by_user:
        return str(by_user)
    data = dagster_event.get("event_specific_data") or {}
    error = data.get("error") or {}
    for _ in range(10):
        if not error.get("cause"):
            break
        error = error["cause"]
    return str(error.get("message") or "no message").strip()


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


def failed_checks(sources: Sources) -> Answer:
    """Find asset checks that failed, or could not be evaluated, the last time."""
    bad, well = [], set()
    endings: dict[str, str] = {}
    with sources.asking() as connection:
        teams = run_teams(sources.settings, connection)
        for row in _SQL.run(connection, "newest_checks", teams.scope).all():
            asset = "/".join(map(str, json.loads(row.asset_key)))
            part, whose = of_team(row.team)
            name = ("check_failed", asset, row.check_name)
            key = alarm_key(*name, *part)
            endings |= {alarm_key(*name, team): OVER for team in teams.over}
            asset = f"{asset}{whose}"
            if row.execution_status == "SUCCEEDED" or row.superseded:
                well.add(key)
            elif row.execution_status == "FAILED":
                if row.check_name in TOLD_BY_OTHERS:
                    well.add(key)
                else:
                    bad.append(_failed_check(key, asset, row))
            elif row.broke:
                bad.append(_broken_check(connection, key, asset, row))
    return Answer("check_failed/", bad, well=frozenset(well | endings.keys()), endings=endings)


def _failed_check(key: str, asset: str, row: Any) -> Alarm:
    event = stored_json(row.event).get("dagster_event") or {}
    data = event.get("event_specific_data") or {}
    severity = (data.get("severity") or {}).get("__enum__", "")
    return Alarm(
        key=key,
        subject=f"check {row.check_name} of {asset}",
        text=str(data.get("description") or "it failed"),
        advice=f"Look at the checks of {asset} in the Dagster UI.",
        severity=Severity.WARNING if str(severity).endswith(".WARN") else Severity.ERROR,
    )


def _broken_check(connection: sa.Connection, key: str, asset: str, row: Any) -> Alarm:
    return Alarm(
        key=key,
        subject=f"check {row.check_name} of {asset} does not run",
        text=f"the check could not be run (run {row.run_id}): {_reason(connection, row.run_id)}",
        advice="Look at the run in the Dagster UI.",
    )


def late_assets(sources: Sources) -> Answer:
    """Find daily assets that were not materialised for too long."""
    with sources.asking() as connection:
        teams = run_teams(sources.settings, connection)
        scope = {"keys": [json.dumps([name]) for name in DAILY], **teams.scope}
        rows = _SQL.run(connection, "old_materializations", scope).all()
    bad, well = [], set()
    endings = {alarm_key("asset_late", name, team): OVER for name in DAILY for team in teams.over}
    for row in rows:
        name = "/".join(map(str, json.loads(row.asset_key)))
        part, whose = of_team(row.team)
        key = alarm_key("asset_late", name, *part)
        if (age := sources.now - row.at) <= DAILY_LATE_AFTER:
            well.add(key)
            continue
        bad.append(
            Alarm(
                key=key,
                subject=f"{name}{whose} late",
                text=f"last materialised {ago(age)} ago; it is due every day",
                advice="Look at its schedule and its runs in the Dagster UI.",
            )
        )
    if teams.mirrored:
        # What was late while one team was mirrored is each team's now.
        well |= {alarm_key("asset_late", name) for name in DAILY}
    return Answer("asset_late/", bad, well=frozenset(well | endings.keys()), endings=endings)


QUESTIONS: dict[str, Question] = {
    "run_failed": failed_runs,
    "account_out": unanswered_account,
    "run_interrupted": interrupted_runs,
    "hand_run_failed": failed_by_hand,
    "run_stuck": stuck_runs,
    "check_failed": failed_checks,
    "asset_late": late_assets,
    **dagster_parts.QUESTIONS,
}
"""By the kind of alarm that they can raise."""
