"""A finding: one thing that was looked at, how it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The state of one thing."""

    WELL = "well"
    WRONG = "wrong"
    NEITHER = "neither"
    """Not there, not needed, or not askable now."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    state: Verdict
    subject: str
    text: str
    remedy: str | None = None
    """What to do; always there when something is wrong."""


def well(subject: str, text: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(Verdict.WELL, subject, text)


def neither(subject: str, text: str) -> Finding:
    """Return a finding of something that cannot, or need not, be judged."""
    return Finding(Verdict.NEITHER, subject, text)


def wrong(subject: str, text: str, remedy: str) -> Finding:
    """Return a finding of something that somebody should mend."""
    return Finding(Verdict.WRONG, subject, text, remedy)
