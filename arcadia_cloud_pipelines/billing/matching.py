"""Which resource each line of an invoice paid for.

The rules, in their order (what invoices say of resources: DigitalOcean API reference, Billing;
names and times in their texts: what was seen of real invoices):

1. A line whose `resource_key` is a resource's `provider_id` is about it (`resource_id`). With the
   line's kind, or for a product nobody told us about with any kind, if one resource alone has it.
   A key of the form that the kind's ids have, and that no resource has, proves that the line is
   about a resource we never saw: its name is not tried. Not so for products named by their group,
   where the key may be a part's id, and for kinds that are identified by name or address.
2. Else by name (`name`) or by the group's name (`group`), never across kinds, and only for kinds
   whose inventory we have: among half of a kind the only candidate may be the wrong one.
   A candidate has the name, the region if both have one, and a life that overlaps the usage billed.
   Deleted resources are candidates: an invoice is about the past.
3. One candidate is the one. Of several, the one whose life within the month begins when the usage
   does. If that is not one alone, the line is `ambiguous`.
4. A line of a product that is about its kind as a whole (a registry plan; a check that is not
   named) belongs to the only resource of the kind that lived then (`group`). It is `ambiguous`
   if several did, whenever they began: no text tells them apart.

`created_at` is exact, but `deleted_at` is late by hours (three complete listings without it), so a
life reaches from `created_at` (unknown: always) to `deleted_at` (none: still), and overlaps usage
from `started_at` to `ended_at` (else the month's) if it began before the end, or up to an hour
after the start, and did not end before the start. "Begins when" means within an hour, too.

Cost: sorts, merges and binary searches over lines and resources; never lines × resources of a name.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from .products import Rules, traits

INTEGER_KINDS = frozenset({"droplet", "droplet_snapshot", "image", "ssh_key"})
"""Kinds whose ids are integers; those of all others are uuids, but for `NAMED_KINDS`."""
NAMED_KINDS = frozenset({
    "domain", "function_namespace", "registry", "registry_repository", "reserved_ip",
    "reserved_ipv6", "spaces_bucket", "spaces_key", "tag",
})  # fmt: skip
"""Kinds identified by a name or an address: a key of theirs that looks like an id is not theirs."""

TOLERANCE = pd.Timedelta(hours=1)

_INTEGER = r"[0-9]+"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SUFFIX = r"^(.+) \([^()]*\)$"

_HOUR = TOLERANCE // pd.Timedelta(microseconds=1)
_EVER = 1 << 61
_DTYPE = "datetime64[us, UTC]"

Ints = npt.NDArray[Any]
Bools = npt.NDArray[Any]


class _Found(NamedTuple):
    """What names found for each question, aligned with the questions."""

    position: Ints
    """Of the resource; -1 for none."""
    candidates: Ints


def match(
    lines: pd.DataFrame,
    resources: pd.DataFrame,
    synced_kinds: Collection[str],
    rules: Rules | None = None,
) -> pd.DataFrame:
    """Find the resource of each line.

    Args:
        lines: with `product`, `kind`, `group_description`, `resource_name`, `line_region`,
            `resource_key`, `started_at`, `ended_at`, `period`, as `classify` and
            `attach_resource_keys` leave them; any index. Times are text or datetimes; `period` is
            the first day of the month billed, text or date.
        resources: deleted ones too, with `id` (int), `kind`, `provider_id`, `name`, `region`
            (text), `created_at`, `deleted_at` (aware datetimes, NaT for none). One row for each
            kind and provider_id.
        synced_kinds: kinds that were listed completely at least once.
        rules: of the products; those of the package if None.

    Returns:
        Frame with the index of `lines`: `resource_id` (Int64), `match_method` (`resource_id`,
        `name`, `group`), `unmatched_reason` (`not_a_resource`, `never_seen`, `ambiguous`,
        `kind_not_synced`; NA if and only if matched), `candidates` (int64: how many resources
        the line could have meant, also where the times then told which).

    Raises:
        pandas.errors.MergeError: two resources have the same kind and provider_id.
    """
    resources = resources.reset_index(drop=True)
    facts = traits(lines["product"], rules).reset_index(drop=True)
    kind = lines["kind"].reset_index(drop=True)
    synced = kind.isin(list(synced_kinds)).to_numpy()
    resource = ~facts["not_a_resource"].to_numpy()
    by_group = facts["by_group"].to_numpy()

    by_key, proven_other = _by_key(lines, kind, resources, by_group)
    by_key[~resource] = -1
    ask = resource & synced & (by_key < 0) & ~proven_other
    found = _by_name(lines, kind, resources, by_group, facts["of_kind"].to_numpy(), ask)

    position = np.where(by_key >= 0, by_key, found.position)
    matched = position >= 0
    nameless = lines["resource_name"].isna().to_numpy()
    grouped = nameless | (by_group & lines["group_description"].notna().to_numpy())
    method = np.select([~matched, by_key >= 0, grouped], ["", "resource_id", "group"], "name")
    reason = np.select(
        [matched, ~resource, ~synced, found.candidates > 0],
        ["", "not_a_resource", "kind_not_synced", "ambiguous"],
        "never_seen",
    )
    ids = np.append(resources["id"].to_numpy(dtype=np.int64), 0)
    return pd.DataFrame(
        {
            "resource_id": pd.arrays.IntegerArray(ids[position], ~matched),
            "match_method": pd.Series(method, dtype="str").replace("", pd.NA).array,
            "unmatched_reason": pd.Series(reason, dtype="str").replace("", pd.NA).array,
            "candidates": np.where(by_key >= 0, 1, found.candidates),
        },
        index=lines.index,
    )


# -- by key ---------------------------------------------------------------------------------------


def _by_key(
    lines: pd.DataFrame, kind: pd.Series[str], resources: pd.DataFrame, by_group: Bools
) -> tuple[Ints, Bools]:
    """Position of the resource with the line's key (-1: none); whether its name is ruled out."""
    key = fold(lines["resource_key"]).reset_index(drop=True)
    asked = pd.DataFrame({"kind": kind, "key": key, "line": np.arange(len(key))})
    asked = asked[asked["key"].notna()]
    known = pd.DataFrame(
        {
            "kind": resources["kind"],
            "key": fold(resources["provider_id"]),
            "position": np.arange(len(resources)),
        }
    ).dropna()
    position = np.full(len(key), -1, dtype=np.int64)
    told = asked[asked["kind"].notna()].merge(known, on=["kind", "key"], validate="m:1")
    untold = asked.loc[asked["kind"].isna(), ["key", "line"]].merge(
        known.drop_duplicates("key", keep=False), on="key", validate="m:1"
    )
    for pairs in (told, untold):
        position[pairs["line"].to_numpy()] = pairs["position"].to_numpy()

    integers = kind.isin(INTEGER_KINDS)
    own_form = (integers & key.str.fullmatch(_INTEGER, na=False)) | (
        ~integers & ~kind.isin(NAMED_KINDS) & key.str.fullmatch(_UUID, na=False)
    )
    return position, own_form.to_numpy(dtype=bool) & ~by_group & (position < 0)


