"""PostgreSQL's error codes in words: what happened, and whether to wait."""

from __future__ import annotations

from typing import Final, NamedTuple

import psycopg2


class Meaning(NamedTuple):
    """One kind of refusal."""

    text: str
    passes: bool
    """Whether trying again later may do."""


_STATES: Final = {
    "25006": Meaning("takes no writes now: it is a standby, or its disk is full", True),
    "40P01": Meaning("ended one of two transactions that waited for each other", True),
    "53100": Meaning("has no space left on its disk: free some", False),
    "53300": Meaning("has no free connection: raise max_connections or end some", True),
    "55P03": Meaning("did not get a lock in time", True),
    "57014": Meaning("was told to cancel the statement, by a person or by a timeout", True),
}
_CLASSES: Final = {
    "22": Meaning("cannot store a value as it is", False),
    "40": Meaning("ended a transaction that collided with another", True),
    "53": Meaning("is short of memory, disk or connections", True),
    "54": Meaning("cannot store a value that is too long", False),
}


def meaning(error: BaseException | None) -> Meaning | None:
    """Return what the server refused; None for a connection that was lost or never there.

    Args:
        error: the driver's.
    """
    code = _code(error)
    return None if code is None else _STATES.get(code) or _CLASSES.get(code[:2])


def told(error: BaseException | None) -> str:
    """Return code and first line of the server's answer; its details would hold values."""
    said = error.diag.message_primary if isinstance(error, psycopg2.Error) else None
    text = " ".join((said or "").split())
    # What is quoted with double quotes is a name of ours; a value would follow a colon.
    return f"{_code(error)}: {text.partition(': ')[0][:200]}"


def _code(error: BaseException | None) -> str | None:
    return error.pgcode if isinstance(error, psycopg2.Error) else None
