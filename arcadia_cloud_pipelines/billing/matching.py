"""Finds the resource that each line of an invoice paid for.

The rules, in their order (what invoices say of resources: DigitalOcean API reference, Billing;
names and times in their texts: what was seen of real invoices):

1. A line that carries a resource's id is about it (`resource_id`). An id is looked for
   - with the line's kind, then with the kinds that the product's rule names as `also` and
     `also_by_id`: custom images are billed as Droplet Snapshots, replicas as Database Clusters;
   - a uuid then with every kind: the one resource that has it is meant, whatever the product;
   - an id of a product without a rule with every kind that costs money.
   A line may carry two ids, a uuid and a number. Where they name two resources, the one of the
   line's own kind is meant, else the uuid's; the other is `conflicting_resource_id`.
2. An id of the form that the kind's ids have, and that no resource has, proves that the line is
   about a resource we never saw: its name is not tried. In a product that is named by its group it
   may be a part's id: there it rules out each candidate that did not live as long as the usage,
   such as a cluster that was made again under the old one's name.
3. Else by name (`name`) or by the group's name (`group`), among the line's kind and those that its
   rule names as `also`, and only for kinds whose inventory we have: among half of a kind the only
   candidate may be the wrong one.
   A candidate has the name, the region if both have one, and a life that overlaps the usage billed.
   Deleted resources are candidates: an invoice is about the past.
4. One candidate is the one. Of several, the one whose life within the month begins when the usage
   does. If that is not one alone, the line is `ambiguous`.
5. A line of a product that is about its kind as a whole (a registry plan; a check that is not
   named) belongs to the only resource of the kind that lived then (`group`). It is `ambiguous`
   if several did, whenever they began: no text tells them apart.
6. A line of a `team_wide` product (Spaces) is about a resource if its id, its group or a name in
   its text says so; else it is `not_a_resource`.

`created_at` is exact, but `deleted_at` is late by hours (three complete listings without it), so a
life reaches from `created_at` (unknown: always) to `deleted_at` (none: still), and overlaps usage
from `started_at` to `ended_at` (else the month's) if it began before the end, or up to an hour
after the start, and did not end before the start. "Begins when" means within an hour, too.

Cost: sorts, merges and binary searches over lines and resources; never lines × resources of a name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..kinds import REGISTRY, UNKNOWN
from .products import Rules, traits

RULES_VERSION = 3
"""Raised with every change of a rule here or in `products.toml`: lines that an earlier version
matched are then matched once more."""

INTEGER_KINDS = frozenset(kind.name for kind in REGISTRY if kind.id_form == "integer")
"""Kinds whose ids are integers; those of all others are uuids, but for `NAMED_KINDS`."""
NAMED_KINDS = frozenset(kind.name for kind in REGISTRY if kind.id_form == "name")
"""Kinds identified by a name or an address: a key of theirs that looks like an id is not theirs."""
FREE_KINDS = frozenset(kind.name for kind in REGISTRY if kind.free) | {"project", UNKNOWN}
"""Kinds that cost nothing. A backup policy has its droplet's number, an SSH key one of its own."""

TOLERANCE = pd.Timedelta(hours=1)

