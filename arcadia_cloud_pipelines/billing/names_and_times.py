"""Columns of names and times as the rules of matching compare them."""

from __future__ import annotations

import unicodedata
from typing import Any

from ..frames import Ints, np, pd

EVER = 1 << 61
"""A time, in microseconds, that is later than all; less than all with a minus."""
_DTYPE = "datetime64[us, UTC]"


def fold(texts: pd.Series[Any]) -> pd.Series[str]:
    """Texts as names are compared: without case, composed, trimmed; NA for blank."""
    codes, distinct = pd.factorize(texts)
    folded: list[str | None] = [fold_one(str(text)) for text in distinct]
    values = np.array([*folded, None], dtype=object)
    return pd.Series(pd.array(values[codes], dtype="str"), index=texts.index)


def fold_one(text: str) -> str | None:
    """Fold one text; None for a blank one."""
    return unicodedata.normalize("NFC", text.casefold()).strip() or None


NO_TIME = -(2**63)
"""The time in microseconds of what has none."""


def micros(times: pd.Series[Any]) -> Ints:
    """Microseconds since 1970, `NO_TIME` for NA. Microseconds hold the years 1 and 9999."""
    codes, distinct = pd.factorize(times)
    parsed = pd.to_datetime(pd.Index(distinct), utc=True, format="ISO8601").astype(_DTYPE)
    return np.append(parsed.asi8, NO_TIME)[codes]


def month_of(period: pd.Series[Any]) -> tuple[Ints, Ints]:
    """Begin and end of the months, in microseconds; from ever to ever for NA."""
    codes, distinct = pd.factorize(period)
    days = pd.Index([str(day)[:7] for day in distinct], dtype="str")
    begin: Any = pd.to_datetime(days, format="%Y-%m", utc=True).astype(_DTYPE)
    end = begin + pd.offsets.MonthBegin(1)
    return (
        np.append(begin.asi8, -EVER)[codes].astype(np.int64),
        np.append(end.astype(_DTYPE).asi8, EVER)[codes].astype(np.int64),
    )
