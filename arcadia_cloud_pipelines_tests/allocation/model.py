"""A second way to say who pays: slow, plain, in fractions. Tests hold the product against it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

Who = tuple[str | None, str | None]
"""A tenant, or nobody for a reason."""
FOLLOWERS = {"VAT": "tax", "Credits": "credit", "Support": "support"}


@dataclass(frozen=True)
class Entry:
    """A line, or what of an invoice no line explains (line 0)."""

    invoice: str
    line: int
    month: str
    amount: Decimal
    product: str | None = None
    project: str | None = None
    is_read: bool = True

    @property
    def charge(self) -> str:
        if self.line == 0:
            return "summary" if self.is_read else "not_read"
        if self.product in FOLLOWERS:
            return FOLLOWERS[self.product]
        return "credit" if self.amount < 0 else "usage"


@dataclass(frozen=True)
class Row:
    """What one of those who pay pays of an entry."""

    rule: str
    share: Fraction
    amount: Decimal


def allocate(
    entries: Sequence[Entry], rules: Sequence[Mapping[str, Any]], owners: Mapping[str, str | None]
) -> dict[tuple[str, int, Who], Row]:
    """Return who pays what.

    Args:
        entries: all of them.
        rules: of the file, as TOML has them.
        owners: the tenant of each known project.
    """
    rule_of = {e: _rule(e, rules, owners) for e in entries}
    paid: dict[Entry, dict[Who, tuple[Fraction, Decimal]]] = {}
    waiting = []
    for e, rule in rule_of.items():
        weights = _direct(e, rule, owners)
        if weights is None:
            waiting.append(e)
        else:
            paid[e] = _divide(e.amount, weights)
    while by_spend := [e for e in waiting if rule_of[e].get("by") == "spend"]:
        for e in by_spend:
            of = _names(rule_of[e].get("of")) or {
                "project's tenant",
                *(r["name"] for r in rules if r.get("by") != "spend"),
            }
            others = [o for o in entries if o.month == e.month and rule_of[o]["name"] in of]
            if any(rule_of[o].get("by") == "spend" and o not in paid for o in others):
                continue
            among = _names(rule_of[e].get("among"))
            spent = _spent(paid, [o for o in others if o.charge == "usage"])
            weights = {
                who: amount for who, amount in spent.items()
                if who[0] is not None and (not among or who[0] in among)
            }  # fmt: skip
            paid[e] = _divide(e.amount, weights or {(None, "no_spend"): Fraction(1)})
            waiting.remove(e)
    for e in waiting:
        usage = [o for o in entries if o.charge == "usage"]
        weights = (
            _spent(paid, [o for o in usage if o.invoice == e.invoice])
            or _spent(paid, [o for o in usage if o.month == e.month])
            or {(None, "no_spend"): Fraction(1)}
        )
        paid[e] = _divide(e.amount, weights)
    return {
        (e.invoice, e.line, who): Row(rule_of[e]["name"], share, amount)
        for e, parts in paid.items()
        for who, (share, amount) in parts.items()
    }


def _rule(
    e: Entry, rules: Sequence[Mapping[str, Any]], owners: Mapping[str, str | None]
) -> Mapping[str, Any]:
    if e.charge == "not_read":
        return {"name": "unallocated"}
    for rule in rules:
        about = (
            e.charge in _names(rule["charge"]) if "charge" in rule
            else "product" in rule or e.charge == "usage"
        )  # fmt: skip
        if (
            about
            and rule.get("from", "") <= e.month <= rule.get("to", "9999")
            and ("product" not in rule or e.product in _names(rule["product"]))
            and ("project" not in rule or e.project in _names(rule["project"]))
            and (rule.get("by") != "project" or owners.get(e.project or "") is not None)
        ):
            return rule
    if owners.get(e.project or "") is not None:
        return {"name": "project's tenant", "by": "project"}
    return {"name": "unallocated" if e.charge == "usage" else "follows spend"}


def _names(value: Any) -> set[str]:
    return {value} if isinstance(value, str) else set(value or ())


def _direct(
    e: Entry, rule: Mapping[str, Any], owners: Mapping[str, str | None]
) -> dict[Who, Fraction] | None:
    """Return weights that need no other entry; None where they do."""
    if "tenant" in rule:
        return {(rule["tenant"], None): Fraction(1)}
    if "shares" in rule:
        return {(tenant, None): Fraction(share) for tenant, share in rule["shares"].items()}
    if "unallocated" in rule:
        return {(None, rule["unallocated"]): Fraction(1)}
    if rule.get("by") == "even":
        return {(tenant, None): Fraction(1) for tenant in rule["among"]}
    if rule.get("by") == "project":
        return {(owners[e.project or ""], None): Fraction(1)}
    if rule["name"] == "unallocated":
        if e.charge == "not_read":
            return {(None, "not_read"): Fraction(1)}
        if e.project is None:
            return {(None, "no_project"): Fraction(1)}
        known = e.project in owners
        return {
            (None, "project_without_tenant" if known else "unknown_project"): Fraction(1)
        }  # fmt: skip
    return None


def _spent(
    paid: Mapping[Entry, Mapping[Who, tuple[Fraction, Decimal]]], entries: Sequence[Entry]
) -> dict[Who, Fraction]:
    sums: dict[Who, Fraction] = defaultdict(Fraction)
    for e in entries:
        for who, (_, amount) in paid.get(e, {}).items():
            sums[who] += Fraction(amount)
    return {who: amount for who, amount in sums.items() if amount > 0}


def _divide(
    amount: Decimal, weights: Mapping[Who, Fraction]
) -> dict[Who, tuple[Fraction, Decimal]]:
    digits = max(2, -int(amount.normalize().as_tuple().exponent))
    units = _largest_remainder(int(abs(amount).scaleb(digits)), weights)
    shares = _largest_remainder(10**12, weights)
    sign = -1 if amount < 0 else 1
    return {
        who: (Fraction(shares[who], 10**12), Decimal(sign * units[who]).scaleb(-digits))
        for who in weights
    }


def _largest_remainder(units: int, weights: Mapping[Who, Fraction]) -> dict[Who, int]:
    total = sum(weights.values())
    exact = {who: units * weight / total for who, weight in weights.items()}
    given = {who: int(value) for who, value in exact.items()}
    missing = units - sum(given.values())
    # Nobody comes after all tenants.
    order = sorted(
        weights, key=lambda who: (given[who] - exact[who], who[0] is None, who[0] or who[1])
    )
    for who in order[:missing]:
        given[who] += 1
    return given
