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
from collections.abc import Collection, Iterable

from ..frames import Bools, np, pd
from .by_key import ResourceIds
from .by_name import by_name
from .names_and_times import fold, fold_one
from .products import Rules, traits

RULES_VERSION = 3
"""Raised with every change of a rule here or in `products.toml`: lines that an earlier version
matched are then matched once more."""


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]*[a-z0-9]")
_SPACES_HOST = re.compile(r"\.[a-z]{3}[0-9](?:\.cdn)?\.digitaloceanspaces\.com$")
_PLAIN_WORDS = frozenset({
    "additional", "bandwidth", "bucket", "buckets", "cdn", "cold", "data", "egress", "for", "in",
    "object", "of", "outbound", "overage", "per", "region", "requests", "space", "spaces",
    "standard", "storage", "subscription", "the", "transfer", "usage",
})  # fmt: skip
"""Words of texts about Spaces that are no bucket, whatever a bucket is called."""


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

    keys = ResourceIds(resources)
    by_key, conflict, shared, proven_other = keys.find(lines, kind, facts)
    lines = _name_team_wide(lines, kind, resources, facts["team_wide"].to_numpy() & (by_key < 0))
    named = lines["resource_name"].notna().to_numpy()
    nothing = _about_nothing(lines, facts, named | proven_other)

    synced = kind.isin(list(synced_kinds)).to_numpy()
    by_group = facts["by_group"].to_numpy()
    uncertain = by_group & proven_other
    ask = ~nothing & listed & synced & (by_key < 0) & ~(proven_other & ~by_group) & (shared == 0)
    found = by_name(lines, kind, resources, facts, ask, uncertain)

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


def _about_nothing(lines: pd.DataFrame, facts: pd.DataFrame, about_one: Bools) -> Bools:
    """Return which lines are about no resource, such as support and credits."""
    team_wide = facts["team_wide"].to_numpy()
    nothing: Bools = facts["not_a_resource"].to_numpy() | (team_wide & ~about_one)
    if "amount" in lines:
        # A credit by a name of its own: what costs something has a product.
        costs_less = (pd.to_numeric(lines["amount"]) < 0).to_numpy()
        nothing |= ~facts["listed"].to_numpy() & costs_less
    return nothing


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
    words: Iterable[str] = [folded for part in text.split("\n") if (folded := fold_one(part))]
    if kind == "spaces_bucket":
        tokens = _BUCKET.findall(text.casefold())
        words = [_SPACES_HOST.sub("", word) for word in tokens if word not in _PLAIN_WORDS]
    found = {word for word in words if word in known}
    return found.pop() if len(found) == 1 else None
