"""Operations' Dagster definitions: housekeeping."""

from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from ..dagster_support import reported_errors
from ..settings import load_settings
from ..times import utc_now
from ..warehouse.engine import dagster_url
from .retention import KEEP_EVENTS, KEEP_OUTPUT, forget


@dg.op
def forget_old_events(context: dg.OpExecutionContext) -> None:
    """Delete old events that are not about assets, and the output of old runs."""
    with reported_errors():
        engine = sa.create_engine(dagster_url(load_settings()), poolclass=sa.NullPool)
    forgotten = forget(engine, Path(context.instance.storage_directory()), utc_now())
    context.add_output_metadata({"events": forgotten.events, "folders": forgotten.folders})


@dg.job(
    name="housekeeping",
    description=f"Delete events older than {KEEP_EVENTS.days} days that are not about assets, and "
    f"output of runs older than {KEEP_OUTPUT.days} days. Dagster itself never does.",
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

defs = dg.Definitions(jobs=[housekeeping_job], schedules=[housekeeping_schedule])
