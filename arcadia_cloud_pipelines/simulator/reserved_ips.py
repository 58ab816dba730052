"""Reserved IPv4 addresses: assigned ones embed the whole droplet, free ones cost money."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog
from .droplet_history import pick_in_region
from .lives import Facts, Life, Price
from .registry import SimulatedKind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_UNUSED = "5"


def _new_ip(account: SimulatedAccount, rng: Random) -> str:
    # 240/4 is reserved for ever: no real host, and room for any account.
    number = account.new_int(rng, 240 << 24, (241 << 24) - 1)
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def _template(_account: SimulatedAccount, rng: Random) -> Facts:
    return {
        "region": rng.choice(list(catalog.REGIONS)),
        "droplet_id": None,
        "locked": False,
    }


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    region = facts["region"]
    droplet: dict[str, Any] | None = None
    if facts["droplet_id"] is not None and view.can("droplet:read"):
        target = view.account.find("droplet", facts["droplet_id"])
        droplet = view.account.render(target, view) if target.alive(view.at) else None
    return {
        "ip": life.id,
        "droplet": droplet,
        "region": view.region(region) if isinstance(region, str) else region,
        "locked": facts["locked"] or view.chance(life.id, 24),
        "project_id": view.project_of(f"do:floatingip:{life.id}"),
    }


def _populate(account: SimulatedAccount, rng: Random) -> None:
    droplets = [d for d in account.alive("droplet") if "k8s" not in d.facts["tags"]]
    for index in range(0, len(droplets), 8):
        droplet = droplets[index]
        ago = account.now - droplet.created_at
        at = (droplet.created_at + ago * 0.5 * rng.random()).replace(microsecond=0)
        facts = {"region": droplet.facts["region"], "droplet_id": droplet.id, "locked": False}
        life = account.add_life("reserved_ip", _new_ip(account, rng), facts, at)
        if index % 24 == 8:
            # Let go of at some time in the past: unused, hence billed, since then.
            freed = account.now - min(timedelta(days=40), (account.now - at) * rng.random())
            account.change_life(life, max(at, freed.replace(microsecond=0)), droplet_id=None)
    for droplet in droplets[::4]:
        # Addresses of the past: reserved, used, idle for a while, given back.
        ago = account.now - droplet.created_at
        times = sorted(droplet.created_at + ago * rng.random() * 0.95 for _ in range(3))
        begin, freed, end = (max(t.replace(microsecond=0), droplet.created_at) for t in times)
        if begin < freed < end:
            facts = {"region": droplet.facts["region"], "droplet_id": droplet.id, "locked": False}
            life = account.add_life("reserved_ip", _new_ip(account, rng), facts, begin)
            account.change_life(life, freed, droplet_id=None)
            account.bury(life, end)


def _live(account: SimulatedAccount, rng: Random, hour: datetime) -> None:
    for _ in range(account.count(rng, 0.2)):
        life = account.pick(rng, "reserved_ip", lambda ip: ip.facts["droplet_id"] is None)
        if life is None:
            continue
        droplet = pick_in_region(account, rng, life.facts["region"])
        if droplet is not None:
            at = max(account.moment(rng, hour, life), droplet.created_at)
            account.change_life(life, at, droplet_id=droplet.id)


def _price(facts: Facts, _at: datetime) -> Price | None:
    return catalog.monthly_price(_UNUSED) if facts["droplet_id"] is None else None


RESERVED_IP = register(
    SimulatedKind(
        name="reserved_ip",
        path="/v2/reserved_ips",
        envelope="reserved_ips",
        singular="reserved_ip",
        identity="ip",
        scope="reserved_ip:read",
        # The old name is kept by the projects API.
        urn="floatingip",
        links="empty",
        template=_template,
        new_id=_new_ip,
        render=_render,
        consumed=frozenset({"region", "droplet_id", "locked"}),
        blanks={"project_id": ("project:read", "")},
        refs={"droplet_id": "droplet"},
        populate=_populate,
        live=_live,
        price=_price,
    )
)
