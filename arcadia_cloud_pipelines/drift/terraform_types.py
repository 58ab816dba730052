"""What each Terraform type says of one kind, as data. Imports no database.

Attributes, their defaults, and which of them the provider computes: the schemas of
terraform-provider-digitalocean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Names = Mapping[str, str]


class Unreadable(Exception):
    """A value has another shape than its attribute has; the text names the attribute."""


@dataclass(frozen=True)
class TerraformType:
    """What one Terraform type says of one kind. All names: its attribute → our field."""

    kind: str
    said: Names = field(default_factory=dict)
    """Single values that the provider requires or computes: empty means not known, not none."""
    settings: Names = field(default_factory=dict)
    """Single values that may be left out of the code: empty is desired to be empty."""
    lists: Names = field(default_factory=dict)
    """Lists that may be left out of the code: an empty one is desired to be empty."""
    identity: tuple[str, ...] = ("id",)
    """Where the provider's id is: the first that is there."""
    adjust: Callable[[Json], Json] | None = None
    """Further fields, for what renaming cannot say."""


EMPTY: tuple[Any, ...] = (None, "", [], {})
"""The ways to say nothing."""


def same_names(*names: str, **renamed: str) -> dict[str, str]:
    """Map names to themselves, and those that are called otherwise to ours."""
    return {name: name for name in names} | renamed


def scalar(attributes: Json, name: str) -> Any:
    """Return a single value; None when it is empty.

    Raises:
        Unreadable: it is a list or an object, or PostgreSQL cannot store it.
    """
    return _scalar(attributes.get(name), name)


def scalars(attributes: Json, name: str) -> list[Any]:
    """Return a list of single values; an empty one for null.

    Raises:
        Unreadable: it is no list, or holds something else.
    """
    values = attributes.get(name)
    if values in EMPTY:
        return []
    if not isinstance(values, list):
        raise Unreadable(f"{name} is not a list")
    found = (_scalar(value, f"{name}[{n}]") for n, value in enumerate(values))
    return [value for value in found if value is not None]


def blocks(attributes: Json, name: str) -> list[Json]:
    """Return blocks of attributes; none for null.

    Raises:
        Unreadable: it is no list of objects.
    """
    values = attributes.get(name)
    if values in EMPTY:
        return []
    if not isinstance(values, list):
        raise Unreadable(f"{name} is not a list of blocks")
    for n, value in enumerate(values):
        if not isinstance(value, dict):
            raise Unreadable(f"{name}[{n}] is not a block of attributes")
    return values


def _scalar(value: Any, name: str) -> Any:
    if value in EMPTY:
        return None
    if isinstance(value, (list, dict)):
        raise Unreadable(f"{name} is not a single value")
    if isinstance(value, str) and "\0" in value:
        raise Unreadable(f"{name} holds a zero byte")
    return value


def spec_of(known: TerraformType, attributes: Json) -> Json:
    """Return what one instance says, by our names. An attribute that is not there says nothing.

    Raises:
        Unreadable: an attribute has another shape.
    """
    spec: Json = {}
    for name, ours in known.said.items():
        if (value := scalar(attributes, name)) is not None:
            spec[ours] = value
    for name, ours in known.settings.items():
        if name in attributes:
            spec[ours] = scalar(attributes, name)
    for name, ours in known.lists.items():
        if name in attributes:
            spec[ours] = scalars(attributes, name) or None
    return spec | (known.adjust(attributes) if known.adjust else {})


def node_pool(pool: Json) -> Json:
    """Return a node pool as the API shows it."""
    names = {"node_count": "count"}
    plain = ("name", "size", "node_count", "auto_scale", "min_nodes", "max_nodes")
    made = {names.get(name, name): scalar(pool, name) for name in plain}
    if made["count"] is None and not made["auto_scale"]:
        made["count"] = scalar(pool, "actual_node_count")
    labels = pool.get("labels") or {}
    if not isinstance(labels, dict):
        raise Unreadable("labels is not a map")
    made["labels"] = {key: _scalar(value, f"labels.{key}") for key, value in labels.items()}
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


