"""Checks of drift: is the inbox empty, did the sweep look at fresh inventory, do rules expire?"""

from datetime import timedelta

import dagster as dg

from ..dagster_support import reported_errors, table
from ..times import utc_now
from ..warehouse.engine import Warehouse
from .ignore import list_rules
from .inbox import list_drift, newest_sweep

LATE_AFTER = timedelta(hours=2)
"""How old the newest sweep may be; there is one every hour."""


@dg.asset_check(
    asset="drift_records", description="Nothing differs from its spec. A warning, with the inbox."
)
def no_open_drift(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """What differs?"""
    with reported_errors():
        found = list_drift(warehouse, limit=1_000_000)
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found):,} fields differ from their specs. Accept one with `arcadia "
        "drift accept ID`, or put the resource right."
        if found
        else "Nothing differs from its spec.",
        metadata={
            "inbox": table(
                ("id", "kind", "name", "field", "desired", "actual", "since (UTC)"),
                [
                    (
                        d.id, d.kind, d.name or d.provider_id, *d.shown,
                        f"{d.detected_at:%Y-%m-%d %H:%M}",
                    )
                    for d in found[:50]
                ],
            )
        }
        if found
        else {},
    )  # fmt: skip


@dg.asset_check(
    asset="drift_records",
    description=f"The newest sweep is younger than {LATE_AFTER} and found every kind with specs "
    "freshly and completely listed.",
)
def fresh_inventory(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Did the newest sweep see everything?"""
    with reported_errors():
        newest = newest_sweep(warehouse)
    if newest is None:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="There was no sweep yet: materialise `drift_records`.",
        )
    age = utc_now() - newest.started_at
    late = age > LATE_AFTER
    problems = [f"The newest sweep is {age.total_seconds() / 3600:.1f} hours old."] * late
    if newest.kinds_skipped:
        problems.append(
            f"{len(newest.kinds_skipped):,} kinds were left alone, in whole or in part: "
            "materialise their assets and look at their checks."
        )
    return dg.AssetCheckResult(
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(problems)
        or f"{len(newest.kinds_swept):,} kinds were compared, all freshly listed.",
        metadata={"skipped": table(("kind", "why"), newest.kinds_skipped.items())}
        if newest.kinds_skipped
        else {},
    )


@dg.asset_check(
    asset="drift_records", description="No ignore rule has expired without being removed."
)
def ignore_rules_alive(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Which rules have stopped working?"""
    with reported_errors():
        rules = list_rules(warehouse)
    expired = [rule for rule in rules if rule.expired(utc_now())]
    return dg.AssetCheckResult(
        passed=not expired,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(expired):,} ignore rules have expired and ignore nothing any more: "
        "make them anew or end them with `arcadia drift ignore remove ID`."
        if expired
        else f"{len(rules):,} ignore rules are working.",
        metadata={
            "expired": table(
                ("id", "owner", "kind", "name", "field", "expired (UTC)", "reason"),
                [
                    (r.id, r.owner, r.kind, r.name_pattern, r.field,
                     f"{r.expires_at:%Y-%m-%d %H:%M}", r.reason)
                    for r in expired
                ],
            )
        }
        if expired
        else {},
    )  # fmt: skip


CHECKS = [no_open_drift, fresh_inventory, ignore_rules_alive]
