"""Addresses that an account holds: reserved ones, and ranges of its own."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Edge, Endpoint, Kind

RESERVED_IP = Kind(
    name="reserved_ip",
    asset="reserved_ips",
    description="Reserved IPv4 addresses, once called floating, assigned and idle.",
    endpoints=(Endpoint("/v2/reserved_ips", "reserved_ips"),),
    scope="reserved_ip:read",
    adopted=("droplet",),
    former_name="floating_ip",
    id_form="name",
    is_address=True,
    identity="ip",
    title="ip",
    region="region.slug",
    created_at=None,
    noise=("region", "locked"),
    keep={"droplet": ("id",)},
    # The projects API kept the old name after 2022; clients build the new one.
    edges=(Edge("assigned_to", "droplet", "$.droplet.id", lack="unassigned"),),
    urn_types=("floatingip", "reservedip"),
    purpose=Purpose.CLOUD_SYNC_FAST,
)

RESERVED_IPV6 = Kind(
    name="reserved_ipv6",
    asset="reserved_ipv6s",
    description="Reserved IPv6 addresses, assigned and idle.",
    endpoints=(Endpoint("/v2/reserved_ipv6", "reserved_ipv6s"),),
    scope="reserved_ip:read",
    id_form="name",
    is_address=True,
    identity="ip",
    title="ip",
    region="region_slug",
    created_at="reserved_at",
    keep={"droplet": ("id",)},
    edges=(Edge("assigned_to", "droplet", "$.droplet.id", lack="unassigned"),),
    urn_types=("reservedipv6",),
    purpose=Purpose.CLOUD_SYNC_FAST,
)

BYOIP_PREFIX = Kind(
    name="byoip_prefix",
    asset="byoip_prefixes",
    description="Address ranges of the customer's own.",
    endpoints=(Endpoint("/v2/byoip_prefixes", "byoip_prefixes"),),
    scope="byoip_prefix:read",
    identity="uuid",
    # Objects have no name in the official examples.
    title="prefix",
    region="region",
    status="status",
    created_at=None,
    noise=("locked", "validations"),
)

BYOIP_IP = Kind(
    name="byoip_ip",
    asset="byoip_ips",
    description="Addresses of the customer's own ranges that are in use.",
    endpoints=(Endpoint("/v2/byoip_prefixes/{parent}/ips", "ips"),),
    scope="byoip_prefix:read",
    free=True,
    id_form="integer",
    part_of=("byoip_prefix", "byoip"),
    title="id",
    region="region",
    created_at="assigned_at",
    edges=(Edge.by_urn("used_by", "$.resource"),),
)
