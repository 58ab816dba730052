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

Cost: a line is compared with the resources of its id and of its name, so with few. Where thousands
of resources share a name it is compared with all of them, some pairs at a time.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from ..common.frames import Bools, Ints, np, pd
from ..kinds import REGISTRY, UNKNOWN
from ..warehouse.statements import Statements
from .comparing import (
    EVER,
    NO_TIME,
    TIMES,
    are_credits,
    blank_as_none,
    fold,
    micros,
    month_of,
    named_in,
    pairs,
    regions,
    resources_at,
)
from .products import ProductRule, RuleOfEach, classify_lines

_SQL = Statements(__file__)
RULES_VERSION = 3
"""Raised with every change of a rule here or in `products.toml`: lines that an earlier version
matched are then matched once more."""
TOLERANCE = timedelta(hours=1)
FREE_KINDS = frozenset(kind.name for kind in REGISTRY if kind.free) | {UNKNOWN}
"""Kinds that cost nothing. A backup policy has its droplet's number, an SSH key one of its own."""

# The form of the ids of each kind; of a kind that is not here, a uuid. A key of a kind known by a
# name or an address is not theirs where it looks like an id.
_FORMS = {kind.name: kind.id_form for kind in REGISTRY}
_INTEGER = r"^[0-9]+$"
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_URN = r"^do:[a-z0-9_-]+:"
_ENGINE = re.compile(r"^(.+) \([^()]*\)$")

_HOUR = TOLERANCE // timedelta(microseconds=1)


@dataclass(frozen=True)
class Inventory:
    """The resources that lines are matched against."""

    resources: pd.DataFrame
    """id, kind, provider_id, name, region, created_at, deleted_at; see `match_with_kinds`."""
    synced_kinds: frozenset[str]
    """Kinds of which at least one complete listing was recorded."""


def load_inventory(connection: sa.Connection, account: str) -> Inventory:
    """Return the resources of an account, deleted ones too: invoices are about the past.

    Another account's are left out, though a name be the same: nobody pays for those of others.
    """
    scope = {"account": account}
    rows = _SQL.run(connection, "resources", scope)
    resources = pd.DataFrame(rows.all(), columns=list(rows.keys()))
    for column in ("created_at", "deleted_at"):
        resources[column] = resources[column].astype(TIMES)
    for column in ("kind", "provider_id", "name", "region"):
        resources[column] = resources[column].astype("str")
    return Inventory(resources, frozenset(_SQL.run(connection, "synced_kinds", scope).scalars()))


def match_lines(lines: pd.DataFrame, inventory: Inventory) -> pd.DataFrame:
    """Return lines with kind, name, region and the resource that each paid for.

    Args:
        lines: as `attach_resource_keys` gives them, with `period`, the first day of the month.
        inventory: what there is and was.
    """
    classified = classify_lines(lines)
    matched = match_with_kinds(classified, inventory.resources, inventory.synced_kinds)
    return pd.concat([classified.drop(columns="kind"), matched], axis=1).rename(
        columns={"line_region": "region", "candidates": "match_candidates"}
    )


