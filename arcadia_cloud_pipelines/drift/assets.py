"""The assets of drift: specs out of Terraform, and the records of what differs."""

import dagster as dg
from pydantic import Field

from ..common import foreign_text
from ..dagster_support.assets import HOURLY, OWNERS, RESOURCES_ASSET, RETRY
from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table, table_metadata
from ..settings import Purpose, load_settings
from ..warehouse.engine import Warehouse
from .errors import DriftError
from .inbox import coverage, list_drift
from .spec_tables import cloud_provisioned
from .state_sources import STATES, VARIABLE, Configured, configured_sources
from .sweep import sweep
from .tables import cloud_drift
from .terraform import record_states

GROUP = "drift"
POOL = Purpose.PROVISIONING.value
SHOWN = 50


class TerraformConfig(dg.Config):
    """Which Terraform states to read."""

    paths: list[str] = Field(
        default=[],
        description="Files or patterns (`states/*.tfstate`); when empty, all that "
        f"{STATES} and {VARIABLE} name.",
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"terraform", "postgres"},
    # Matched to the resources that are known: after the inventory, when both run at once.
    deps=[RESOURCES_ASSET],
    metadata=table_metadata(cloud_provisioned),
    pool=POOL,
    freshness_policy=HOURLY,
)
def terraform_specs(
    context: dg.AssetExecutionContext,
    config: TerraformConfig,
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult:
    """Desired state, as Terraform says it.

    Reads states of format 4 from files, Spaces, S3, HTTP backends and commands, and records in
    `cloud_provisioned` what they say of each kind (`docs/drift.md`). A state that cannot be read,
    or is older than what was read before, changes nothing and is named by the check
    `terraform_sources`; the run fails when not one could be recorded. A field that was accepted
    since stays until Terraform changes it. Secrets in a state are never read.
    """
    with reported_errors(DriftError):
        # Files alone: whoever may start a run must not make it call an address or a program.
        where = (
            Configured(paths=tuple(config.paths))
            if config.paths
            else configured_sources(load_settings())
        )
        result = record_states(
            warehouse,
            where.paths,
            sources=where.sources,
            unusable=where.problems,
            configured=not config.paths,
        )
    for problem in result.problems:
        context.log.warning(problem.text)
    nothing = f"No Terraform state is configured: set {STATES} or {VARIABLE}."
    unknown: dict[str, int] = {}
    for state in result.files:
        for name, count in state.unknown_types.items():
            unknown[name] = unknown.get(name, 0) + count
    return dg.MaterializeResult(
        metadata=metadata(
            {"dagster/row_count": result.recorded},
            changed=result.changed,
            withdrawn=result.withdrawn,
            problems=len(result.problems),
            note=nothing if where.is_empty else None,
            files=table(
                ("file", "serial", "resources", "other providers"),
                [(s.path, s.serial, len(s.specs), s.other_providers) for s in result.files],
            ),
            unknown_types=table(("type", "instances"), sorted(unknown.items())),
            not_in_inventory=len(result.not_in_inventory),
            not_in_inventory_examples=", ".join(
                map(foreign_text.line, result.not_in_inventory[:10])
            ),
        )
    )


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    deps=[RESOURCES_ASSET, terraform_specs],
    metadata=table_metadata(cloud_drift),
    pool=POOL,
    retry_policy=RETRY,
    freshness_policy=HOURLY,
)
def drift_records(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult:
    """Each field that differs from its spec, since when, from what to what.

    Compares every spec in `cloud_provisioned` with the live row: opens records in `cloud_drift`
    (one open for each field, with one `drift_detected` event), follows those that move on, closes
    as `stale` those that are gone. Kinds whose newest listing is stale or incomplete are left
    alone. Comparison is loose; its rules are in `drift/compare.py`.
    """
    with reported_errors():
        result = sweep(warehouse, run_id=context.run.run_id)
        inbox = list_drift(warehouse, limit=SHOWN)
        shares = coverage(warehouse)
    for kind, reason in result.kinds_skipped.items():
        context.log.warning(foreign_text.line(f"{kind} was left alone: {reason}."))
    for rule in result.rules_expired:
        context.log.warning(f"Ignore {rule} expired at {rule.expires_at:%Y-%m-%d %H:%M} UTC.")
    return dg.MaterializeResult(
        metadata=metadata(
            {"dagster/row_count": result.open_after},
            specs=result.specs,
            opened=result.opened,
            updated=result.updated,
            closed=result.closed,
            ignored=result.ignored,
            swept_at=result.started_at,
            kinds_swept=len(result.kinds_swept),
            kinds_skipped=table(("kind", "why"), result.kinds_skipped.items()),
            inbox=table(
                ("id", "severity", "kind", "name", "field", "desired", "actual", "since (UTC)"),
                [
                    (
                        d.id, d.severity or "", d.kind, d.name or d.provider_id, *d.shown,
                        f"{d.detected_at:%Y-%m-%d %H:%M}",
                    )
                    for d in inbox
                ],
            ),
            coverage=table(
                ("kind", "resources", "managed", "share"),
                [
                    (c.kind, c.resources, c.managed, "" if c.share is None else f"{c.share:.0%}")
                    for c in shares
                ],
            ),
        )
    )  # fmt: skip


ASSETS = [terraform_specs, drift_records]
