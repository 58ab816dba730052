"""The types of Terraform and the kinds that they describe, as data, one module a subject.

Attributes, their defaults, and which of them the provider computes: the schemas of
terraform-provider-digitalocean as of August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from . import ai, apps, compute, databases, dns, kubernetes, monitoring, network, projects, storage
from .kubernetes import node_pool
from .model import Block, Json, TerraformType, Unreadable, scalar, scalars, spec_of

__all__ = [
    "CLAIMS", "KEYS", "MEMBERSHIPS", "NODE_POOL", "TYPES", "UNMAPPED", "Block", "Json",
    "TerraformType", "Unreadable", "node_pool", "scalar", "scalars", "spec_of",
]  # fmt: skip

_SUBJECTS = (
    compute, storage, network, dns, databases, kubernetes, apps, monitoring, ai, projects,
)  # fmt: skip

TYPES: Mapping[str, TerraformType] = {
    name: known for subject in _SUBJECTS for name, known in subject.TYPES.items()
}
"""One entry for each type that becomes a spec of its own."""

CLAIMS: Mapping[str, TerraformType] = {
    **network.CLAIMS, **storage.CLAIMS, **databases.CLAIMS,
}  # fmt: skip
"""Types that say one thing of a resource of another type, whichever state that is in. Its own type
does not know better."""

MEMBERSHIPS: Mapping[str, str] = {
    "digitalocean_project": "id",
    "digitalocean_project_resources": "project",
}
"""Types that say which resources (`resources`, urns) are in which project, and its attribute."""

NODE_POOL = "digitalocean_kubernetes_node_pool"
"""Further pools of a cluster, which join its `node_pools`."""

_CONFIGURATION = "settings of engines are not mirrored"
_BUCKETS = "what is set on a bucket, or lies in it, is not mirrored"

UNMAPPED: Mapping[str, str] = {
    **{
        f"digitalocean_database_{engine}_config": _CONFIGURATION
        for engine in (
            "redis", "valkey", "postgresql", "advanced_postgresql", "mysql", "advanced_mysql",
            "mongodb", "kafka", "opensearch",
        )
    },
    "digitalocean_database_kafka_schema_registry": "schemas of topics are not mirrored",
    "digitalocean_database_online_migration": "an action, not a setting",
    **{
        f"digitalocean_spaces_bucket_{what}": _BUCKETS
        for what in ("cors_configuration", "logging", "object", "policy")
    },
    "digitalocean_container_registry_docker_credentials": "a credential",
    "digitalocean_dedicated_inference_token": "a credential",
    "digitalocean_nfs_attachment": "a share's networks may come from several attachments",
    "digitalocean_gradientai_function": "functions of agents are not mirrored",
    "digitalocean_gradientai_agent_route": "routes between agents are not mirrored",
    "digitalocean_gradientai_agent_knowledge_base_attachment": "the listing does not show it",
    "digitalocean_gradientai_indexing_job_cancel": "an action, not a setting",
}  # fmt: skip
"""Types of the provider that nothing is recorded of, and why."""


def _keys() -> dict[str, dict[str, frozenset[str]]]:
    """Return the keys that Terraform can say inside an object, by kind and field."""
    found: dict[str, dict[str, frozenset[str]]] = {
        "kubernetes_cluster": dict(kubernetes.NODE_POOL_KEYS),
        # Objects of `node_pools` are compared as such.
        "node_pool": dict(kubernetes.NODE_POOL_KEYS),
        "load_balancer": dict(network.RULE_KEYS),
        "firewall": dict(network.RULE_KEYS),
        "droplet": dict(compute.BACKUP_KEYS),
        "database": dict(databases.FIREWALL_KEYS),
    }
    for known in TYPES.values():
        of_kind = found.setdefault(known.kind, {})
        for block in known.said_blocks.values():
            for name, keys in block.keys().items():
                of_kind[name] = of_kind.get(name, frozenset()) | keys
    return found


KEYS: Mapping[str, Mapping[str, frozenset[str]]] = _keys()
"""For a kind and a field that holds objects: the keys that Terraform's provider can say."""
