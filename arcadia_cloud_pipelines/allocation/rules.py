"""Rules that say who pays: a TOML file, reviewed like code.

    tenants = ["platform"]        # those that no project has
    [[rule]]
    name = "team a's machines"
    tag = "team:a"
    tenant = "acme"

A rule asks by `project` (name or uuid), `tag` (as it was then), `kind`, `resource_name`, `region`,
`product`, `resource` (DigitalOcean's id), `charge` and `account`: a pattern (`*`, `?` and `[…]` as
in file names, any case) or a list of which one must match; where several are given all must hold.
It is about usage, unless it gives `charge` or `product`. It holds from the month `from` to the
month `to`, both included. The first rule that matches decides, by one of

- `tenant`: all of it is that tenant's;
- `shares`: parts that add up to 1, `{ acme = 0.25, globex = 0.75 }`;
- `by = "even"`: the tenants `among`, each the same;
- `by = "spend"`: as the tenants (`among`, or all) spent in that month, by the rules that it names
  in `of`, or by all that are not by spend themselves;
- `by = "project"`: the tenant of the project at the time; without one the next rule decides;
- `unallocated`: nobody's, for the reason that the text gives.

Two rules of one name are two versions of one rule, and no month may have both. No database here:
`known.py` compares with what the account has, `allocate.py` applies.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
)

from ..inventory.kind_names import unknown_kind
from ..reviewed_files import EXACT, ONE_OR_MORE, ReviewedFileError, Text, parse, read_text, tuples

VARIABLE = "ARCADIA_ALLOCATION_RULES"
CHARGES = ("usage", "credit", "tax", "support", "summary")
EFFECTS = ("tenant", "shares", "by", "unallocated")
PROJECTS_TENANT = "project's tenant"
FOLLOWS_SPEND = "follows spend"
UNALLOCATED = "unallocated"
OWN_NAMES = (PROJECTS_TENANT, FOLLOWS_SPEND, UNALLOCATED)
"""Names of the rules that come after those of every file."""

_MOST_RULES = 2_000
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
        for name in TopologicalSorter(_graph(self.rule)).static_order():
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


def read_allocation_rules(path: Path) -> RuleFile:
    """Read the rules of a file.

    Raises:
        AllocationRulesError: it cannot be read, or `load_rules` refuses it.
    """
    try:
        return parse_allocation_rules(read_text(path, VARIABLE), str(path))
    except ReviewedFileError as error:
        raise AllocationRulesError(str(error)) from None


def parse_allocation_rules(text: str, source: str) -> RuleFile:
    """Read and check rules.

    Args:
        text: TOML, as the head of this module says.
        source: the name of the text in messages.

    Raises:
        AllocationRulesError: it is not TOML, a key is unknown or has a wrong value, shares do not
            add up to 1, two versions of a rule hold in one month, or rules by spend form a circle.
    """
    try:
        file = parse(text, source, file=RuleFile, entry=AllocationRule, table="rule")
    except ReviewedFileError as error:
        raise AllocationRulesError(str(error)) from None
    for problem in _problems(file):
        raise AllocationRulesError(f"{source}, {problem}.")
    return file


def describe_rule(number: int, rule: AllocationRule) -> str:
    """Return how messages call a rule: its place in the file, from 1, and its name."""
    return f"rule {number} ({rule.name})"


def _problems(file: RuleFile) -> Iterator[str]:
    """Yield what is wrong with rules whose values are right one by one."""
    if len(file.rule) > _MOST_RULES:
        yield f"rule: there are {len(file.rule):,} rules; write at most {_MOST_RULES:,}"
    names = {rule.name for rule in file.rule} | {PROJECTS_TENANT}
    for number, rule in enumerate(file.rule, 1):
        for key, problem in _of_one(rule, names):
            yield f"{describe_rule(number, rule)}, {key}: {problem}"
        for other, before in enumerate(file.rule[: number - 1], 1):
            if before.name == rule.name and before.clashes(rule):
                yield (
                    f"{describe_rule(number, rule)}, name: rule {other} has the same name and "
                    "holds in the same months: give one of them another name, or `from` and `to`"
                )
    try:
        TopologicalSorter(_graph(file.rule)).prepare()
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        number = next(n for n, rule in enumerate(file.rule, 1) if rule.name == circle[0])
        yield (
            f"{describe_rule(number, file.rule[number - 1])}, of: rules by spend form a circle: "
            f"{' of '.join(circle)}"
        )


def _graph(rules: Sequence[AllocationRule]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {PROJECTS_TENANT: set()}
    for rule in rules:
        graph.setdefault(rule.name, set()).update(rule.of or ())
    return graph


def _of_one(rule: AllocationRule, names: set[str]) -> Iterator[tuple[str, str]]:
    """Yield key and problem of one rule."""
    if rule.name in OWN_NAMES:
        yield "name", f"{', '.join(OWN_NAMES)} are reserved names: choose another"
    if rule.first is not None and rule.last is not None and rule.first > rule.last:
        yield "to", f"{rule.last} is before `from` {rule.first}"
    given = [key for key in EFFECTS if getattr(rule, key) is not None]
    if len(given) != 1:
        yield (given[1] if given else "tenant"), f"give one of {', '.join(EFFECTS)}, and only one"
    if rule.shares is not None and sum(rule.shares.values()) != 1:
        total = sum(rule.shares.values())
        yield "shares", f"they add up to {total} and must add up to 1"
    if rule.by == "even" and rule.among is None:
        yield "among", "name the tenants that share evenly"
    if rule.among is not None and rule.by not in ("even", "spend"):
        yield "among", 'goes with by = "even" or by = "spend"'
    if rule.of is not None and rule.by != "spend":
        yield "of", 'goes with by = "spend"'
    for name in rule.of or ():
        if name not in names:
            yield "of", f"{name!r} is not the name of a rule in this file, nor {PROJECTS_TENANT!r}"
    for kind in rule.kind or ():
        problem = unknown_kind(kind)
        if problem is not None:
            yield "kind", f"{kind!r} {problem}"
    for charge in rule.charge or ():
        if charge not in CHARGES:
            yield "charge", f"{charge!r} is not one of {', '.join(CHARGES)}"
