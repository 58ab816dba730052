"""A simulated droplet as the API shows it: networks, backups, and what changes by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from . import catalog, catalog_objects
from .lives import Facts, Life, iso

if TYPE_CHECKING:
    from .view import View


_NO_DISK_INFO_BEFORE = datetime(2018, 1, 1, tzinfo=UTC)
_V4_PRIVATE = "255.255.0.0"


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
    slug: orjson.Fragment(orjson.dumps(catalog_objects.disk_info(s)))
    for slug, s in catalog.SIZES.items()
}


def render_droplet(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    """Return a droplet as it looks in a view."""
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
        result["gpu_info"] = catalog_objects.gpu_info(size)
    return result
