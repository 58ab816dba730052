"""Budgets: what a month may cost, in a TOML file that is reviewed like code.

    [[budget]]
    name = "web"
    amount = 500.00
    project = "web"

A budget is of US dollars a month. It is about everything, or about one `project` (its name or
uuid), `tenant`, `kind` or `tag` (`env:prod`, or a key alone), and in any case of one `account`
where that is given. The file is the truth: budgets that it does not hold end with the next run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

SCOPES = ("project", "tenant", "kind", "tag")
MOST = Decimal(1_000_000_000)

_SQL = Statements(__file__)


class BudgetsError(Exception):
    """The file of budgets cannot be used; the text names file, budget and key."""


@dataclass(frozen=True)
class Budget:
    """What one scope may cost a month; US dollars."""

    name: str
    amount: Decimal
    account: str | None = None
    scope: str = "account"
    """account, or one of SCOPES."""
    scope_value: str | None = None
    """Which project, tenant, kind or tag; None for all of the account."""


def read_budgets(path: Path) -> tuple[Budget, ...]:
    """Read a file.

    Raises:
        BudgetsError: it cannot be read, or `load_budgets` refuses it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BudgetsError(
            f"The file of budgets {path} cannot be read ({reason}): correct ARCADIA_BUDGETS."
        ) from None
    return load_budgets(text, str(path))


def load_budgets(text: str, source: str) -> tuple[Budget, ...]:
    """Read and check budgets.

    Args:
        text: TOML, as the head of this module says.
        source: what messages call it.

    Raises:
        BudgetsError: it is not TOML, a key is unknown, missing or unusable, or a name is twice.
    """
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError, RecursionError) as error:
        raise BudgetsError(f"{source} is not valid TOML: {error}. Correct the file.") from None
    entries = document.get("budget")
    if set(document) != {"budget"} or not isinstance(entries, list):
        # A file cut short must not end all budgets.
        raise BudgetsError(
            f"{source} must hold only [[budget]] tables: write at least one, or `budget = []` for "
            "no budgets."
        )
    budgets: dict[str, Budget] = {}
    for number, entry in enumerate(entries, 1):
        budget = _budget(entry, f"{source}, [[budget]] number {number}")
        if budget.name in budgets:
            raise BudgetsError(
                f"{source}, [[budget]] number {number}: the name {budget.name!r} is used "
                "twice: choose another."
            )
        budgets[budget.name] = budget
    return tuple(budgets.values())


def _budget(entry: Any, where: str) -> Budget:
    if not isinstance(entry, Mapping):
        raise BudgetsError(f"{where} must be a table.")
    known = ("name", "amount", "account", *SCOPES)
    unknown = sorted(set(entry) - set(known))
    if unknown:
        raise BudgetsError(
            f"{where}: {', '.join(map(repr, unknown))} is not a key: write one of "
            f"{', '.join(known)}."
        )
    for key in ("name", "amount"):
        if key not in entry:
            raise BudgetsError(f"{where}: {key} is missing: add it.")
    texts = {key: _text(entry[key], f"{where}: {key}") for key in entry if key != "amount"}
    scopes = [key for key in SCOPES if key in texts]
    if len(scopes) > 1:
        raise BudgetsError(
            f"{where}: {' and '.join(scopes)} cannot be used together: give one of them."
        )
    return Budget(
        texts["name"],
        _amount(entry["amount"], where),
        texts.get("account"),
        *((scopes[0], texts[scopes[0]]) if scopes else ()),
    )


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BudgetsError(f"{what} must be a text.")
    if not value or value != value.strip() or not value.isprintable() or len(value) > 200:
        raise BudgetsError(
            f"{what} must be a text of 1 to 200 characters, without blanks at its ends and without "
            "control characters."
        )
    return value


def _amount(value: Any, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BudgetsError(f"{where}: amount must be a number of US dollars, such as 500.00.")
    amount = Decimal(value)
    if not amount.is_finite() or not 0 < amount <= MOST:
        raise BudgetsError(f"{where}: amount must be above 0 and at most {MOST:,}.")
    if amount != amount.quantize(Decimal("0.01")):
        raise BudgetsError(f"{where}: amount must have at most two decimals.")
    return amount


def follow_budgets(warehouse: Warehouse, path: Path | None) -> int:
    """Bring `cloud_budgets` to the file, in one transaction, and return how many there are.

    Without a file there are none.

    Raises:
        BudgetsError: the file cannot be used; the budgets are as they were.
        WarehouseError: the warehouse is away or not migrated; the budgets are as they were.
    """
    warehouse.check_migrated()
    budgets = read_budgets(path) if path is not None else ()
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock")
        _SQL.run(connection, "create_read")
        copy_rows(connection, "read_budgets", _COLUMNS, _rows(budgets))
        _SQL.run(connection, "delete_gone")
        _SQL.run(connection, "upsert")
    return len(budgets)


_COLUMNS = tuple(field.name for field in fields(Budget))


def _rows(budgets: Iterable[Budget]) -> Iterable[tuple[object, ...]]:
    return (astuple(budget) for budget in budgets)
