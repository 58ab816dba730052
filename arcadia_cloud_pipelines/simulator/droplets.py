"""Droplets: ordinary ones, GPU ones (a list of their own) and workers of clusters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

import orjson

from . import catalog
from .lives import Facts, Life, Price, iso
from .registry import Kind, Select, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

CLUSTER_NODES = 5
"""Workers of each simulated cluster: they are droplets among the account's number."""

_ROLES = ["web", "api", "worker", "db", "cache", "batch", "proxy", "mail", "ci", "stage"]
_TAGS = ["web", "env:prod", "env:stage", "team:data", "team:web", "skyai", "tenant:acme", "cron"]
_ODD_NAMES = ["assets.example.com", "batch (old)", "münchen-app", "legacy (2016) (copy)", "NA"]
_FEATURES = ["backups", "ipv6", "monitoring"]
_YEAR = timedelta(days=365)
_NO_DISK_INFO_BEFORE = datetime(2018, 1, 1, tzinfo=UTC)
_V4_PRIVATE = "255.255.0.0"


def clusters_for(droplets: int) -> int:
    """Return how many Kubernetes clusters an account of that many droplets has."""
    return 0 if droplets < 8 else 1 + droplets // 100


def _era_size(rng: Random, at: datetime) -> str:
    sizes = catalog.LEGACY_SIZES if at.year < 2018 else catalog.ORDINARY_SIZES
    return sizes[min(int(rng.expovariate(0.4)), len(sizes) - 1)]


def _era_image(rng: Random, at: datetime) -> str:
    if at.year >= 2021 and rng.random() < 0.1:
        return "golden-image"
    for since, image in (
        (2024, "ubuntu-24-04-x64"),
        (2022, "ubuntu-22-04-x64"),
        (2020, "ubuntu-20-04-x64"),
        (2018, "ubuntu-18-04-x64"),
        (2016, "ubuntu-16-04-x64"),
    ):
        if at.year > since:
            return image
    return "ubuntu-14-04-x64"


def _facts(rng: Random, at: datetime, name: str) -> Facts:
    features = ["private_networking"]
    features += [f for f in _FEATURES if rng.random() < 0.4]
    return {
        "name": name,
        "region": rng.choice(list(catalog.REGIONS)),
        "size_slug": _era_size(rng, at),
        "image": _era_image(rng, at),
        "status": "active",
        "tags": rng.sample(_TAGS, rng.randrange(4)),
        "features": features,
    }


def _template(account: SimulatedAccount, rng: Random) -> Facts:
    name = f"{rng.choice(_ROLES)}-{rng.randrange(10_000):04d}"
    return {**_facts(rng, account.now, name), "status": "active"}


def worker_facts(name: str, region: str, size: str, tags: list[str]) -> Facts:
    """The facts of a worker of a cluster."""
    return {
        "name": name,
        "region": region,
        "size_slug": size,
        "image": "debian-12-x64",
        "status": "active",
        "tags": tags,
        "features": ["private_networking", "droplet_agent"],
    }


def is_worker(life: Life) -> bool:
    """Say if it belongs to a cluster, which then decides over it."""
    return "k8s" in life.facts["tags"]


def is_gpu(facts: Facts) -> bool:
    """Say if it is in the list of `?type=gpus` only."""
    return str(facts["size_slug"]).startswith("gpu-")


def _new_id(account: SimulatedAccount, rng: Random) -> int:
    return account.new_int(rng, 100_000_000, 599_999_999)


def _networks(life: Life, view: View, features: list[str], public: int) -> dict[str, Any]:
    # Addresses of the benchmarking and documentation ranges: nobody's machine answers there.
    third, fourth = public >> 8 & 255, public & 255
    net = f"198.{18 + (public >> 16 & 1)}.{third}"
    v4: list[dict[str, Any]] = [
        {
            "ip_address": f"{net}.{fourth}",
            "netmask": "255.255.255.0",
            "gateway": f"{net}.1",
            "type": "public",
        }
    ]
    if "private_networking" in features:
        private = {
            "ip_address": f"10.128.{third}.{fourth}",
            "netmask": _V4_PRIVATE,
            "gateway": "nil",
            "type": "private",
        }
        v4.insert(0, private)
    v6 = []
    if "ipv6" in features:
        v6.append(
            {
                "ip_address": f"2001:db8:0:1010::{life.id:x}",
                "netmask": 64,
                "gateway": "2001:db8:0:1010::1",
                "type": "public",
            }
        )
    return {"v4": view.order(v4), "v6": v6}


def _backup_window(number: int, view: View) -> dict[str, str]:
    """The next window: daily for half of the droplets, weekly for the others."""
    every = 24 if number % 2 else 168
    return _window_at(view.epoch + every - (view.epoch - number % every) % every)