def match_with_kinds(
    lines: pd.DataFrame, resources: pd.DataFrame, synced_kinds: Collection[str]
) -> pd.DataFrame:
    """Find the resource of each line.

    Args:
        lines: as `classify_lines` and `attach_resource_keys` leave them, with `period`, the first
            day of the month billed, and perhaps without `second_key` and `amount`; any index. Times
            are text or datetimes.
        resources: deleted ones too, with `id` (int), `kind`, `provider_id`, `name`, `region`
            (slugs, separated by blanks), `created_at`, `deleted_at` (aware; NaT for none).
        synced_kinds: kinds that were listed completely at least once.

    Returns:
        Frame with the index of `lines`: `resource_id` (Int64), `match_method` and
        `unmatched_reason` (text; one of the two is NA), `candidates` (int64: how many resources
        the line could have meant, also where the times then told which), `kind` (the resource's
        where there is one, else what the product bills) and `conflicting_resource_id` (Int64: what
        the line's other id names).

    Raises:
        pandas.errors.MergeError: two resources have the same kind and provider_id.
    """
    resources = resources.reset_index(drop=True)
    index, lines = lines.index, lines.reset_index(drop=True)
    rule = RuleOfEach(lines["product"])
    told = lines["kind"]
    kind = told.fillna(rule.text(lambda one: one.kind)).astype("str")
    synced = kind.isin(list(synced_kinds)).to_numpy()
    listed = rule.flag(lambda _: True)
    team_wide = rule.flag(lambda one: one.team_wide)
    by_group = rule.flag(lambda one: one.name_in == "group")

    by_id, conflict, shared, unseen = _by_ids(lines, kind, rule, resources)
    lines = _name_team_wide(lines, kind, resources, team_wide & (by_id < 0))
    named = lines["resource_name"].notna().to_numpy()
    nothing = rule.flag(lambda one: one.kind is None) | (team_wide & ~(named | unseen))
    nothing |= ~listed & are_credits(lines)
    ask = ~nothing & listed & synced & (by_id < 0) & ~(unseen & ~by_group) & (shared == 0)
    by_name, candidates = _by_names(lines, kind, rule, resources, ask, by_group & unseen)

    position = np.where(by_id >= 0, by_id, by_name)
    matched = position >= 0
    grouped = ~named | (by_group & lines["group_description"].notna().to_numpy())
    method = np.select([~matched, by_id >= 0, grouped], ["", "resource_id", "group"], "name")
    candidates = np.where(by_id >= 0, 1, np.maximum(candidates, shared))
    reason = np.select(
        [matched, nothing, ~listed, ~synced & (shared == 0), candidates > 0],
        ["", "not_a_resource", "unknown_product", "kind_not_synced", "ambiguous"],
        "never_seen",
    )
    id_of, kind_of = resources_at(resources, position)
    return pd.DataFrame({
        "resource_id": id_of,
        "match_method": blank_as_none(method),
        "unmatched_reason": blank_as_none(reason),
        "candidates": np.where(~matched & (nothing | ~listed), 0, candidates),
        "kind": pd.array(np.where(matched, kind_of, told.where(nothing, kind)), dtype="str"),
        "conflicting_resource_id": resources_at(resources, conflict)[0],
    }, index=index)  # fmt: skip


# -- by id: rules 1 and 2 -------------------------------------------------------------------------


def _by_ids(
    lines: pd.DataFrame, kind: pd.Series[str], rule: RuleOfEach, resources: pd.DataFrame
) -> tuple[Ints, Ints, Ints, Bools]:
    """Look for both ids of each line.

    Returns:
        Position of the resource (-1: none); of another that the line's other id names (-1: none);
        how many resources share its uuid where that is several; whether an id of the kind's own
        form is nobody's.
    """
    conflict = np.full(len(lines), -1, dtype=np.int64)
    position, shared, unseen = _by_id(lines["resource_key"], kind, rule, resources)
    if "second_key" not in lines or lines["second_key"].isna().all():
        return position, conflict, shared, unseen
    other, also_shared, also_unseen = _by_id(lines["second_key"], kind, rule, resources)
    kinds = np.array([*resources["kind"], None], dtype=object)
    own = kind.to_numpy(dtype=object)
    both = (position >= 0) & (other >= 0) & (position != other)
    swap = (position < 0) | (both & (kinds[other] == own) & (kinds[position] != own))
    conflict[both] = np.where(swap, position, other)[both]
    position = np.where(swap, other, position)
    found = position >= 0
    shared = np.where(found, 0, np.maximum(shared, also_shared))
    return position, conflict, shared, (unseen | also_unseen) & ~found


