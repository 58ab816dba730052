"""The assets of allocation: who pays for each line, and which months can be closed."""

from collections import defaultdict
from datetime import date
from decimal import Decimal

import dagster as dg

from ..common.plots import stacked_months
from ..dagster_support.assets import DAILY, OWNERS, RETRY
from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table, table_metadata
from ..settings import Purpose, load_settings
from ..warehouse.engine import Warehouse
from . import checks, report
from .allocate import allocate
from .proposals import propose
from .rule_file import AllocationRulesError
from .statement_tables import cloud_statement_proposals
from .tables import cloud_cost_allocations

GROUP = "billing"
KINDS = {"postgres"}
MONTHS_SHOWN = 12


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    metadata=table_metadata(cloud_cost_allocations),
    pool=Purpose.CLOUD_BILLING.value,
    retry_policy=RETRY,
    freshness_policy=DAILY,
    deps=["cost_entries"],
    check_specs=[checks.RULES_IN_USE],
)
def cost_allocations(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult:
    """Give each invoice line to those who pay: a tenant by a rule, or nobody for a reason.

    The rules are those of the file that `ARCADIA_ALLOCATION_RULES` names, else those applied last.
    Without any, the tenant of the line's project at the time pays. Every run applies them to all
    months; statements of closed months stay as they are, see `docs/allocation.md`.
    """
    with reported_errors(AllocationRulesError):
        done = allocate(warehouse, load_settings().allocation_rules)
        payers = report.newest_months(warehouse, MONTHS_SHOWN)
    context.log.info(f"{done.changed:,} of {done.entries:,} lines are allocated differently now")
    newest = [one for one in payers if one.period == payers[-1].period]
    months: dict[date, dict[str, Decimal]] = defaultdict(dict)
    for one in payers:
        months[one.period][one.name] = one.amount
    picture = stacked_months("Who pays, US dollars", months) if months else ""
    return dg.MaterializeResult(
        metadata=metadata(
            {"dagster/row_count": done.entries},
            changed=done.changed,
            rules=len(done.file.rule),
            newest_month_usd=sum((one.amount for one in newest), Decimal(0)) if newest else None,
            newest_month=table(("who", "US dollars"), [(one.name, one.amount) for one in newest]),
            differences=table(
                ("period", "who", "before", "after"),
                [
                    (f"{one.period:%Y-%m}", one.tenant_id or f"(nobody: {one.reason})",
                     one.before, one.after)
                    for one in done.differences[-50:]
                ],
            ),
            months=dg.MetadataValue.md(picture),
            rules_digest=done.file.digest,
        ),
        check_results=[checks.rules_in_use(done.unused)],
    )  # fmt: skip


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds=KINDS,
    metadata=table_metadata(cloud_statement_proposals),
    pool=Purpose.CLOUD_BILLING.value,
    retry_policy=RETRY,
    freshness_policy=DAILY,
    deps=["cost_by_tenant", "invoice_reconciliation"],
)
def statement_proposals(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult:
    """Propose to close the months that are whole: over, billed, read, and each invoice adds up.

    Nothing is closed by itself: `arcadia statements close 2026-10` does, for good.
    """
    with reported_errors():
        found = propose(warehouse)
    for one in found:
        context.log.info(f"`arcadia statements close {one.period:%Y-%m}` may be run")
    return dg.MaterializeResult(
        metadata=metadata(
            {"dagster/row_count": len(found)},
            proposals=table(
                ("account", "period", "US dollars", "nobody's", "tenants"),
                [
                    (one.account, f"{one.period:%Y-%m}", one.amount, one.unallocated, one.tenants)
                    for one in found
                ],
            ),
        )
    )


ASSETS: list[dg.AssetsDefinition] = [cost_allocations, statement_proposals]
