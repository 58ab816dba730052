"""Load balancers: by a list of droplets, by a tag, and one that a cluster made."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog
from .lives import Facts, Life, Price, iso
from .registry import Kind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_UNIT = Decimal(12)


def _facts(name: str, region: str) -> Facts:
    return {
        "name": name,
        "region": region,
        "algorithm": "round_robin",
        "status": "active",
        "size_unit": 1,
        "forwarding_rules": [
            {
                "entry_protocol": "http",
                "entry_port": 80,
                "target_protocol": "http",
                "target_port": 80,
                "certificate_id": "",
                "tls_passthrough": False,
            }
        ],
        "health_check": {
            "protocol": "http",
            "port": 80,
            "path": "/",
            "check_interval_seconds": 10,
            "response_timeout_seconds": 5,
            "healthy_threshold": 5,
            "unhealthy_threshold": 3,
        },
        "sticky_sessions": {"type": "none"},
        "tag": "",
        "droplet_ids": [],
        "redirect_http_to_https": False,
        "enable_proxy_protocol": False,
        "enable_backend_keepalive": False,
        "disable_lets_encrypt_dns_records": False,
        "http_idle_timeout_seconds": 60,
        "firewall": {"deny": [], "allow": ["cidr:2.3.4.0/24"]},
    }


def _template(_account: SimulatedAccount, rng: Random) -> Facts:
    return _facts(f"lb-{rng.randrange(10_000):04d}", rng.choice(list(catalog.REGIONS)))


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    region = facts["region"]
    targets = facts["droplet_ids"]
    if facts["tag"]:
        targets = view.holders("droplet", "tags").get(facts["tag"], [])
    result = {
        "id": life.id,
        "ip": f"203.0.113.{sum(str(life.id).encode()) % 254 + 1}",
        "status": "errored" if view.chance(life.id, 24) else facts["status"],
        "created_at": iso(life.created_at),
        "region": view.region(region) if isinstance(region, str) else region,
        "droplet_ids": view.order(targets),
        "vpc_uuid": view.account.vpc_uuid(region) if isinstance(region, str) else "",
        "project_id": view.project_of(f"do:loadbalancer:{life.id}"),
    }
    if facts["size_unit"] is None:
        result["size"] = "lb-small"
    else:
        result["size_unit"] = facts["size_unit"]
    return result


def _populate(account: SimulatedAccount, rng: Random) -> None:
    targets = [d for d in account.alive("droplet") if "k8s" not in d.facts["tags"]]
    count = 0 if not account.droplets else max(3, min(100, account.droplets // 20))
    for index in range(count):
        ago = account.now - account.history_start
        at = (account.history_start + ago * (0.4 + 0.5 * rng.random())).replace(microsecond=0)
        facts = _facts(f"lb-{index:02d}", rng.choice(["nyc3", "fra1", "ams3"]))
        if index % 3 == 0:
            old = [d for d in targets if d.created_at <= at]
            facts["droplet_ids"] = [d.id for d in old[: 1 + index % 4]]
        elif index % 3 == 1:
            facts["tag"] = "env:prod"
        else:
            facts["name"] = account.new_uuid(rng).replace("-", "")  # made by a cluster
        if at.year < 2022:
            facts["size_unit"] = None
        life = account.add_life("load_balancer", account.new_uuid(rng), facts, at)
        if facts["size_unit"] and rng.random() < 0.5:
            grown = (at + (account.now - at) * rng.random()).replace(microsecond=0)
            account.change_life(life, grown, size_unit=2)


def _price(facts: Facts, _at: datetime) -> Price:
    return catalog.monthly_price(_UNIT * (facts["size_unit"] or 1))


LOAD_BALANCER = register(
    Kind(
        name="load_balancer",
        path="/v2/load_balancers",
        envelope="load_balancers",
        singular="load_balancer",
        scope="load_balancer:read",
        urn="loadbalancer",
        links="empty",
        template=_template,
        render=_render,
        consumed=frozenset({"region", "droplet_ids", "status", "size_unit"}),
        blanks={
            "vpc_uuid": ("vpc:read", ""),
            "project_id": ("project:read", ""),
            "droplet_ids": ("droplet:read", []),
        },
        refs={"droplet_ids": "droplet"},
        populate=_populate,
        price=_price,
        size=lambda facts: f"lb-{facts['size_unit'] or 1}",
    )
)
