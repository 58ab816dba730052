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

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from ..common.severity import Severity
from ..settings import Settings
from ..settings.alarms import NOTIFY_URLS
from ..settings.reviewed_files import ReviewedFileError, Text, parse, read_text
from .channels import LOG, address_names, default_route
from .errors import AlarmRulesError

VARIABLE = "ARCADIA_ALARM_RULES"


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[Text, ...], BeforeValidator(_listed)]


class AlarmRule(BaseModel):
    """One rule; a matcher that is not given matches everything."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

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
    model_config = ConfigDict(extra="forbid", strict=True)

    rule: tuple[AlarmRule, ...]


def read_alarm_rules(path: Path) -> tuple[AlarmRule, ...]:
    """Read the file.

    Raises:
        AlarmRulesError: it cannot be read, or holds what no rule has; nothing of it is used.
    """
    try:
        text = read_text(path, VARIABLE)
        rules = parse(text, str(path), file=_File, entry=AlarmRule, table="rule").rule
    except ReviewedFileError as error:
        raise AlarmRulesError(str(error)) from None
    for number, rule in enumerate(rules, start=1):
        for key, problem in _problems(rule):
            raise AlarmRulesError(f"{path}, rule {number}, {key}: {problem}.")
    return rules


def _problems(rule: AlarmRule) -> Iterator[tuple[str, str]]:
    """Yield key and problem. What stands in `to` is not shown: it may be an address and secret."""
    if not all(name == LOG or name.startswith(NOTIFY_URLS) for name in rule.to):
        yield (
            "to",
            (
                "holds what is not a variable for addresses: write one that begins with "
                f"{NOTIFY_URLS}, such as {NOTIFY_URLS}_BILLING, or {LOG}"
            ),
        )
    known = [severity.value for severity in Severity]
    for pattern in rule.severity:
        if not any(fnmatchcase(value, pattern.casefold()) for value in known):
            yield "severity", f"{pattern!r} is not one: write one of {', '.join(known)}"


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
        self._rules: Sequence[AlarmRule] = ()
        if settings.alarm_rules is not None:
            try:
                self._rules = read_alarm_rules(settings.alarm_rules)
            except AlarmRulesError as error:
                self.problems.append(f"{VARIABLE}: {error}")
        for number, rule in enumerate(self._rules, start=1):
            self.problems += [
                f"{VARIABLE}: rule {number} sends alarms to {name}, which is not set: set it."
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
