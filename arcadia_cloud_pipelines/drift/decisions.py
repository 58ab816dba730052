"""What one comparison changes: which pairs differ, and what opens, moves or closes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from ..common.severity import Severity
from ..kinds import severity_of
from .canonical import ANYTHING, About, canonical
from .compare import present, same
from .ignore import IgnoreRule, first_match
from .spec_fields import held_part


class Pair(NamedTuple):
    """One field that is not equal to the letter, or has an open record, or both."""

    resource_id: int
    kind: str
    name: str | None
    field: str
    desired: Any
    actual: Any
    differs: bool
    """Whether the two differ to the letter."""
    terraform: bool = False
    """Whether Terraform says what is desired."""
    held: bool = True
    """Whether the inventory holds the field: what it does not hold cannot be compared."""
    successor_id: int | None = None
    drift_id: int | None = None
    """Its open record."""
    open_desired: Any = None
    open_actual: Any = None
    open_successor_id: int | None = None
    open_severity: str | None = None
    account: str | None = None


class Change(NamedTuple):
    """The change that a detection run makes for one pair."""

    verb: Literal["open", "move", "close"]
    drift_id: int | None
    resource_id: int
    field: str
    desired: Any = None
    actual: Any = None
    successor_id: int | None = None
    severity: Severity | None = None
    reason: str | None = None
    """Why it closes."""


def is_mismatch(pair: Pair) -> bool:
    """Tell whether the two values of a pair are different settings."""
    if not (pair.differs and pair.held):
        return False
    desired = held_part(pair.kind, pair.field, pair.desired)
    return not same(pair.field, desired, pair.actual, About(pair.kind, pair.terraform))


def decide(pair: Pair, rules: Iterable[IgnoreRule]) -> tuple[Change | None, IgnoreRule | None]:
    """Decide what to do about one pair; name the rule that kept it out, if one did."""
    whose = About(pair.kind, pair.terraform)
    mismatch = is_mismatch(pair)
    # The inbox shows what can be compared: the part of a value that the inventory holds.
    pair = pair._replace(desired=held_part(pair.kind, pair.field, pair.desired))
    rule = first_match(rules, pair.kind, pair.name, pair.field, pair.account) if mismatch else None
    about = (pair.drift_id, pair.resource_id, pair.field)
    if mismatch and rule is None:
        severity = severity_of(
            pair.kind, pair.field, pair.desired, pair.actual,
            replaced=pair.successor_id is not None,
        )  # fmt: skip
        actual = present(pair.field, pair.desired, pair.actual)
        values = (pair.desired, actual, pair.successor_id)
        if pair.drift_id is None:
            return Change("open", *about, *values, severity), None
        if (
            _differs(pair.open_desired, values[0], pair.field, whose)
            or _differs(pair.open_actual, values[1], pair.field, whose)
            or pair.open_successor_id != pair.successor_id
            or pair.open_severity != severity
        ):
            return Change("move", *about, *values, severity), None
        return None, None
    if pair.drift_id is None:
        return None, rule
    why = "as desired again, or no longer desired"
    if rule is not None:
        why = f"ignored by {rule}"
    elif not pair.held:
        why = f"the inventory does not hold {pair.field} of a {pair.kind}"
    return Change("close", *about, reason=why), rule


def _differs(old: Any, new: Any, name: str, about: About = ANYTHING) -> bool:
    return canonical(old, name, about) != canonical(new, name, about)
