"""Droplets and what is made of them: images, snapshots, backups, autoscale pools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..common.severity import Severity
from ..settings import Purpose
from .kind import Edge, Endpoint, Json, Kind, Supplement


def _objects(value: object) -> Iterator[Json]:
    """The objects of what should be a list of them."""
    return (item for item in value if isinstance(item, dict)) if type(value) is list else iter(())


def _workers(clusters: Iterable[Json]) -> dict[str, Json]:
    """The cluster and the pool of each droplet that is a worker."""
    return {
        str(node["droplet_id"]): {
            "cluster_id": cluster.get("id"),
            "node_pool_id": pool.get("id"),
            "node_pool": pool.get("name"),
        }
        for cluster in clusters
        for pool in _objects(cluster.get("node_pools"))
        for node in _objects(pool.get("nodes"))
        # Empty while it is being made.
        if node.get("droplet_id")
    }


def _backup_settings(policies: Iterable[Json]) -> dict[str, Json]:
    """Return if and when each droplet is backed up, without the window that rolls on."""
    kept = ("backup_enabled", "backup_policy")
    return {
        str(policy.get("droplet_id")): {name: policy[name] for name in kept if name in policy}
        for policy in policies
    }


DROPLET = Kind(
    name="droplet",
    asset="droplets",
    description="Virtual machines, ordinary and GPU, Kubernetes workers among them.",
    # GPU droplets are missing from the plain list.
    endpoints=(
        Endpoint("/v2/droplets", "droplets"),
        Endpoint("/v2/droplets", "droplets", {"type": "gpus"}),
    ),
    scope="droplet:read",
    adopted=("image", "vpc_uuid", "backups", "ipv6", "volume_ids"),
    id_form="integer",
    billed_alone=True,
    # Workers; other droplets name no cluster.
    part_of=("kubernetes_cluster", "kubernetes.cluster_id"),
    region="region.slug",
    status="status",
    size_slug="size_slug",
    tags="tags",
    noise=(
        "size", "region", "next_backup_window", "backup_ids", "snapshot_ids", "locked",
        "kernel", "networks.v4.gateway", "disk_info",
    ),
    keep={"image": ("id", "slug")},
    supplements=(
        Supplement("kubernetes", "kubernetes_cluster", _workers),
        Supplement("backup_policy", "backup_policy", _backup_settings),
    ),
    edges=(
        Edge("node_of", "node_pool", "$.kubernetes.node_pool_id"),
        Edge("worker_of", "kubernetes_cluster", "$.kubernetes.cluster_id"),
        Edge("in_subnet", "vpc_subnet", "$.subnet_uuid"),
    ),
    urn_types=("droplet",),
    counter="droplets",
    purpose=Purpose.CLOUD_SYNC_FAST,
)  # fmt: skip

AUTOSCALE_POOL = Kind(
    name="autoscale_pool",
    asset="autoscale_pools",
    description="Autoscale pools; their members are droplets.",
    endpoints=(Endpoint("/v2/droplets/autoscale", "autoscale_pools"),),
    scope="droplet:read",
    region="droplet_template.region",
    status="status",
    size_slug="droplet_template.size",
    # Those of the template are the droplets'.
    tags=None,
    noise=("updated_at", "current_utilization", "active_resources_count"),
    secret=("droplet_template.user_data",),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

AUTOSCALE_MEMBER = Kind(
    name="autoscale_member",
    asset="autoscale_members",
    description="Which droplets autoscale pools made; they come and go with the load.",
    endpoints=(Endpoint("/v2/droplets/autoscale/{parent}/members", "droplets"),),
    scope="droplet:read",
    identity="droplet_id",
    title="droplet_id",
    id_form="integer",
    free=True,
    part_of=("autoscale_pool", "autoscale_pool_id"),
    noise=("updated_at", "health_status", "status", "current_utilization"),
    severities={"deleted_at": Severity.WARNING},
)  # fmt: skip

BACKUP_POLICY = Kind(
    name="backup_policy",
    asset="backup_policies",
    description="When each droplet is backed up, if it is.",
    endpoints=(Endpoint("/v2/droplets/backups/policies", "policies"),),
    scope="droplet:read",
    free=True,
    part_of=("droplet", "droplet_id"),
    identity="droplet_id",
    title="droplet_id",
    created_at=None,
    noise=("next_backup_window",),
    edges=(Edge("policy_of", "droplet", None),),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

IMAGE = Kind(
    name="image",
    asset="images",
    description="Images of the account's own: custom ones and backups.",
    endpoints=(Endpoint("/v2/images", "images", {"private": "true"}),),
    scope="image:read",
    id_form="integer",
    status="status",
    tags="tags",
    noise=("slug", "error_message"),
    # A droplet snapshot is an image, too, with the same id.
    leave_out={"type": "snapshot"},
    urn_types=("image",),
    counter="images",
    purpose=Purpose.CLOUD_SYNC_FULL,
)

DROPLET_SNAPSHOT = Kind(
    name="droplet_snapshot",
    asset="droplet_snapshots",
    description="Snapshots of droplets, billed by their size.",
    endpoints=(Endpoint("/v2/snapshots", "snapshots", {"resource_type": "droplet"}),),
    scope="snapshot:read",
    id_form="integer",
    billed_alone=True,
    tags="tags",
    edges=(Edge("snapshot_of", "droplet", "$.resource_id"),),
    goes_by="image",
    # It is among the images of the API and not among ours: together they are what is counted.
    counter="images",
    purpose=Purpose.CLOUD_SYNC_FULL,
)

MICROVM = Kind(
    name="microvm",
    asset="microvms",
    description="MicroVMs: small machines that pause when nobody uses them.",
    endpoints=(Endpoint("/v2/microvms", "microvms"),),
    scope="microvm:read",
    region="region",
    tags="tags",
    # Pauses and resumes by itself; why one failed is in `failure_reason`.
    noise=("state", "urls.status"),
    # Given on creation; whether it is ever shown is not said.
    secret=("environment", "env"),
    urn_types=("microvm",),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

MICROVM_CHECKPOINT = Kind(
    name="microvm_checkpoint",
    asset="microvm_checkpoints",
    description="Checkpoints of MicroVMs, billed by their size.",
    endpoints=(Endpoint("/v2/microvms/checkpoints", "checkpoints"),),
    scope="microvm:read",
    region="region",
    status="status",
    noise=("microvm_name",),
    edges=(Edge("checkpoint_of", "microvm", "$.microvm_id"),),
    purpose=Purpose.CLOUD_SYNC_FULL,
)
