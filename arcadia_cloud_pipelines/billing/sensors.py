"""The sensor that has every known invoice ingested, in one run for all of them."""

from datetime import datetime, timedelta

import dagster as dg

from ..dagster_support import IN_FLIGHT, reported_errors
from ..times import utc_now
from ..warehouse.engine import Warehouse
from .ingest import due_invoices, unmatched_since
from .jobs import ingest_job

AFTER_A_FAILURE = timedelta(minutes=30)
"""How long nothing is asked for after a run that failed: the API may be out for hours."""


def reason_to_wait(newest: dg.RunRecord, now: datetime) -> str | None:
    """Why not to start a run, judging by the newest one; None when nothing speaks against it."""
    run = newest.dagster_run
    if run.status in IN_FLIGHT:
        return f"Run {run.run_id} is still ingesting."
    if run.status == dg.DagsterRunStatus.FAILURE and newest.end_time is not None:
        age = timedelta(seconds=now.timestamp() - newest.end_time)
        if age < AFTER_A_FAILURE:
            return f"Run {run.run_id} failed less than {AFTER_A_FAILURE} ago."
    return None


@dg.sensor(
    name="invoice_ingest_sensor",
    job=ingest_job,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for `cost_lines` of all invoices that are known and not ingested, in one "
    "run; for failed ones at most twice more, a day apart. Asks also when the inventory has grown "
    "and lines are unmatched, so that they are matched again.",
)
def invoice_ingest_sensor(
    context: dg.SensorEvaluationContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.SensorResult | dg.SkipReason:
    """What is due, and is nobody at it already?"""
    newest_run = context.instance.get_run_records(dg.RunsFilter(job_name=ingest_job.name), limit=1)
    if newest_run and (reason := reason_to_wait(newest_run[0], utc_now())):
        return dg.SkipReason(reason)
    with reported_errors():
        due = due_invoices(warehouse)
        newest = unmatched_since(warehouse, int(context.cursor or 0))
    if not due and newest is None:
        return dg.SkipReason("Every known invoice is in, and the inventory has not grown.")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_config=dg.RunConfig(ops={"cost_lines": {"config": {"invoice_uuids": due}}})
            )
        ],
        cursor=context.cursor if newest is None else str(newest),
    )
