"""Checks of drift: is the inbox empty, did the sweep look at fresh inventory, do rules expire?"""

import dagster as dg

from ..common.late import CLOCK_TOLERANCE, LATE_AFTER
from ..common.times import utc_now
from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table
from ..warehouse.engine import Warehouse
from .ignore import list_rules
from .inbox import list_drift, newest_sweep
from .specs import unheld_fields
from .terraform_decisions import list_sources

STALE_AFTER = LATE_AFTER["drift"]
"""How old the newest sweep may be; there is one every hour."""


@dg.asset_check(
    asset="drift_records",
    description="Nothing differs from its spec. A warning that lists what does.",
)
def no_open_drift(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Warn of fields that differ from what is desired."""
    with reported_errors():
        found = list_drift(warehouse, limit=1_000_000)
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found):,} fields differ from their specs. Accept one with `arcadia "
        "drift accept ID`, or change the resource back."
        if found
        else "Nothing differs from its spec.",
        metadata=metadata(
            inbox=table(
                ("id", "severity", "kind", "name", "field", "desired", "actual", "since (UTC)"),
                [
                    (
                        d.id, d.severity or "", d.kind, d.name or d.provider_id, *d.shown,
                        f"{d.detected_at:%Y-%m-%d %H:%M}",
                    )
                    for d in found[:50]
                ],
            )
        ),
    )  # fmt: skip


@dg.asset_check(
    asset="drift_records",
    description=f"The newest detection run is younger than {STALE_AFTER}, and every kind of "
    "resource with specs was listed completely shortly before.",
)
def fresh_inventory(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Did the newest sweep see everything?"""
    with reported_errors():
        newest = newest_sweep(warehouse)
    if newest is None:
        return dg.AssetCheckResult(
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description="Drift was never looked for: materialise `drift_records`.",
        )
    age = warehouse.now() - newest.started_at
    late = age > STALE_AFTER
    problems = [f"Drift was last looked for {age.total_seconds() / 3600:.1f} hours ago."] * late
    if age < -CLOCK_TOLERANCE:
        problems.append(
            f"The newest detection run is dated {newest.started_at:%Y-%m-%d %H:%M} UTC, in the "
            "future, because a clock was wrong. Materialise `drift_records`, which uses the "
            "database's clock."
        )
    if newest.kinds_skipped:
        problems.append(
            f"{len(newest.kinds_skipped):,} kinds of resources were not compared, or not "
            "completely: materialise their assets and look at their checks."
        )
    return dg.AssetCheckResult(
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(problems)
        or f"{len(newest.kinds_swept):,} kinds of resources were compared.",
        metadata=metadata(skipped=table(("kind", "why"), newest.kinds_skipped.items())),
    )


@dg.asset_check(
    asset="drift_records", description="Every ignore rule still works: none has expired."
)
def ignore_rules_alive(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Warn of rules that have stopped working."""
    with reported_errors():
        rules = list_rules(warehouse)
    expired = [rule for rule in rules if rule.expired(utc_now())]
    return dg.AssetCheckResult(
        passed=not expired,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(expired):,} ignore rules have expired and ignore nothing any more: "
        "make them again, or remove them with `arcadia drift ignore remove ID`."
        if expired
        else f"{len(rules):,} ignore rules are working.",
        metadata=metadata(
            expired=table(
                ("id", "owner", "kind", "name", "field", "expired (UTC)", "reason"),
                [
                    (r.id, r.owner, r.kind, r.name_pattern, r.field,
                     f"{r.expires_at:%Y-%m-%d %H:%M}", r.reason)
                    for r in expired
                ],
            )
        ),
    )  # fmt: skip


@dg.asset_check(
    asset="terraform_specs",
    description="Every configured Terraform state can be read and is the newest, and no withdrawal "
    "of specs waits for confirmation.",
)
def terraform_sources(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Is what Terraform desires known?"""
    with reported_errors():
        sources = list_sources(warehouse)
    wrong = [row for row in sources if row["status"] != "ok"]
    # A copy that is left out, and a state that is gone with its specs kept, hide no change.
    mild = all(row["status"] in ("copy", "orphaned") for row in wrong)
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN if mild else dg.AssetCheckSeverity.ERROR,
        description=" ".join(dict.fromkeys(row["problem"] for row in wrong))
        or f"{len(sources):,} Terraform states are recorded as they are.",
        metadata=metadata(
            wrong=table(
                ("file", "source", "status", "since"),
                [
                    (
                        row["path"],
                        row["source"],
                        row["status"],
                        f"{row['problem_since']:%Y-%m-%d %H:%M} UTC",
                    )
                    for row in wrong[:50]
                ],
            )
        ),
    )


@dg.asset_check(
    asset="drift_records",
    description="Every field of every spec is stored in the inventory, so it can be compared.",
)
def specs_comparable(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """Name the fields of specs that can never be compared."""
    with reported_errors():
        unheld = unheld_fields(warehouse)
    names = ", ".join(f"{field} of {kind} ({count:,})" for kind, field, count in unheld[:20])
    return dg.AssetCheckResult(
        passed=not unheld,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"These fields are not stored, so they are not compared: {names}. "
        "Remove them with `arcadia provisioned record KIND ID --unset FIELD`."
        if unheld
        else "Every field of every spec is compared.",
    )


CHECKS = [
    no_open_drift, fresh_inventory, ignore_rules_alive, terraform_sources, specs_comparable,
]  # fmt: skip
