"""Reads the body of an answer, as far as it is looked at and no longer than it may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import requests
import urllib3

from .clock import Clock

_LARGEST_ERROR: Final = 64 * 1024
# Seconds; the read timeout alone would let a trickle go on for ever.
_LONGEST_BODY: Final = 600.0
_LONGEST_ERROR: Final = 30.0
_CHUNK: Final = 64 * 1024
DECIDES: Final = 45.0
"""Seconds after which the account, which decides on a whole run, is not asked again; instead of a
number of attempts, so that a short break of the network ends none."""


@dataclass(frozen=True)
class Unread:
    """Says why a body cannot be had, and whether it is worth asking again."""

    text: str
    again: bool


def read_body(
    response: requests.Response, *, most: int, decides: bool, clock: Clock
) -> bytes | Unread:
    """Return the whole body, or why it cannot be had. Of an error only as much as is looked at.

    Args:
        response: of which nothing was read.
        most: bytes that a good answer may have, decoded.
        decides: whether a whole run hangs on it.
        clock: the time.
    """
    failed = response.status_code >= 300
    # The text of an error is only quoted: a server that sends much of it is not waited for.
    most = _LARGEST_ERROR if failed else most
    longest = _LONGEST_ERROR if failed else DECIDES if decides else _LONGEST_BODY
    parts: list[bytes] = []
    size = 0
    start = clock.monotonic()
    try:
        # Not `iter_content`: it waits for a whole chunk, which a trickle never fills.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            parts.append(chunk)
            size += len(chunk)
            if size > most:
                break
            if clock.monotonic() - start > longest:
                return Unread(f"was still not read after {longest:.0f} s", again=True)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        # Of an error the status is what counts; its text may be lost.
        if not failed:
            undecodable = isinstance(error, urllib3.exceptions.DecodeError)
            how = "could not be decompressed" if undecodable else "was cut short"
            return Unread(how, again=True)
    if size > most and not failed:
        return Unread(f"is larger than {most} bytes", again=False)
    return b"".join(parts)
