"""The asset of forecasts."""

import dagster as dg

from ..dagster_support.assets import DAILY, OWNERS, RESOURCES_ASSET, RETRY
from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table, table_metadata
from ..digitalocean.clients import Clients
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from .budgets import BudgetsError, follow_budgets
from .model import TEST_MONTHS, make_forecasts
from .tables import cloud_budgets, cloud_forecasts

GROUP = "billing"


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    deps=["cost_lines", "open_month_lines", "daily_costs", "rate_card", RESOURCES_ASSET],
    metadata=table_metadata(cloud_forecasts),
    pool=Purpose.CLOUD_BILLING.value,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def cost_forecasts(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult:
    """Say what the open month will cost, appended each day.

    What runs runs on, line by line with its own rate and 672 hours at most; what ended stays as it
    is; taxes and percentages follow the use. The same rules are tested on the last months with
    what was known then, beside the last invoice again and a straight line: `cloud_forecast_tests`.
    """
    with reported_errors():
        made = make_forecasts(warehouse)
    structure = [one for one in made.forecasts if one.method == "structure"]
    for one in structure:
        if one.note:
            context.log.warning(f"The forecast of {one.account} may be wrong: {one.note}")
    return dg.MaterializeResult(
        metadata=metadata(
            forecasts=table(
                ("account", "period", "method", "low", "expected", "high", "error in past months"),
                [
                    (
                        one.account, f"{one.period:%Y-%m}", one.method, one.low, one.expected,
                        one.high,
                        "" if one.back_test_error is None else f"{one.back_test_error:.1%}",
                    )
                    for one in made.forecasts
                ],
            ),
            months_tested=made.months_tested,
            months_kept=TEST_MONTHS if made.months_tested else None,
            expected_usd=structure[0].expected if len(structure) == 1 else None,
        )
    )  # fmt: skip


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"toml", "postgres"},
    metadata=table_metadata(cloud_budgets),
    pool=Purpose.CLOUD_BILLING.value,
    retry_policy=RETRY,
    freshness_policy=DAILY,
)
def reviewed_budgets(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> dg.MaterializeResult:
    """Mirror the file that `ARCADIA_BUDGETS` names: what a month may cost, and for whom.

    A file that cannot be used changes nothing and fails the run with file, budget and key.
    """
    with reported_errors(BudgetsError):
        count = follow_budgets(warehouse, clients.settings.budgets)
    return dg.MaterializeResult(metadata={"dagster/row_count": count})


ASSETS = [cost_forecasts, reviewed_budgets]
