"""A file of allocation rules as it is read: its rules one by one, and all together."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ..settings.reviewed_files import EXACT, ONE_OR_MORE, ReviewedFileError, Text, tuples

CHARGES = ("usage", "credit", "tax", "support", "summary")
EFFECTS = ("tenant", "shares", "by", "unallocated")
PROJECTS_TENANT = "project's tenant"
FOLLOWS_SPEND = "follows spend"
UNALLOCATED = "unallocated"
OWN_NAMES = (PROJECTS_TENANT, FOLLOWS_SPEND, UNALLOCATED)
"""Names of the rules that come after those of every file."""
_MONTH = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])")


class AllocationRulesError(ReviewedFileError):
    """The rules cannot be used, and change nothing; the text names file, rule and key."""


def _month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise ValueError("must be a month such as 2026-10")
    return text


Texts = Annotated[tuple[Text, ...], *ONE_OR_MORE]
Month = Annotated[str, AfterValidator(_month)]


def _sorted(shares: dict[str, Decimal]) -> dict[str, Decimal]:
    # The order says nothing, and must not make another digest.
    return dict(sorted(shares.items()))


Part = Annotated[Decimal, EXACT, Field(gt=0, le=1, decimal_places=12)]


class AllocationRule(BaseModel):
    """One rule; a condition that is not given holds of everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Text
    account: Texts | None = None
    project: Texts | None = None
    tag: Texts | None = None
    kind: Texts | None = None
    resource_name: Texts | None = None
    region: Texts | None = None
    product: Texts | None = None
    resource: Texts | None = None
    charge: Texts | None = None
    first: Month | None = Field(default=None, alias="from")
    last: Month | None = Field(default=None, alias="to")
    tenant: Text | None = None
    shares: Annotated[dict[Text, Part], AfterValidator(_sorted)] | None = None
    by: Literal["project", "even", "spend"] | None = None
    among: Texts | None = None
    of: Texts | None = None
    unallocated: Text | None = None

    def holds_in(self, month: str) -> bool:
        """Return whether the rule is valid in a month such as 2026-10."""
        return (self.first or "") <= month and month <= (self.last or "9999")

    def tenants(self) -> tuple[str, ...]:
        """Return the tenants that it names."""
        named = () if self.tenant is None else (self.tenant,)
        return (*named, *(self.shares or ()), *(self.among or ()))

    def clashes(self, other: AllocationRule) -> bool:
        """Return whether some month has both."""
        return (self.first or "") <= (other.last or "9999") and (other.first or "") <= (
            self.last or "9999"
        )


class RuleFile(BaseModel):
    """The rules of one file, in order of precedence."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tenants: tuple[Text, ...] = ()
    """Tenants besides those of projects."""
    tag_keys: tuple[Text, ...] = ()
    """Keys of tags besides those that resources have had."""
    rule: tuple[AllocationRule, ...]

    def as_json(self) -> str:
        """Return the rules as they are stored: `from_json` reads them."""
        return self.model_dump_json(by_alias=True, exclude_none=True)

    @property
    def digest(self) -> str:
        """SHA-256 of what the rules say, whatever the spelling of the file."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    def levels(self) -> dict[str, int]:
        """Return the step in which each rule by spend is applied, by name; others are step 0.

        Example: `b` by the spend of `a`, which is by all spend: `a` is 1, `b` is 2.
        """
        levels: dict[str, int] = {}
        for name in TopologicalSorter(rule_graph(self.rule)).static_order():
            rules = [rule for rule in self.rule if rule.name == name]
            levels[name] = max(
                (1 + max((levels[of] for of in r.of or ()), default=0) if r.by == "spend" else 0
                 for r in rules),
                default=0,
            )  # fmt: skip
        return levels


NO_RULES = RuleFile(rule=())


def rules_from_json(text: str) -> RuleFile:
    """Return rules that were stored by `as_json`."""
    document = tuples(json.loads(text))
    for rule in document["rule"]:
        if "shares" in rule:
            rule["shares"] = {name: Decimal(share) for name, share in rule["shares"].items()}
    return RuleFile.model_validate(document)


def describe_rule(number: int, rule: AllocationRule) -> str:
    """Return how messages call a rule: its place in the file, from 1, and its name."""
    return f"rule {number} ({rule.name})"


def rule_graph(rules: Sequence[AllocationRule]) -> dict[str, set[str]]:
    """Return the rules by whose spend each rule is, by name."""
    graph: dict[str, set[str]] = {PROJECTS_TENANT: set()}
    for rule in rules:
        graph.setdefault(rule.name, set()).update(rule.of or ())
    return graph
