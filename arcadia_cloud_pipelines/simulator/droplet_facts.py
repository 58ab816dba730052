"""What a simulated droplet is: its size and image by its time, its name, tags and features."""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from . import catalog
from .lives import Facts, Life

if TYPE_CHECKING:
    from .account import SimulatedAccount


CLUSTER_NODES = 5
"""Workers of each simulated cluster: they are droplets among the account's number."""

ROLES = ["web", "api", "worker", "db", "cache", "batch", "proxy", "mail", "ci", "stage"]
TAGS = ["web", "env:prod", "env:stage", "team:data", "team:web", "skyai", "tenant:acme", "cron"]
ODD_NAMES = ["assets.example.com", "batch (old)", "münchen-app", "legacy (2016) (copy)", "NA"]
_FEATURES = ["backups", "ipv6", "monitoring"]


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


def droplet_facts(rng: Random, at: datetime, name: str) -> Facts:
    """Draw the facts of an ordinary droplet that was made at that time."""
    features = ["private_networking"]
    features += [f for f in _FEATURES if rng.random() < 0.4]
    return {
        "name": name,
        "region": rng.choice(list(catalog.REGIONS)),
        "size_slug": _era_size(rng, at),
        "image": _era_image(rng, at),
        "status": "active",
        "tags": rng.sample(TAGS, rng.randrange(4)),
        "features": features,
    }


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


def new_droplet_id(account: SimulatedAccount, rng: Random) -> int:
    """Make a number that no droplet has."""
    return account.new_int(rng, 100_000_000, 599_999_999)
