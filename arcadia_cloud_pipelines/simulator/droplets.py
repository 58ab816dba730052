"""Droplets: ordinary ones, GPU ones (a list of their own) and workers of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from . import catalog
from .droplet_facts import ROLES, droplet_facts, is_gpu, new_droplet_id
from .droplet_history import live_droplets, populate_droplets
from .droplet_rendering import render_droplet
from .lives import Facts, Price
from .registry import Select, SimulatedKind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount


def _template(account: SimulatedAccount, rng: Random) -> Facts:
    name = f"{rng.choice(ROLES)}-{rng.randrange(10_000):04d}"
    return {**droplet_facts(rng, account.now, name), "status": "active"}


def _select(params: Mapping[str, str]) -> Select | None:
    gpus = params.get("type") == "gpus"
    tag, name = params.get("tag_name"), params.get("name")
    if tag is not None and "type" in params:
        raise ValueError("type cannot be combined with tag_name")
    if params.get("type", "droplets") not in ("droplets", "gpus"):
        raise ValueError("type must be droplets or gpus")

    def wanted(facts: Facts) -> bool:
        return (
            is_gpu(facts) == gpus
            and (tag is None or tag in facts["tags"])
            and (name is None or str(facts["name"]).lower() == name.lower())
        )

    return wanted


def _price(facts: Facts, at: datetime) -> Price:
    return catalog.SIZES[facts["size_slug"]].price(at)


DROPLET = register(
    SimulatedKind(
        name="droplet",
        path="/v2/droplets",
        envelope="droplets",
        singular="droplet",
        scope="droplet:read",
        urn="droplet",
        params=frozenset({"tag_name", "name", "type"}),
        template=_template,
        new_id=new_droplet_id,
        render=render_droplet,
        consumed=frozenset({"name", "region", "size_slug", "image", "status", "tags", "features"}),
        select=_select,
        blanks={
            "tags": ("tag:read", []),
            "image": ("image:read", {}),
            "backup_ids": ("image:read", []),
            "snapshot_ids": ("image:read", []),
            "volume_ids": ("block_storage:read", []),
            "vpc_uuid": ("vpc:read", ""),
        },
        populate=populate_droplets,
        live=live_droplets,
        price=_price,
        size=lambda facts: str(facts["size_slug"]),
        price_changes=(catalog.PRICE_RISE,),
    )
)
