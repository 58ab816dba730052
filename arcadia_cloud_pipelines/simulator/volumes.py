"""Block storage volumes, most of them attached."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog
from .droplet_history import pick_in_region
from .lives import Facts, Life, Price, iso
from .registry import Select, SimulatedKind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_PER_GIGABYTE = Decimal("0.10")


def _facts(rng: Random, name: str, region: str) -> Facts:
    return {
        "name": name,
        "region": region,
        "description": rng.choice(["", "Block store for examples", "do not delete"]),
        "size_gigabytes": rng.choice([10, 25, 50, 100, 250]),
        "filesystem_type": "ext4",
        "filesystem_label": name[:12],
        "tags": rng.sample(["backup", "env:prod", "team:data"], rng.randrange(3)),
        "droplet_ids": [],
    }


def _template(_account: SimulatedAccount, rng: Random) -> Facts:
    return _facts(rng, f"data-{rng.randrange(10_000):04d}", rng.choice(list(catalog.REGIONS)))


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    region = facts["region"]
    return {
        "id": life.id,
        "region": view.region(region) if isinstance(region, str) else region,
        "created_at": iso(life.created_at),
        "tags": view.order(facts["tags"]),
        "droplet_ids": view.order(facts["droplet_ids"]),
    }


def _select(params: Mapping[str, str]) -> Select | None:
    name, region = params.get("name"), params.get("region")
    if name is None and region is None:
        return None
    return lambda facts: (
        (name is None or facts["name"] == name) and (region is None or facts["region"] == region)
    )


def _populate(account: SimulatedAccount, rng: Random) -> None:
    droplets = [d for d in account.alive("droplet") if "k8s" not in d.facts["tags"]]
    for index in range(0, len(droplets), 6):
        droplet = droplets[index]
        region = str(droplet.facts["region"])
        # Names are unique per region only.
        name = "data" if index < 12 else f"data-{index:02d}"
        if index == 6:
            name = f"pvc-{account.new_uuid(rng)}"
        latest = droplet.versions[0].valid_from
        at = latest + (account.now - latest) * rng.random() * 0.8
        at = at.replace(microsecond=0)
        life = account.add_life("volume", account.new_uuid(rng), _facts(rng, name, region), at)
        if index % 24 != 18:
            attached = at + timedelta(minutes=rng.randrange(1, 50))
            attached = min(attached, account.now)
            account.change_life(life, attached, droplet_ids=[droplet.id])
        if rng.random() < 0.4:
            last = life.versions[-1].valid_from
            grown = (last + (account.now - last) * rng.random()).replace(microsecond=0)
            grown = max(grown, last)
            account.change_life(life, grown, size_gigabytes=life.facts["size_gigabytes"] * 2)
    for index in range(len(droplets) // 8):
        ago = account.now - account.history_start
        at = (account.history_start + ago * rng.random() * 0.9).replace(microsecond=0)
        life = account.add_life(
            "volume", account.new_uuid(rng), _facts(rng, f"old-data-{index}", "nyc3"), at
        )
        end = at + min(timedelta(days=rng.randrange(1, 400)), (account.now - at) * 0.9)
        account.bury(life, end.replace(microsecond=0))


def _live(account: SimulatedAccount, rng: Random, hour: datetime) -> None:
    for _ in range(account.count(rng, account.droplets / 100)):
        if life := account.pick(rng, "volume", lambda volume: not volume.facts["droplet_ids"]):
            droplet = pick_in_region(account, rng, life.facts["region"])
            if droplet:
                at = max(account.moment(rng, hour, life), droplet.created_at)
                account.change_life(life, at, droplet_ids=[droplet.id])
    for _ in range(account.count(rng, account.droplets / 100)):
        if life := account.pick(rng, "volume", lambda _: True):
            larger = life.facts["size_gigabytes"] + 10
            account.change_life(life, account.moment(rng, hour, life), size_gigabytes=larger)


def _price(facts: Facts, _at: datetime) -> Price:
    return catalog.monthly_price(_PER_GIGABYTE * facts["size_gigabytes"])


VOLUME = register(
    SimulatedKind(
        name="volume",
        path="/v2/volumes",
        envelope="volumes",
        singular="volume",
        scope="block_storage:read",
        urn="volume",
        links="empty",
        params=frozenset({"name", "region"}),
        template=_template,
        render=_render,
        consumed=frozenset({"region", "tags", "droplet_ids"}),
        select=_select,
        blanks={"tags": ("tag:read", []), "droplet_ids": ("droplet:read", [])},
        refs={"droplet_ids": "droplet"},
        populate=_populate,
        live=_live,
        price=_price,
        size=lambda facts: f"{facts['size_gigabytes']}gb",
    )
)