# -- by name --------------------------------------------------------------------------------------


def _by_name(
    lines: pd.DataFrame,
    kind: pd.Series[str],
    resources: pd.DataFrame,
    by_group: Bools,
    of_kind: Bools,
    ask: Bools,
) -> _Found:
    """What the names of the lines in `ask` find, aligned with all lines."""
    answer = _Found(np.full(len(lines), -1, dtype=np.int64), np.zeros(len(lines), dtype=np.int64))
    names = pd.DataFrame({"kind": resources["kind"], "name": fold(resources["name"])})
    text = lines["resource_name"].reset_index(drop=True)
    name = fold(text)

    # The group may carry an engine, `db-1 (PostgreSQL)`; it is cut off if the rest is a name.
    rest = pd.DataFrame({"kind": kind, "name": fold(text.str.extract(_SUFFIX, expand=False))})
    known = rest.merge(names.drop_duplicates(), on=["kind", "name"], how="left", indicator=True)
    cut = by_group & rest["name"].notna().to_numpy() & (known["_merge"] == "both").to_numpy()
    name = name.where(~cut, rest["name"])

    whole = name.isna().to_numpy() & of_kind
    ask = ask & (name.notna().to_numpy() | whole)
    rows = np.flatnonzero(ask)
    if not len(rows) or resources.empty:
        return answer

    # Names cannot be blank, so "" stands for the kind as a whole, and for all regions.
    month, month_end = _month(lines["period"])
    start, end = _micros(lines["started_at"]), _micros(lines["ended_at"])
    start = np.where(start == _NAT, month, start)
    end = np.where(end == _NAT, month_end, end)
    questions = pd.DataFrame(
        {
            "kind": kind,
            "name": name.fillna(""),
            "region": fold(lines["line_region"]).reset_index(drop=True).fillna(""),
            "month": month,
            "start": start,
            "end": end,
        }
    ).iloc[rows]
    # Lines that ask the same have the same answer.
    codes = questions.groupby(list(questions.columns), sort=False).ngroup().to_numpy()
    _, first = np.unique(codes, return_index=True)
    found = _answer(questions.iloc[first], _lives(resources, names))
    answer.position[rows] = found.position[codes]
    answer.candidates[rows] = found.candidates[codes]
    return answer


