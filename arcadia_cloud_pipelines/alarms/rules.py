"""Rules that say where an alarm goes: a TOML file, reviewed like code.

    [[rule]]
    kind = ["late", "check_failed"]
    severity = "warning"
    to = ["ARCADIA_NOTIFY_URLS_QUIET"]

`kind`, `severity`, `subject` and `account` are patterns (`*`, `?` and `[…]` as in file names, any
case), one or a list of which one must match; where several are given all must hold. The first rule
that matches decides. `to` names variables that hold apprise addresses, or `log`; an empty list
tells nobody. What no rule matches goes to `ARCADIA_NOTIFY_URLS`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from ..settings import NOTIFY_URLS, Settings
from ..severity import Severity
from .channels import LOG, address_names, default_route
from .errors import AlarmRulesError

_LARGEST = 1_000_000


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class Rule(BaseModel):
    """One rule; a matcher that is not given matches everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: Patterns
    kind: Patterns = ("*",)
    severity: Patterns = ("*",)
    subject: Patterns = ("*",)
    account: Patterns = ("*",)

    def matches(self, kind: str, severity: str, subject: str, account: str | None) -> bool:
        """Return whether everything it asks for holds."""
        return all(
            any(fnmatchcase(value.casefold(), pattern.casefold()) for pattern in patterns)
            for patterns, value in (
                (self.kind, kind), (self.severity, severity), (self.subject, subject),
                (self.account, account or ""),
            )
        )  # fmt: skip


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rule: list[Rule]


def read_rules(path: Path) -> list[Rule]:
    """Read the file.

    Raises:
        AlarmRulesError: it cannot be read, or holds what no rule has; nothing of it is used.
    """
    try:
        raw = path.read_bytes() if path.is_file() else None
        if raw is None:
            raise AlarmRulesError(
                f"{path} is not a file: set ARCADIA_ALARM_RULES to a file of rules."
            )
        if len(raw) > _LARGEST:
            raise AlarmRulesError(
                f"{path} is longer than {_LARGEST:,} bytes: set ARCADIA_ALARM_RULES to a file of "
                "rules."
            )
        rules = _File.model_validate(tomllib.loads(raw.decode("utf-8-sig"))).rule
    except OSError as error:
        raise AlarmRulesError(
            f"{path} cannot be read ({error.strerror or error}): make it readable for this user."
        ) from None
    except UnicodeDecodeError:
        raise AlarmRulesError(f"{path} is not UTF-8 text: save it as UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise AlarmRulesError(f"{path} is not valid TOML: {error}. Correct the file.") from None
    except ValidationError as error:
        raise AlarmRulesError(f"{path}: {_first_problem(error)}") from None
    for number, rule in enumerate(rules, start=1):
        _check(path, number, rule)
    return rules


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    where = [str(part) for part in problem["loc"]]
    if where[:1] == ["rule"] and len(where) > 1 and where[1].isdigit():
        where[:2] = [f"rule {int(where[1]) + 1}"]
    return f"{', '.join(where)}: {problem['msg']}. Rules have {', '.join(Rule.model_fields)}."


def _check(path: Path, number: int, rule: Rule) -> None:
    for name in rule.to:
        if name != LOG and not name.startswith(NOTIFY_URLS):
            raise AlarmRulesError(
                f"{path}, rule {number}: {name!r} in `to` is not a variable for addresses: write "
                f"one that begins with {NOTIFY_URLS}, such as {NOTIFY_URLS}_BILLING, or {LOG}."
            )
    known = [severity.value for severity in Severity]
    for pattern in rule.severity:
        if not any(fnmatchcase(value, pattern.casefold()) for value in known):
            raise AlarmRulesError(
                f"{path}, rule {number}: {pattern!r} is not a severity: write one of "
                f"{', '.join(known)}."
            )


class Router:
    """Says to which channels an alarm goes."""

    def __init__(self, settings: Settings) -> None:
        """Read the rules; with unusable ones everything goes to the default channels.

        `problems` says what is wrong with the configuration.
        """
        self.problems: list[str] = list(settings.alarm_problems)
        self._default = default_route(settings.notify)
        self._addresses = {
            variable: tuple(address_names(variable, urls))
            for variable, urls in settings.notify.items()
        }
        self._rules: Sequence[Rule] = ()
        if settings.alarm_rules is not None:
            try:
                self._rules = read_rules(settings.alarm_rules)
            except AlarmRulesError as error:
                self.problems.append(f"ARCADIA_ALARM_RULES: {error}")
        for number, rule in enumerate(self._rules, start=1):
            self.problems += [
                f"ARCADIA_ALARM_RULES: rule {number} sends alarms to {name}, which is not set: "
                "set it."
                for name in rule.to
                if name != LOG and name not in self._addresses
            ]

    def route(self, kind: str, severity: str, subject: str, account: str | None) -> tuple[str, ...]:
        """Return the names of the channels; none when a rule says so."""
        for rule in self._rules:
            if rule.matches(kind, severity, subject, account):
                names = [
                    address
                    for name in rule.to
                    for address in ((LOG,) if name == LOG else self._addresses.get(name, ()))
                ]
                # A variable that is not set must not swallow the alarm.
                return tuple(dict.fromkeys(names)) or (self._default if rule.to else ())
        return self._default
