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

from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ..inventory.kind_names import unknown_kind
from ..settings.reviewed_files import EXACT, ReviewedFileError, Text, parse, read_text
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

VARIABLE = "ARCADIA_BUDGETS"
SCOPES = ("project", "tenant", "kind", "tag")
MOST = Decimal(1_000_000_000)

_SQL = Statements(__file__)


class BudgetsError(ReviewedFileError):
    """The file of budgets cannot be used; the text names file, budget and key."""


def _whole_cents(amount: Decimal) -> Decimal:
    if not amount.is_finite() or not 0 < amount <= MOST:
        raise ValueError(f"must be above 0 and at most {MOST:,}")
    if amount != amount.quantize(Decimal("0.01")):
        raise ValueError("must have at most two decimals")
    return amount


def _kind(name: str) -> str:
    problem = unknown_kind(name)
    if problem is not None:
        raise ValueError(problem)
    return name


class _Entry(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Text
    # Pydantic would refuse `nan` before us, in words of its own.
    amount: Annotated[Decimal, Field(allow_inf_nan=True), EXACT, AfterValidator(_whole_cents)]
    account: Text | None = None
    project: Text | None = None
    tenant: Text | None = None
    kind: Annotated[Text, AfterValidator(_kind)] | None = None
    tag: Text | None = None

    def scopes(self) -> list[tuple[str, str]]:
        """Return what it is about beside the account, and which."""
        given = ((scope, getattr(self, scope)) for scope in SCOPES)
        return [(scope, value) for scope, value in given if value is not None]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    budget: tuple[_Entry, ...]


@dataclass(frozen=True)
class Budget:
    """The most that one scope may cost a month; US dollars."""

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
        return load_budgets(read_text(path, VARIABLE), str(path))
    except ReviewedFileError as error:
        raise BudgetsError(str(error)) from None


def load_budgets(text: str, source: str) -> tuple[Budget, ...]:
    """Read and check budgets.

    Args:
        text: TOML, as the head of this module says.
        source: what messages call it.

    Raises:
        BudgetsError: it is not TOML, a key is unknown, missing or unusable, or a name is twice.
    """
    try:
        entries = parse(text, source, file=_File, entry=_Entry, table="budget").budget
    except ReviewedFileError as error:
        raise BudgetsError(str(error)) from None
    for problem in _problems(entries):
        raise BudgetsError(f"{source}, {problem}.")
    return tuple(Budget(e.name, e.amount, e.account, *chain(*e.scopes())) for e in entries)


def _problems(entries: Iterable[_Entry]) -> Iterator[str]:
    """Yield what is wrong with budgets whose values are right one by one."""
    names: set[str] = set()
    for number, entry in enumerate(entries, 1):
        where = f"budget {number} ({entry.name})"
        scopes = [scope for scope, _ in entry.scopes()]
        if len(scopes) > 1:
            yield f"{where}: {' and '.join(scopes)} cannot be used together: give one of them"
        if entry.name in names:
            yield f"{where}, name: the name is used twice: choose another"
        names.add(entry.name)


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
        copy_rows(connection, "read_budgets", _COLUMNS, map(astuple, budgets))
        _SQL.run(connection, "delete_gone")
        _SQL.run(connection, "upsert")
    return len(budgets)


_COLUMNS = tuple(field.name for field in fields(Budget))
