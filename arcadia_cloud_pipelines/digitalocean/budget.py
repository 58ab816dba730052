"""One rate budget per token, shared by all its clients.

DigitalOcean allows 5,000 requests an hour and 250 a minute per token, both as sliding windows, and
fewer on some paths (DigitalOcean API reference, Rate Limits). The budget waits before a request
instead of being refused after it, and believes the answers where they know better: others may spend
from the same token. Processes that share a warehouse count there together (see `calls`).
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

from ..secret import Secret

_log = logging.getLogger(__name__)


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

LONGEST_WAIT: Final = 300.0
"""Seconds that one request waits at most; beyond it failing and coming back later is better."""

_SHORTEST_WAIT: Final = 1.0  # a limit that says "0 seconds" was only just hit
_SHORTEST_PAUSE: Final = 0.01  # so that rounding cannot make the loop spin
_LONGEST_HINT: Final = 60.0  # how far a mere "remaining: 0" is believed, see `Budget.note`
_LONGEST_BLOCK: Final = 3600.0  # no window of DigitalOcean is longer, whatever a header says


class Shared(Protocol):
    """A count that others spend from, too."""

    def take(self, limits: Sequence[Limit]) -> float:
        """Count one request in each of these limits, or return how many seconds it must wait.

        The limits are DigitalOcean's usual ones; those that hold everywhere grow by what `grant`
        was told.
        """

    def grant(self, hourly: int) -> None:
        """Note that the account was granted so many requests an hour."""


class BudgetExhausted(Exception):
    """The wait would be longer than `LONGEST_WAIT`. `seconds` is how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the rate budget allows the next request in {seconds:.0f} s")
        self.seconds = seconds


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"[0-9]{1,12}", text) else None


def _server_time(headers: Mapping[str, str], clock: Clock) -> float:
    """Now by the server's clock where it says, so that a skewed clock here does no harm."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return clock.time()


def retry_after(status: int, headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds the answer asks to wait before a retry, None when it does not say.

    `retry-after` counts first, in seconds or as a date. A 429 without it is the hourly limit, whose
    next slot is free at `ratelimit-reset` (DigitalOcean API reference, Rate Limits); not when
    requests remain, for then the reset says nothing about the refusal.

    Args:
        status: of the answer.
        headers: with names in lower case, or case-insensitive.
        clock: for the time where the answer has no `date`.
    """
    said = headers.get("retry-after", "").strip()
    seconds = _number(said)
    if seconds is None and said:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - _server_time(headers, clock)
        except (ValueError, TypeError, OverflowError):
            seconds = None
    reset = _number(headers.get("ratelimit-reset"))
    if seconds is None and status == 429 and reset is not None:
        remaining = _number(headers.get("ratelimit-remaining"))
        if not remaining:
            seconds = reset - _server_time(headers, clock)
    return None if seconds is None else max(_SHORTEST_WAIT, seconds)


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
        granted = int(_number(headers.get("ratelimit-limit")) or 0)
        if granted > HOURLY and granted != self._granted:
            self._raise(granted)
        if status == 429:
            seconds = min(
                retry_after(status, headers, self._clock) or _SHORTEST_WAIT, _LONGEST_BLOCK
            )
        elif _number(headers.get("ratelimit-remaining")) == 0:
            reset = _number(headers.get("ratelimit-reset"))
            if reset is None:
                return
            seconds = reset - _server_time(headers, self._clock)
            seconds = min(max(seconds, _SHORTEST_WAIT), _LONGEST_HINT)
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
