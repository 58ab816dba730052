"""Checks of billing: does it add up, is it explained, is it all there, is it fresh?"""

from datetime import timedelta
from decimal import Decimal

import dagster as dg

from ..dagster_support import markdown_table, reported_errors
from ..times import utc_now
from ..warehouse.engine import Warehouse
from . import report
from .reconcile import Mismatch

BALANCE_LATE_AFTER = timedelta(minutes=90)
BALANCE_STALE_AFTER = timedelta(hours=3)
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
        name: markdown_table(
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
    description=f"At least {MATCHED_SHARE:.0%} of the dollars spent on resources are matched.",
)
def matched(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """How many of the dollars found their resource?"""
    with reported_errors():
        shares = [s for s in report.shares(warehouse) if s.method != "not_a_resource"]
    spent = sum((s.amount for s in shares), Decimal(0))
    found = sum(
        (s.amount for s in shares if s.method in ("resource_id", "name", "group")), Decimal(0)
    )
    share = found / spent if spent else Decimal(1)
    return dg.AssetCheckResult(
        passed=share >= MATCHED_SHARE,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"${found:,} of ${spent:,} ({share:.1%}) are matched to a resource.",
        metadata={
            "share": float(share),
            "by_method": markdown_table(
                ("method or reason", "lines", "US dollars"),
                [(s.method, s.lines, s.amount) for s in shares],
            ),
        },
    )


@dg.asset_check(
    asset="invoices",
    description=f"No invoice has been pending or failed for more than {PENDING_TOO_LONG}.",
)
def none_left_behind(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Which invoices are known and not ingested, and since when?"""
    with reported_errors():
        waiting = report.not_ingested(warehouse)
    now = utc_now()
    late = [row for row in waiting if now - row[3] > PENDING_TOO_LONG or row[2] == "failed"]
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(waiting):,} invoices are not ingested, {len(late):,} of them failed or "
        "late. Materialise `cost_lines` with their invoice_uuids to read them again."
        if late
        else f"{len(waiting):,} invoices are waiting, none for long.",
        metadata={
            "waiting": markdown_table(
                ("period", "invoice", "status", "error"),
                [(f"{row[1]:%Y-%m}", row[0], row[2], row[4]) for row in late[:50]],
            )
        }
        if late
        else {},
    )


@dg.asset_check(
    asset="balance_snapshots",
    name="fresh",
    description=f"The newest snapshot is younger than {BALANCE_STALE_AFTER}.",
)
def balance_fresh(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """How old is the newest snapshot?"""
    with reported_errors():
        newest = report.newest_balance(warehouse)
    age = None if newest is None else utc_now() - newest
    return dg.AssetCheckResult(
        passed=age is not None and age < BALANCE_STALE_AFTER,
        severity=dg.AssetCheckSeverity.WARN,
        description="There is no snapshot."
        if age is None
        else f"Captured {int(age.total_seconds() // 60):,} minutes ago.",
    )


CHECKS = [reconciled, matched, none_left_behind, balance_fresh]