def _by_id(
    keys: pd.Series[str], kind: pd.Series[str], rule: RuleOfEach, resources: pd.DataFrame
) -> tuple[Ints, Ints, Bools]:
    """Look for one id of each line: position, how many share it, whether it must be unseen."""
    position, shared = np.full(len(keys), -1, dtype=np.int64), np.zeros(len(keys), dtype=np.int64)
    rows = np.flatnonzero(keys.notna())
    unseen = np.zeros(len(keys), dtype=bool)
    if not len(rows):
        return position, shared, unseen
    # `do:dbaas:9CC1…` is `9cc1…`.
    key = fold(keys.iloc[rows]).str.replace(_URN, "", regex=True)
    uuid = key.str.match(_UUID, na=False).to_numpy(dtype=bool)
    number = key.str.match(_INTEGER, na=False).to_numpy(dtype=bool)
    known = _ids(resources)

    # The nearest kind that has the id is meant: 0 is the line's own, then those of its rule, then
    # any that costs money, then any.
    names = pd.factorize(pd.concat([known["kind"], kind.iloc[rows]]))
    theirs, mine = names[0][: len(known)], names[0][len(known) :]
    ranks = np.array([[_rank(one, name) for name in names[1]] for one in rule.rules])
    codes = pd.factorize(pd.concat([known["key"], key]))[0]
    farthest = np.select([uuid, ~rule.flag(lambda _: True)[rows]], [_ANY, _BILLED], _BILLED - 1)
    nearest = np.full(len(rows), _ANY + 1)
    count = np.zeros(len(rows), dtype=np.int64)
    found = np.full(len(rows), -1, dtype=np.int64)
    for asked, offered in pairs(codes[len(known) :], codes[: len(known)]):
        rank = np.where(
            theirs[offered] == mine[asked], 0, ranks[rule.codes[rows][asked], theirs[offered]]
        )
        near = rank <= farthest[asked]
        asked, offered, rank = asked[near], offered[near], rank[near]
        np.minimum.at(nearest, asked, rank)
        best = rank == nearest[asked]
        np.add.at(count, asked[best], 1)
        found[asked[best]] = known["position"].to_numpy()[offered[best]]
    position[rows] = np.where(count == 1, found, -1)
    shared[rows] = np.where(count > 1, count, 0)
    form = kind.iloc[rows].map(_FORMS).to_numpy(dtype=object)
    own_form = np.select([form == "integer", form == "name"], [number, ~number & ~uuid], uuid)
    unseen[rows] = own_form & (kind.iloc[rows].notna() & key.notna()).to_numpy() & (count != 1)
    return position, shared, unseen


_BILLED, _ANY = 100, 101


def _rank(rule: ProductRule | None, kind: str) -> int:
    """Return how near a kind is to a product; its own is 0."""
    also = () if rule is None else (*rule.also, *rule.also_by_id)
    if kind in also:
        return 1 + also.index(kind)
    return _ANY if kind in FREE_KINDS else _BILLED


def _ids(resources: pd.DataFrame) -> pd.DataFrame:
    """Return `kind`, `key` and `position` of each resource."""
    known = pd.DataFrame(
        {
            "kind": resources["kind"],
            "key": fold(resources["provider_id"]),
            "position": np.arange(len(resources)),
        }
    ).dropna()
    if known.duplicated(["kind", "key"]).any():
        raise pd.errors.MergeError("Two resources have the same kind and provider_id.")
    # A namespace of functions is `fn-` and a uuid, which its object also says alone.
    spaces = known[(known["kind"] == "function_namespace") & known["key"].str.startswith("fn-")]
    alias = spaces.assign(key=spaces["key"].str.slice(3))
    return pd.concat([known, alias], ignore_index=True).drop_duplicates(["kind", "key"])


# -- by name: rules 3 to 5 ------------------------------------------------------------------------


