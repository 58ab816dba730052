"""Rules and a small account, with short words for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.allocation.allocate import Allocated, apply
from arcadia_cloud_pipelines.allocation.rules import parse_allocation_rules
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..marts.conftest import Account

Apply = Callable[..., Allocated]
Paid = Callable[..., dict[str, Decimal]]


@pytest.fixture
def account(warehouse: Warehouse) -> Iterator[Account]:
    """Rows written in one transaction, in which rules are applied."""
    with warehouse.transaction() as connection:
        yield Account(connection)


@pytest.fixture
def run(account: Account) -> Apply:
    """Apply rules that are written as TOML; without any, those in force."""

    def allocate(rules: str | None = None, *, dry_run: bool = False) -> Allocated:
        file = None if rules is None else parse_allocation_rules(rules, "rules.toml")
        return apply(account.connection, file, source="rules.toml", dry_run=dry_run)

    return allocate


@pytest.fixture
def paid(account: Account) -> Paid:
    """Return US dollars by who pays: tenants by name, nobody by reason in brackets."""

    def ask(where: str = "true") -> dict[str, Decimal]:
        rows = account.connection.execute(
            sa.text(
                "SELECT coalesce(tenant_id, '(' || reason || ')') AS who, sum(amount)"
                f" FROM cloud_cost_allocations WHERE {where} GROUP BY 1 ORDER BY 1"
            )
        )
        return {row[0]: row[1] for row in rows}

    return ask
