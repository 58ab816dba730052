"""Divides each line among those who pay, by the rule that decides for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import sqlalchemy as sa

from ..warehouse.copy import copy_rows
from ..warehouse.statements import Statements
from .rule_file import FOLLOWS_SPEND, UNALLOCATED, AllocationRule, RuleFile

_SQL = Statements(__file__)


def divide_lines(
    connection: sa.Connection, file: RuleFile, rules: Sequence[AllocationRule]
) -> None:
    """Divide each line among those who pay."""
    _SQL.run(connection, "create_rules")
    levels = file.levels()
    copy_rows(
        connection, "rule", ("number", "name", "way", "step", "tenant_id", "reason", "among"),
        (
            (number, rule.name, _way(rule), levels.get(rule.name, 0), rule.tenant,
             rule.unallocated, rule.among is not None)
            for number, rule in enumerate(rules, 1)
        ),
    )  # fmt: skip
    copy_rows(connection, "rule_share", ("number", "tenant_id", "weight"), _shares(rules))
    copy_rows(connection, "rule_of", ("number", "of"), _spend_of(rules))
    # A new temporary table has no statistics, and without them rows are joined one by one.
    connection.execute(sa.text("ANALYZE entry, rule, rule_share, rule_of"))
    _SQL.run(connection, "allocate_whole")
    _SQL.run(connection, "weigh_shares")
    _divide(connection)
    for step in range(1, max(levels.values(), default=0) + 1):
        _SQL.run(connection, "weigh_spend", {"step": step})
        _divide(connection)
    _SQL.run(connection, "weigh_followers")
    _divide(connection)


def _divide(connection: sa.Connection) -> None:
    _SQL.run(connection, "divide")
    _SQL.run(connection, "clear_parts")
    connection.execute(sa.text("ANALYZE allocation"))


def _way(rule: AllocationRule) -> str:
    if rule.name == FOLLOWS_SPEND:
        return "follow"
    if rule.tenant is not None:
        return "tenant"
    if rule.unallocated is not None or rule.name == UNALLOCATED:
        return "unallocated"
    return "shares" if rule.shares is not None or rule.by == "even" else str(rule.by)


def _shares(rules: Sequence[AllocationRule]) -> Iterator[tuple[int, str, Decimal]]:
    """Yield weights of tenants; of a rule by spend, those that it is among."""
    for number, rule in enumerate(rules, 1):
        for tenant, share in (rule.shares or {}).items():
            yield number, tenant, share
        for tenant in rule.among or ():
            yield number, tenant, Decimal(1)


def _spend_of(rules: Sequence[AllocationRule]) -> Iterator[tuple[int, int]]:
    """Yield each rule by spend with the rules whose spend it is by."""
    direct = {rule.name for rule in rules if rule.by != "spend"} - {FOLLOWS_SPEND, UNALLOCATED}
    for number, rule in enumerate(rules, 1):
        if rule.by != "spend":
            continue
        wanted = direct if rule.of is None else set(rule.of)
        for other, of in enumerate(rules, 1):
            if of.name in wanted and (rule.of is not None or of.by != "spend"):
                yield number, other
