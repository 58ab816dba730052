"""Checks of the inventory: is each listing complete, plausible and fresh?"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

import dagster as dg

from ..dagster_support import reported_errors, timestamp
from ..times import utc_now
from ..warehouse.engine import Warehouse
from .freshness import newest_complete_syncs
from .kinds import REGISTRY
from .sync import SyncResult

LATE_AFTER = timedelta(minutes=90)
STALE_AFTER = timedelta(hours=3)


def sync_check_specs(asset: str) -> Sequence[dg.AssetCheckSpec]:
    """The checks that each sync answers by itself, at no cost of a step."""
    return [
        dg.AssetCheckSpec(
            "complete",
            asset=asset,
            description="Every page was read and the distinct ids agree with the API's total. "
            "Nothing is struck or deleted after a listing that is not.",
        ),
        dg.AssetCheckSpec(
            "plausible",
            asset=asset,
            description="No more than half of the live rows missing at once, and no field gone "
            "empty everywhere at once, as happens when a token loses a scope.",
        ),
    ]


def sync_check_results(asset: str, result: SyncResult, scope: str) -> list[dg.AssetCheckResult]:
    """Answer `sync_check_specs` for one sync."""
    recorded = result.recorded
    if not result.available:
        complete = f"Not available: {result.error} It needs the scope {scope}."
    else:
        complete = result.error or f"{result.rows_seen:,} listed, all of them."
    problems = []
    confirm = f"`arcadia inventory confirm-loss {result.kind}`"
    if recorded.implausible:
        problems.append(
            f"{recorded.missing:,} live rows are missing from the listing, more than plausibly "
            f"could be, so none was struck. If they are really gone: {confirm}."
        )
    for field, rows in recorded.withheld.items():
        problems.append(
            f"`{field}` came back empty for all of the {rows:,} rows that had it, as when a token "
            f"loses a scope; not recorded as change. If it is real: {confirm}."
        )
    if recorded.foreign:
        problems.append(
            f"{recorded.foreign:,} listed here are live rows of another account and were left "
            "alone; they are taken over when that account's listings miss them."
        )
    return [
        dg.AssetCheckResult(
            check_name="complete",
            asset_key=asset,
            passed=result.complete,
            severity=dg.AssetCheckSeverity.WARN,
            description=complete,
            metadata={"rows_seen": result.rows_seen or 0, "api_calls": result.api_calls},
        ),
        dg.AssetCheckResult(
            check_name="plausible",
            asset_key=asset,
            passed=not problems,
            severity=dg.AssetCheckSeverity.ERROR,
            description=" ".join(problems) or "Nothing implausible.",
            metadata={"missing": recorded.missing, "withheld": dict(recorded.withheld)},
        ),
    ]


_KIND_OF_ASSET = {"projects": "project", **{kind.asset: kind.name for kind in REGISTRY}}


@dg.multi_asset_check(
    specs=[
        dg.AssetCheckSpec(
            "fresh",
            asset=asset,
            description=f"The newest complete listing is younger than {STALE_AFTER}.",
        )
        for asset in _KIND_OF_ASSET
    ],
    can_subset=True,
)
def fresh(
    context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> Iterable[dg.AssetCheckResult]:
    """How old is the newest complete listing of each kind?"""
    with reported_errors():
        newest = newest_complete_syncs(warehouse)
    now = utc_now()
    for key in context.selected_asset_check_keys:
        asset = key.asset_key.to_user_string()
        listed_at = newest.get(_KIND_OF_ASSET[asset])
        age = None if listed_at is None else now - listed_at
        yield dg.AssetCheckResult(
            check_name=key.name,
            asset_key=key.asset_key,
            passed=age is not None and age < STALE_AFTER,
            severity=dg.AssetCheckSeverity.WARN,
            description="Never listed completely."
            if age is None
            else f"Listed completely {int(age.total_seconds() // 60):,} minutes ago.",
            metadata={} if listed_at is None else {"listed_at": timestamp(listed_at)},
        )


CHECKS = [fresh]