@lru_cache(maxsize=1000)
def _window_at(hour: int) -> dict[str, str]:
    start = datetime.fromtimestamp(hour * 3600, UTC)
    return {"start": iso(start), "end": iso(start + timedelta(hours=23))}


def _backups(life: Life, view: View) -> list[int]:
    """Four weekly backups are kept: a new id each week, the oldest goes."""
    age = (view.seconds - int(life.created_at.timestamp())) // 604_800
    newest = int(life.id) // 2 + view.epoch // 168
    return view.order([newest - back for back in range(min(4, age))])


def _snapshots(life: Life, view: View) -> list[int]:
    found = view.holders("droplet_snapshot", "resource_id").get(str(life.id), [])
    return view.order([int(number) for number in found])


_SIZE_DISKS = {
    slug: orjson.Fragment(orjson.dumps(catalog.disk_info(s))) for slug, s in catalog.SIZES.items()
}


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    number = int(life.id)
    slug = facts["size_slug"]
    size = catalog.SIZES[slug]
    features = facts["features"]
    region = facts["region"]
    image = facts["image"]
    backups = "backups" in features
    result = {
        "id": number,
        "name": facts["name"],
        "memory": size.memory,
        "vcpus": size.vcpus,
        "disk": size.disk,
        "locked": False,
        "status": facts["status"],
        "kernel": None,
        "created_at": iso(life.created_at),
        "features": view.order(features),
        "backup_ids": _backups(life, view) if backups else [],
        # The real API shows a window with backups off, too.
        "next_backup_window": _backup_window(number, view) if backups or number % 5 == 0 else None,
        "snapshot_ids": _snapshots(life, view),
        "image": view.image(image) if isinstance(image, str) else image,
        "volume_ids": view.order(view.holders("volume", "droplet_ids").get(number, [])),
        "size": view.size(slug),
        "size_slug": slug,
        "networks": _networks(life, view, features, number),
        "region": view.region(region) if isinstance(region, str) else region,
        "tags": view.order(facts["tags"]),
        "vpc_uuid": view.account.vpc_uuid(region) if isinstance(region, str) else "",
    }
    if life.created_at >= _NO_DISK_INFO_BEFORE:
        result["disk_info"] = _SIZE_DISKS[slug]
    if size.gpus:
        result["gpu_info"] = catalog.gpu_info(size)
    return result


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
        account.change_life(life, at, tags=rng.sample(_TAGS, rng.randrange(1, 4)))
    elif dice < 0.7:
        account.change_life(life, at, name=f"{facts['name']}-{rng.choice(_ROLES)}"[:60])
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


def _populate(account: SimulatedAccount, rng: Random) -> None:
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
        name = f"{rng.choice(_ROLES)}-{index:02d}"
        if not dies and index in (1, 2):
            name = "web-01"  # namesakes
        elif not dies and 3 <= index < 3 + len(_ODD_NAMES):
            name = _ODD_NAMES[index - 3]
        life = account.add_life("droplet", _new_id(account, rng), _facts(rng, at, name), at)
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
            **_facts(rng, at, f"ml-train-{index + 1}"),
            "region": "tor1",
            "size_slug": catalog.GPU_SIZES[index % len(catalog.GPU_SIZES)],
            "image": "gpu-h100x1-base",
        }
        account.add_life("droplet", _new_id(account, rng), facts, at)


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


def _live(account: SimulatedAccount, rng: Random, hour: datetime) -> None:
    fleets = account.droplets / 25
    # The fleet stays about as large as it was: a long demo neither empties nor floods it.
    size = max(1, len(account.ids("droplet"))) / max(1, account.droplets)

    def ordinary(life: Life) -> bool:
        return not is_worker(life) and not is_gpu(life.facts)

    for _ in range(account.count(rng, fleets / size)):
        at = account.moment(rng, hour)
        name = f"{rng.choice(_ROLES)}-{rng.randrange(100, 10_000)}"
        account.add_life("droplet", _new_id(account, rng), _facts(rng, at, name), at)
    for _ in range(account.count(rng, fleets * size)):
        if life := account.pick(rng, "droplet", ordinary):
            account.end_life(life, account.moment(rng, hour, life))
    for _ in range(account.count(rng, 2.0 * fleets)):
        if life := account.pick(rng, "droplet", ordinary):
            _happen(account, rng, life, account.moment(rng, hour, life))


DROPLET = register(
    Kind(
        name="droplet",
        path="/v2/droplets",
        envelope="droplets",
        singular="droplet",
        scope="droplet:read",
        urn="droplet",
        params=frozenset({"tag_name", "name", "type"}),
        template=_template,
        new_id=_new_id,
        render=_render,
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
        populate=_populate,
        live=_live,
        price=_price,
        size=lambda facts: str(facts["size_slug"]),
        price_changes=(catalog.PRICE_RISE,),
    )
)
