"""Domains with their zone files, which change with every record and by themselves."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from .lives import Facts, Life
from .registry import Kind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_NAMES = ["example.com", "example.net", "skyai.example", "xn--mnchen-3ya.example"]


def _template(_account: SimulatedAccount, _rng: Random) -> Facts:
    return {"ttl": 1800}


def _new_name(account: SimulatedAccount, rng: Random) -> str:
    return f"site-{account.new_int(rng, 1000, 999_999)}.example"


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    name, ttl = life.id, facts["ttl"]
    lines = [
        f"$ORIGIN {name}.",
        f"$TTL {ttl}",
        f"{name}. IN SOA ns1.digitalocean.com. hostmaster.{name}. {view.epoch * 3600} "
        f"10800 3600 604800 {ttl}",
        *(f"{name}. {ttl} IN NS ns{n}.digitalocean.com." for n in view.order([1, 2, 3])),
        f"{name}. {ttl} IN A 203.0.113.7",
    ]
    return {"name": name, "ttl": ttl, "zone_file": "\n".join(lines) + "\n"}


def _populate(account: SimulatedAccount, rng: Random) -> None:
    count = 0 if not account.droplets else max(len(_NAMES), min(500, account.droplets // 10))
    for index in range(count):
        name = _NAMES[index] if index < len(_NAMES) else _new_name(account, rng)
        at = account.history_start + timedelta(hours=index * 20 + rng.randrange(20))
        account.add_life("domain", name, {"ttl": 1800}, min(at, account.now))


DOMAIN = register(
    Kind(
        name="domain",
        path="/v2/domains",
        envelope="domains",
        singular="domain",
        identity="name",
        scope="domain:read",
        urn="domain",
        links="empty",
        per_page_first=True,
        template=_template,
        new_id=_new_name,
        render=_render,
        consumed=frozenset({"ttl"}),
        populate=_populate,
    )
)
