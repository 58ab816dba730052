"""Resources that break the tag policy, for the check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ..warehouse.engine import Warehouse
from .policy import statements

SHOWN = 20


@dataclass(frozen=True)
class Breaks:
    """One resource that breaks the policy."""

    account: str
    kind: str
    name: str | None
    missing_keys: Sequence[str]
    bad_tags: Sequence[str]
    monthly_amount: Decimal | None


@dataclass(frozen=True)
class Broken:
    """All resources that do."""

    resources: int
    amount: Decimal
    """US dollars in the last closed month."""
    dearest: Sequence[Breaks]


def broken(warehouse: Warehouse) -> Broken:
    """Return how many live resources break the policy, what they cost, and the dearest."""
    with warehouse.transaction() as connection:
        rows = statements.run(connection, "broken", {"most": SHOWN}).all()
    if not rows:
        return Broken(0, Decimal(0), ())
    return Broken(rows[0].resources, rows[0].amount or Decimal(0), [Breaks(*r[:6]) for r in rows])
