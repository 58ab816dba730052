"""DigitalOcean's limits of requests, and those that we keep to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol


@dataclass(frozen=True)
class Limit:
    """At most `requests` in any `seconds`, on `path` and below it; everywhere when `path` is ""."""

    requests: int
    seconds: float
    path: str = ""

    def covers(self, path: str) -> bool:
        """Say if a request to `path` counts."""
        return not self.path or path == self.path or path.startswith(self.path + "/")


HOURLY: Final = 5000
LIMITS: Final = (
    Limit(250, 60),
    Limit(HOURLY, 3600),
    Limit(10, 60, "/v2/account/keys"),
    Limit(5, 10, "/v2/cdn/endpoints"),
)
"""DigitalOcean API reference, Rate Limits, and the descriptions of the two endpoints."""
ON_THE_WAY: Final = 1.0
"""Seconds by which the ways of two requests may differ.

A request counts here when it is sent, and there when it arrives. One that was slow on its way and a
quick one after it are nearer to each other there than here.
"""
KEPT_LIMITS: Final = tuple(replace(limit, seconds=limit.seconds + ON_THE_WAY) for limit in LIMITS)
"""What we keep to."""


class Shared(Protocol):
    """A count that others spend from, too."""

    def take(self, limits: Sequence[Limit]) -> float:
        """Count one request in each of these limits, or return how many seconds it must wait.

        The limits are DigitalOcean's usual ones; those that hold everywhere grow by what `grant`
        was told.
        """

    def grant(self, hourly: int) -> None:
        """Note that the account was granted so many requests an hour."""
