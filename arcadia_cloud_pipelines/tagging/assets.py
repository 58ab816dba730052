"""The asset of the tag policy, and the check of what breaks it."""

import dagster as dg

from ..dagster_support.assets import HOURLY, OWNERS, RETRY
from ..dagster_support.errors import reported_errors
from ..dagster_support.metadata import metadata, table, table_metadata
from ..digitalocean.clients import Clients
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from .policy import TagPolicyError, follow_policy
from .report import broken
from .tables import cloud_tag_policy

GROUP = "inventory"


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"toml", "postgres"},
    metadata=table_metadata(cloud_tag_policy),
    pool=Purpose.CLOUD_SYNC_FAST.value,
    retry_policy=RETRY,
    freshness_policy=HOURLY,
)
def reviewed_tag_policy(
    warehouse: dg.ResourceParam[Warehouse], clients: dg.ResourceParam[Clients]
) -> dg.MaterializeResult:
    """Mirror the file that `ARCADIA_TAG_POLICY` names: which tags resources must have.

    A file that cannot be used changes nothing and fails the run with file, entry and key.
    """
    with reported_errors(TagPolicyError):
        count = follow_policy(warehouse, clients.settings.tag_policy)
    return dg.MaterializeResult(metadata={"dagster/row_count": count})


@dg.asset_check(
    asset=reviewed_tag_policy,
    description="Every live resource that can carry tags has those that the policy asks for.",
)
def followed(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
    """List the resources that lack a key, or have a value that is not allowed."""
    with reported_errors():
        found = broken(warehouse)
    return dg.AssetCheckResult(
        passed=not found.resources,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{found.resources:,} resources, ${found.amount:,.2f} in the last closed "
        "month, break the tag policy. The most expensive are below; marts.untagged_resources has "
        "all."
        if found.resources
        else "Every resource follows the tag policy.",
        metadata=metadata(
            resources=table(
                ("kind", "name", "missing keys", "tags not allowed", "last month, USD"),
                [
                    (one.kind, one.name, ", ".join(one.missing_keys), ", ".join(one.bad_tags),
                     "" if one.monthly_amount is None else one.monthly_amount)
                    for one in found.dearest
                ],
            )
        ),
    )  # fmt: skip


ASSETS = [reviewed_tag_policy]
CHECKS = [followed]
