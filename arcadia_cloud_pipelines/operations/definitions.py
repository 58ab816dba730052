"""Operations' Dagster definitions: housekeeping, and the sensors of alarms and of a first start."""

from dataclasses import asdict
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from ..allocation.jobs import allocation_job
from ..billing.jobs import balance_job, daily_costs_job, facts_job, history_job, open_month_job
from ..dagster_support import (
    IN_FLIGHT,
    newest_run_speaks_against,
    reported_errors,
    team_tags,
    teams_of_runs,
)
from ..drift.jobs import sweep_job, terraform_job
from ..forecast.jobs import forecast_job
from ..inventory.assets import ACCOUNT
from ..inventory.definitions import inventory_job
from ..settings import load_settings
from ..times import utc_now
from ..warehouse.engine import dagster_url
from .first_refresh import AFTER, LOOKED_AT, MOST_ATTEMPTS, OF_A_TEAM, Past, due, is_done
from .retention import KEEP_EVENTS, KEEP_OUTPUT, KEEP_RUNS, forget
from .watch import look_once, watched_lately


@dg.op
def forget_old_events(context: dg.OpExecutionContext) -> None:
    """Delete old events, check results, runs and snapshots, and the output of old runs."""
    with reported_errors():
        engine = sa.create_engine(dagster_url(load_settings()), poolclass=sa.NullPool)
    forgotten = forget(engine, Path(context.instance.storage_directory()), utc_now())
    context.add_output_metadata(asdict(forgotten))


@dg.job(
    name="housekeeping",
    description=f"Delete events and check results older than {KEEP_EVENTS.days} days, but the "
    f"newest of each asset and check, runs older than {KEEP_RUNS.days} days, and output of runs "
    f"older than {KEEP_OUTPUT.days} days. Dagster itself never does.",
)
def housekeeping_job() -> None:
    """One op."""
    forget_old_events()


housekeeping_schedule = dg.ScheduleDefinition(
    name="housekeeping_schedule",
    cron_schedule="41 3 * * *",
    job=housekeeping_job,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Daily housekeeping of Dagster's own storage.",
)


@dg.sensor(
    name="alarm_sensor",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at everything that can turn bad, and tells people once when it does and "
    "once when it is well again, where no `arcadia alarms watch` does so.",
)
def alarm_sensor() -> dg.SkipReason:
    """Look, unless the process that does nothing else looked a moment ago."""
    settings = load_settings()
    with reported_errors():
        if watched_lately(settings):
            return dg.SkipReason("`arcadia alarms watch` looks.")
        looked = look_once(settings)
    if looked is None:
        return dg.SkipReason("The warehouse cannot be used.")
    told = ", ".join(name for name, error in looked.delivered.items() if error is None)
    return dg.SkipReason(f"Looked; told {told or 'nobody'}.")


def past_runs(instance: dg.DagsterInstance, team: str | None = None) -> dict[str, Past]:
    """Return what Dagster knows of each job of a first refresh, of one team."""
    return {name: _past(instance, name, team if name in OF_A_TEAM else None) for name in LOOKED_AT}


def _past(instance: dg.DagsterInstance, name: str, team: str | None) -> Past:
    tags = team_tags(team)
    runs = instance.get_runs(dg.RunsFilter(job_name=name, tags=tags), limit=MOST_ATTEMPTS)
    succeeded = dg.RunsFilter(job_name=name, tags=tags, statuses=[dg.DagsterRunStatus.SUCCESS])
    return Past(
        runs=len(runs),
        succeeded=bool(instance.get_runs(succeeded, limit=1)),
        reason_to_wait=newest_run_speaks_against(instance, name, team),
        under_way=any(run.status in IN_FLIGHT for run in runs),
    )


@dg.sensor(
    name="first_refresh_sensor",
    jobs=[
        inventory_job,
        balance_job,
        history_job,
        facts_job,
        open_month_job,
        daily_costs_job,
        terraform_job,
        sweep_job,
        allocation_job,
        forecast_job,
    ],
    minimum_interval_seconds=20,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts at once what never ran to an end here: the first refresh of the "
    f"inventory, balance, invoices and all that follows, each at most {MOST_ATTEMPTS} times.",
)
def first_refresh_sensor(
    context: dg.SensorEvaluationContext,
) -> dg.SensorResult | dg.SkipReason:
    """Is there a job that never ran to an end, and nothing that it waits for?"""
    # Nothing is looked up once all is done, until a release adds a job, or somebody a team.
    teams = teams_of_runs()
    jobs = " ".join([*sorted(AFTER), *(team for team in teams if team is not None)])
    if context.cursor == jobs:
        return dg.SkipReason("Every job ran before: the schedules go on.")
    past = {team: past_runs(context.instance, team) for team in teams}
    if all(map(is_done, past.values())):
        context.update_cursor(jobs)
        return dg.SkipReason("Every job ran before: the schedules go on.")
    answers = context.instance.get_latest_materialization_event(dg.AssetKey(ACCOUNT)) is not None
    wanted = {
        (name, team if name in OF_A_TEAM else None): None
        for team in teams
        for name in due(past[team], account_answers=answers)
    }
    if wanted:
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(job_name=name, tags=team_tags(team)) for name, team in wanted
            ]
        )
    return dg.SkipReason("The first refresh is under way, or failed a moment ago.")


defs = dg.Definitions(
    jobs=[housekeeping_job],
    schedules=[housekeeping_schedule],
    sensors=[alarm_sensor, first_refresh_sensor],
)
