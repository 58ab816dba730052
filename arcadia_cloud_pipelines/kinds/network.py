"""Private networks, balancers and firewalls."""

from __future__ import annotations

from ..common.severity import Severity
from ..settings import Purpose
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
    status="status",
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

VPC = Kind(
    name="vpc",
    asset="vpcs",
    description="Private networks, the default one of each region among them.",
    endpoints=(Endpoint("/v2/vpcs", "vpcs"),),
    scope="vpc:read",
    adopted=("ip_range",),
    free=True,
    region="region",
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
    status="status",
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
    region="region",
    status="state",
    size_slug="size",
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
    # How far the rules got to the droplets: moves whenever a droplet comes or goes.
    status=None,
    tags="tags",
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
    region="region",
    status="state",
    noise=("urn",),
    secret=("bgp.auth_key",),
    edges=(Edge("in_vpc", "vpc", "$.vpc_ids[*]"),),
    urn_types=("partner_attachment",),
)

VPC_SUBNET = Kind(
    name="vpc_subnet",
    asset="vpc_subnets",
    description="Subnets of private networks.",
    endpoints=(Endpoint("/v2/vpcs/{parent}/subnets", "vpc_subnet"),),
    scope="vpc:read",
    free=True,
    part_of=("vpc", "vpc_uuid"),
    region="region",
    # How many live in it now.
    noise=("urn", "meta"),
)

VPC_ROUTE = Kind(
    name="vpc_route",
    asset="vpc_routes",
    description="Routes of private networks and where they lead.",
    endpoints=(Endpoint("/v2/vpcs/{parent}/routes", "routes"),),
    scope="route:read",
    free=True,
    part_of=("vpc", "vpc_uuid"),
    title="destination_cidr",
    edges=(Edge.by_urn("routes_to", "$.target_urns[*]"),),
)
