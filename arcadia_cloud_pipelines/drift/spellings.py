"""What the rules of comparing know about DigitalOcean, as data: words, tags, keys and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..kinds import REGISTRY

LABELS = frozenset({"name", "version", "tags", "purpose", "description", "slug"})
"""Fields, at any depth, whose texts are names even where they look like numbers."""

SYNONYMS: Mapping[str, str] = {
    **{
        word: kind.name
        for kind in REGISTRY
        if kind.former_name
        for word in (kind.former_name, *kind.urn_types)
    },
    "dbaas": "database",
    "all": "0",
    "1-65535": "0",
    # DigitalOcean moved all Redis clusters to Valkey under their ids.
    "redis": "valkey",
}
"""Words for one thing; each in the fields of `SYNONYM_FIELDS` alone, so that a name is a name."""
SYNONYM_FIELDS: Mapping[str, frozenset[str]] = {
    "all": frozenset({"ports"}),
    "1-65535": frozenset({"ports"}),
    "redis": frozenset({"engine"}),
}

URN_TYPES: Mapping[str, str] = {"floatingip": "reservedip", "database": "dbaas"}
"""Old and new types in `do:<type>:<id>`: the projects API kept what was renamed in 2022."""

PLATFORM_TAG = re.compile(r"k8s(:.*)?|terraform:.*", re.DOTALL)
"""Tags that DigitalOcean (and Terraform, for a cluster's first pool) add by themselves, and that
Terraform's provider leaves out as well."""

WORKER_TAGS = frozenset({"k8s", "k8s:worker"})
"""Tags that only droplets of a node pool have together."""

PLATFORM_TAGGED = frozenset(kind.name for kind in REGISTRY if kind.platform_tags)
"""Kinds that get such tags."""

PLATFORM_FEATURES = frozenset({"droplet_agent", "monitoring"})
"""Features that a droplet gains when an agent is installed inside it."""

REFERENCES: Mapping[str, tuple[str, ...]] = {
    "image": ("id", "slug"),
    "project": ("id", "name", "row"),
    "project_id": ("id", "name", "row"),
    "droplet": ("id",),
}
"""Fields that stand for another resource, and the keys that name it, surest first."""

UNCOMPARED_KEYS: Mapping[str, frozenset[str]] = {
    "node_pools": frozenset({"id", "nodes"}),
    # Renewed under a new id; which certificate it is shows elsewhere.
    "forwarding_rules": frozenset({"certificate_id", "certificate_name"}),
    "maintenance_window": frozenset({"pending", "description"}),
}
"""For a field that holds objects: their keys that are no setting."""

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    # In the API's reference since autumn 2026: "for backward compatibility optional".
    "inbound_rules": {"action": "allow", "ports": "0"},
    "outbound_rules": {"action": "allow", "ports": "0"},
    "forwarding_rules": {"tls_passthrough": "false"},
    "health_check": {
        "path": "/", "check_interval_seconds": "10", "response_timeout_seconds": "5",
        "unhealthy_threshold": "3", "healthy_threshold": "5",
    },
    "sticky_sessions": {"type": "none"},
    "maintenance_policy": {"day": "any"},
}  # fmt: skip
"""For a field that holds objects: the documented default of their keys, in canonical form."""

FIELD_DEFAULTS: Mapping[tuple[str, str], str] = {
    (kind.name, field): value for kind in REGISTRY for field, value in kind.defaults.items()
}
"""The documented default of a field of a kind. Only what is not told by rule 11."""

DNS_NAMES = frozenset((kind.name, field) for kind in REGISTRY for field in kind.dns_names)
LOWER_CASE = frozenset({
    "region", "size_slug", "day", "weekday", "protocol", "entry_protocol", "target_protocol",
})  # fmt: skip
ADDRESSES = frozenset({"addresses", "allowed_addresses", "value"})
HOURS = frozenset({"hour", "start_time"})
