"""The sensor that has the team told about newly opened drift, once."""

from datetime import datetime, timedelta

import dagster as dg

from ..dagster_support import IN_FLIGHT, reported_errors
from ..times import utc_now
from ..warehouse.engine import Warehouse
from .jobs import notify_job
from .notify import anything_to_tell

AFTER_A_FAILURE = timedelta(minutes=30)
"""How long nothing is sent after a message that failed: the channel may be out for hours."""


def reason_to_wait(newest: dg.RunRecord, now: datetime) -> str | None:
    """Why not to start a run, judging by the newest one; None when nothing speaks against it."""
    run = newest.dagster_run
    if run.status in IN_FLIGHT:
        return f"Run {run.run_id} is still telling the team."
    if run.status == dg.DagsterRunStatus.FAILURE and newest.end_time is not None:
        age = timedelta(seconds=now.timestamp() - newest.end_time)
        if age < AFTER_A_FAILURE:
            return f"Run {run.run_id} failed less than {AFTER_A_FAILURE} ago."
    return None


@dg.sensor(
    name="drift_notify_sensor",
    job=notify_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Has the team told about newly opened drift: once for each record, all of a sweep "
    "in one message, through the channel in ARCADIA_NOTIFY_URLS; into the log without one.",
)
def drift_notify_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.RunRequest | dg.SkipReason:
    """Is there drift that nobody was told of, and is nobody telling already?"""
    newest = context.instance.get_run_records(dg.RunsFilter(job_name=notify_job.name), limit=1)
    if newest and (reason := reason_to_wait(newest[0], utc_now())):
        return dg.SkipReason(reason)
    with reported_errors():
        if not anything_to_tell(warehouse):
            return dg.SkipReason("The team knows of all open drift.")
    return dg.RunRequest()
