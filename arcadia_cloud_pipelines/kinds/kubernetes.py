"""Kubernetes clusters, their node pools, and the registries of their images."""

from __future__ import annotations

from ..common.severity import Severity
from ..settings import Purpose
from .kind import Edge, Endpoint, Kind

KUBERNETES_CLUSTER = Kind(
    name="kubernetes_cluster",
    asset="kubernetes_clusters",
    description="Kubernetes clusters with their node pools; workers are droplets.",
    endpoints=(Endpoint("/v2/kubernetes/clusters", "kubernetes_clusters"),),
    scope="kubernetes:read",
    adopted=("node_pools", "vpc_uuid", "ha", "auto_upgrade"),
    region="region",
    status="status.state",
    tags="tags",
    noise=("status.message", "updated_at", "node_pools.nodes"),
    urn_types=("kubernetes",),
    platform_tags=True,
    purpose=Purpose.CLOUD_SYNC_FULL,
    # Who may reach its API.
    severities={"control_plane_firewall": Severity.CRITICAL},
)

NODE_POOL = Kind(
    name="node_pool",
    asset="node_pools",
    description="Node pools of Kubernetes clusters; their nodes are droplets.",
    endpoints=(
        Endpoint("/v2/kubernetes/clusters", "node_pools", inside=True, inherit=("region",)),
    ),
    scope="kubernetes:read",
    part_of=("kubernetes_cluster", "cluster_id"),
    region="region",
    size_slug="size",
    tags="tags",
    created_at=None,
    noise=("nodes",),
    edges=(Edge("pool_of", "kubernetes_cluster", "$.cluster_id"),),
    platform_tags=True,
    purpose=Purpose.CLOUD_SYNC_FULL,
)  # fmt: skip

REGISTRY = Kind(
    name="registry",
    asset="registries",
    description="Container registries and the plan each is on.",
    endpoints=(Endpoint("/v2/registries", "registries", paged=False),),
    scope="registry:read",
    id_form="name",
    identity="name",
    region="region",
    # Storage grows with every push; when it was counted is news of no kind.
    noise=("storage_usage_bytes", "storage_usage_bytes_updated_at", "subscription.updated_at"),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

REGISTRY_REPOSITORY = Kind(
    name="registry_repository",
    asset="registry_repositories",
    description="Repositories of the container registries.",
    endpoints=(Endpoint("/v2/registries/{parent}/repositoriesV2", "repositories"),),
    scope="registry:read",
    id_form="name",
    part_of=("registry", "registry_name"),
    # Names of registries have no slash, those of repositories may.
    identity="registry_name/name",
    created_at=None,
    # All that a push moves.
    noise=("tag_count", "manifest_count", "latest_manifest"),
    edges=(Edge("in_registry", "registry", "$.registry_name"),),
)  # fmt: skip
