"""Checks of allocation: is every cent somebody's or nobody's, and is every rule of use?"""

from collections.abc import Sequence

import dagster as dg

from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table
from ..warehouse.engine import Warehouse
from . import report
from .allocate import Unused
from .rule_file import describe_rule

ASSET = dg.AssetKey("cost_allocations")
SHOWN = 50


@dg.asset_check(
    asset=ASSET,
    description="The shares of each line are 1 to the last digit, its parts are the line, and the "
    "months are their invoices.",
)
def every_cent(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """List the lines and months that are not allocated to the last digit."""
    with reported_errors():
        lines = report.wrong_lines(warehouse)
        months = report.wrong_months(warehouse)
    return dg.AssetCheckResult(
        passed=not lines and not months,
        description=f"{len(lines):,} lines and {len(months):,} months are not allocated to the "
        "cent. Materialise cost_allocations; if that does not help it is a fault."
        if lines or months
        else "Every cent of every invoice is allocated once.",
        metadata=metadata(
            lines=table(
                ("invoice", "line", "shares", "allocated", "line's amount"),
                [
                    (one.invoice_uuid, one.line_number, one.shares, one.amount, one.of_line)
                    for one in lines[:SHOWN]
                ],
            ),
            months=table(
                ("account", "period", "not allocated"),
                [(account, f"{period:%Y-%m}", amount) for account, period, amount in months],
            ),
        ),
    )


RULES_IN_USE = dg.AssetCheckSpec(
    "rules_in_use",
    asset=ASSET,
    description="Every allocation rule decides for some line.",
)


def rules_in_use(unused: Sequence[Unused]) -> dg.AssetCheckResult:
    """Return the result for the rules that decided for no line."""
    shadowed = sum(one.shadowed for one in unused)
    return dg.AssetCheckResult(
        check_name=RULES_IN_USE.name,
        asset_key=ASSET,
        passed=not unused,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(unused) - shadowed:,} rules match no line, and {shadowed:,} only lines "
        "that earlier rules decide. Mend them, or take them out."
        if unused
        else "Every rule decides for some line.",
        metadata=metadata(
            rules=table(
                ("rule", "why"),
                [
                    (describe_rule(one.number, one.rule),
                     "earlier rules decide for all that it matches" if one.shadowed
                     else "it matches no line")
                    for one in unused[:SHOWN]
                ],
            )
        ),
    )  # fmt: skip


CHECKS = [every_cent]
