"""Finds resources by names and times: rules 3 to 5 of `matching`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from ..frames import Bools, Ints, np, pd
from .names_and_times import EVER, NO_TIME, fold, micros, month_of

TOLERANCE = timedelta(hours=1)

_SUFFIX = r"^(.+) \([^()]*\)$"
_HOUR = TOLERANCE // timedelta(microseconds=1)


class Found(NamedTuple):
    """The resources that names found, aligned with the questions."""

    position: Ints
    """Of the resource; -1 for none."""
    candidates: Ints


def by_name(
    lines: pd.DataFrame,
    kind: pd.Series[str],
    resources: pd.DataFrame,
    facts: pd.DataFrame,
    ask: Bools,
    uncertain: Bools,
) -> Found:
    """Return what the names of the lines in `ask` find, aligned with all lines.

    `uncertain` lines carry an id that nobody has: only who lived as long as the usage is theirs.
    """
    answer = Found(np.full(len(lines), -1, dtype=np.int64), np.zeros(len(lines), dtype=np.int64))
    whole = lines["resource_name"].isna().to_numpy() & facts["of_kind"].to_numpy()
    ask = ask & (lines["resource_name"].notna().to_numpy() | whole)
    rows = np.flatnonzero(ask)
    if not len(rows) or resources.empty:
        return answer

    # Kinds that are billed under one product are one group of candidates, `image` among
    # `droplet_snapshot image`. A pattern that names another kind leaves the group.
    also = (kind + " " + facts["also"]).str.strip()
    group = kind.where(kind != facts["rule_kind"], also)
    lives = _lives(resources, group.iloc[rows].unique())
    names = lives.loc[lives["name"] != "", ["kind", "name"]].drop_duplicates()
    by_group = facts["by_group"].to_numpy()[rows]
    name = _cut(lines["resource_name"].iloc[rows], group.iloc[rows], by_group, names)

    # Names cannot be blank, so "" stands for the kind as a whole, and for all regions.
    month, month_end = month_of(lines["period"].iloc[rows])
    start, end = micros(lines["started_at"].iloc[rows]), micros(lines["ended_at"].iloc[rows])
    start = np.where(start == NO_TIME, month, start)
    end = np.where(end == NO_TIME, month_end, end)
    questions = pd.DataFrame(
        {
            "kind": group.iloc[rows],
            "name": name.fillna(""),
            "region": fold(lines["line_region"].iloc[rows]).fillna(""),
            "month": month,
            "start": start,
            "end": end,
        }
    )
    # Lines that ask the same have the same answer.
    codes = questions.groupby(list(questions.columns), sort=False).ngroup().to_numpy()
    _, first = np.unique(codes, return_index=True)
    found = _answer(questions.iloc[first], lives)
    position, candidates = found.position[codes], found.candidates[codes]

    begin, stop = (np.append(times, 0) for times in _begin_and_end(resources))
    throughout = (begin[position] <= start + _HOUR) & (stop[position] >= end)
    ruled_out = uncertain[rows] & (position >= 0) & ~throughout
    answer.position[rows] = np.where(ruled_out, -1, position)
    answer.candidates[rows] = np.where(ruled_out, 0, candidates)
    return answer


def _cut(
    text: pd.Series[str], kinds: pd.Series[str], by_group: Bools, names: pd.DataFrame
) -> pd.Series[str]:
    """Fold names, without an engine: `db-1 (PostgreSQL)` is `db-1` if that is a name."""
    name = fold(text)
    if not by_group.any():
        return name
    rest = pd.DataFrame({"kind": kinds, "name": fold(text.str.extract(_SUFFIX, expand=False))})
    known = rest.merge(names, on=["kind", "name"], how="left", indicator=True)
    cut = by_group & rest["name"].notna().to_numpy() & (known["_merge"] == "both").to_numpy()
    return name.where(~cut, rest["name"])


def _begin_and_end(resources: pd.DataFrame) -> tuple[Ints, Ints]:
    """Return each life in microseconds: from ever to ever where a time is unknown."""
    begin, end = micros(resources["created_at"]), micros(resources["deleted_at"])
    begin = np.where(begin == NO_TIME, -EVER, begin)
    return begin, np.maximum(begin, np.where(end == NO_TIME, EVER, end))


def _lives(resources: pd.DataFrame, groups: Collection[str]) -> pd.DataFrame:
    """Return lives by what a question may ask for.

    Returns:
        Frame with `kind`, `name`, `region`, `begin`, `end` (microseconds), `position`: each
        resource by name under each of its regions ("-" for none) and under all (""), and under its
        kind. `kind` is one of `groups`, which may hold several kinds, separated by blanks.
    """
    begin, end = _begin_and_end(resources)
    one = pd.DataFrame(
        {
            "kind": resources["kind"],
            "name": fold(resources["name"]),
            "region": fold(resources["region"]).fillna("-"),
            "begin": begin,
            "end": end,
            "position": np.arange(len(resources)),
        }
    )
    one = pd.concat(
        [one[one["kind"].isin(group.split())].assign(kind=group) for group in groups],
        ignore_index=True,
    )
    named = one[one["name"].notna()]
    here = named
    if named["region"].str.contains(" ", regex=False).any():
        here = named.assign(region=named["region"].str.split()).explode("region")
        here = here.drop_duplicates(["kind", "region", "position"])
    return pd.concat(
        [here, named.assign(region=""), one.assign(name="", region="")], ignore_index=True
    )


def _answer(questions: pd.DataFrame, lives: pd.DataFrame) -> Found:
    """Apply rules 3 to 5 to questions, each once.

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
        brief = (stop - begin < _HOUR) & (begin > -EVER) & (stop < EVER)
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
    return Found(position, candidates)


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
