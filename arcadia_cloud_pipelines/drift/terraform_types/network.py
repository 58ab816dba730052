"""Private networks, addresses, balancers and firewalls."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from .model import (
    EMPTY,
    Block,
    Json,
    TerraformType,
    blocks,
    same_names,
    scalar,
    scalars,
    single_values,
)

RULE_KEYS: Mapping[str, frozenset[str]] = {
    "forwarding_rules": frozenset(
        {"entry_port", "entry_protocol", "target_port", "target_protocol", "tls_passthrough"}
    ),
    "inbound_rules": frozenset({"protocol", "ports", "action", "sources"}),
    "outbound_rules": frozenset({"protocol", "ports", "action", "destinations"}),
    **dict.fromkeys(
        ("sources", "destinations"),
        frozenset({"addresses", "droplet_ids", "load_balancer_uids", "kubernetes_ids", "tags"}),
    ),
    "glb_settings": frozenset(
        {"target_protocol", "target_port", "region_priorities", "failover_threshold", "cdn"}
    ),
    "cdn": frozenset({"is_enabled"}),
}


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
    for name in ("type", "network", "network_stack", "tls_cipher_policy"):
        # Capitals in the API, any letters in the code.
        if isinstance(value := scalar(attributes, name), str):
            spec[name] = value.upper()
    for settings in blocks(attributes, "glb_settings")[:1]:
        spec["glb_settings"] = _global(settings)
    # A balancer that targets a tag gets its droplets from the tag. Null is not computed yet.
    droplets = scalars(attributes, "droplet_ids")
    if attributes.get("droplet_ids") is not None and not scalar(attributes, "droplet_tag"):
        spec["droplet_ids"] = droplets or None
    return spec


def _global(settings: Json) -> Json:
    names = ("target_protocol", "target_port", "failover_threshold")
    made = {name: scalar(settings, name) for name in names}
    made["region_priorities"] = single_values(settings, "region_priorities")
    made["cdn"] = Block("cdn", same_names("is_enabled")).read(settings, "cdn")
    return {key: value for key, value in made.items() if value not in EMPTY}


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


def _ipv6(text: str) -> str:
    """Return the one spelling of an address, which is the API's."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


_ADDRESS = TerraformType(
    "reserved_ip",
    same_names("region"),
    identity=("ip_address", "id"),
    adjust=_address,
    adjusted=("droplet",),
)
_ASSIGNMENT = TerraformType(
    "reserved_ip", identity=("ip_address",), adjust=_address, adjusted=("droplet",)
)

TYPES: Mapping[str, TerraformType] = {
    "digitalocean_loadbalancer": TerraformType(
        "load_balancer",
        same_names("name", "algorithm", "vpc_uuid", "http_idle_timeout_seconds", size="size_slug",
                   project_id="project"),
        # A global one has no region.
        settings=same_names("region", "redirect_http_to_https", "enable_proxy_protocol",
                            "enable_backend_keepalive", "disable_lets_encrypt_dns_records",
                            droplet_tag="tag"),
        said_lists=same_names("target_load_balancer_ids"),
        said_blocks={
            "healthcheck": Block(
                "health_check",
                same_names("protocol", "port", "path", "check_interval_seconds",
                           "response_timeout_seconds", "unhealthy_threshold",
                           "healthy_threshold"),
            ),
            "sticky_sessions": Block(
                "sticky_sessions", same_names("type", "cookie_name", "cookie_ttl_seconds")
            ),
            "firewall": Block("firewall", lists=same_names("allow", "deny")),
            # Their certificates are renewed under new ids.
            "domains": Block("domains", same_names("name", "is_managed"), many=True),
        },
        adjust=_balancer,
        adjusted=("forwarding_rules", "size_unit", "type", "network", "network_stack",
                  "tls_cipher_policy", "glb_settings", "droplet_ids"),
    ),
    "digitalocean_reserved_ip": _ADDRESS,
    "digitalocean_floating_ip": _ADDRESS,
    "digitalocean_reserved_ipv6": TerraformType(
        "reserved_ipv6", same_names(region_slug="region"), identity=("ip", "id"), normal=_ipv6,
        adjust=_address, adjusted=("droplet",),
    ),
    "digitalocean_byoip_prefix": TerraformType(
        "byoip_prefix", same_names("region", prefix="name"), settings=same_names("advertised"),
        identity=("uuid", "id"),
    ),
    "digitalocean_vpc": TerraformType(
        "vpc", same_names("name", "region", "ip_range"), settings=same_names("description")
    ),
    "digitalocean_vpc_peering": TerraformType(
        "vpc_peering", same_names("name"), said_lists=same_names("vpc_ids")
    ),
    "digitalocean_vpc_nat_gateway": TerraformType(
        "nat_gateway",
        same_names("name", "type", "region", "udp_timeout_seconds", "icmp_timeout_seconds",
                   "tcp_timeout_seconds", size="size_slug", project_id="project"),
        said_blocks={"vpcs": Block("vpcs", same_names("vpc_uuid", "default_gateway"), many=True)},
    ),
    "digitalocean_partner_attachment": TerraformType(
        "partner_attachment",
        same_names("name", "region", "connection_bandwidth_in_mbps", "naas_provider"),
        said_lists=same_names("vpc_ids"),
        said_blocks={"bgp": Block("bgp", same_names("local_router_ip", "peer_router_ip"))},
    ),
    "digitalocean_firewall": TerraformType(
        "firewall", same_names("name"), lists=same_names("droplet_ids", "tags"), adjust=_firewall,
        adjusted=("inbound_rules", "outbound_rules"),
    ),
}  # fmt: skip

CLAIMS: Mapping[str, TerraformType] = {
    "digitalocean_reserved_ip_assignment": _ASSIGNMENT,
    "digitalocean_floating_ip_assignment": _ASSIGNMENT,
    "digitalocean_reserved_ipv6_assignment": TerraformType(
        "reserved_ipv6", identity=("ip",), normal=_ipv6, adjust=_address, adjusted=("droplet",)
    ),
}
