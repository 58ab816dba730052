"""What goes wrong in the soak's year, decided by its seed: when, what, and for how long."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

GLITCHES: tuple[dict[str, Any], ...] = (
    {"kind": "429", "retry_after": 2, "times": 3},
    {"kind": "500", "times": 2},
    {"kind": "503", "html": True, "times": 2},
    {"kind": "html", "times": 1},
    {"kind": "truncate", "times": 2},
    {"kind": "reset", "times": 2},
    {"kind": "empty", "times": 1},
    {"kind": "not_json", "times": 1},
    {"kind": "shift", "by": 1, "times": 1},
    {"kind": "502", "html": True, "times": 20},
    {"kind": "429", "times": 30, "retry_after": 1},
)
PATHS = ("/v2/droplets", "/v2/volumes", "/v2/databases", "/v2/customers/my/*", "/v2/projects*", "*")


@dataclass(frozen=True)
class Trouble:
    """One thing that goes wrong at a time."""

    at: datetime
    what: str
    """glitch, outage, refused, restart, kill, product clock, database clock, or over."""
    says: dict[str, Any] = field(default_factory=dict)


def year(seed: int, start: datetime, end: datetime) -> list[Trouble]:
    """Return all of it, in order; the last days are calm, so that what is over can end."""
    chance = random.Random(f"soak {seed}")
    found: list[Trouble] = []
    day = start
    while day < end - min(timedelta(days=10), (end - start) / 2):
        found += _of_a_day(chance, day)
        day += timedelta(days=1)
    return sorted(found, key=lambda trouble: trouble.at)


def _of_a_day(chance: random.Random, day: datetime) -> Iterator[Trouble]:
    def moment() -> datetime:
        return day + timedelta(minutes=chance.randrange(24 * 60))

    if chance.random() < 0.6:
        says = {**chance.choice(GLITCHES), "path_glob": chance.choice(PATHS)}
        yield Trouble(moment(), "glitch", {**says, "after": chance.randrange(6)})
    for what, one_in, status in (("outage", 18, "503"), ("refused", 50, "401")):
        if chance.random() < 1 / one_in:
            at, hours = moment(), chance.uniform(4, 30)
            says = {"kind": status, "path_glob": "/v2/*", "times": None}
            yield Trouble(at, what, {**says, "html": status == "503"})
            yield Trouble(at + timedelta(hours=hours), "over")
    for what, one_in in (("restart", 9), ("kill", 6)):
        if chance.random() < 1 / one_in:
            yield Trouble(moment(), what, {"after": chance.randrange(2, 400)})
    if chance.random() < 1 / 15:
        step = chance.choice((-40, -1, -0.1, 0.1, 1, 40))
        yield Trouble(moment(), "product clock", {"days": step})
    if chance.random() < 1 / 40:
        yield Trouble(moment(), "database clock", {"days": chance.choice((-0.05, 0.05))})
