"""Keeps the sums of months that views would take too long to make from a million lines.

One pattern for all of them. A view is the definition: it shows the rows kept of a month that
stands in `cloud_kept_months`, and makes them from the month's lines while it does not. Whoever
changes a line takes its month out, in the same transaction, by a trigger. `keep_months` makes the
months that are missing and keeps them. So an answer is right at any time, and quick once kept.

Lines do not say all: a resource moves to another project, or is resized. The months that such a
resource has lines in are made again by the next run. Example: a droplet that a late listing finds
in project b since March changes each month from March on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Kept:
    """Result of one run."""

    rows: int
    """Rows of `cloud_month_costs`."""
    months: int
    """All months that are kept now."""
    made: int
    """Those among them that this run made."""
    resources: int
    """Resources that are other than when their months were made."""


def keep_months(warehouse: Warehouse, *, now: Clock = utc_now) -> Kept:
    """Keep the sums of each month that has none, or rests on resources that changed.

    Raises:
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return keep(connection, now())


def keep(connection: sa.Connection, at: datetime) -> Kept:
    """Keep them in a transaction of the caller's."""
    for name in ("lock", "create_digests", "take_out_changed"):
        _SQL.run(connection, name)
    changed = _SQL.run(connection, "store_digests").rowcount
    for name in ("create_due", "create_costs", "create_rates"):
        _SQL.run(connection, name)
    made = _SQL.run(connection, "store_months", {"at": at}).rowcount
    for name in ("store_costs", "store_rates", "drop"):
        _SQL.run(connection, name)
    rows, months = _SQL.run(connection, "count_kept").one()
    return Kept(rows=rows, months=months, made=made, resources=changed)
