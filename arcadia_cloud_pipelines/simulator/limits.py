"""Rate limits as the API keeps them: sliding windows per token."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RateLimits:
    """How many requests a token may make, and by which clock that is measured."""

    per_hour: int = 5000
    per_minute: int = 250
    clock: Literal["simulated", "real"] = "simulated"
    """`simulated` frees slots when the account's clock is moved, so a test need not wait."""
    tight: bool = True
    """Whether endpoints with a limit of their own (ssh keys, CDN) have it."""


REAL_LIMITS = RateLimits(clock="real")
"""What DigitalOcean documents."""

GENEROUS = RateLimits(per_hour=1_000_000, per_minute=100_000, clock="real", tight=False)
"""For demo and benchmarks: the headers are there and nothing is ever refused."""


class Window:
    """A sliding window: each request falls out `seconds` after it was made."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._times: deque[float] = deque()

    def used(self, now: float) -> int:
        """Requests in the window."""
        while self._times and self._times[0] + self.seconds <= now:
            self._times.popleft()
        return len(self._times)

    def free_at(self, now: float) -> float:
        """Return when the oldest request falls out (one slot frees then, not all of them)."""
        return self._times[0] + self.seconds if self.used(now) else now + self.seconds

    def add(self, now: float) -> None:
        """Count one request."""
        self._times.append(now)


class TokenLimits:
    """The windows of one token."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._hour = Window(limits.per_hour, 3600)
        self._minute = Window(limits.per_minute, 60)
        self._tight: dict[str, Window] = {}

    def take(
        self, now: float, tight: tuple[str, tuple[int, int]] | None = None
    ) -> tuple[bool, dict[str, str]]:
        """Ask for one request: whether it is allowed, and the headers of the answer.

        A refused request is not counted.
        """
        bursts = [self._minute]
        if tight is not None and self._limits.tight:
            name, (count, seconds) = tight
            bursts.append(self._tight.setdefault(name, Window(count, seconds)))
        over_hour = self._hour.used(now) >= self._hour.limit
        waits = [w.free_at(now) - now for w in bursts if w.used(now) >= w.limit]
        allowed = not over_hour and not waits
        if allowed:
            for window in (self._hour, *bursts):
                window.add(now)
        remaining = self._hour.limit - self._hour.used(now) if not waits else 0
        headers = {
            "ratelimit-limit": str(self._hour.limit),
            "ratelimit-remaining": str(remaining),
            "ratelimit-reset": str(math.ceil(self._hour.free_at(now))),
        }
        if waits and not over_hour:
            # Only the burst limits say how long to wait; the hour leaves it to ratelimit-reset.
            headers["retry-after"] = str(max(1, math.ceil(max(waits))))
        return allowed, headers
