"""Snapshots of droplets and of volumes (one endpoint), and images of the account's own.

A droplet snapshot is also an image with the same integer id; it outlives its droplet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog
from .droplet_facts import is_gpu, is_worker
from .lives import Facts, Life, Price, iso
from .registry import Select, SimulatedKind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

TWINS = "nightly-export"
"""Two snapshots of one droplet with this name and one size: equal rows on each invoice."""

_PER_GIGABYTE = Decimal("0.06")
_PER_GIGABYTE_BEFORE = Decimal("0.05")
_RESOURCE_TYPES = {"droplet_snapshot": "droplet", "volume_snapshot": "volume"}


def _facts(rng: Random, resource_type: str, source: Life | None, at: datetime) -> Facts:
    facts: Facts = (source.facts_at(at) if source is not None else None) or {"name": "gone"}
    region = facts.get("region", "nyc3")
    if "size_slug" in facts:
        disk = catalog.SIZES[facts["size_slug"]].disk
    else:
        disk = int(facts.get("size_gigabytes", 25))
    return {
        "name": f"{facts['name']}-{int(at.timestamp() * 1000)}",
        "regions": [region if isinstance(region, str) else "nyc3"],
        "resource_id": str(source.id) if source is not None else "99999999",
        "resource_type": resource_type,
        "min_disk_size": disk,
        "size_gigabytes": round(disk * (0.05 + 0.3 * rng.random()), 2),
        "tags": rng.sample(["web", "env:prod", "backup"], rng.randrange(3)),
    }


def _template(resource_type: str, account: SimulatedAccount, rng: Random) -> Facts:
    sources = account.alive(resource_type)
    return _facts(rng, resource_type, rng.choice(sources) if sources else None, account.now)


def new_image_number(account: SimulatedAccount, rng: Random) -> int:
    """Make a number of an image, which a snapshot of a droplet is, too."""
    return account.new_int(rng, 60_000_000, 97_999_999)


def _new_id(account: SimulatedAccount, rng: Random) -> str:
    return str(new_image_number(account, rng))


def render_stored(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    """Return what a snapshot or an image has beside its facts."""
    return {
        "id": life.id,
        "created_at": iso(life.created_at),
        "regions": view.order(facts["regions"]),
        "tags": view.order(facts["tags"]),
    }


def _select(kind: str, params: Mapping[str, str]) -> Select | None:
    wanted = params.get("resource_type")
    if wanted is None:
        return None
    if wanted not in _RESOURCE_TYPES.values():
        raise ValueError("resource_type must be droplet or volume")
    return None if wanted == _RESOURCE_TYPES[kind] else lambda _facts: False


def price_of_gigabytes(facts: Facts, at: datetime) -> Price:
    """Return the price of what is stored, by its size."""
    each = _PER_GIGABYTE_BEFORE if at < catalog.PRICE_RISE else _PER_GIGABYTE
    return catalog.monthly_price(each * Decimal(str(facts["size_gigabytes"])))


def size_in_gigabytes(facts: Facts) -> str:
    """Return the size as invoices write it."""
    return f"{facts['size_gigabytes']:.2f}gb"


# ---- history


def _can_be_copied(life: Life) -> bool:
    return life.kind == "volume" or not (is_worker(life) or is_gpu(life.facts))


def _populate(kind: str, account: SimulatedAccount, rng: Random) -> None:
    source_kind = _RESOURCE_TYPES[kind]
    new_id = _new_id if source_kind == "droplet" else type(account).new_uuid
    sources = [life for life in account.lives[source_kind].values() if _can_be_copied(life)]
    for index, source in enumerate(sources):
        end = source.deleted_at or account.now
        for number in range(max(index == 0, min(4, int(rng.expovariate(1.1))))):
            at = source.created_at + (end - source.created_at) * rng.random()
            at = at.replace(microsecond=0)
            at = max(at, source.created_at)
            facts = _facts(rng, source_kind, source, at)
            life = account.add_life(kind, new_id(account, rng), facts, at)
            kept = timedelta(days=rng.expovariate(1 / 250), minutes=5)
            if (index or number) and at + kept < account.now:
                account.bury(life, (at + kept).replace(microsecond=0))
    if kind == "droplet_snapshot" and sources:
        oldest = min(sources, key=lambda life: (life.created_at, str(life.id)))
        born = oldest.created_at + (account.now - oldest.created_at) * 0.5
        facts = {**_facts(rng, source_kind, oldest, oldest.created_at), "name": TWINS}
        for minutes in (0, 1):
            at = min(born.replace(microsecond=0) + timedelta(minutes=minutes), account.now)
            account.add_life(kind, new_id(account, rng), facts, at)


def _live(kind: str, account: SimulatedAccount, rng: Random, hour: datetime) -> None:
    source_kind = _RESOURCE_TYPES[kind]
    new_id = _new_id if source_kind == "droplet" else type(account).new_uuid
    for _ in range(account.count(rng, account.droplets / 100)):
        if source := account.pick(rng, source_kind, _can_be_copied):
            at = account.moment(rng, hour, source)
            facts = _facts(rng, source_kind, source, at)
            account.add_life(kind, new_id(account, rng), facts, at)
    for _ in range(account.count(rng, account.droplets / 100)):
        if life := account.pick(rng, kind, lambda life: life.facts["name"] != TWINS):
            account.end_life(life, account.moment(rng, hour, life))


for _kind in _RESOURCE_TYPES:
    register(
        SimulatedKind(
            name=_kind,
            path="/v2/snapshots",
            envelope="snapshots",
            singular="snapshot",
            scope="snapshot:read",
            links="empty",
            params=frozenset({"resource_type"}),
            template=partial(_template, _RESOURCE_TYPES[_kind]),
            new_id=_new_id
            if _kind == "droplet_snapshot"
            else lambda account, rng: account.new_uuid(rng),
            render=render_stored,
            consumed=frozenset({"regions", "tags"}),
            select=partial(_select, _kind),
            blanks={"tags": ("tag:read", [])},
            populate=partial(_populate, _kind),
            live=partial(_live, _kind),
            price=price_of_gigabytes,
            price_changes=(catalog.PRICE_RISE,),
            size=size_in_gigabytes,
        )
    )
