"""Checks of billing: does it add up, is it explained, is it all there, is it fresh?"""

from datetime import timedelta
from decimal import Decimal

import dagster as dg

from ..common.late import LATE_AFTER, lately
from ..common.times import ago, utc_now
from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table
from ..warehouse.engine import Warehouse
from . import insights, report
from .reconcile import Mismatch

BALANCE_STALE_AFTER = LATE_AFTER["balance"]
PENDING_TOO_LONG = timedelta(days=2)
MATCHED_SHARE = Decimal("0.95")
"""Share of the dollars spent on resources that should find theirs."""


@dg.asset_check(
    asset="cost_lines",
    description="The amount of each invoice is its lines and those parts of its summary that have "
    f"no line, to the cent. Up to ${report.TOLERANCE} apart is a warning: invoices are rounded "
    "line by line.",
)
def reconciled(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Lines + parts of the summary without a line = amount = summary, for each invoice."""
    with reported_errors():
        differing = report.differences(warehouse)
    off = [one for one in differing if one.off_by]
    explained = [one for one in differing if not one.off_by]
    worst = max((one.off_by for one in off), default=Decimal(0))
    told = (
        f"{len(off):,} invoices do not add up, by ${worst} at most."
        if off
        else "Every ingested invoice adds up to the cent."
    )
    if explained:
        told += f" {len(explained):,} by parts of their summary that have no line."
    return dg.AssetCheckResult(
        passed=not off,
        severity=dg.AssetCheckSeverity.ERROR
        if worst > report.TOLERANCE
        else dg.AssetCheckSeverity.WARN,
        description=told,
        metadata=_differences("mismatches", off) | _differences("explained", explained),
    )


def _differences(name: str, rows: list[Mismatch]) -> dict[str, dg.MetadataValue]:
    """Return a table of the newest of them; none when there are none."""
    if not rows:
        return {}
    columns = ("period", "invoice", "amount", "lines", "summary", "without a line", "off by")
    return {
        name: table(
            columns,
            [
                (
                    f"{m.period:%Y-%m}", m.invoice_uuid, m.amount, m.lines_total, m.summary_total,
                    ", ".join(f"{part} {value}" for part, value in m.explained_by.items()),
                    m.off_by,
                )
                for m in rows[-50:]
            ],
        )
    }  # fmt: skip


@dg.asset_check(
    asset="cost_lines",
    description=f"In each of the newest {report.RECENT_MONTHS} months, at least "
    f"{MATCHED_SHARE:.0%} of the dollars spent on resources are matched. Credits do not count, "
    "nor does usage that ended before its kind of resource was first listed.",
)
def matched(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Compare the dollars that found their resource with those that should have."""
    with reported_errors():
        months = report.matched_months(warehouse)
        shares = [s for s in report.shares(warehouse) if s.method != "not_a_resource"]
    if not months:
        return dg.AssetCheckResult(passed=True, description="No usage is billed yet.")
    worst = min(months, key=lambda month: (month.found, month.share))
    usage = worst.matched + worst.missing + worst.too_early
    told = (
        f"{worst.period:%Y-%m}: ${worst.matched:,} of ${usage:,} ({worst.share:.1%}) are matched "
        "to a resource."
    )
    if worst.too_early:
        told += (
            f" ${worst.too_early:,} are usage that ended before the first sync, of resources that "
            "nobody can name any more."
        )
    return dg.AssetCheckResult(
        passed=worst.found >= MATCHED_SHARE,
        severity=dg.AssetCheckSeverity.WARN,
        description=told,
        metadata=metadata(
            share=float(worst.share),
            by_month=table(
                ("period", "matched", "missing", "before the first sync", "share"),
                [
                    (f"{m.period:%Y-%m}", m.matched, m.missing, m.too_early, f"{m.share:.1%}")
                    for m in months
                ],
            ),
            by_method=table(
                ("method or reason", "lines", "US dollars"),
                [(s.method, s.lines, s.amount) for s in shares],
            ),
        ),
    )


@dg.asset_check(
    asset="cost_lines",
    description="Every product on the invoices has a rule in `billing/products.toml`.",
)
def products_known(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """List the products without a rule, with their lines and dollars."""
    with reported_errors():
        unknown = report.unknown_products(warehouse)
    told = ", ".join(f"{p.product or '(blank)'} (${p.amount:,})" for p in unknown[:5])
    return dg.AssetCheckResult(
        passed=not unknown,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(unknown):,} products are not known, so their lines are matched by id "
        f"only: {told}. Add rules for them to billing/products.toml."
        if unknown
        else "Every product has a rule.",
        metadata=metadata(
            unknown_products=table(
                ("product", "lines", "US dollars", "first", "last"),
                [
                    (p.product, p.lines, p.amount, f"{p.first:%Y-%m}", f"{p.last:%Y-%m}")
                    for p in unknown[:50]
                ],
            )
        ),
    )


@dg.asset_check(
    asset="cost_lines",
    description="Where a line carries two ids, both name the same resource.",
)
def ids_agree(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """List the lines whose two ids name two resources."""
    with reported_errors():
        conflicts = report.conflicting_ids(warehouse)
    return dg.AssetCheckResult(
        passed=not conflicts,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(conflicts):,} lines have two ids that name two resources. The one of "
        "the product's own kind was used, or else the one of the uuid."
        if conflicts
        else "The ids of every line agree.",
        metadata=metadata(
            conflicts=table(
                ("period", "invoice", "line", "product", "id", "other id", "taken", "other"),
                [(f"{row[0]:%Y-%m}", *row[1:]) for row in conflicts[:50]],
            )
        ),
    )


@dg.asset_check(
    asset="invoices",
    description=f"No invoice has been pending or failed for more than {PENDING_TOO_LONG}.",
)
def none_left_behind(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """List the invoices that are known and not ingested, and since when."""
    with reported_errors():
        waiting = report.not_ingested(warehouse)
    now = utc_now()
    late = [row for row in waiting if now - row[3] > PENDING_TOO_LONG or row[2] == "failed"]
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(waiting):,} invoices are not read so far, {len(late):,} of them "
        "failed or late. Materialise `cost_lines` with their invoice_uuids to read them again."
        if late
        else f"{len(waiting):,} invoices are waiting, none for long.",
        metadata=metadata(
            waiting=table(
                ("period", "invoice", "status", "error"),
                [(f"{row[1]:%Y-%m}", row[0], row[2], row[4]) for row in late[:50]],
            )
        ),
    )


