"""Cursors: where the next page begins, opaque and good for the same question only.

A cursor holds the keys of the last row and a digest of the filters it was made with; no secret, and
nothing that gives access: who sees what is decided anew for every page.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

import orjson

from .problems import BadParameter

LENGTH = 200
"""Letters that no cursor of ours has more of."""
_LARGEST = 2**63 - 1

Position = tuple[int, ...]
"""The keys of the row after which a page begins."""


def _digest(listing: str, filters: Mapping[str, object]) -> str:
    asked = {name: value for name, value in filters.items() if value not in (None, [])}
    text = orjson.dumps([listing, asked], option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.blake2b(text, digest_size=9).hexdigest()


def write_cursor(listing: str, filters: Mapping[str, object], position: Position) -> str:
    """The cursor of the page that begins after `position`."""
    content = orjson.dumps([_digest(listing, filters), *position])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_cursor(
    cursor: str | None, listing: str, filters: Mapping[str, object], keys: int
) -> Position | None:
    """The position that a cursor stands for; None at the beginning.

    Args:
        cursor: as a client sent it.
        listing: the list that it has to belong to.
        filters: everything that was asked for but cursor and page size.
        keys: numbers in a position of this list.

    Raises:
        BadParameter: it is none of ours, or belongs to other filters.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        content = orjson.loads(base64.b64decode(padded.encode("ascii"), b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        content = None
    if not isinstance(content, list) or not all(
        type(key) is int and 0 <= key <= _LARGEST for key in content[1:]
    ) or len(content) != keys + 1:  # fmt: skip
        raise BadParameter(
            "cursor", "is not a cursor of this list: use next_cursor as it was given"
        )
    if content[0] != _digest(listing, filters):
        raise BadParameter("cursor", "belongs to other filters: begin again without it")
    return tuple(content[1:])
