"""The registry of resource kinds: all that is particular to one, as data.

A new kind is one entry here; its asset, checks, sync rows and documentation follow from it.
What does not belong here: how to page, clean or store. Paths are dotted (`region.slug`) and go
into the items of lists by themselves (`node_pools.nodes`).

Source of every entry: DigitalOcean's API reference and OpenAPI specification (2026).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..settings import Purpose

Json = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """One listing of the API."""

    path: str
    envelope: str
    params: Mapping[str, str] = field(default_factory=dict)
    paged: bool = True


@dataclass(frozen=True)
class Kind:
    """What the mirror must know of one kind of resource."""

    name: str
    """As `cloud_resources.kind` spells it."""
    asset: str
    """The Dagster asset: the plural."""
    description: str
    endpoints: tuple[Endpoint, ...]
    """Read one after the other; together they are the listing."""
    scope: str
    """The token scope that the listing needs, for messages."""
    identity: str = "id"
    title: str = "name"
    """Path of the name."""
    region: str | None = "region"
    status: str | None = "status"
    size_slug: str | None = None
    tags: str | None = "tags"
    created_at: str | None = "created_at"
    noise: tuple[str, ...] = ()
    """Paths that change by themselves, or hold catalogue data: not stored, never a change."""
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For an object inside: the only keys of it that are stored."""
    secret: tuple[str, ...] = ()
    """Paths with credentials or personal data, beside what the generic net catches."""
    adjust: Callable[[Json], Json] | None = None
    """Last resort, for what paths cannot say. Gets a shallow copy of the object."""
    urn_types: tuple[str, ...] = ()
    """Types that this kind has in `do:<type>:<id>` of the projects API."""
    purpose: Purpose = Purpose.CLOUD_SYNC_FAST
    """The token it is read with, and the Dagster pool it runs in."""


def _without_tagged_droplets(balancer: Json) -> Json:
    """A balancer that targets a tag gets its droplets from the tag: membership is no setting."""
    if balancer.get("tag"):
        balancer.pop("droplet_ids", None)
    return balancer


KINDS: tuple[Kind, ...] = (
    Kind(
        name="droplet",
        asset="droplets",
        description="Virtual machines, ordinary and GPU, Kubernetes workers among them.",
        # GPU droplets are missing from the plain list.
        endpoints=(
            Endpoint("/v2/droplets", "droplets"),
            Endpoint("/v2/droplets", "droplets", {"type": "gpus"}),
        ),
        scope="droplet:read",
        region="region.slug",
        size_slug="size_slug",
        noise=(
            "size", "region", "next_backup_window", "backup_ids", "snapshot_ids", "locked",
            "kernel", "networks.v4.gateway", "disk_info",
        ),
        keep={"image": ("id", "slug")},
        urn_types=("droplet",),
    ),
    Kind(
        name="volume",
        asset="volumes",
        description="Block storage volumes and the droplets they are attached to.",
        endpoints=(Endpoint("/v2/volumes", "volumes"),),
        scope="block_storage:read",
        region="region.slug",
        status=None,
        noise=("region",),
        urn_types=("volume",),
    ),
    Kind(
        name="droplet_snapshot",
        asset="droplet_snapshots",
        description="Snapshots of droplets, billed by their size.",
        endpoints=(Endpoint("/v2/snapshots", "snapshots", {"resource_type": "droplet"}),),
        scope="snapshot:read",
        region=None,
        status=None,
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="volume_snapshot",
        asset="volume_snapshots",
        description="Snapshots of volumes, billed by their size.",
        endpoints=(Endpoint("/v2/snapshots", "snapshots", {"resource_type": "volume"}),),
        scope="snapshot:read",
        region=None,
        status=None,
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="database",
        asset="databases",
        description="Managed database clusters, without any of their credentials.",
        endpoints=(Endpoint("/v2/databases", "databases", paged=False),),
        scope="database:read",
        size_slug="size",
        noise=(
            "maintenance_window.pending", "maintenance_window.description", "semantic_version",
            "metrics_endpoints", "version_end_of_life", "version_end_of_availability",
        ),
        keep=dict.fromkeys(
            (
                "connection", "private_connection", "standby_connection",
                "standby_private_connection", "ui_connection", "schema_registry_connection",
            ),
            ("host", "port", "database", "ssl"),
        ),
        secret=("users",),
        urn_types=("dbaas", "database"),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="kubernetes_cluster",
        asset="kubernetes_clusters",
        description="Kubernetes clusters with their node pools; workers are droplets.",
        endpoints=(Endpoint("/v2/kubernetes/clusters", "kubernetes_clusters"),),
        scope="kubernetes:read",
        status="status.state",
        noise=("updated_at", "node_pools.nodes"),
        urn_types=("kubernetes",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="load_balancer",
        asset="load_balancers",
        description="Load balancers, regional and global.",
        endpoints=(Endpoint("/v2/load_balancers", "load_balancers"),),
        scope="load_balancer:read",
        region="region.slug",
        size_slug="size",
        # `tag` and `tags` of a balancer name its targets; it has none of its own.
        tags=None,
        noise=("region",),
        adjust=_without_tagged_droplets,
        urn_types=("loadbalancer",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="reserved_ip",
        asset="reserved_ips",
        description="Reserved IPv4 addresses, once called floating, assigned and idle.",
        endpoints=(Endpoint("/v2/reserved_ips", "reserved_ips"),),
        scope="reserved_ip:read",
        identity="ip",
        title="ip",
        region="region.slug",
        status=None,
        tags=None,
        created_at=None,
        noise=("region", "locked"),
        keep={"droplet": ("id",)},
        # The projects API kept the old name after 2022; clients build the new one.
        urn_types=("floatingip", "reservedip"),
    ),
    Kind(
        name="domain",
        asset="domains",
        description="DNS zones hosted by DigitalOcean.",
        endpoints=(Endpoint("/v2/domains", "domains"),),
        scope="domain:read",
        identity="name",
        region=None,
        status=None,
        tags=None,
        created_at=None,
        # The zone file is the records over again, and changes with each of them.
        noise=("zone_file",),
        urn_types=("domain",),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
    Kind(
        name="registry",
        asset="registries",
        description="Container registries and the plan each is on.",
        endpoints=(Endpoint("/v2/registries", "registries", paged=False),),
        scope="registry:read",
        identity="name",
        status=None,
        tags=None,
        # Storage grows with every push; when it was counted is news of no kind.
        noise=("storage_usage_bytes", "storage_usage_bytes_updated_at", "subscription.updated_at"),
        purpose=Purpose.CLOUD_SYNC_FULL,
    ),
)  # fmt: skip

KIND_BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}

# Types of urn whose kind is known although it is not (yet) in the registry.
_OTHER_URN_KINDS = {"app": "app", "space": "spaces_bucket", "vpc": "vpc"}

KIND_OF_URN_TYPE: Mapping[str, str] = {
    **_OTHER_URN_KINDS,
    **{urn_type: kind.name for kind in KINDS for urn_type in kind.urn_types},
}

UNKNOWN = "unknown"
"""The kind of what a project holds and whose urn type nobody told us about."""