def _balancer(attributes: Json) -> Json:
    keys = ("entry_port", "entry_protocol", "target_port", "target_protocol", "tls_passthrough")
    spec: Json = {}
    if "forwarding_rule" in attributes:
        rules = [
            {key: scalar(rule, key) for key in keys if key in rule}
            for rule in blocks(attributes, "forwarding_rule")
        ]
        spec["forwarding_rules"] = rules or None
    if unit := scalar(attributes, "size_unit"):
        spec["size_unit"] = unit
    # A balancer that targets a tag gets its droplets from the tag. Null is not computed yet.
    droplets = scalars(attributes, "droplet_ids")
    if attributes.get("droplet_ids") is not None and not scalar(attributes, "droplet_tag"):
        spec["droplet_ids"] = droplets or None
    return spec


def _rule(rule: Json, side: str, peers: str) -> Json:
    """Return a firewall rule, flat in Terraform, as the API nests it."""
    names = ("addresses", "droplet_ids", "load_balancer_uids", "kubernetes_ids", "tags")
    action = scalar(rule, "action")
    return {
        "protocol": scalar(rule, "protocol"),
        "ports": scalar(rule, "port_range") or "0",
        **({"action": action} if action else {}),
        peers: {
            name: values for name in names if (values := scalars(rule, f"{side}_{name}"))
        },
    }  # fmt: skip


def _firewall(attributes: Json) -> Json:
    sides = (("inbound", "source"), ("outbound", "destination"))
    return {
        f"{way}_rules": [
            _rule(rule, side, f"{side}s") for rule in blocks(attributes, f"{way}_rule")
        ]
        or None
        for way, side in sides
        if f"{way}_rule" in attributes
    }


def _address(attributes: Json) -> Json:
    # 0 for no droplet, as the provider writes an address that is not assigned.
    return {"droplet": scalar(attributes, "droplet_id") or None} if (
        "droplet_id" in attributes
    ) else {}  # fmt: skip


_ADDRESS = TerraformType(
    "reserved_ip", same_names("region"), identity=("ip_address", "id"), adjust=_address
)

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_droplet": TerraformType(
        "droplet",
        same_names("name", "region", "image", "vpc_uuid", size="size_slug"),
        settings=same_names("backups", "ipv6"),
        lists=same_names("tags"),
    ),
    "digitalocean_volume": TerraformType(
        "volume",
        same_names("name", "region", size="size_gigabytes"),
        settings=same_names("description"),
        lists=same_names("tags"),
    ),
    "digitalocean_database_cluster": TerraformType(
        "database",
        same_names("name", "region", "engine", "version", "private_network_uuid",
                   "storage_size_mib", size="size_slug", node_count="num_nodes",
                   project_id="project"),
        lists=same_names("tags"),
    ),
    "digitalocean_kubernetes_cluster": TerraformType(
        "kubernetes_cluster",
        same_names("name", "region", "vpc_uuid", "surge_upgrade", "cluster_subnet",
                   "service_subnet"),
        settings=same_names("ha", "auto_upgrade"),
        lists=same_names("tags"),
        adjust=_cluster,
    ),
    "digitalocean_loadbalancer": TerraformType(
        "load_balancer",
        same_names("name", "algorithm", "vpc_uuid", size="size_slug", project_id="project"),
        # A global one has no region.
        settings=same_names("region", "redirect_http_to_https", "enable_proxy_protocol",
                            "enable_backend_keepalive", droplet_tag="tag"),
        adjust=_balancer,
    ),
    "digitalocean_reserved_ip": _ADDRESS,
    "digitalocean_floating_ip": _ADDRESS,
    "digitalocean_domain": TerraformType("domain", same_names("name")),
    "digitalocean_vpc": TerraformType(
        "vpc", same_names("name", "region", "ip_range"), settings=same_names("description")
    ),
    "digitalocean_firewall": TerraformType(
        "firewall", same_names("name"), lists=same_names("droplet_ids", "tags"), adjust=_firewall
    ),
}  # fmt: skip
"""One entry for each type that becomes a spec of its own."""

CLAIMS: Mapping[str, TerraformType] = {
    "digitalocean_reserved_ip_assignment": TerraformType(
        "reserved_ip", identity=("ip_address",), adjust=_address
    ),
    "digitalocean_floating_ip_assignment": TerraformType(
        "reserved_ip", identity=("ip_address",), adjust=_address
    ),
    "digitalocean_volume_attachment": TerraformType(
        "volume", identity=("volume_id",),
        adjust=lambda attributes: {"droplet_ids": [scalar(attributes, "droplet_id")]},
    ),
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
