"""Says which rules match which values, so that the database can tell each line's rule.

Rules match by patterns, which are Python's; lines are in the database. Each condition is a
dimension of a line, such as its product. For every value of a dimension there is a mask: a bit for
each rule, 1 where the rule asks nothing of the dimension or the value is one that it asks for. The
masks of a line's values, and-ed, are the rules that match it, and the first bit is the rule that
decides. A value that no rule asks for has no mask of its own but the dimension's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache

from .rule_file import FOLLOWS_SPEND, PROJECTS_TENANT, UNALLOCATED, AllocationRule, RuleFile

DIMENSIONS = (
    "account", "month", "project", "tag", "kind", "resource_name", "region", "product", "resource",
    "charge", "owned",
)  # fmt: skip
NOT_READ = "not_read"
OWN_RULES = (
    AllocationRule(name=PROJECTS_TENANT, by="project"),
    AllocationRule(name=FOLLOWS_SPEND),
    AllocationRule(name=UNALLOCATED),
)
"""The rules after those of the file: the project's tenant; credits, taxes and support follow the
spend of their invoice; the rest is nobody's."""


@dataclass(frozen=True)
class Mask:
    """The rules that a value of one dimension leaves."""

    dimension: str
    value: str
    mask: str
    """Letters 0 and 1, the first one for the first rule."""


def all_rules(file: RuleFile) -> tuple[AllocationRule, ...]:
    """Return the rules of the file and those that are always there, in order."""
    return (*file.rule, *OWN_RULES)


def is_asked(rules: Sequence[AllocationRule], dimension: str) -> bool:
    """Return whether any rule tells values of a dimension apart."""
    return dimension in _SPECIAL or any(getattr(rule, dimension) is not None for rule in rules)


def default_mask(rules: Sequence[AllocationRule], dimension: str) -> str:
    """Return the mask of a value that no rule asks for, and of no value."""
    return _bits(_asked(rules, dimension, None))


def masks(rules: Sequence[AllocationRule], dimension: str, values: Iterable[str]) -> Iterator[Mask]:
    """Yield the masks of those values that some rule asks for.

    Args:
        rules: from `all_rules`.
        dimension: one of `DIMENSIONS`.
        values: all that lines have of it, as `allocate.sql` spells them.
    """
    default = default_mask(rules, dimension)
    for value in values:
        mask = _bits(_asked(rules, dimension, value))
        if mask != default:
            yield Mask(dimension, value, mask)


def _bits(answers: Iterable[bool]) -> str:
    return "".join("1" if answer else "0" for answer in answers)


def _asked(rules: Sequence[AllocationRule], dimension: str, value: str | None) -> Iterator[bool]:
    """Yield for each rule whether it lets a line with this value through."""
    special = _SPECIAL.get(dimension)
    for rule in rules:
        if special is not None:
            yield special(rule, value)
            continue
        wanted: tuple[str, ...] | None = getattr(rule, dimension)
        if wanted is None:
            yield True
        else:
            yield value is not None and any(
                pattern.match(text)
                for pattern in map(_pattern, wanted)
                for text in _texts(dimension, value)
            )


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text.casefold()))


def _texts(dimension: str, value: str) -> Sequence[str]:
    """Return what patterns are compared with: a project has a uuid and a name, tags are several."""
    if dimension == "project":
        return value.casefold().split("\n", 1)
    if dimension == "tag":
        tags = [str(tag).casefold() for tag in json.loads(value) or ()]
        # `team` asks for the key, `team:a` for the tag.
        return [*tags, *(tag.partition(":")[0] for tag in tags if ":" in tag)]
    return (value.casefold(),)


def _by_month(rule: AllocationRule, value: str | None) -> bool:
    return value is not None and rule.holds_in(value)


def _by_charge(rule: AllocationRule, value: str | None) -> bool:
    """Return whether a rule is about a charge such as `tax`, or `credit/resource`."""
    charge, _, of = (value or "").partition("/")
    if charge == NOT_READ:
        # Nobody knows what it will be.
        return rule.name == UNALLOCATED
    if rule.name == FOLLOWS_SPEND:
        return charge != "usage"
    if rule.name in (UNALLOCATED, PROJECTS_TENANT):
        return True
    if rule.charge is not None:
        return charge in rule.charge
    return rule.product is not None or charge == "usage" or of == "resource"


def _by_owned(rule: AllocationRule, value: str | None) -> bool:
    return rule.by != "project" or value == "true"


_SPECIAL: dict[str, Callable[[AllocationRule, str | None], bool]] = {
    "month": _by_month, "charge": _by_charge, "owned": _by_owned,
}  # fmt: skip
