"""How ids, names, regions and times of lines and resources are compared."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final

from ..common.frames import Bools, Ints, np, pa, pc, pd

TIMES: Final = "datetime64[us, UTC]"
"""It holds every year that PostgreSQL and DigitalOcean can say."""
EVER = 1 << 61
"""A time, in microseconds, that is later than all; less than all with a minus."""
NO_TIME = -(2**63)
"""The time in microseconds of what has none."""
PAIRS = 1 << 18
"""Lines and resources that are compared at once: 20 MB."""


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]*[a-z0-9]")
_SPACES_HOST = re.compile(r"\.[a-z]{3}[0-9](?:\.cdn)?\.digitaloceanspaces\.com$")
_PLAIN_WORDS = frozenset({
    "additional", "bandwidth", "bucket", "buckets", "cdn", "cold", "data", "egress", "for", "in",
    "object", "of", "outbound", "overage", "per", "region", "requests", "space", "spaces",
    "standard", "storage", "subscription", "the", "transfer", "usage",
})  # fmt: skip
"""Words of texts about Spaces that are no bucket, whatever a bucket is called."""


def fold(texts: pd.Series[Any]) -> pd.Series[str]:
    """Return texts as names are compared: without case, composed, trimmed; NA for blank."""
    values = pa.array(texts, pa.large_string(), from_pandas=True)
    folded = pc.ascii_lower(pc.ascii_trim(values, " \t\n\v\f\r\x1c\x1d\x1e\x1f"))
    if not pc.all(pc.string_is_ascii(values)).as_py():
        wide = pc.invert(pc.string_is_ascii(values)).fill_null(False)
        spelled = [fold_one(text) for text in values.filter(wide).to_pylist()]
        folded = pc.replace_with_mask(folded, wide, pa.array(spelled, pa.large_string()))
    folded = pc.if_else(pc.equal(folded, ""), pa.scalar(None, pa.large_string()), folded)
    return pd.Series(pd.array(folded, dtype="str"), index=texts.index)


def fold_one(text: str) -> str:
    """Fold one text; "" for a blank one."""
    return unicodedata.normalize("NFC", text.casefold()).strip()


def micros(times: pd.Series[Any]) -> Ints:
    """Return microseconds since 1970, `NO_TIME` for NA. They hold the years 1 and 9999."""
    codes, distinct = pd.factorize(times)
    parsed = pd.to_datetime(pd.Index(distinct), utc=True, format="ISO8601").astype(TIMES)
    return np.append(parsed.asi8, NO_TIME)[codes]


def month_of(period: pd.Series[Any]) -> tuple[Ints, Ints]:
    """Return begin and end of the months, in microseconds; from ever to ever for NA."""
    codes, distinct = pd.factorize(period)
    days = pd.Index([str(day)[:7] for day in distinct], dtype="str")
    begin: Any = pd.to_datetime(days, format="%Y-%m", utc=True).astype(TIMES)
    end = begin + pd.offsets.MonthBegin(1)
    return (
        np.append(begin.asi8, -EVER)[codes].astype(np.int64),
        np.append(end.astype(TIMES).asi8, EVER)[codes].astype(np.int64),
    )


def regions(lines: pd.Series[str], resources: pd.Series[str]) -> Callable[[Ints, Ints], Bools]:
    """Return a test of lines and resources, by position: do their regions agree, if both have one?

    A resource may have several, separated by blanks.
    """
    mine, ours = pd.factorize(fold(lines).fillna(""))
    theirs, texts = pd.factorize(fold(resources).fillna(""))
    agree = np.array(
        [[not one or not text or one in text.split() for text in texts] for one in ours], dtype=bool
    )
    return lambda line, resource: agree[mine[line], theirs[resource]]


def pairs(asked: Ints, offered: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield the positions of those that are equal, all of one that asks at once, some at a time."""
    order = np.argsort(offered, kind="stable")
    ordered = offered[order]
    first = np.searchsorted(ordered, asked, "left")
    sizes = np.searchsorted(ordered, asked, "right") - first
    ends = np.cumsum(sizes)
    begin = 0
    while begin < len(asked):
        done = ends[begin - 1] if begin else 0
        stop = max(begin + 1, int(np.searchsorted(ends, done + PAIRS, "right")))
        size = sizes[begin:stop]
        one = np.repeat(np.arange(begin, stop), size)
        nth = np.arange(len(one)) - np.repeat(ends[begin:stop] - size - done, size)
        yield one, order[np.repeat(first[begin:stop], size) + nth]
        begin = stop


def named_in(text: str, kind: str, known: Collection[str]) -> str | None:
    """Return the only one of some names that a text holds."""
    words: Iterable[str] = [folded for part in text.split("\n") if (folded := fold_one(part))]
    if kind == "spaces_bucket":
        tokens = _BUCKET.findall(text.casefold())
        words = [_SPACES_HOST.sub("", word) for word in tokens if word not in _PLAIN_WORDS]
    found = {word for word in words if word in known}
    return found.pop() if len(found) == 1 else None


def blank_as_none(texts: Any) -> Any:
    """Return an array of texts with NA for ""."""
    return pd.Series(texts, dtype="str").replace("", pd.NA).array


def are_credits(lines: pd.DataFrame) -> Bools:
    """Tell the lines that give money back; none of a frame without amounts.

    Under a name of its own such a line is a credit: what costs something has a product.
    """
    if "amount" not in lines:
        return np.zeros(len(lines), dtype=bool)
    return (pd.to_numeric(lines["amount"]) < 0).to_numpy()


def resources_at(resources: pd.DataFrame, position: Ints) -> tuple[Any, Any]:
    """Return ids (Int64) and kinds of the resources at some positions; none at -1."""
    ids = np.append(resources["id"].to_numpy(dtype=np.int64), 0)
    kinds = np.array([*resources["kind"], None], dtype=object)
    return pd.arrays.IntegerArray(ids[position], position < 0), kinds[position]
