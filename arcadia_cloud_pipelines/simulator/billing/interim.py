"""An invoice within the month, as teams get that reach a spending threshold, and what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from .basics import SimulatedLine

_Key = tuple[object, ...]


def rest_of(
    lines: Iterable[SimulatedLine], billed: Iterable[SimulatedLine], since: datetime
) -> list[SimulatedLine]:
    """Return the lines of a whole month, less what an earlier invoice of it has.

    Together both invoices are the month. `web (s-1vcpu-1gb) 720 hours $6.00`, of which the first
    half is billed as 336 hours, leaves 384 hours from the 15th on.

    Args:
        lines: of the month.
        billed: lines of the earlier invoice.
        since: when the earlier invoice was made: it has the use until then.
    """
    before = dict(_numbered(billed))
    rest = []
    for key, line in _numbered(lines):
        paid = before.pop(key, None)
        if paid is None:
            rest.append(line)
            continue
        amount = line.amount - paid.amount
        ended = line.end is not None and line.end <= since
        if not amount and (paid.amount or ended):
            continue
        left = line._replace(amount=amount)
        if line.hours is not None:
            left = left._replace(hours=line.hours - (paid.hours or 0))
        if line.start is not None and not ended:
            left = left._replace(start=max(line.start, since))
        rest.append(left)
    if before:
        raise AssertionError(f"billed, and not in the month: {list(before.values())[:3]}")
    return rest


def _numbered(lines: Iterable[SimulatedLine]) -> Iterator[tuple[_Key, SimulatedLine]]:
    """Yield each line with what is the same in the first half and in the whole month.

    A resource may have been renamed between the two: its id counts, not its text.
    """
    seen: Counter[_Key] = Counter()
    for line in lines:
        what = line.description if line.kind is None else line.life_id
        key = (line.product, line.kind, what, line.start)
        seen[key] += 1
        yield (*key, seen[key]), line
