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

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from ..inventory.kind_names import unknown_kind
from ..settings.reviewed_files import ReviewedFileError, parse, read_text
from .rule_file import (
    CHARGES,
    EFFECTS,
    OWN_NAMES,
    PROJECTS_TENANT,
    AllocationRule,
    AllocationRulesError,
    RuleFile,
    describe_rule,
    rule_graph,
)

VARIABLE = "ARCADIA_ALLOCATION_RULES"

_MOST_RULES = 2_000


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
        TopologicalSorter(rule_graph(file.rule)).prepare()
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        number = next(n for n, rule in enumerate(file.rule, 1) if rule.name == circle[0])
        yield (
            f"{describe_rule(number, file.rule[number - 1])}, of: rules by spend form a circle: "
            f"{' of '.join(circle)}"
        )


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