@dg.asset_check(
    asset="balance_snapshots",
    name="fresh",
    description=f"The newest balance is younger than {BALANCE_STALE_AFTER}.",
)
def balance_fresh(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Compare the age of the newest snapshot with what is allowed."""
    with reported_errors():
        newest = report.newest_balance(warehouse)
    now = utc_now()
    age = None if newest is None else now - newest
    return dg.AssetCheckResult(
        passed=newest is not None and lately(newest, now, BALANCE_STALE_AFTER),
        severity=dg.AssetCheckSeverity.WARN,
        description="The balance was never read: materialise `balance_snapshots`."
        if age is None
        else f"Captured {ago(age)} ago."
        if age >= timedelta(0)
        else f"Captured {ago(-age)} ahead of now, by a clock that was wrong.",
    )


@dg.asset_check(
    asset="cost_lines",
    description="The JSON form of each invoice, which has the ids of the resources billed, was "
    "read completely.",
)
def ids_whole(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Name the invoices whose lines may lack the id of their resource, and why."""
    with reported_errors():
        short = report.without_ids(warehouse)
    return dg.AssetCheckResult(
        passed=not short,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Lines of {len(short):,} invoices may lack the id of their resource and are "
        "matched by name. They are asked for twice more, a day apart; then materialise "
        "`cost_lines` with their invoice_uuids."
        if short
        else "Every invoice was read with all its ids.",
        metadata=metadata(
            invoices=table(
                ("period", "invoice", "why", "attempts"),
                [(f"{row[0]:%Y-%m}", *row[1:]) for row in short[-50:]],
            )
        ),
    )


@dg.asset_check(
    asset="daily_costs",
    description="Every day has costs. How far a month's days are from its invoice is shown and "
    "fails nothing: DigitalOcean says that they need not agree.",
)
def days_whole(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """List the days without costs, and each month's days beside its invoice."""
    with reported_errors():
        missing = insights.missing_days(warehouse)
        months = insights.months(warehouse)
    return dg.AssetCheckResult(
        passed=not missing,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"DigitalOcean gives no costs for {len(missing):,} days, the last one "
        f"{missing[-1]}."
        if missing
        else "No day is missing.",
        metadata=metadata(
            months=table(
                ("period", "days", "invoiced before taxes", "difference"),
                [(f"{row[0]:%Y-%m}", *row[1:]) for row in months],
            )
        ),
    )


CHECKS = [
    reconciled, matched, products_known, ids_agree, ids_whole, none_left_behind, balance_fresh,
]  # fmt: skip
