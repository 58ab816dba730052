"""Managed databases, without any of their credentials."""

from __future__ import annotations

from collections.abc import Mapping

from .model import Block, Json, TerraformType, same_names

_WINDOW = Block("maintenance_window", same_names("day", "hour"))


def _log_sink(kind: str) -> TerraformType:
    """Return the type of one sort of sink; where it sends to is not mirrored."""
    return TerraformType(
        "database_log_sink", same_names("name"), identity=("logsink_id",), identity_is_new=True,
        adjust=lambda _: {"sink_type": kind}, adjusted=("sink_type",),
    )  # fmt: skip


_RULES = Block("firewall_rules", same_names("type", "value"), many=True)


def _firewall(attributes: Json) -> Json:
    return {"firewall_rules": _RULES.read(attributes, "rule")} if "rule" in attributes else {}


FIREWALL_KEYS: Mapping[str, frozenset[str]] = _RULES.keys()

CLAIMS: Mapping[str, TerraformType] = {
    # All rules of a cluster: one that was added by hand is drift of the cluster.
    "digitalocean_database_firewall": TerraformType(
        "database", identity=("cluster_id",), adjust=_firewall, adjusted=("firewall_rules",)
    ),
}

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_database_cluster": TerraformType(
        "database",
        same_names("name", "region", "engine", "version", "private_network_uuid",
                   "storage_size_mib", size="size_slug", node_count="num_nodes",
                   project_id="project"),
        lists=same_names("tags"),
        said_blocks={"maintenance_window": _WINDOW},
    ),
    "digitalocean_database_replica": TerraformType(
        "database_replica",
        same_names("name", "region", "private_network_uuid", "storage_size_mib",
                   size="size_slug"),
        lists=same_names("tags"),
        identity=("uuid",), identity_is_new=True,
    ),
    "digitalocean_database_connection_pool": TerraformType(
        "database_pool", same_names("name", "mode", "size", db_name="db"),
        identity=("cluster_id/name",),
    ),
    "digitalocean_database_db": TerraformType(
        "logical_database", same_names("name"), identity=("cluster_id/name",)
    ),
    "digitalocean_database_user": TerraformType(
        "database_user",
        same_names("name", mysql_auth_plugin="mysql_settings.auth_plugin"),
        identity=("cluster_id/name",),
        said_blocks={
            "settings": Block(
                "settings",
                inner={
                    "acl": Block("acl", same_names("topic", "permission"), many=True),
                    "opensearch_acl": Block(
                        "opensearch_acl", same_names("index", "permission"), many=True
                    ),
                },
            )
        },
    ),
    "digitalocean_database_kafka_topic": TerraformType(
        "database_topic", same_names("name", "partition_count", "replication_factor"),
        identity=("cluster_id/name",),
    ),
    "digitalocean_database_logsink_rsyslog": _log_sink("rsyslog"),
    "digitalocean_database_logsink_opensearch": _log_sink("opensearch"),
    "digitalocean_vector_database": TerraformType(
        "vector_database",
        same_names("name", "region", size="size_slug", project_id="project"),
        lists=same_names("tags"),
        said_blocks={
            "config": Block(
                "config",
                same_names("default_quantization", "enable_auto_schema", "weaviate_version"),
            )
        },
    ),
}  # fmt: skip
