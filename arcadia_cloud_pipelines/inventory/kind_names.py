"""The names that a filter by kind may have, and what to say to any other."""

from __future__ import annotations

import difflib
from functools import cache

from ..kinds import KIND_BY_NAME, UNKNOWN

_NEAR = 0.6


@cache
def kind_names() -> tuple[str, ...]:
    """Return every kind that this release stores, sorted."""
    return tuple(sorted({*KIND_BY_NAME, UNKNOWN}))


def unknown_kind(text: str) -> str | None:
    """Return a sentence for a text that is not a kind; None for a kind.

    It names near ones: for `dropplet`, droplet. The text itself is not repeated.
    """
    if text in kind_names():
        return None
    wanted = text[:64].strip().casefold().replace("-", "_").replace(" ", "_")
    near = difflib.get_close_matches(wanted, kind_names(), 3, _NEAR)
    if near:
        return f"is not a kind; near ones are {', '.join(near)}"
    return f"is not a kind; the kinds are {', '.join(kind_names())}"
