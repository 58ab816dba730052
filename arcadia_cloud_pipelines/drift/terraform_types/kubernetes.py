"""Kubernetes clusters, their node pools, and the registries of their images."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Block, Json, TerraformType, blocks, same_names, scalar, scalars, single_values

_PLUGINS = {
    "routing_agent": "routing_agent",
    "p2p_oci_registry_plugin": "p2p_oci_registry_plugin",
    "amd_gpu_device_plugin": "amd_gpu_device_plugin",
    "amd_gpu_device_metrics_exporter_plugin": "amd_gpu_device_metrics_exporter_plugin",
    "nvidia_gpu_device_plugin": "nvidia_gpu_device_plugin",
    "rdma_shared_device_plugin": "rdma_shared_dev_plugin",
    "coredns_autoscaler": "coredns_autoscaler",
}
"""Blocks with a switch and no more, and the API's name of each."""

NODE_POOL_KEYS: Mapping[str, frozenset[str]] = {
    "node_pools": frozenset(
        {"name", "size", "count", "auto_scale", "min_nodes", "max_nodes", "tags", "labels",
         "taints"}
    ),
    "taints": frozenset({"key", "value", "effect"}),
}  # fmt: skip


def node_pool(pool: Json) -> Json:
    """Return a node pool as the API shows it."""
    names = {"node_count": "count"}
    plain = ("name", "size", "node_count", "auto_scale", "min_nodes", "max_nodes")
    made = {names.get(name, name): scalar(pool, name) for name in plain}
    if made["count"] is None and not made["auto_scale"]:
        made["count"] = scalar(pool, "actual_node_count")
    made["labels"] = single_values(pool, "labels")
    made["tags"] = scalars(pool, "tags")
    made["taints"] = [
        {key: scalar(taint, key) for key in ("key", "value", "effect")}
        for taint in blocks(pool, "taint")
    ]
    return {key: value for key, value in made.items() if value not in (None, [], {})}


def _cluster(attributes: Json) -> Json:
    pools = [node_pool(pool) for pool in blocks(attributes, "node_pool")]
    # The platform upgrades such a cluster by itself.
    version = None if scalar(attributes, "auto_upgrade") else scalar(attributes, "version")
    # The provider requires a pool: without one it could not tell which is the cluster's own.
    return ({"node_pools": pools} if pools else {}) | ({"version": version} if version else {})


_REGISTRY = TerraformType(
    "registry",
    same_names("name", "region", subscription_tier_slug="subscription.tier.slug"),
    identity=("name", "id"),
)

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_kubernetes_cluster": TerraformType(
        "kubernetes_cluster",
        same_names("name", "region", "vpc_uuid", "worker_subnet_uuid", "surge_upgrade",
                   "cluster_subnet", "service_subnet"),
        settings=same_names("ha", "auto_upgrade", "isolated_workers",
                            registry_integration="registry_enabled"),
        lists=same_names("tags"),
        said_blocks={
            "maintenance_policy": Block("maintenance_policy", same_names("day", "start_time")),
            "control_plane_firewall": Block(
                "control_plane_firewall", same_names("enabled"), same_names("allowed_addresses")
            ),
            "cluster_autoscaler_configuration": Block(
                "cluster_autoscaler_configuration",
                same_names("scale_down_utilization_threshold", "scale_down_unneeded_time"),
                same_names("expanders"),
            ),
            "sso": Block("sso", same_names("enabled", "required", "issuer_url", "client_id")),
            **{name: Block(ours, same_names("enabled")) for name, ours in _PLUGINS.items()},
        },
        adjust=_cluster, adjusted=("node_pools", "version"),
    ),
    "digitalocean_container_registry": _REGISTRY,
    "digitalocean_container_registries": _REGISTRY,
}  # fmt: skip
