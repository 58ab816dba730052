"""Time, replaceable so that tests never sleep."""

from __future__ import annotations

import time
from typing import Final, Protocol


class Clock(Protocol):
    """Time, replaceable so that tests never sleep."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    def time(self) -> float:
        """Unix seconds."""

    def sleep(self, seconds: float) -> None:
        """Let that much time pass."""


class _SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


SYSTEM_CLOCK: Final[Clock] = _SystemClock()