def _by_names(
    lines: pd.DataFrame,
    kind: pd.Series[str],
    rule: RuleOfEach,
    resources: pd.DataFrame,
    ask: Bools,
    uncertain: Bools,
) -> tuple[Ints, Ints]:
    """Return position (-1: none) and number of candidates by the names of the lines in `ask`.

    `uncertain` lines carry an id that nobody has: only who lived as long as the usage is theirs.
    """
    position, candidates = np.full(len(lines), -1), np.zeros(len(lines), dtype=np.int64)
    whole = rule.flag(lambda one: one.name_in == "nothing" or bool(one.nameless))
    rows = np.flatnonzero(ask & (lines["resource_name"].notna().to_numpy() | whole))
    if not len(rows) or resources.empty:
        return position, candidates
    lines = lines.iloc[rows]
    month, month_end = month_of(lines["period"])
    start, end = micros(lines["started_at"]), micros(lines["ended_at"])
    start = np.where(start == NO_TIME, month, start)
    end = np.where(end == NO_TIME, month_end, end)
    begin, stop = micros(resources["created_at"]), micros(resources["deleted_at"])
    begin = np.where(begin == NO_TIME, -EVER, begin)
    stop = np.maximum(begin, np.where(stop == NO_TIME, EVER, stop))
    fits = regions(lines["line_region"], resources["region"])
    asked, offered, resource_of = _names(lines, kind.iloc[rows], rule, rows, resources)

    count, beginning = np.zeros((2, len(rows)), dtype=np.int64)
    at, at_beginning = np.full((2, len(rows)), -1, dtype=np.int64)
    for line, life in pairs(asked, offered):
        one = resource_of[life]
        soon = start[line] + _HOUR
        lived = ((begin[one] < end[line]) | (begin[one] <= soon)) & (stop[one] >= start[line])
        lived &= fits(line, one)
        line, one = line[lived], one[lived]
        np.add.at(count, line, 1)
        at[line] = one
        began = np.abs(np.maximum(begin[one], month[line]) - start[line]) <= _HOUR
        np.add.at(beginning, line[began], 1)
        at_beginning[line[began]] = one[began]

    named = lines["resource_name"].notna().to_numpy()
    found = np.where(count == 1, at, np.where(named & (beginning == 1), at_beginning, -1))
    throughout = (begin[found] <= start + _HOUR) & (stop[found] >= end)
    ruled_out = uncertain[rows] & (found >= 0) & ~throughout
    position[rows] = np.where(ruled_out, -1, found)
    candidates[rows] = np.where(ruled_out, 0, count)
    return position, candidates


def _names(
    lines: pd.DataFrame,
    kind: pd.Series[str],
    rule: RuleOfEach,
    rows: Ints,
    resources: pd.DataFrame,
) -> tuple[Ints, Ints, Ints]:
    """Return codes of kind and name of each line, and of resources with the positions of these.

    A resource has two codes: its kind's with its name, and with "" for the kind as a whole.
    """
    # Kinds that are billed under one product are one group, `image` among `droplet_snapshot
    # image`. A pattern that names another kind leaves the group.
    rule_kind = rule.text(lambda one: one.kind).iloc[rows]
    all_of = rule.text(lambda one: " ".join([one.kind or "", *one.also])).iloc[rows]
    group = kind.where(kind != rule_kind, all_of).reset_index(drop=True)
    kinds = [(one, name) for one in group.unique() for name in one.split()]
    lives = pd.DataFrame(
        {"kind": resources["kind"], "name": fold(resources["name"]), "position": resources.index}
    ).merge(pd.DataFrame(kinds, columns=["group", "kind"]), on="kind")
    lives = pd.concat([lives.dropna(subset="name"), lives.assign(name="")])

    asked = pd.DataFrame({"group": group, "name": fold(lines["resource_name"]).fillna("").array})
    by_group = rule.flag(lambda one: one.name_in == "group")[rows]
    if by_group.any():
        # Without an engine: `db-1 (PostgreSQL)` is `db-1` if that is a name.
        cut = asked[by_group].drop_duplicates()
        known = set(zip(lives["group"], lives["name"], strict=True))
        shorter = [_ENGINE.sub(r"\1", name).strip() for name in cut["name"]]
        is_name = [pair in known for pair in zip(cut["group"], shorter, strict=True)]
        cut["short"] = cut["name"].where(~np.array(is_name), shorter)
        cut_of = asked.merge(cut, on=["group", "name"], how="left")["short"]
        asked["name"] = asked["name"].where(~by_group, cut_of)
    both = pd.concat([asked, lives[["group", "name"]]], ignore_index=True)
    codes = both.groupby(["group", "name"], sort=False).ngroup().to_numpy()
    return codes[: len(asked)], codes[len(asked) :], lives["position"].to_numpy()


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
        found = [named_in(text, one, known) for text in distinct]
        names[rows] = np.array([*found, None], dtype=object)[codes]
    return lines.assign(resource_name=pd.array(names, dtype="str"))
