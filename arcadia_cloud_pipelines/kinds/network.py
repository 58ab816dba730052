"""Private networks, addresses, balancers and firewalls."""

from __future__ import annotations

from ..settings import Purpose
from ..severity import Severity
from .firewall_rules import lets_more_in
from .kind import Edge, Endpoint, Json, Kind


def _without_tagged_droplets(balancer: Json) -> Json:
    """A balancer that targets a tag gets its droplets from the tag: membership is no setting."""
    if balancer.get("tag"):
        balancer.pop("droplet_ids", None)
    return balancer


LOAD_BALANCER = Kind(
    name="load_balancer",
    asset="load_balancers",
    description="Load balancers, regional and global.",
    endpoints=(Endpoint("/v2/load_balancers", "load_balancers"),),
    scope="load_balancer:read",
    adopted=("forwarding_rules", "vpc_uuid", "droplet_ids"),
    billed_alone=True,
    region="region.slug",
    size_slug="size",
    # `tag` and `tags` of a balancer name its targets; it has none of its own.
    tags=None,
    noise=("region",),
    # Who may come in.
    severities={"firewall": Severity.CRITICAL},
    adjust=_without_tagged_droplets,
    edges=(
        Edge.by_tag("targets_by_tag", "droplet", "$.tag"),
        Edge("targets", "droplet", "$.droplet_ids[*]"),
        Edge("targets", "load_balancer", "$.target_load_balancer_ids[*]"),
        Edge("uses", "certificate", "$.forwarding_rules[*].certificate_id"),
        Edge("uses", "certificate", "$.domains[*].certificate_id"),
        Edge("in_subnet", "vpc_subnet", "$.subnet_uuid"),
    ),
    urn_types=("loadbalancer",),
    defaults={"algorithm": "round_robin"},
    purpose=Purpose.CLOUD_SYNC_FULL,
)

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
    status=None,
    tags=None,
    created_at=None,
    noise=("region", "locked"),
    keep={"droplet": ("id",)},
    # The projects API kept the old name after 2022; clients build the new one.
    edges=(Edge("assigned_to", "droplet", "$.droplet.id", lack="unassigned"),),
    urn_types=("floatingip", "reservedip"),
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
    status=None,
    tags=None,
    created_at="reserved_at",
    keep={"droplet": ("id",)},
    edges=(Edge("assigned_to", "droplet", "$.droplet.id", lack="unassigned"),),
    urn_types=("reservedipv6",),
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
    tags=None,
    created_at=None,
    noise=("locked", "validations"),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

VPC = Kind(
    name="vpc",
    asset="vpcs",
    description="Private networks, the default one of each region among them.",
    endpoints=(Endpoint("/v2/vpcs", "vpcs"),),
    scope="vpc:read",
    adopted=("ip_range",),
    free=True,
    status=None,
    tags=None,
    noise=("urn",),
    urn_types=("vpc",),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

VPC_PEERING = Kind(
    name="vpc_peering",
    asset="vpc_peerings",
    description="Connections between two private networks.",
    endpoints=(Endpoint("/v2/vpc_peerings", "vpc_peerings"),),
    scope="vpc_peering:read",
    region=None,
    tags=None,
    edges=(Edge("peers", "vpc", "$.vpc_ids[*]"),),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

NAT_GATEWAY = Kind(
    name="nat_gateway",
    asset="nat_gateways",
    description="NAT gateways of private networks.",
    endpoints=(Endpoint("/v2/vpc_nat_gateways", "vpc_nat_gateways"),),
    scope="nat_gateway:read",
    billed_alone=True,
    status="state",
    size_slug="size",
    tags=None,
    noise=("updated_at",),
    edges=(
        Edge("in_vpc", "vpc", "$.vpcs[*].vpc_uuid"),
        Edge("in_subnet", "vpc_subnet", "$.subnet_uuid"),
    ),
    urn_types=("nat_gateway",),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

FIREWALL = Kind(
    name="firewall",
    asset="firewalls",
    description="Cloud firewalls: rules, and the droplets and tags they protect.",
    endpoints=(Endpoint("/v2/firewalls", "firewalls"),),
    scope="firewall:read",
    adopted=("inbound_rules", "outbound_rules", "droplet_ids"),
    free=True,
    tags_name_targets=True,
    region=None,
    # How far the rules got to the droplets: moves whenever a droplet comes or goes.
    status=None,
    noise=("status", "pending_changes"),
    # A machine that it protects no more stands open.
    severities=dict.fromkeys(("tags", "droplet_ids"), Severity.CRITICAL),
    opens={"inbound_rules": lets_more_in},
    edges=(
        Edge.by_tag("protects_by_tag", "droplet", "$.tags[*]"),
        Edge("protects", "droplet", "$.droplet_ids[*]"),
    ),
    urn_types=("firewall",),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

PARTNER_ATTACHMENT = Kind(
    name="partner_attachment",
    asset="partner_attachments",
    description="Private connections through a network partner.",
    endpoints=(Endpoint("/v2/partner_network_connect/attachments", "partner_attachments"),),
    scope="partner_network_connect:read",
    status="state",
    tags=None,
    noise=("urn",),
    secret=("bgp.auth_key",),
    edges=(Edge("in_vpc", "vpc", "$.vpc_ids[*]"),),
    urn_types=("partner_attachment",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

VPC_SUBNET = Kind(
    name="vpc_subnet",
    asset="vpc_subnets",
    description="Subnets of private networks.",
    endpoints=(
        Endpoint("/v2/vpcs/{parent}/subnets", "vpc_subnet", per="vpc", parent_field="vpc_uuid"),
    ),
    scope="vpc:read",
    free=True,
    part_of=("vpc", "vpc_uuid"),
    status=None,
    tags=None,
    # How many live in it now.
    noise=("urn", "meta"),
    edges=(Edge("part_of", "vpc", "$.vpc_uuid"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

VPC_ROUTE = Kind(
    name="vpc_route",
    asset="vpc_routes",
    description="Routes of private networks and where they lead.",
    endpoints=(Endpoint("/v2/vpcs/{parent}/routes", "routes", per="vpc", parent_field="vpc_uuid"),),
    scope="route:read",
    free=True,
    part_of=("vpc", "vpc_uuid"),
    title="destination_cidr",
    region=None,
    status=None,
    tags=None,
    edges=(
        Edge("part_of", "vpc", "$.vpc_uuid"),
        Edge.by_urn("routes_to", "$.target_urns[*]"),
    ),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

BYOIP_IP = Kind(
    name="byoip_ip",
    asset="byoip_ips",
    description="Addresses of the customer's own ranges that are in use.",
    endpoints=(
        Endpoint(
            "/v2/byoip_prefixes/{parent}/ips", "ips", per="byoip_prefix", parent_field="byoip"
        ),
    ),
    scope="byoip_prefix:read",
    free=True,
    id_form="integer",
    part_of=("byoip_prefix", "byoip"),
    title="id",
    status=None,
    tags=None,
    created_at="assigned_at",
    edges=(
        Edge("part_of", "byoip_prefix", "$.byoip"),
        Edge.by_urn("used_by", "$.resource"),
    ),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)
