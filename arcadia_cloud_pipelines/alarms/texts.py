"""The words of a message: foreign text in them is data, and no secret is in any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..common.redaction import masked
from ..common.severity import Severity

SHOWN = 20
"""Most alarms that a message spells out; the others it counts."""
LONGEST_MESSAGE = 1_900
"""What the narrowest of the usual chat services takes."""

_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    r"\ud800-\udfff\U000e0000-\U000e007f]+"
)
# A chat service reads these as a mention, a link or a picture; letters that look the same mean
# nothing to it.
_HARMLESS = str.maketrans({"@": "＠", "<": "‹", ">": "›", "`": "ˋ", "[": "［", "]": "］"})


class MessageLine(NamedTuple):
    """One alarm in a message."""

    severity: str
    subject: str
    text: str
    advice: str


def plain_text(text: object, limit: int = 300) -> str:
    """Return text on one line, short, without control characters and what looks like a secret."""
    cleaned = " ".join(_UNPRINTABLE.sub(" ", str(text)).split())
    cleaned = masked(cleaned)
    return cleaned if len(cleaned) <= limit else cleaned[: limit - 1] + "…"


def harmless(text: str) -> str:
    """Return text that mentions nobody and links nowhere, whatever displays it."""
    return text.translate(_HARMLESS).replace("://", ":⁄⁄")


def message(opened: Sequence[MessageLine], closed: Sequence[MessageLine]) -> tuple[str, str]:
    """Return title and text of one message about all of them; the worst come first."""
    worst = max((line.severity for line in opened), key=_RANK.__getitem__, default=None)
    lines: list[str] = []
    if opened:
        shared = {line.advice for line in opened}
        lines += _listed(
            [
                _bad(line, len(shared) > 1 or len(opened) == 1)
                for line in sorted(opened, key=lambda line: -_RANK[line.severity])
            ]
        )
        if len(shared) == 1 and len(opened) > 1:
            lines.append(f"What to do: {harmless(opened[0].advice)}")
    if closed:
        lines += ["Ended:"] if opened else []
        lines += _listed([f"✓ {harmless(line.subject)}: {harmless(line.text)}" for line in closed])
    return f"Arcadia: {_title(opened, closed, worst)}", "\n".join(lines)


_RANK = {severity.value: rank for rank, severity in enumerate(Severity)}


def _title(opened: Sequence[MessageLine], closed: Sequence[MessageLine], worst: str | None) -> str:
    if len(opened) == 1 and not closed:
        return f"{opened[0].severity}: {harmless(opened[0].subject)}"
    if len(closed) == 1 and not opened:
        return f"ended: {harmless(closed[0].subject)}"
    parts = []
    if opened:
        parts.append(f"{len(opened):,} new alarm{'s' if len(opened) > 1 else ''}, worst {worst}")
    if closed:
        parts.append(f"{len(closed):,} ended")
    return "; ".join(parts)


def _bad(line: MessageLine, with_advice: bool) -> str:
    advice = f" → {harmless(line.advice)}" if with_advice and line.advice else ""
    return f"✗ {line.severity} · {harmless(line.subject)}: {harmless(line.text)}{advice}"


def _listed(lines: Sequence[str]) -> list[str]:
    shown: list[str] = []
    length = 0
    each = max(160, (LONGEST_MESSAGE - 200) // max(1, len(lines)))
    for line in lines[:SHOWN]:
        line = line if len(line) <= each else line[: each - 1] + "…"
        if length + len(line) > LONGEST_MESSAGE - 200:
            break
        shown.append(line)
        length += len(line) + 1
    if len(lines) > len(shown):
        shown.append(f"… and {len(lines) - len(shown):,} more: arcadia alarms list")
    return shown
