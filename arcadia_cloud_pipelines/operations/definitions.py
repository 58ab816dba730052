"""Operations' Dagster definitions: housekeeping, and the sensor of alarms."""

from dataclasses import asdict
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from ..dagster_support import reported_errors
from ..settings import load_settings
from ..times import utc_now
from ..warehouse.engine import dagster_url
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


defs = dg.Definitions(
    jobs=[housekeeping_job], schedules=[housekeeping_schedule], sensors=[alarm_sensor]
)
