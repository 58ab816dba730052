"""The words of alarms: an alarm, and the answer to one question."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import timedelta

from ..common.severity import Severity
from .texts import plain_text

_LONGEST_KEY = 200


@dataclass(frozen=True)
class Alarm:
    """One thing that is bad now, in words for people."""

    key: str
    """Identity of the thing, from `alarm_key`: one open episode for each."""
    subject: str
    text: str
    """How it is. Foreign text in it is data; `state` cleans it."""
    advice: str
    """What to do."""
    severity: Severity = Severity.ERROR
    account: str | None = None
    wait: timedelta = timedelta(0)
    """How long it must stay bad before anybody is told."""

    @property
    def kind(self) -> str:
        """The first part of the key."""
        return self.key.partition("/")[0]


WELL_AGAIN = "This is fine again."


@dataclass(frozen=True)
class Answer:
    """The answer to one question: what is bad in its scope, and with it what is not."""

    scope: str
    """Beginning of the keys that the question is about, such as `late/`."""
    bad: Sequence[Alarm] = ()
    _: KW_ONLY
    well: frozenset[str] | None = None
    """Keys that were found well; None for all that are not named. Any other stays as it is."""
    unsure: frozenset[str] = frozenset()
    """Keys that could not be judged this time: they stay as they are."""
    ending: str = WELL_AGAIN
    """How something ended that is bad no more."""
    endings: Mapping[str, str] = field(default_factory=dict)
    """The same for single keys."""


def alarm_key(kind: str, *parts: str) -> str:
    """Return the identity of a thing; `alarm_key("late", "droplet")` is `late/droplet`.

    Parts may be foreign text of any length; a long key ends in its digest.
    """
    key = "/".join((kind, *(plain_text(part, 4_000) for part in parts)))
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"{key[: _LONGEST_KEY - 33]}#{digest}"