def _lives(resources: pd.DataFrame, names: pd.DataFrame) -> pd.DataFrame:
    """Lives by what a question may ask for.

    Returns:
        Frame with `kind`, `name`, `region`, `begin`, `end` (microseconds), `position`: each
        resource by name under its region ("-" for none) and under all (""), and under its kind.
    """
    begin, end = _micros(resources["created_at"]), _micros(resources["deleted_at"])
    begin = np.where(begin == _NAT, -_EVER, begin)
    end = np.where(end == _NAT, _EVER, end)
    one = names.assign(
        region=fold(resources["region"]).fillna("-"),
        begin=begin,
        end=np.maximum(begin, end),
        position=np.arange(len(resources)),
    )
    one = one[one["kind"].notna()]
    named = one[one["name"].notna()]
    return pd.concat(
        [named, named.assign(region=""), one.assign(name="", region="")], ignore_index=True
    )


def _answer(questions: pd.DataFrame, lives: pd.DataFrame) -> _Found:
    """Rules 2 to 4 for questions, each once.

    Candidates are counted, not listed: how many lives of a name began before the usage's end, less
    how many ended before its start. The sum of their positions, found the same way, is the position
    where the count is one.
    """
    start, end, month = (questions[c].to_numpy(dtype=np.int64) for c in ("start", "end", "month"))
    soon = start + _HOUR + 1
    candidates, at = np.zeros((2, len(questions)), dtype=np.int64)
    beginning, at_beginning = np.zeros((2, len(questions)), dtype=np.int64)

    keys = ["kind", "name", "region"]
    # A question with a region is put to the resources of that region and to those of none.
    has_region = (questions["region"] != "").to_numpy()
    for region, asked in (
        (questions["region"], np.ones(len(questions), dtype=bool)),
        (pd.Series("-", index=questions.index), has_region),
    ):
        both = pd.concat([lives[keys], questions.assign(region=region)[keys]], ignore_index=True)
        group = both.groupby(keys, sort=False).ngroup().to_numpy()
        mine, theirs = group[len(lives) :], group[: len(lives)]
        begin, stop = lives["begin"].to_numpy(), lives["end"].to_numpy()
        position = lives["position"].to_numpy()
        # Of lives shorter than the tolerance, one may begin within it and yet end before.
        brief = (stop - begin < _HOUR) & (begin > -_EVER) & (stop < _EVER)
        began = _Before(theirs, begin, position)
        ended = _Before(theirs, stop, position)
        began_brief = _Before(theirs[brief], begin[brief], position[brief])
        ended_brief = _Before(theirs[brief], stop[brief], position[brief])

        gone = ended.count(mine, start)
        overlapping = began.count(mine, np.maximum(end, soon)) - gone
        # Within an hour of the month's begin, everything older begins there, too.
        at_month = np.abs(month - start) <= _HOUR
        here = began.count(mine, soon) - np.where(
            at_month,
            gone,
            began.count(mine, start - _HOUR)
            + ended_brief.count(mine, start)
            - began_brief.count(mine, start - _HOUR),
        )
        here = np.where(at_month | (month <= start), here, 0)
        candidates += np.where(asked, overlapping[0], 0)
        at += np.where(asked, overlapping[1], 0)
        beginning += np.where(asked, here[0], 0)
        at_beginning += np.where(asked, here[1], 0)

    named = (questions["name"] != "").to_numpy()
    position = np.where(
        candidates == 1, at, np.where((beginning == 1) & (candidates > 1) & named, at_beginning, -1)
    )
    return _Found(position, candidates)


