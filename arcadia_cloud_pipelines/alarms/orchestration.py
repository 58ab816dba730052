"""Questions to Dagster's own database: do runs and checks end well, and in time?

In SQL, without Dagster: these are asked by a process that must work when Dagster does not. Whether
its daemon and its schedules work at all is asked in `dagster_parts`.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from ..common.severity import Severity
from ..common.times import ago
from ..warehouse.statements import Statements
from . import dagster_parts
from .model import Alarm, Answer, alarm_key
from .run_failures import failed_by_hand, failed_runs, unanswered_account
from .run_interruptions import interrupted_runs, stuck_runs
from .run_reasons import why_failed
from .sources import Question, Sources, stored_json
from .teams import OVER, of_team, run_teams

DAILY_LATE_AFTER = timedelta(hours=36)
DAILY = ("invoices", "open_month_lines")
"""Assets that come once a day and leave no time of their own in the warehouse."""

TOLD_BY_OTHERS = frozenset(
    {"fresh", "plausible", "reconciled", "none_left_behind", "no_open_drift"}
)
"""Checks of which `conditions` tells each thing by itself. That they cannot run is still told."""

_SQL = Statements(__file__)


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
        text=f"the check could not be run (run {row.run_id}): {why_failed(connection, row.run_id)}",
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
