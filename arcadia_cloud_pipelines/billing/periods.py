"""The month that an invoice bills, where only the billing history names the invoice.

The history has no field for it. Its text names the month (`Invoice for May 2026`); its date is
only near the month's end, on either side, and for a charge within a month far from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Literal

PeriodSource = Literal["list", "text", "date"]
"""How a period is known: the list of invoices says it, the entry's text, or its date alone."""

EARLY = timedelta(hours=12)
"""An invoice may be dated so long before its month is over."""

_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_NAME = "|".join(sorted((*_NAMES, *(n[:3] for n in _NAMES), "sept"), key=len, reverse=True))
_YEAR = r"(?P<year>20[0-9]{2})"
_DATED = (
    # May 2026 · May2026 · Sept. 2026 · May 1, 2026 · May-2026 · MAY'2026
    re.compile(
        rf"\b(?P<name>{_NAME})(?:\b|(?=20))[.,']*[\s,'/-]*"
        rf"(?:[0-9]{{1,2}}(?:st|nd|rd|th)?\b[\s,]+)?{_YEAR}\b"
    ),
    # 2026-05 · 2026/05 · 2026-05-01 · 2026.05 · 2026 05
    re.compile(rf"(?<![0-9]){_YEAR}[-/. ](?P<number>0[1-9]|1[0-2])(?![0-9])"),
    # 05/2026 · 5/2026
    re.compile(rf"(?<![0-9/.-])(?P<number>0?[1-9]|1[0-2])[/-]{_YEAR}(?![0-9])"),
    # 2026 May
    re.compile(rf"\b{_YEAR}[\s,-]+(?P<name>{_NAME})\b"),
)
_BARE = re.compile(
    rf"\b(?:for|of|period)[\s:]+(?:the\s+month\s+of\s+)?(?P<name>{_NAME})\b(?![\s,.']*20[0-9]{{2}})"
)
"""A month without a year, where a preposition shows that the word is one: `Invoice for May`."""


def period_of_entry(text: str, occurred_at: datetime) -> tuple[date, PeriodSource]:
    """Return the first day of the month that an invoice's entry in the history is about.

    The text wins: `Invoice for May 2026` is May's, be it dated 2026-05-31T23:58:41Z, 2026-06-01 or
    2026-06-12. A month that had not begun when the invoice was made is none that it could bill.
    Without a month in the text, the invoice is for the month before its date.
    """
    latest = _month((occurred_at + EARLY).date())
    for found in _months_in(text, latest):
        if found <= latest:
            return found, "text"
    return _before(latest), "date"


def _months_in(text: str, latest: date) -> Iterator[date]:
    text = " ".join(text.casefold().split())
    dated = (match for pattern in _DATED for match in pattern.finditer(text))
    for match in sorted(dated, key=lambda match: match.start()):
        yield date(int(match["year"]), _number(match), 1)
    for match in _BARE.finditer(text):
        # The year is the newest that has this month behind it.
        month = latest.replace(month=_number(match))
        yield month if month <= latest else month.replace(year=month.year - 1)


def _number(match: re.Match[str]) -> int:
    found = match.groupdict()
    if found.get("number"):
        return int(found["number"])
    return next(n for n, name in enumerate(_NAMES, 1) if name.startswith(found["name"][:3]))


def _month(day: date) -> date:
    return day.replace(day=1)


def _before(month: date) -> date:
    return _month(month - timedelta(days=1))
