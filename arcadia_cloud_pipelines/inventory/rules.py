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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from pathlib import Path
from typing import Annotated, NamedTuple
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict

from ..settings.reviewed_files import ReviewedFileError, Text, parse, read_text

VARIABLE = "ARCADIA_PROJECT_RULES"
MATCHERS = ("name", "id", "environment", "account")
EFFECTS = ("tenant_id", "purpose")
ENVIRONMENTS = ("Development", "Staging", "Production")
"""All that the API knows."""


class ProjectRulesError(ReviewedFileError):
    """The file of rules cannot be used; the text names file, rule and key."""


def _environment(text: str) -> str:
    if text.casefold() not in {name.casefold() for name in ENVIRONMENTS}:
        raise ValueError(f"must be one of {', '.join(ENVIRONMENTS)}")
    return text


def _uuid(text: str) -> str:
    try:
        if str(UUID(text)) == text.casefold():
            return text
    except ValueError:
        pass
    raise ValueError("must be the project's uuid")


Folded = Annotated[Text, AfterValidator(str.casefold)]
"""Matchers are compared in any case."""


class _Entry(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Folded | None = None
    id: Annotated[Folded, AfterValidator(_uuid)] | None = None
    environment: Annotated[Folded, AfterValidator(_environment)] | None = None
    account: Folded | None = None
    tenant_id: Text | None = None
    purpose: Text | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    rule: tuple[_Entry, ...]


class Subject(NamedTuple):
    """The parts of a project that rules look at."""

    id: int
    """Ours."""
    name: str
    provider_id: str
    environment: str | None
    account: str


@dataclass(frozen=True)
class ProjectRule:
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
        return f"rule {self.number} ({asked})" if asked else f"rule {self.number}"


class Classified(NamedTuple):
    """The answer of the rules for one project; None where no rule says anything."""

    id: int
    tenant_id: str | None
    purpose: str | None


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text))


def classify_by_rules(
    rules: Sequence[ProjectRule], projects: Iterable[Subject]
) -> list[Classified]:
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


def read_project_rules(path: Path) -> tuple[ProjectRule, ...]:
    """The rules of a file.

    Raises:
        ProjectRulesError: it cannot be read, or `load_rules` refuses it.
    """
    try:
        return parse_project_rules(read_text(path, VARIABLE), str(path))
    except ReviewedFileError as error:
        raise ProjectRulesError(str(error)) from None


def parse_project_rules(text: str, source: str) -> tuple[ProjectRule, ...]:
    """Read and check rules.

    Args:
        text: TOML, as the head of this module says.
        source: what messages call it.

    Raises:
        ProjectRulesError: it is no TOML, a key is unknown or of the wrong type, a rule matches or
            gives nothing, or can never decide because an earlier one always does.
    """
    try:
        entries = parse(text, source, file=_File, entry=_Entry, table="rule").rule
    except ReviewedFileError as error:
        raise ProjectRulesError(str(error)) from None
    rules: list[ProjectRule] = []
    for number, entry in enumerate(entries, 1):
        rule = ProjectRule(number, **entry.model_dump())
        for problem in _problems(rule, rules):
            raise ProjectRulesError(f"{source}, {rule}: {problem}.")
        rules.append(rule)
    return tuple(rules)


def _problems(rule: ProjectRule, earlier: Iterable[ProjectRule]) -> Iterator[str]:
    """Yield what is wrong with a rule whose values are right one by one."""
    if all(getattr(rule, key) is None for key in MATCHERS):
        yield f"it matches nothing: give {', '.join(MATCHERS[:-1])} or {MATCHERS[-1]}"
    if all(getattr(rule, key) is None for key in EFFECTS):
        yield f"it gives nothing: give {' or '.join(EFFECTS)}"
    for before in earlier:
        if not before.asks() <= rule.asks():
            continue
        for key in EFFECTS:
            # What an earlier one, that asks for no more, gives every time.
            if getattr(rule, key) is not None and getattr(before, key) is not None:
                yield (
                    f"its {key} is never used, because rule {before.number} comes first and "
                    "matches all that this one does: put this rule before it, or remove it"
                )
