"""The sensor that has every known invoice ingested, in one run for all of them."""

import dagster as dg

from ..dagster_support import newest_run_speaks_against, reported_errors
from ..warehouse.engine import Warehouse
from .ingest import due_invoices, unmatched_since
from .jobs import ingest_job


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
    """Ask for the invoices that are due and that no run is reading already."""
    if reason := newest_run_speaks_against(context.instance, ingest_job.name):
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
