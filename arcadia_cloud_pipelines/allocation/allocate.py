"""Gives each invoice line to those who pay, by the rules, in one transaction.

A few statements for all months, whatever the number of lines and rules; what is stored already and
stays the same is not written. So rules are applied to the past by applying them again. Statements
of closed months are other tables and are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from ..billing.products import charge_of
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .dividing import divide_lines
from .known import check_known
from .masks import DIMENSIONS, all_rules, default_mask, is_asked, masks
from .rule_file import NO_RULES, AllocationRule, RuleFile, rules_from_json
from .rules import VARIABLE, read_allocation_rules

_SQL = Statements(__file__)


@dataclass(frozen=True)
class TenantChange:
    """A tenant's share of a month, before and after; no tenant: nobody pays, for the reason."""

    account: str
    period: date
    tenant_id: str | None
    reason: str | None
    before: Decimal
    after: Decimal


@dataclass(frozen=True)
class Unused:
    """A rule of the file that decided for no line."""

    number: int
    rule: AllocationRule
    shadowed: bool
    """True when it matches lines, and earlier rules decide for all of them."""


@dataclass(frozen=True)
class Allocated:
    """Result of one application."""

    file: RuleFile
    differences: tuple[TenantChange, ...]
    unused: tuple[Unused, ...]
    entries: int
    """Invoice lines, and parts of invoices that no line explains."""
    changed: int
    """Rows of cloud_cost_allocations that are other ones now."""


def allocate(warehouse: Warehouse, path: Path | None, *, dry_run: bool = False) -> Allocated:
    """Apply rules to every month.

    Args:
        warehouse: where.
        path: the file of rules; None for those that were applied last, and for none of a file if
            there never were any: a variable that somebody forgot must not change who pays.
        dry_run: only say what would change.

    Raises:
        AllocationRulesError: the rules cannot be used; nothing was changed.
        WarehouseError: the warehouse is away or not migrated; nothing was changed.
    """
    file = None if path is None else read_allocation_rules(path)
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return apply(connection, file, source=str(path or VARIABLE), dry_run=dry_run)


def apply(
    connection: sa.Connection, file: RuleFile | None, *, source: str, dry_run: bool = False
) -> Allocated:
    """Apply rules within a transaction, as `allocate` does.

    Args:
        connection: in a transaction.
        file: the rules; None for those that were applied last.
        source: what messages call the rules.
        dry_run: only say what would change.

    Raises:
        AllocationRulesError: a tenant or key of tags is not known.
    """
    _SQL.run(connection, "lock")
    if file is None:
        stored = _SQL.run(connection, "rules_in_force").scalar_one_or_none()
        file = NO_RULES if stored is None else rules_from_json(stored)
    else:
        check_known(connection, file, source)
    rules = all_rules(file)
    _match(connection, rules)
    divide_lines(connection, file, rules)
    _SQL.run(connection, "create_fresh")
    _SQL.run(connection, "index_fresh")
    differences = tuple(TenantChange(*row) for row in _SQL.run(connection, "differences"))
    unused = tuple(_unused(connection, file))
    changed = 0 if dry_run else _store(connection, file)
    entries = int(connection.execute(sa.text("SELECT count(*) FROM entry")).scalar_one())
    for table in _TEMPORARY:
        connection.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))
    return Allocated(file, differences, unused, entries, changed)


# A transaction may apply rules twice.
_TEMPORARY = (
    "product_charge", "candidate", "mask", "entry", "rule", "rule_share", "rule_of", "part",
    "allocation", "fresh", "changed", "sums",
)  # fmt: skip


def _match(connection: sa.Connection, rules: Sequence[AllocationRule]) -> None:
    """Find the rule of each line."""
    products = _SQL.run(connection, "products").scalars().all()
    _SQL.run(connection, "create_charges")
    charges = ((product, charge_of(product)) for product in products)
    copy_rows(connection, "product_charge", ("product", "charge"), charges)
    _SQL.run(connection, "create_candidates")
    values = {
        dimension: _values(connection, dimension)
        for dimension in DIMENSIONS
        if is_asked(rules, dimension)
    }
    _SQL.run(connection, "create_masks")
    copy_rows(
        connection,
        "mask",
        ("dimension", "value", "mask"),
        (
            (mask.dimension, mask.value, mask.mask)
            for dimension, its in values.items()
            for mask in masks(rules, dimension, its)
        ),
    )
    # A new temporary table has no statistics, and without them rows are joined one by one.
    _SQL.run(connection, "analyze")
    defaults = {dimension: default_mask(rules, dimension) for dimension in DIMENSIONS}
    _SQL.run(connection, "match", defaults)
    _SQL.run(connection, "index_entries")


def _values(connection: sa.Connection, dimension: str) -> Sequence[str]:
    column: sa.ColumnClause[str] = sa.column(dimension)
    query = sa.select(column).distinct().select_from(sa.table("candidate", column))
    return connection.execute(query.where(column.is_not(None))).scalars().all()


def _unused(connection: sa.Connection, file: RuleFile) -> Iterator[Unused]:
    rows = _SQL.run(connection, "use_of_rules", {"rules": len(file.rule)})
    for number, matched, decided in rows:
        if not decided:
            yield Unused(number, file.rule[number - 1], shadowed=matched)


def _store(connection: sa.Connection, file: RuleFile) -> int:
    """Write what is new or other, and return how many rows of lines that is."""
    _SQL.run(connection, "create_changed")
    changed = connection.execute(sa.text("SELECT count(*) FROM changed")).scalar_one()
    _SQL.run(connection, "delete_changed")
    _SQL.run(connection, "insert_changed")
    _SQL.run(connection, "create_sums")
    _SQL.run(connection, "delete_sums")
    _SQL.run(connection, "store_sums")
    said = {"digest": file.digest, "rules": file.as_json()}
    _SQL.run(connection, "store_rules", said)
    _SQL.run(connection, "delete_months")
    _SQL.run(connection, "store_months", said)
    return int(changed)
