"""Rules that say whose a project is and what it is for: a TOML file, reviewed like code.

    [[rule]]
    name = "acme-*"
    tenant_id = "acme"

A rule matches by `name` (`*`, `?` and `[…]` as in file names, any case), `id` and `account` (of the
project, and of the team it belongs to) and `environment`; where several are given all must hold.
It gives `tenant_id`, `purpose` or both. Each of the two comes from the first rule that matches and
gives it, so that a later rule can add what an earlier one leaves open.

No database here: `classify.py` applies what `classify` finds.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

MATCHERS = ("name", "id", "environment", "account")
EFFECTS = ("tenant_id", "purpose")
ENVIRONMENTS = ("Development", "Staging", "Production")
"""All that the API knows."""


class ProjectRulesError(Exception):
    """The file of rules cannot be used; the text names file, rule and key."""


class Subject(NamedTuple):
    """What rules look at of one project."""

    id: int
    """Ours."""
    name: str
    provider_id: str
    environment: str | None
    account: str


@dataclass(frozen=True)
class Rule:
    """One rule; a matcher that is None matches everything."""

    number: int
    """Its place in the file, from 1."""
    name: str | None = None
    id: str | None = None
    environment: str | None = None
    account: str | None = None
    tenant_id: str | None = None
    purpose: str | None = None

    def matches(self, project: Subject) -> bool:
        """Say if everything it asks for holds."""
        return (
            (self.name is None or _pattern(self.name).match(project.name.casefold()) is not None)
            and (self.id is None or self.id == project.provider_id.casefold())
            and (
                self.environment is None
                or self.environment == (project.environment or "").casefold()
            )
            and (self.account is None or self.account == project.account.casefold())
        )

    def asks(self) -> frozenset[tuple[str, str]]:
        """Return what it asks for; a name that is only asterisks asks for nothing."""
        given = ((key, getattr(self, key)) for key in MATCHERS)
        return frozenset(
            (key, value) for key, value in given if value is not None and value.strip("*")
        )

    def __str__(self) -> str:
        asked = ", ".join(
            f'{key} = "{value}"' for key in MATCHERS if (value := getattr(self, key)) is not None
        )
        return f"rule {self.number} ({asked})"


class Classified(NamedTuple):
    """What the rules say of one project; None where no rule says anything."""

    id: int
    tenant_id: str | None
    purpose: str | None


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text))


def classify(rules: Sequence[Rule], projects: Iterable[Subject]) -> list[Classified]:
    """Return what the rules say of each project: for each field, the first that matches.

    Returns:
        One for each project, in their order.
    """
    said = []
    for project in projects:
        matching = [rule for rule in rules if rule.matches(project)]
        values = (
            next((value for rule in matching if (value := getattr(rule, field)) is not None), None)
            for field in EFFECTS
        )
        said.append(Classified(project.id, *values))
    return said


def read_rules(path: Path) -> tuple[Rule, ...]:
    """The rules of a file.

    Raises:
        ProjectRulesError: it cannot be read, or `load_rules` refuses it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ProjectRulesError(
            f"The file of project rules {path} cannot be read ({reason}): correct "
            "ARCADIA_PROJECT_RULES."
        ) from None
    return load_rules(text, str(path))


def load_rules(text: str, source: str) -> tuple[Rule, ...]:
    """Read and check rules.

    Args:
        text: TOML, as the head of this module says.
        source: what messages call it.

    Raises:
        ProjectRulesError: it is no TOML, a key is unknown or of the wrong type, a rule matches or
            gives nothing, or can never decide because an earlier one always does.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectRulesError(f"{source} is not valid TOML: {error}. Correct the file.") from None
    entries = document.get("rule")
    if set(document) != {"rule"} or not isinstance(entries, list):
        # Nothing at all is refused, too: a file cut short would take every tenant's access away.
        raise ProjectRulesError(
            f"{source} must hold only [[rule]] tables: write at least one, or `rule = []` for no "
            "rules."
        )
    rules: list[Rule] = []
    for number, entry in enumerate(entries, 1):
        rule = _rule(number, entry, f"{source}, [[rule]] number {number}")
        _check_reachable(rule, rules, source)
        rules.append(rule)
    return tuple(rules)


def _rule(number: int, entry: Any, where: str) -> Rule:
    def refuse(problem: str) -> ProjectRulesError:
        return ProjectRulesError(f"{where}: {problem}.")

    if not isinstance(entry, dict):
        raise refuse("it must be a table")
    unknown = sorted(set(entry) - {*MATCHERS, *EFFECTS})
    if unknown:
        known = ", ".join((*MATCHERS, *EFFECTS))
        raise refuse(f"{', '.join(unknown)} is not a key: write one of {known}")
    for key, value in entry.items():
        if not isinstance(value, str):
            raise refuse(f"{key} must be a text")
        # Such a value would look like another and be none: a tenant is compared letter by letter.
        if not value or value != value.strip() or not value.isprintable():
            raise refuse(
                f"{key} is {value!r} and must be a text without blanks at its ends and without "
                "control characters"
            )
    if not set(entry) & set(MATCHERS):
        raise refuse(f"it matches nothing: give {', '.join(MATCHERS[:-1])} or {MATCHERS[-1]}")
    if not set(entry) & set(EFFECTS):
        raise refuse(f"it gives nothing: give {' or '.join(EFFECTS)}")
    folded = {key: entry[key].casefold() for key in MATCHERS if key in entry}
    environments = [name.casefold() for name in ENVIRONMENTS]
    if "environment" in folded and folded["environment"] not in environments:
        raise refuse(
            f"environment is {entry['environment']!r} and must be one of {', '.join(ENVIRONMENTS)}"
        )
    if "id" in folded and not _is_uuid(folded["id"]):
        raise refuse(f"id is {entry['id']!r} and must be the project's uuid")
    return Rule(number, **folded, **{key: entry[key] for key in EFFECTS if key in entry})


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _check_reachable(rule: Rule, earlier: Iterable[Rule], source: str) -> None:
    """Refuse a rule for what an earlier one, that asks for no more, gives every time."""
    for before in earlier:
        if not before.asks() <= rule.asks():
            continue
        for key in EFFECTS:
            if getattr(rule, key) is not None and getattr(before, key) is not None:
                raise ProjectRulesError(
                    f"{source}, [[rule]] number {rule.number}: its {key} is never used, because "
                    f"rule {before.number} comes first and matches all that this one does: put "
                    "this rule before it, or remove it."
                )
