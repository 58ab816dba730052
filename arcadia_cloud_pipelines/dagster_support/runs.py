"""Runs of Dagster's: of which team they are, and when a schedule or a sensor starts another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from ..common.late import lately
from ..common.times import utc_now
from ..digitalocean.clients import expected_account
from ..settings import SettingsError, load_settings
from ..settings.teams import TAG, read_teams
from ..warehouse.engine import Warehouse
from .errors import reported_errors

IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def teams_of_runs() -> list[str | None]:
    """Return the teams that a job has a run for, by name; `[None]` where there is one team.

    Raises:
        Failure: the file of teams cannot be used.
    """
    with reported_errors():
        return [*read_teams(load_settings())] or [None]


def account_of_team(warehouse: Warehouse, team: str) -> str | None:
    """Return the account of a team: what its entry says, else what its tokens were found to be of.

    None before the API said so, and where the file has no such team.
    """
    try:
        found = read_teams(load_settings()).get(team)
    except SettingsError:
        return None
    return None if found is None else expected_account(found.settings, warehouse)


def team_tags(team: str | None) -> dict[str, str]:
    """Return the tags of a run of one team; none where there is one team."""
    return {} if team is None else {TAG: team}


FIRST_REFRESH = "first_refresh"
"""The job that reads what was never read; nothing else reads the same beside it."""


def run_under_way(
    instance: dg.DagsterInstance, *job_names: str, team: str | None = None
) -> str | None:
    """Say which run of these jobs still works, of one team or of any; None when none does."""
    for name in job_names:
        wanted = dg.RunsFilter(job_name=name, statuses=IN_FLIGHT, tags=team_tags(team))
        if runs := instance.get_runs(wanted, limit=1):
            return f"Run {runs[0].run_id} of {name} is still under way."
    return None


def skipping_overlap(
    *,
    name: str,
    cron: str,
    job: dg.UnresolvedAssetJobDefinition,
    description: str,
    each_team: bool = False,
) -> dg.ScheduleDefinition:
    """Return a schedule in UTC that runs by default.

    It skips a tick while its last run still works, and while the first refresh does.

    Args:
        name: of the schedule.
        cron: when.
        job: what it starts.
        description: for people.
        each_team: true for what asks the API: each team has a run of its own, and one that still
            works holds up no other team's.
    """

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        job=job,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )
    def evaluate(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | list[dg.RunRequest] | dg.SkipReason:
        wanted, waiting = [], []
        for team in teams_of_runs() if each_team else [None]:
            if reason := run_under_way(context.instance, job.name, FIRST_REFRESH, team=team):
                waiting.append(reason)
                continue
            # Dagster wants a key where a tick has several requests: one a team and tick.
            key = team and f"{context.scheduled_execution_time.isoformat()} {team}"
            wanted.append(dg.RunRequest(run_key=key, tags=team_tags(team)))
        if not wanted:
            return dg.SkipReason(" ".join(waiting))
        return wanted if len(wanted) > 1 else wanted[0]

    return evaluate


AFTER_A_FAILURE = timedelta(minutes=30)
"""How long a sensor starts nothing after a run that failed: what it needs may be out for hours."""


def reason_to_wait(newest: dg.RunRecord, now: datetime) -> str | None:
    """Say why not to start a run, judging by the newest one; None if nothing speaks against it."""
    run = newest.dagster_run
    if run.status in IN_FLIGHT:
        return f"Run {run.run_id} is still under way."
    failed = run.status == dg.DagsterRunStatus.FAILURE and newest.end_time is not None
    if failed and lately(datetime.fromtimestamp(newest.end_time or 0, UTC), now, AFTER_A_FAILURE):
        return f"Run {run.run_id} failed less than {AFTER_A_FAILURE} ago."
    return None


def newest_run_speaks_against(
    instance: dg.DagsterInstance, job_name: str, team: str | None = None
) -> str | None:
    """Say why a sensor should not start a run of a job now; None if nothing speaks against it.

    Args:
        instance: of the deployment.
        job_name: whose runs.
        team: of which the runs are; another team's say nothing.
    """
    if reason := run_under_way(instance, FIRST_REFRESH, team=team):
        return reason
    wanted = dg.RunsFilter(job_name=job_name, tags=team_tags(team))
    newest = instance.get_run_records(wanted, limit=1)
    return reason_to_wait(newest[0], utc_now()) if newest else None
