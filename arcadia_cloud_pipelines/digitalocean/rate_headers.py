"""What the headers of an answer say of the rate limit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from .clock import Clock

SHORTEST_WAIT: Final = 1.0  # a limit that says "0 seconds" was only just hit


def number(text: str | None) -> float | None:
    """Return the number that a header holds; None for anything else."""
    return float(text) if text and re.fullmatch(r"[0-9]{1,12}", text) else None


def server_time(headers: Mapping[str, str], clock: Clock) -> float:
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
    seconds = number(said)
    if seconds is None and said:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - server_time(headers, clock)
        except (ValueError, TypeError, OverflowError):
            seconds = None
    reset = number(headers.get("ratelimit-reset"))
    if seconds is None and status == 429 and reset is not None:
        remaining = number(headers.get("ratelimit-remaining"))
        if not remaining:
            seconds = reset - server_time(headers, clock)
    return None if seconds is None else max(SHORTEST_WAIT, seconds)