class _Before:
    """Counts events of a group before a time, and sums what stands beside them."""

    def __init__(self, group: Ints, time: Ints, position: Ints) -> None:
        order = np.lexsort((time, group))
        self._times = np.unique(time)
        self._keys = self._key(group[order], np.searchsorted(self._times, time[order]))
        self._sums = np.concatenate([[0], np.cumsum(position[order])])

    def _key(self, group: Ints, rank: Ints) -> Ints:
        return group.astype(np.int64) * (len(self._times) + 1) + rank

    def count(self, group: Ints, time: Ints) -> Ints:
        """Number of events strictly before `time`, and sum of their positions: shape (2, n)."""
        low = np.searchsorted(self._keys, self._key(group, np.zeros_like(group)))
        high = np.searchsorted(self._keys, self._key(group, np.searchsorted(self._times, time)))
        return np.stack([high - low, self._sums[high] - self._sums[low]])


# -- values ---------------------------------------------------------------------------------------


def fold(texts: pd.Series[Any]) -> pd.Series[str]:
    """Texts as names are compared: without case, composed, trimmed; NA for blank."""
    codes, distinct = pd.factorize(texts)
    folded: list[str | None] = [_fold(str(text)) for text in distinct]
    values = np.array([*folded, None], dtype=object)
    return pd.Series(pd.array(values[codes], dtype="str"), index=texts.index)


def _fold(text: str) -> str | None:
    return unicodedata.normalize("NFC", text.casefold()).strip() or None


_NAT = np.iinfo(np.int64).min


def _micros(times: pd.Series[Any]) -> Ints:
    """Microseconds since 1970, `_NAT` for NA. Microseconds hold the years 1 and 9999."""
    codes, distinct = pd.factorize(times)
    parsed = pd.to_datetime(pd.Index(distinct), utc=True, format="ISO8601").astype(_DTYPE)
    return np.append(parsed.asi8, _NAT)[codes]


def _month(period: pd.Series[Any]) -> tuple[Ints, Ints]:
    """Begin and end of the months, in microseconds; from ever to ever for NA."""
    codes, distinct = pd.factorize(period)
    days = pd.Index([str(day)[:7] for day in distinct], dtype="str")
    begin: Any = pd.to_datetime(days, format="%Y-%m", utc=True).astype(_DTYPE)
    end = begin + pd.offsets.MonthBegin(1)
    return (
        np.append(begin.asi8, -_EVER)[codes].astype(np.int64),
        np.append(end.astype(_DTYPE).asi8, _EVER)[codes].astype(np.int64),
    )
