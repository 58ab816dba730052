"""Ignore rules: differences that nobody wants to hear of, until they expire."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import translate
from functools import cache

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from .errors import DriftError
from .tables import cloud_drift_ignore_rules

DEFAULT_DAYS = 90
"""How long a rule lasts when nobody says. None lasts for ever, for no reason does."""


class IgnoreRuleError(DriftError):
    """A rule cannot be made or ended; the text says why."""


@dataclass(frozen=True)
class IgnoreRule:
    """One rule. Patterns have `*` and `?`; capitals count, but not in names."""

    id: int
    kind: str
    name_pattern: str
    field: str
    owner: str
    reason: str
    created_at: datetime
    expires_at: datetime
    account: str | None = None
    """The team whose differences it keeps out; None for every team."""

    def matches(self, kind: str, name: str | None, field: str, account: str | None = None) -> bool:
        """Say if it holds for this field of this resource, expired or not."""
        return (
            (self.account is None or self.account == account)
            and _pattern(self.kind).match(kind) is not None
            and _pattern(self.field).match(field) is not None
            and _pattern(self.name_pattern.casefold()).match((name or "").casefold()) is not None
        )

    def expired(self, at: datetime) -> bool:
        """Say if it has stopped working."""
        return self.expires_at <= at

    def __str__(self) -> str:
        return f"rule {self.id} of {self.owner} ({self.kind} {self.name_pattern}, {self.field})"


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text))


def first_match(
    rules: Iterable[IgnoreRule],
    kind: str,
    name: str | None,
    field: str,
    account: str | None = None,
) -> IgnoreRule | None:
    """The first of the rules that holds."""
    return next((rule for rule in rules if rule.matches(kind, name, field, account)), None)


def read_ignore_rules(connection: sa.Connection) -> list[IgnoreRule]:
    """Every rule that was not removed, expired ones too."""
    rules = cloud_drift_ignore_rules.c
    columns = (rules.id, rules.kind, rules.name_pattern, rules.field, rules.owner, rules.reason,
               rules.created_at, rules.expires_at, rules.account)  # fmt: skip
    query = sa.select(*columns).where(rules.removed_at.is_(None)).order_by(rules.id)
    return [IgnoreRule(*row) for row in connection.execute(query).tuples()]


def list_rules(warehouse: Warehouse) -> Sequence[IgnoreRule]:
    """Every rule that was not removed, expired ones too."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return read_ignore_rules(connection)


def add_rule(
    warehouse: Warehouse,
    *,
    owner: str,
    reason: str,
    kind: str = "*",
    name_pattern: str = "*",
    field: str = "*",
    expires_at: datetime | None = None,
    account: str | None = None,
    now: Clock = utc_now,
) -> IgnoreRule:
    """Make a rule; it works from the next sweep on, and closes what is open.

    Args:
        warehouse: where.
        owner: who answers for it.
        reason: why this is no drift.
        kind: a kind, or a pattern.
        name_pattern: of the resource's name.
        field: a field, or a pattern.
        expires_at: when it ends by itself; in `DEFAULT_DAYS` days when None.
        account: the team that it is about; the only one there is when None.
        now: the clock.

    Raises:
        IgnoreRuleError: nobody owns it, it has no reason, ignores everything, is over already, or
            does not say which of several teams it is about.
    """
    at = now()
    expires_at = expires_at or at + timedelta(days=DEFAULT_DAYS)
    if not owner.strip() or not reason.strip():
        raise IgnoreRuleError("The ignore rule has no owner or no reason: give both.")
    if kind == name_pattern == field == "*":
        raise IgnoreRuleError(
            "This ignore rule would hide all drift: name a kind, a name or a field."
        )
    if expires_at <= at:
        raise IgnoreRuleError(
            f"The ignore rule would end in the past, on {expires_at:%Y-%m-%d}: give a later date."
        )
    warehouse.check_migrated()
    table = cloud_drift_ignore_rules
    with warehouse.transaction() as connection:
        account = only_account(connection, account)
        values = {"kind": kind, "name_pattern": name_pattern, "field": field, "owner": owner,
                  "reason": reason, "created_at": at, "expires_at": expires_at,
                  "account": account}  # fmt: skip
        statement = table.insert().values(values).returning(table.c.id)
        rule_id: int = connection.execute(statement).scalar_one()
    return IgnoreRule(rule_id, kind, name_pattern, field, owner, reason, at, expires_at, account)


def only_account(connection: sa.Connection, account: str | None) -> str | None:
    """Return the account that a rule is about: the one named, else the only one with resources.

    Before anything was listed there is none, and the rule is about whatever comes.

    Raises:
        IgnoreRuleError: there are several and none was named, or the named one has nothing.
    """
    known = connection.execute(
        sa.text("SELECT DISTINCT account FROM cloud_resources WHERE deleted_at IS NULL ORDER BY 1")
    ).scalars().all()  # fmt: skip
    if account is None and len(known) < 2:
        return known[0] if known else None
    if account in known:
        return account
    names = ", ".join(known) or "(nothing was listed yet)"
    if account is None:
        raise IgnoreRuleError(f"The rule must be about one account: give one of {names}.")
    raise IgnoreRuleError(f"There is no account {account}: give one of {names}.")


def remove_rule(warehouse: Warehouse, rule_id: int, *, actor: str, now: Clock = utc_now) -> None:
    """End a rule. Its row stays, with who ended it.

    Raises:
        IgnoreRuleError: there is no such rule, or it was removed before.
    """
    warehouse.check_migrated()
    rules = cloud_drift_ignore_rules
    statement = (
        rules.update()
        .where(rules.c.id == rule_id, rules.c.removed_at.is_(None))
        .values(removed_at=now(), removed_by=actor)
    )
    with warehouse.transaction() as connection:
        if connection.execute(statement).rowcount == 0:
            raise IgnoreRuleError(
                f"There is no ignore rule {rule_id}: see `arcadia drift ignore list`."
            )
