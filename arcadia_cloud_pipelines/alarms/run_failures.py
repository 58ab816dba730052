"""Runs of Dagster's that failed, and what to tell of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from ..warehouse.statements import Statements
from .model import Alarm, Answer, alarm_key
from .run_reasons import failed_for_the_account, is_repeated, selection_of, why_failed
from .sources import Sources
from .teams import OVER, of_team, run_teams

_SQL = Statements(__file__)

AD_HOC_FOR = timedelta(days=1)
"""How long a failure of what somebody started by hand, and nobody repeated, is told."""


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
                or is_repeated(run, sources.now)
                or failed_for_the_account(connection, run.run_id)
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
            if is_well or not failed_for_the_account(connection, run.run_id):
                continue
            if run.newer_under_way or is_repeated(run, sources.now):
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
        text=f"job {newest.job}, run {newest.run_id}: "
        f"{why_failed(connection, newest.run_id)}{more}",
        advice="Correct what it names. Nothing stored is lost; the schedules go on by themselves "
        "when the account answers.",
    )


def failed_by_hand(sources: Sources) -> Answer:
    """Find assets that somebody materialised by hand in the last day, and that failed."""
    newest: dict[str, Any] = {}
    with sources.asking() as connection:
        since = (sources.now - AD_HOC_FOR).timestamp()
        # The newest comes first, so that a later success ends the alarm.
        for run in _SQL.run(connection, "ad_hoc_runs", {"since": since}).all():
            newest.setdefault(selection_of(run.run_body), run)
        bad = [
            _failed(connection, run, alarm_key("hand_run_failed", selection), selection)
            for selection, run in newest.items()
            if run.status == "FAILURE" and not is_repeated(run, sources.now)
        ]
    return Answer(
        "hand_run_failed/", bad, ending="A later run succeeded, or nobody repeated it within a day."
    )


def _failed(connection: sa.Connection, run: Any, key: str, subject: str) -> Alarm:
    return Alarm(
        key=key,
        subject=f"{subject} failed",
        text=f"run {run.run_id}: {why_failed(connection, run.run_id)}",
        advice="Look at the run in the Dagster UI. The alarm ends with the next run that succeeds.",
    )
