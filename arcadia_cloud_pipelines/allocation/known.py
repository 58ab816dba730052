"""Compares rules with what the account has: tenants and keys of tags that nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

import sqlalchemy as sa

from ..warehouse.statements import Statements
from .rule_file import AllocationRulesError, RuleFile, describe_rule

_SQL = Statements(__file__)
_PATTERN = frozenset("*?[")


def check_known(connection: sa.Connection, file: RuleFile, source: str) -> None:
    """Refuse rules that name a tenant or a key of tags that does not exist.

    A misspelt tenant would be billed, and a misspelt key would match nothing.

    Raises:
        AllocationRulesError: it names file, rule and key, and near ones that exist.
    """
    tenants = {*file.tenants, *_SQL.run(connection, "tenants").scalars()}
    for number, rule in enumerate(file.rule, 1):
        for tenant in rule.tenants():
            if tenant not in tenants:
                key = next(k for k in ("tenant", "shares", "among") if tenant in _of(rule, k))
                raise AllocationRulesError(
                    f"{source}, {describe_rule(number, rule)}, {key}: {tenant!r} is not a tenant"
                    f"{_near(tenant, tenants)}. Correct the name, or add `tenants = [{tenant!r}]` "
                    "at the top of the file to allow a tenant without a project."
                )
    for number, key in _unknown_keys(connection, file):
        raise AllocationRulesError(
            f"{source}, {describe_rule(number, file.rule[number - 1])}, tag: no resource ever "
            f"had a tag with the key {key!r}{_near(key, _keys(connection))}. "
            "Correct the key, or add "
            f"`tag_keys = [{key!r}]` at the top of the file to allow it."
        )


def _of(rule: object, key: str) -> Collection[str]:
    value = getattr(rule, key)
    return (value,) if isinstance(value, str) else tuple(value or ())


def _unknown_keys(connection: sa.Connection, file: RuleFile) -> Iterator[tuple[int, str]]:
    """Yield number of rule and key for each key without a pattern's letters that nobody knows."""
    asked = [
        (number, key)
        for number, rule in enumerate(file.rule, 1)
        for tag in rule.tag or ()
        if not _PATTERN & set(key := tag.partition(":")[0].casefold())
    ]
    if not asked:
        return
    known = {*map(str.casefold, file.tag_keys), *_keys(connection)}
    yield from ((number, key) for number, key in asked if key not in known)


def _keys(connection: sa.Connection) -> set[str]:
    return set(_SQL.run(connection, "tag_keys").scalars())


def _near(text: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(text, sorted(known), 3)
    return f" (similar names: {', '.join(near)})" if near else ""
