"""What happened to the simulated droplets before now, and what happens from now on."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from . import catalog
from .droplet_facts import (
    CLUSTER_NODES,
    ODD_NAMES,
    ROLES,
    TAGS,
    clusters_for,
    droplet_facts,
    is_gpu,
    is_worker,
    new_droplet_id,
)
from .lives import Facts, Life

if TYPE_CHECKING:
    from .account import SimulatedAccount


_YEAR = timedelta(days=365)


# ---- history


def _past(account: SimulatedAccount, rng: Random, life: Life, end: datetime, rate: float) -> None:
    """Draw what happened in a life before `end`: `rate` changes a year."""
    span = (end - life.created_at).total_seconds()
    wanted = min(6, int(rng.expovariate(1.0) * rate * span / _YEAR.total_seconds()))
    offsets = sorted(rng.random() * span for _ in range(wanted))
    for offset in offsets:
        at = (life.created_at + timedelta(seconds=offset)).replace(microsecond=0)
        _happen(account, rng, life, max(at, life.versions[-1].valid_from))
    if life.facts["status"] == "off" and rng.random() < 0.8:
        account.change_life(life, end, status="active")


def _happen(account: SimulatedAccount, rng: Random, life: Life, at: datetime) -> None:
    facts = life.facts
    dice = rng.random()
    if dice < 0.35:
        account.change_life(life, at, **_resized(rng, facts, at))
    elif dice < 0.6:
        account.change_life(life, at, tags=rng.sample(TAGS, rng.randrange(1, 4)))
    elif dice < 0.7:
        account.change_life(life, at, name=f"{facts['name']}-{rng.choice(ROLES)}"[:60])
    elif dice < 0.9:
        account.change_life(life, at, status="off" if facts["status"] == "active" else "active")
    elif "droplet_agent" not in facts["features"]:
        account.change_life(life, at, features=[*facts["features"], "droplet_agent"])


def _resized(rng: Random, facts: Facts, at: datetime) -> Facts:
    old = catalog.SIZES[facts["size_slug"]]
    disk = int(facts.get("disk", old.disk))
    larger = [s for s in catalog.ORDINARY_SIZES if catalog.SIZES[s].disk >= disk and s != old.slug]
    if at.year < 2018:
        larger = [s for s in catalog.LEGACY_SIZES if catalog.SIZES[s].disk >= disk] or larger
    if not larger:
        return {}
    slug = rng.choice(larger)
    # A resize of CPU and memory only leaves the disk as it was.
    return {"size_slug": slug, "disk": disk if rng.random() < 0.5 else catalog.SIZES[slug].disk}


def populate_droplets(account: SimulatedAccount, rng: Random) -> None:
    """Draw the droplets of all years, with what happened to each."""
    span = (account.now - account.history_start).total_seconds() - 3600
    ordinary = max(0, account.droplets - CLUSTER_NODES * clusters_for(account.droplets))
    # A big fleet is for measuring: fewer dead and fewer changes each, or it takes long to make.
    big = account.droplets > 2000
    dead = int(ordinary * (0.25 if big else 1.5))
    rate = 0.1 if big else 0.8

    def born() -> datetime:
        # The account grew: more of it is young.
        at = account.history_start + timedelta(seconds=span * rng.random() ** 0.6)
        return at.replace(microsecond=0)

    births = sorted((born(), False) for _ in range(ordinary))
    births[:1] = [(account.history_start, False)] if births else []  # there is always a bill
    births += [(born(), True) for _ in range(dead)]
    for index, (at, dies) in enumerate(births):
        name = f"{rng.choice(ROLES)}-{index:02d}"
        if not dies and index in (1, 2):
            name = "web-01"  # namesakes
        elif not dies and 3 <= index < 3 + len(ODD_NAMES):
            name = ODD_NAMES[index - 3]
        life = account.add_life(
            "droplet", new_droplet_id(account, rng), droplet_facts(rng, at, name), at
        )
        end = account.now
        if dies:
            lived = timedelta(days=rng.expovariate(1 / 250), seconds=120)
            end = min(at + lived, account.now - timedelta(minutes=5)).replace(microsecond=0)
            end = max(end, at + timedelta(minutes=1))
        _past(account, rng, life, end, rate)
        if dies:
            account.bury(life, end)
    _recreate(account)
    for index in range(1 + account.droplets // 100 if account.droplets else 0):
        at = account.now - timedelta(days=rng.randrange(2, 300), seconds=rng.randrange(86400))
        at = max(at, account.history_start)
        facts = {
            **droplet_facts(rng, at, f"ml-train-{index + 1}"),
            "region": "tor1",
            "size_slug": catalog.GPU_SIZES[index % len(catalog.GPU_SIZES)],
            "image": "gpu-h100x1-base",
        }
        account.add_life("droplet", new_droplet_id(account, rng), facts, at)


def _recreate(account: SimulatedAccount) -> None:
    """Make some dead droplets forerunners of living ones: same name, gone before."""
    lives = list(account.lives["droplet"].values())
    dead = [life for life in lives if life.deleted_at is not None]
    for life in [life for life in lives if life.deleted_at is None][:60:6]:
        earlier = [d for d in dead if d.deleted_at is not None and d.deleted_at < life.created_at]
        if earlier:
            last = max(earlier, key=lambda d: (d.deleted_at, d.id))
            dead.remove(last)
            name = life.versions[0].facts["name"]
            last.versions = [v._replace(facts={**v.facts, "name": name}) for v in last.versions]


# ---- life


def pick_in_region(account: SimulatedAccount, rng: Random, region: str) -> Life | None:
    """A living droplet of a region, to attach something to."""
    return account.pick(rng, "droplet", lambda life: life.facts["region"] == region)


def live_droplets(account: SimulatedAccount, rng: Random, hour: datetime) -> None:
    """Draw what happens to droplets within an hour."""
    fleets = account.droplets / 25
    # The fleet stays about as large as it was: a long demo neither empties nor floods it.
    size = max(1, len(account.ids("droplet"))) / max(1, account.droplets)

    def ordinary(life: Life) -> bool:
        return not is_worker(life) and not is_gpu(life.facts)

    for _ in range(account.count(rng, fleets / size)):
        at = account.moment(rng, hour)
        name = f"{rng.choice(ROLES)}-{rng.randrange(100, 10_000)}"
        account.add_life("droplet", new_droplet_id(account, rng), droplet_facts(rng, at, name), at)
    for _ in range(account.count(rng, fleets * size)):
        if life := account.pick(rng, "droplet", ordinary):
            account.end_life(life, account.moment(rng, hour, life))
    for _ in range(account.count(rng, 2.0 * fleets)):
        if life := account.pick(rng, "droplet", ordinary):
            _happen(account, rng, life, account.moment(rng, hour, life))
