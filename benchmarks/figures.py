"""What a benchmark found: a figure, its aim, and how far the runs lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    runs: Sequence[float]
    """The same thing measured so many times."""
    aim: float | None = None
    """At most this much; None for what has no aim."""
    unit: str = "×"

    @property
    def median(self) -> float:
        """Return the median of the runs."""
        return statistics.median(self.runs)

    def row(self) -> str:
        """Return the line of the table in Markdown."""
        apart = "" if len(self.runs) < 2 else f"{min(self.runs):.3g} to {max(self.runs):.3g}"
        aim = "" if self.aim is None else f"≤ {self.aim:g} {self.unit}"
        met = "" if self.aim is None else "yes" if self.median <= self.aim else "**no**"
        figure = f"{self.median:.3g} {self.unit}"
        return f"| {self.what} | {figure} | {aim} | {met} | {len(self.runs)} | {apart} |"


HEAD = "| what | median | aim | met | runs | least to most |\n| --- | --- | --- | --- | --- | --- |"


def ratios(above: Iterable[float], below: Sequence[float]) -> list[float]:
    """Return each figure as a ratio to the median of what it is compared with."""
    floor = statistics.median(below)
    return [one / floor for one in above]