_INTEGER = r"[0-9]+"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SUFFIX = r"^(.+) \([^()]*\)$"
_URN = r"^do:[a-z0-9_-]+:"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]*[a-z0-9]")
_SPACES_HOST = re.compile(r"\.[a-z]{3}[0-9](?:\.cdn)?\.digitaloceanspaces\.com$")
_PLAIN_WORDS = frozenset({
    "additional", "bandwidth", "bucket", "buckets", "cdn", "cold", "data", "egress", "for", "in",
    "object", "of", "outbound", "overage", "per", "region", "requests", "space", "spaces",
    "standard", "storage", "subscription", "the", "transfer", "usage",
})  # fmt: skip
"""Words of texts about Spaces that are no bucket, whatever a bucket is called."""

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
        lines: with `product`, `kind`, `group_description`, `description`, `resource_name`,
            `line_region`, `resource_key`, `started_at`, `ended_at`, `period`, as `classify` and
            `attach_resource_keys` leave them, and perhaps `second_key` and `amount`; any index.
            Times are text or datetimes; `period` is the first day of the month billed, text or
            date.
        resources: deleted ones too, with `id` (int), `kind`, `provider_id`, `name`, `region`
            (slugs, separated by blanks), `created_at`, `deleted_at` (aware datetimes, NaT for
            none). One row for each kind and provider_id.
        synced_kinds: kinds that were listed completely at least once.
        rules: of the products; those of the package if None.

    Returns:
        Frame with the index of `lines`: `resource_id` (Int64), `match_method` (`resource_id`,
        `name`, `group`), `unmatched_reason` (`not_a_resource`, `never_seen`, `ambiguous`,
        `kind_not_synced`, `unknown_product`; NA if and only if matched), `candidates` (int64: how
        many resources the line could have meant, also where the times then told which).

    Raises:
        pandas.errors.MergeError: two resources have the same kind and provider_id.
    """
    columns = ["resource_id", "match_method", "unmatched_reason", "candidates"]
    return match_with_kinds(lines, resources, synced_kinds, rules)[columns]


def match_with_kinds(
    lines: pd.DataFrame,
    resources: pd.DataFrame,
    synced_kinds: Collection[str],
    rules: Rules | None = None,
) -> pd.DataFrame:
    """Find the resource of each line, like `match`, with two more columns.

    Returns:
        The columns of `match`, and `kind` (the resource's where there is one, else what the
        product bills) and `conflicting_resource_id` (Int64: what the line's other id names).
    """
    resources = resources.reset_index(drop=True)
    lines = lines.reset_index(drop=False, names="index_before")
    facts = traits(lines["product"], rules)
    told = lines["kind"]
    kind = told.fillna(facts["rule_kind"].replace("", pd.NA)).astype("str")
    listed = facts["listed"].to_numpy()

    keys = _Keys(resources)
    by_key, conflict, shared, proven_other = keys.find(lines, kind, facts)
    lines = _name_team_wide(lines, kind, resources, facts["team_wide"].to_numpy() & (by_key < 0))
    named = lines["resource_name"].notna().to_numpy()
    nothing = facts["not_a_resource"].to_numpy() | (
        facts["team_wide"].to_numpy() & ~named & ~proven_other
    )
    if "amount" in lines:
        # A credit by a name of its own: what costs something has a product.
        nothing |= ~listed & (pd.to_numeric(lines["amount"]) < 0).to_numpy()

    synced = kind.isin(list(synced_kinds)).to_numpy()
    by_group = facts["by_group"].to_numpy()
    uncertain = by_group & proven_other
    ask = ~nothing & listed & synced & (by_key < 0) & ~(proven_other & ~by_group) & (shared == 0)
    found = _by_name(lines, kind, resources, facts, ask, uncertain)

    position = np.where(by_key >= 0, by_key, found.position)
    matched = position >= 0
    grouped = ~named | (by_group & lines["group_description"].notna().to_numpy())
    method = np.select([~matched, by_key >= 0, grouped], ["", "resource_id", "group"], "name")
    candidates = np.where(by_key >= 0, 1, np.maximum(found.candidates, shared))
    reason = np.select(
        [matched, nothing, ~listed, ~synced & (shared == 0), candidates > 0],
        ["", "not_a_resource", "unknown_product", "kind_not_synced", "ambiguous"],
        "never_seen",
    )
    candidates = np.where(~matched & (nothing | ~listed), 0, candidates)
    ids = np.append(resources["id"].to_numpy(dtype=np.int64), 0)
    kinds = np.array([*resources["kind"], None], dtype=object)
    own = told.where(nothing, kind).to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "resource_id": pd.arrays.IntegerArray(ids[position], ~matched),
            "match_method": pd.Series(method, dtype="str").replace("", pd.NA).array,
            "unmatched_reason": pd.Series(reason, dtype="str").replace("", pd.NA).array,
            "candidates": candidates,
            "kind": pd.array(np.where(matched, kinds[position], own), dtype="str"),
            "conflicting_resource_id": pd.arrays.IntegerArray(ids[conflict], conflict < 0),
        },
        index=pd.Index(lines["index_before"], name=None),
    )


# -- by key ---------------------------------------------------------------------------------------


class _Keys:
    """Resources by their ids."""

    def __init__(self, resources: pd.DataFrame) -> None:
        known = pd.DataFrame(
            {
                "kind": resources["kind"],
                "key": fold(resources["provider_id"]),
                "position": np.arange(len(resources)),
            }
        ).dropna()
        # A namespace of functions is `fn-` and a uuid, which its object also says alone.
        spaces = known[(known["kind"] == "function_namespace") & known["key"].str.startswith("fn-")]
        alias = spaces.assign(key=spaces["key"].str.slice(3)).drop_duplicates("key")
        alias = alias[~alias["key"].isin(known.loc[known["kind"] == "function_namespace", "key"])]
        self._known = pd.concat([known, alias], ignore_index=True)
        self._kinds = resources["kind"].to_numpy(dtype=object)
        free = self._known["kind"].isin(FREE_KINDS)
        self._billed, self._free = self._known[~free], self._known[free]

    def find(
        self, lines: pd.DataFrame, kind: pd.Series[str], facts: pd.DataFrame
    ) -> tuple[Ints, Ints, Ints, Bools]:
        """Look for both ids of each line.

        Returns:
            Position of the resource (-1: none); of another that the line's other id names (-1:
            none); how many resources share its uuid where that is several; whether an id of the
            kind's own form is nobody's.
        """
        first = _key(lines["resource_key"])
        position, shared, proven = self._find_one(first, kind, facts)
        conflict = np.full(len(lines), -1, dtype=np.int64)
        if "second_key" not in lines or lines["second_key"].isna().all():
            return position, conflict, shared, proven
        second = _key(lines["second_key"])
        other, also_shared, also_proven = self._find_one(second, kind, facts)
        kinds = np.array([*self._kinds, None], dtype=object)
        own = kind.to_numpy(dtype=object)
        both = (position >= 0) & (other >= 0) & (position != other)
        swap = (position < 0) | (both & (kinds[other] == own) & (kinds[position] != own))
        conflict[both] = np.where(swap, position, other)[both]
        position = np.where(swap, other, position)
        found = position >= 0
        shared = np.where(found, 0, np.maximum(shared, also_shared))
        return position, conflict, shared, (proven | also_proven) & ~found

    def _find_one(
        self, key: pd.Series[str], kind: pd.Series[str], facts: pd.DataFrame
    ) -> tuple[Ints, Ints, Bools]:
        position = np.full(len(key), -1, dtype=np.int64)
        shared = np.zeros(len(key), dtype=np.int64)
        has_key = key.notna().to_numpy()
        if not has_key.any():
            return position, shared, np.zeros(len(key), dtype=bool)
        asked = pd.DataFrame({"kind": kind, "key": key, "line": np.arange(len(key))})
        self._look(asked[has_key & kind.notna().to_numpy()], position)
        others = (facts["also"] + " " + facts["also_by_id"]).str.split().str.join(" ")
        for combo in others[has_key].unique():
            for other in combo.split():
                rows = has_key & (position < 0) & (others == combo).to_numpy()
                self._look(asked[rows].assign(kind=other), position)

        uuid = key.str.fullmatch(_UUID, na=False).to_numpy(dtype=bool)
        number = key.str.fullmatch(_INTEGER, na=False).to_numpy(dtype=bool)
        unlisted = ~facts["listed"].to_numpy()
        for known, rows in (
            (self._billed, has_key & (uuid | unlisted)), (self._free, has_key & uuid)
        ):  # fmt: skip
            self._look_anywhere(
                known, asked[rows & (position < 0) & (shared == 0)], position, shared
            )

        integers = kind.isin(INTEGER_KINDS).to_numpy()
        names = kind.isin(NAMED_KINDS).to_numpy()
        own_form = np.select([integers, names], [number, ~number & ~uuid], uuid)
        proven = has_key & own_form.astype(bool) & kind.notna().to_numpy() & (position < 0)
        return position, shared, proven

    def _look(self, asked: pd.DataFrame, position: Ints) -> None:
        found = asked.merge(self._known, on=["kind", "key"], validate="m:1")
        position[found["line"].to_numpy()] = found["position"].to_numpy()

    @staticmethod
    def _look_anywhere(
        known: pd.DataFrame, asked: pd.DataFrame, position: Ints, shared: Ints
    ) -> None:
        if asked.empty:
            return
        known = known[known["key"].isin(asked["key"])]
        each = known.groupby("key", sort=False)["position"].agg(["first", "size"])
        found = asked.merge(each, left_on="key", right_index=True)
        single = found["size"] == 1
        one, several = found[single], found[~single]
        position[one["line"].to_numpy()] = one["first"].to_numpy()
        shared[several["line"].to_numpy()] = several["size"].to_numpy()


def _key(keys: pd.Series[str]) -> pd.Series[str]:
    """Return ids as they are compared: `do:dbaas:9CC1…` is `9cc1…`."""
    return fold(keys).str.replace(_URN, "", regex=True)


# -- names in the texts of team-wide products -----------------------------------------------------


def _name_team_wide(
    lines: pd.DataFrame, kind: pd.Series[str], resources: pd.DataFrame, ask: Bools
) -> pd.DataFrame:
    """Name the lines in whose text a resource that we know is named.

    Example: `Outbound transfer, assets-prod` is about the bucket `assets-prod` if there is one.
    """
    ask = ask & lines["resource_name"].isna().to_numpy()
    if not ask.any():
        return lines
    texts = lines["group_description"].fillna("") + "\n" + lines["description"].fillna("")
    names = lines["resource_name"].to_numpy(dtype=object).copy()
    for one in kind[ask].dropna().unique():
        known = set(fold(resources.loc[resources["kind"] == one, "name"]).dropna())
        rows = np.flatnonzero(ask & (kind == one).to_numpy())
        codes, distinct = pd.factorize(texts.iloc[rows])
        found = [_named_in(text, one, known) for text in distinct]
        names[rows] = np.array([*found, None], dtype=object)[codes]
    return lines.assign(resource_name=pd.array(names, dtype="str"))


def _named_in(text: str, kind: str, known: Collection[str]) -> str | None:
    """Return the only one of some names that a text holds."""
    words: Iterable[str] = [folded for part in text.split("\n") if (folded := _fold(part))]
    if kind == "spaces_bucket":
        tokens = _BUCKET.findall(text.casefold())
        words = [_SPACES_HOST.sub("", word) for word in tokens if word not in _PLAIN_WORDS]
    found = {word for word in words if word in known}
    return found.pop() if len(found) == 1 else None


# -- by name --------------------------------------------------------------------------------------


def _by_name(
    lines: pd.DataFrame,
    kind: pd.Series[str],
    resources: pd.DataFrame,
    facts: pd.DataFrame,
    ask: Bools,
    uncertain: Bools,
) -> _Found:
    """Return what the names of the lines in `ask` find, aligned with all lines.

    `uncertain` lines carry an id that nobody has: only who lived as long as the usage is theirs.
    """
    answer = _Found(np.full(len(lines), -1, dtype=np.int64), np.zeros(len(lines), dtype=np.int64))
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
    month, month_end = _month(lines["period"].iloc[rows])
    start, end = _micros(lines["started_at"].iloc[rows]), _micros(lines["ended_at"].iloc[rows])
    start = np.where(start == _NAT, month, start)
    end = np.where(end == _NAT, month_end, end)
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
    begin, end = _micros(resources["created_at"]), _micros(resources["deleted_at"])
    begin = np.where(begin == _NAT, -_EVER, begin)
    return begin, np.maximum(begin, np.where(end == _NAT, _EVER, end))


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


def _answer(questions: pd.DataFrame, lives: pd.DataFrame) -> _Found:
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
