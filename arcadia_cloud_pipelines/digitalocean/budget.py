"""One rate budget per token, shared by all its clients.

DigitalOcean allows 5,000 requests an hour and 250 a minute per token, both as sliding windows, and
fewer on some paths (DigitalOcean API reference, Rate Limits). The budget waits before a request
instead of being refused after it, and believes the answers where they know better: others may spend
from the same token. Processes that share a warehouse count there together (see `calls`).
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from ..settings.secret import Secret
from .clock import SYSTEM_CLOCK, Clock
from .rate_headers import SHORTEST_WAIT, number, retry_after, server_time
from .rate_limits import HOURLY, KEPT_LIMITS, Limit, Shared

_log = logging.getLogger(__name__)

LONGEST_WAIT: Final = 300.0
"""Seconds that one request waits at most; beyond it failing and coming back later is better."""

_SHORTEST_PAUSE: Final = 0.01  # so that rounding cannot make the loop spin
_LONGEST_HINT: Final = 60.0  # how far a mere "remaining: 0" is believed, see `Budget.note`
_LONGEST_BLOCK: Final = 3600.0  # no window of DigitalOcean is longer, whatever a header says


class BudgetExhausted(Exception):
    """The wait would be longer than `LONGEST_WAIT`. `seconds` is how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the rate budget allows the next request in {seconds:.0f} s")
        self.seconds = seconds


class CallBudget:
    """The requests one token may still make. Safe to share between threads."""

    def __init__(
        self,
        *,
        limits: Sequence[Limit] = KEPT_LIMITS,
        clock: Clock = SYSTEM_CLOCK,
        shared: Shared | None = None,
    ) -> None:
        """Start with nothing spent.

        Args:
            limits: sliding windows; a request counts in every one that covers its path.
            clock: replaceable for tests.
            shared: asked besides, for what other processes spend.
        """
        self._shared = shared
        self._usual = tuple(limits)
        self._windows = [(limit, deque[float]()) for limit in limits]
        self._clock = clock
        self._lock = threading.Lock()
        self._blocked_until = float("-inf")
        self._granted = HOURLY

    def __repr__(self) -> str:
        limits = (f"{limit.requests}/{limit.seconds:g}s{limit.path}" for limit, _ in self._windows)
        return f"Budget({', '.join(limits)})"

    def acquire(self, path: str) -> float:
        """Wait until one request to `path` may be made, and count it.

        Returns:
            Seconds waited.

        Raises:
            BudgetExhausted: it would take longer than `LONGEST_WAIT`; nothing is counted.
        """
        waited = 0.0
        while (wait := self._take(path)) > 0:
            if waited + wait > LONGEST_WAIT:
                raise BudgetExhausted(wait)
            _log.info("rate budget: waiting %.1f s before %s", wait, path)
            pause = max(wait, _SHORTEST_PAUSE)
            self._clock.sleep(pause)
            waited += pause
        return waited

    def _take(self, path: str) -> float:
        """Count one request to `path`, or return how many seconds it must wait."""
        with self._lock:
            now = self._clock.monotonic()
            wait = self._wait(path, now)
            if wait > 0:
                return wait
            windows = [
                (usual, times)
                for usual, (_, times) in zip(self._usual, self._windows, strict=True)
                if usual.covers(path)
            ]
            for _, times in windows:
                times.append(now)
        wait = self._shared.take([usual for usual, _ in windows]) if self._shared else 0.0
        if wait > 0:
            with self._lock:
                # Given back: it was not sent, and is asked for again as a new one.
                for _, times in windows:
                    if now in times:
                        times.remove(now)
        return wait

    def _wait(self, path: str, now: float) -> float:
        wait = self._blocked_until - now
        for limit, times in self._windows:
            while times and times[0] + limit.seconds <= now:
                times.popleft()
            if limit.covers(path) and len(times) >= limit.requests:
                wait = max(wait, times[0] + limit.seconds - now)
        return wait

    def note(self, status: int, headers: Mapping[str, str]) -> None:
        """Learn from an answer.

        A `ratelimit-limit` above 5,000 says that the account was granted more an hour; the
        minute's is 5 % of it. A lower one is not believed: near the minute's limit the headers
        have been seen to speak of the minute.

        A 429 blocks the token for as long as it says. `ratelimit-remaining: 0` on any other answer
        blocks until `ratelimit-reset`, when one slot frees, but no longer than a minute: near the
        minute's limit 0 may be shown although the hour is not used up, and if it is used up the
        next answer is a 429 that says so.

        Args:
            status: of the answer.
            headers: with names in lower case, or case-insensitive.
        """
        granted = int(number(headers.get("ratelimit-limit")) or 0)
        if granted > HOURLY and granted != self._granted:
            self._raise(granted)
        if status == 429:
            seconds = min(
                retry_after(status, headers, self._clock) or SHORTEST_WAIT, _LONGEST_BLOCK
            )
        elif number(headers.get("ratelimit-remaining")) == 0:
            reset = number(headers.get("ratelimit-reset"))
            if reset is None:
                return
            seconds = reset - server_time(headers, self._clock)
            seconds = min(max(seconds, SHORTEST_WAIT), _LONGEST_HINT)
        else:
            return
        with self._lock:
            until = self._clock.monotonic() + seconds
            self._blocked_until = max(self._blocked_until, until)

    def _raise(self, granted: int) -> None:
        """Let the limits that hold everywhere grow as the hour's did."""
        with self._lock:
            self._granted = granted
            factor = granted / HOURLY
            self._windows = [
                (limit if limit.path else replace(limit, requests=int(usual.requests * factor)),
                 times)
                for usual, (limit, times) in zip(self._usual, self._windows, strict=True)
            ]  # fmt: skip
        if self._shared:
            self._shared.grant(granted)


_budgets: dict[tuple[bytes, Clock], CallBudget] = {}
_budgets_lock = threading.Lock()


def budget_for(token: Secret, clock: Clock = SYSTEM_CLOCK) -> CallBudget:
    """The budget of a token: the same object for the same token, anywhere in this process."""
    key = (hashlib.sha256(token.reveal().encode()).digest(), clock)
    with _budgets_lock:
        return _budgets.setdefault(key, CallBudget(clock=clock))
