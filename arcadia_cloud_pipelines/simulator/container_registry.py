"""The container registry: one list without pages, prices in whole cents."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog
from .lives import Facts, Life, Price, iso
from .registry import Kind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount, View

_TIERS = {"starter": (0, 1, 500), "basic": (500, 5, 5120), "professional": (2000, 0, 102_400)}
"""Slug -> cents a month, repositories (0: no limit), MiB."""


def _facts(name: str, tier: str) -> Facts:
    return {"name": name, "region": "fra1", "tier": tier}


def _new_name(account: SimulatedAccount, rng: Random) -> str:
    return f"registry-{account.new_int(rng, 1000, 999_999)}"


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    cents, repositories, mebibytes = _TIERS[facts["tier"]]
    changed = [v.valid_from for v in life.versions if v.valid_from <= view.at][-1]
    return {
        "name": life.id,
        "created_at": iso(life.created_at),
        # Grows and shrinks by itself.
        "storage_usage_bytes": 29_393_920 + view.epoch % 997 * 4096,
        "storage_usage_bytes_updated_at": f"{iso(view.at)[:-1]}.530562231Z",
        "subscription": {
            "tier": {
                "name": facts["tier"].capitalize(),
                "slug": facts["tier"],
                "included_repositories": repositories,
                "included_storage_bytes": mebibytes << 20,
                "allow_storage_overage": cents > 0,
                "included_bandwidth_bytes": mebibytes << 20,
                "monthly_price_in_cents": cents,
                "storage_overage_price_in_cents": 2,
            },
            "created_at": iso(life.created_at),
            "updated_at": iso(changed),
        },
    }


def _populate(account: SimulatedAccount, _rng: Random) -> None:
    if not account.droplets:
        return
    ago = account.now - account.history_start
    at = (account.now - ago * 0.4).replace(microsecond=0)
    life = account.add_life("registry", "simulated-images", _facts("", "starter"), at)
    paid = max(at, min(at + timedelta(days=200), account.now)).replace(microsecond=0)
    account.change_life(life, paid, tier="basic")


def _price(facts: Facts, _at: datetime) -> Price:
    return catalog.monthly_price(str(_TIERS[facts["tier"]][0] // 100))


REGISTRY = register(
    Kind(
        name="registry",
        path="/v2/registries",
        envelope="registries",
        singular="registry",
        identity="name",
        scope="registry:read",
        paged=False,
        template=lambda _account, _rng: _facts("", "basic"),
        new_id=_new_name,
        render=_render,
        consumed=frozenset({"name", "tier"}),
        populate=_populate,
        price=_price,
        size=lambda facts: str(facts["tier"]),
    )
)
