"""How old is what the inventory says?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from .tables import cloud_sync_runs

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far ahead of now a date may be: clocks of two machines are never the same."""


@dataclass(frozen=True)
class AheadOfTime:
    """A sync that is dated later than now, so that its age says nothing."""

    id: int
    kind: str
    started_at: datetime

    def __str__(self) -> str:
        return (
            f"the sync {self.id} of {self.kind} is dated {self.started_at:%Y-%m-%d %H:%M} UTC, "
            "which is ahead of now: a clock was wrong, and nothing says how old it is. Void it: "
            f"`arcadia inventory void-sync {self.id}`"
        )


def newest_complete_syncs(warehouse: Warehouse) -> dict[str, datetime]:
    """For each kind, when its newest complete listing began; kinds without one are missing."""
    warehouse.check_migrated()
    runs = cloud_sync_runs.c
    query = (
        sa.select(runs.kind, sa.func.max(runs.started_at)).where(runs.complete).group_by(runs.kind)
    )
    with warehouse.transaction() as connection:
        return dict(connection.execute(query).tuples().all())


def ahead_of_time(warehouse: Warehouse) -> list[AheadOfTime]:
    """Return the syncs that are dated ahead of the database's clock, by kind."""
    warehouse.check_migrated()
    runs = cloud_sync_runs.c
    query = (
        sa.select(runs.id, runs.kind, runs.started_at)
        .where(runs.started_at > sa.func.clock_timestamp() + CLOCK_TOLERANCE)
        .order_by(runs.kind, runs.started_at)
    )
    with warehouse.transaction() as connection:
        return [AheadOfTime(*row) for row in connection.execute(query)]
