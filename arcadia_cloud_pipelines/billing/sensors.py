"""The sensor that has every known invoice ingested, in one run for all of them."""

import dagster as dg

from ..dagster_support.errors import reported_errors
from ..dagster_support.runs import (
    account_of_team,
    newest_run_speaks_against,
    team_tags,
    teams_of_runs,
)
from ..warehouse.engine import Warehouse
from .invoices import due_invoices
from .jobs import ingest_job
from .rematch import unmatched_since


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
    reasons = {
        team: newest_run_speaks_against(context.instance, ingest_job.name, team)
        for team in teams_of_runs()
    }
    free = [team for team, reason in reasons.items() if reason is None]
    if not free:
        return dg.SkipReason(" ".join(filter(None, reasons.values())))
    with reported_errors():
        newest = unmatched_since(warehouse, int(context.cursor or 0))
        due = {team: _due(warehouse, team) for team in free}
    # A team's run matches the lines of all again, so that no team waits for another's token.
    wanted = {team: uuids for team, uuids in due.items() if uuids or newest is not None}
    if not wanted:
        return dg.SkipReason("Every known invoice is in, and the inventory has not grown.")
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                tags=team_tags(team),
                run_config=dg.RunConfig(ops={"cost_lines": {"config": {"invoice_uuids": uuids}}}),
            )
            for team, uuids in wanted.items()
        ],
        cursor=context.cursor if newest is None else str(newest),
    )


def _due(warehouse: Warehouse, team: str | None) -> list[str]:
    """Return the invoices that are due; none of a team whose account nobody knows yet."""
    if team is None:
        return due_invoices(warehouse)
    account = account_of_team(warehouse, team)
    return [] if account is None else due_invoices(warehouse, account=account)
