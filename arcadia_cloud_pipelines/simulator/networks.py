"""Networks, addresses and names that only have to be there, as `others` says."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from . import catalog
from .plain import SHAPES, new_integer, plain, updated

if TYPE_CHECKING:
    from .account import SimulatedAccount


def _vpcs(account: SimulatedAccount, _rng: Random) -> None:
    """One in each region, made with the account: what is in the region lies in it."""
    for region in catalog.REGIONS if account.droplets else ():
        facts = {**SHAPES["vpc"], "name": f"default-{region}", "region": region}
        account.add_life("vpc", account.vpc_uuid(region), facts, account.history_start)


def _ipv6(account: SimulatedAccount, rng: Random) -> str:
    return f"fd53:616d:6d60::{account.new_int(rng, 1, 65_535):x}"


plain(
    "vpc", "/v2/vpcs", "vpcs", "vpc", "vpc:read", populate=_vpcs, links="empty",
    noise=lambda _view, life: {"urn": f"do:vpc:{life.id}"},
)  # fmt: skip
plain("vpc_peering", "/v2/vpc_peerings", "vpc_peerings", "vpc_peering", "vpc_peering:read")
plain(
    "nat_gateway", "/v2/vpc_nat_gateways", "vpc_nat_gateways", "vpc_nat_gateway",
    "nat_gateway:read", noise=updated, says_project=True,
)  # fmt: skip
plain(
    "firewall", "/v2/firewalls", "firewalls", "firewall", "firewall:read",
    refs={"droplet_ids": "droplet"},
    noise=lambda view, life: {
        "pending_changes": [{"droplet_id": 1, "removing": False, "status": "waiting"}]
        if view.chance(life.id, 3) else [],
    },
)  # fmt: skip
plain(
    "reserved_ipv6", "/v2/reserved_ipv6", "reserved_ipv6s", "reserved_ipv6", "reserved_ip:read",
    identity="ip", created="reserved_at", new_id=_ipv6,
)  # fmt: skip
plain(
    "byoip_prefix", "/v2/byoip_prefixes", "byoip_prefixes", "byoip_prefix", "byoip_prefix:read",
    identity="uuid", created=None, says_project=True,
    noise=lambda view, life: {"locked": view.chance(life.id, 4)},
)  # fmt: skip
plain(
    "partner_attachment", "/v2/partner_network_connect/attachments", "partner_attachments",
    "partner_attachment", "partner_network_connect:read",
    noise=lambda _view, life: {"urn": f"do:partner_attachment:{life.id}"},
)  # fmt: skip
plain("certificate", "/v2/certificates", "certificates", "certificate", "certificate:read")
plain("cdn_endpoint", "/v2/cdn/endpoints", "endpoints", "endpoint", "cdn:read", tight_limit=(5, 10))
plain(
    "domain_record", "/v2/domains/{parent}/records", "domain_records", "domain_record",
    "domain:read", parent="domain", children=2, created=None, new_id=new_integer,
)  # fmt: skip
