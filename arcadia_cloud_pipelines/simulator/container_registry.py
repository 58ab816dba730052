"""The container registry: one list without pages, prices in whole cents; repositories in each."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog
from .lives import Facts, Life, Price, iso
from .registry import Kind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

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


_REPOSITORIES = ["web", "api", "team/batch"]


def _new_repository(account: SimulatedAccount, rng: Random) -> str:
    """Registry and name: names are unique in one registry only."""
    return f"{account.ids('registry')[0]}/repo-{account.new_int(rng, 1000, 999_999)}"


def _render_repository(view: View, life: Life, _facts: Facts) -> dict[str, Any]:
    registry, _, name = str(life.id).partition("/")

    def digest(what: object) -> str:
        return f"sha256:{hashlib.sha256(f'{life.id}:{what}'.encode()).hexdigest()}"

    pushed = view.epoch // 24  # somebody pushes every day
    return {
        "registry_name": registry,
        "name": name,
        "tag_count": 1 + pushed % 50,
        "manifest_count": 2 + pushed % 70,
        "latest_manifest": {
            "digest": digest(pushed),
            "registry_name": registry,
            "repository": name,
            "compressed_size_bytes": 1_972_332 + pushed % 1000,
            "size_bytes": 2_816_445 + pushed % 1000,
            "updated_at": iso(datetime.fromtimestamp(pushed * 86400, life.created_at.tzinfo)),
            "tags": view.order([f"v{pushed}", "latest"]),
            "blobs": [
                {"digest": digest((pushed, layer)), "compressed_size_bytes": 1471}
                for layer in range(2)
            ],
        },
    }


def _some_repositories(account: SimulatedAccount, _rng: Random) -> None:
    for registry in account.alive("registry"):
        for name in _REPOSITORIES:
            facts = {"parent": registry.id}
            at = registry.versions[-1].valid_from
            account.add_life("registry_repository", f"{registry.id}/{name}", facts, at)


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

REGISTRY_REPOSITORY = register(
    Kind(
        name="registry_repository",
        path="/v2/registries/{parent}/repositoriesV2",
        envelope="repositories",
        scope="registry:read",
        parent="registry",
        page_tokens=True,
        params=frozenset({"page_token"}),
        template=lambda account, _rng: {"parent": account.ids("registry")[0]},
        new_id=_new_repository,
        render=_render_repository,
        consumed=frozenset({"parent"}),
        populate=_some_repositories,
    )
)
