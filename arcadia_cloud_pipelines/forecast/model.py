"""Says what the open month will cost, and tests the same rules on the months that are over.

What runs runs on, line by line, each with its own rate and no more than 672 hours a month; what
ended stays as it is; taxes and percentages follow the use. A line's rate is that of last month
where this month's use agrees with it: example, a droplet of $12 of which $4.00 are used after 224
hours costs $12 at the end. Use that is counted, such as traffic, goes on as on the last days.

Beside it stand two plain methods, the last invoice again and a straight line. How far each was off
in past months gives its range: the months are tested at several of their days, with nothing that
became known later. All amounts are made in the database, in sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .known import collect_lines
from .projection import project_lines

RULES = 3
"""Version of the rules: the next one tests all months anew."""
TEST_DAYS = (0, 1, 5, 10, 20)
TEST_MONTHS = 12
LEAST_MONTHS = 5
"""Months without which there is no range."""

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Forecast:
    """One method's word on the open month of one account; US dollars."""

    account: str
    period: date
    method: str
    low: Decimal | None
    """None while too few months are tested."""
    expected: Decimal
    high: Decimal | None
    taxes: Decimal | None
    back_test_error: Decimal | None
    """Mean error at this day of past months, as a share."""
    note: str | None
    """What may be wrong with it."""


@dataclass(frozen=True)
class Forecasts:
    """Result of one run."""

    forecasts: tuple[Forecast, ...]
    months_tested: int


def make_forecasts(warehouse: Warehouse, *, now: Clock = utc_now) -> Forecasts:
    """Test the past months that are not tested yet, and store a forecast of the open month.

    An account without a preview and without an invoice of last month gets none: nothing is known.

    Raises:
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    at = now()
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock")
        parameters = {"now": at, "months": TEST_MONTHS, "rules": RULES}
        due = _SQL.run(connection, "due_months", parameters).all()
        store_tests(connection, [(row.account, row.period) for row in due])
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock")
        _run(connection, "create_cuts", "add_open_cuts", now=at)
        _project(connection, live=True)
        _run(connection, "replace_lines")
        values = {"now": at, "months": TEST_MONTHS, "least_months": LEAST_MONTHS}
        stored = _SQL.run(connection, "store_forecasts", values).all()
    return Forecasts(tuple(Forecast(*row) for row in stored), len(due))


def store_tests(connection: sa.Connection, months: Sequence[tuple[str, date]]) -> None:
    """Store what each method would have said of closed months at several of their days.

    Args:
        connection: in a transaction.
        months: account and first day of each.
    """
    if not months:
        return
    accounts, periods = zip(*months, strict=True)
    values = {"accounts": list(accounts), "periods": list(periods), "days": list(TEST_DAYS)}
    _run(connection, "create_cuts", "add_test_cuts", **values)
    _project(connection, live=False)
    _SQL.run(connection, "forget_tests", values)
    _SQL.run(connection, "store_tests", {"rules": RULES})


def _project(connection: sa.Connection, *, live: bool) -> None:
    """Take the lines of each cut to the end of its month, and say what each method says."""
    collect_lines(connection, live=live)
    project_lines(connection, live=live)
    _run(connection, "create_said")


def _run(connection: sa.Connection, *names: str, **values: object) -> None:
    for name in names:
        _SQL.run(connection, name, values)
