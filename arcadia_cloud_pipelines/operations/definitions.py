"""Operations' Dagster definitions: housekeeping, and the sensors of alarms and of a first start."""

from dataclasses import asdict
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from ..common.times import utc_now
from ..dagster_support.errors import reported_errors
from ..dagster_support.runs import FIRST_REFRESH, team_tags, teams_of_runs
from ..inventory.assets import ACCOUNT
from ..inventory.checks import nothing_overlooked
from ..settings import load_settings
from ..warehouse.engine import dagster_url
from . import first_runs
from .first_refresh import MOST_ATTEMPTS
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
    "once when it is fine again, unless `arcadia alarms watch` does so.",
)
def alarm_sensor() -> dg.SkipReason:
    """Look, unless the process that does nothing else looked a moment ago."""
    settings = load_settings()
    with reported_errors():
        if watched_lately(settings):
            return dg.SkipReason("`arcadia alarms watch` looks for alarms already.")
        looked = look_once(settings)
    if looked is None:
        return dg.SkipReason("The warehouse cannot be used: run `arcadia doctor`.")
    told = ", ".join(name for name, error in looked.delivered.items() if error is None)
    return dg.SkipReason(f"Looked for alarms; notified {told or 'nobody'}.")


# Everything that the schedules and `invoice_ingest_sensor` fill, in one run: a process for each of
# their jobs would cost more than the work, and each would wait for the ones before it.
first_refresh_job = dg.define_asset_job(
    FIRST_REFRESH,
    selection=dg.AssetSelection.all() - dg.AssetSelection.checks(nothing_overlooked),
    description="Read everything once: each kind, the bills with their lines, what differs.",
)


@dg.sensor(
    name="first_refresh_sensor",
    job=first_refresh_job,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts at once, in one run, what was never read here; what fails is tried again "
    f"half an hour later, {MOST_ATTEMPTS} times in all. Then the schedules go on.",
)
def first_refresh_sensor(
    context: dg.SensorEvaluationContext,
) -> dg.SensorResult | dg.SkipReason:
    """Is there an asset that was never filled, and nothing that it waits for?"""
    parts = first_runs.parts(context.repository_def, teams_of_runs())  # type: ignore[arg-type]
    # Nothing is looked up once all is done, until a release adds an asset, or somebody a team.
    done = first_runs.parts_digest(parts)
    if context.cursor == done:
        return dg.SkipReason("Everything was read before: the schedules go on.")
    looks = [first_runs.look_at_part(context.instance, part) for part in parts]
    if all(look.is_over for look in looks):
        left, of = sum(len(x.missing) for x in looks), sum(len(x.part.keys) for x in looks)
        return dg.SensorResult(
            skip_reason=f"{left} of {of} assets are left to the schedules.", cursor=done
        )
    if wanted := first_runs.next_ones(looks):
        return dg.SensorResult(run_requests=[_request(look) for look in wanted])
    under_way = next((look.past.under_way for look in looks if look.past.under_way), None)
    return dg.SkipReason(under_way or "What is left failed a moment ago: it waits.")


def _request(look: first_runs.Look) -> dg.RunRequest:
    # With the account: where it does not answer, the run fails for it once.
    account = {ACCOUNT} & {key.to_user_string() for key in look.part.keys}
    return dg.RunRequest(
        asset_selection=[dg.AssetKey(name) for name in sorted(look.due | account)],
        tags={first_runs.ASSETS: look.part.digest, **team_tags(look.part.team)},
    )


defs = dg.Definitions(
    jobs=[housekeeping_job, first_refresh_job],
    schedules=[housekeeping_schedule],
    sensors=[alarm_sensor, first_refresh_sensor],
)
