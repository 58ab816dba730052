"""The sensor that has the team told about newly opened drift, once."""

import dagster as dg

from ..dagster_support import newest_run_speaks_against, reported_errors
from ..warehouse.engine import Warehouse
from .jobs import notify_job
from .notify import anything_to_tell


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
    if reason := newest_run_speaks_against(context.instance, notify_job.name):
        return dg.SkipReason(reason)
    with reported_errors():
        if not anything_to_tell(warehouse):
            return dg.SkipReason("The team knows of all open drift.")
    return dg.RunRequest()
