"""A person's word that a sync is to count for nothing, for one that a wrong clock dated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from .tables import cloud_sync_runs


class NothingToVoid(Exception):
    """There is no such sync, or it counts for nothing already; the text says which."""


@dataclass(frozen=True)
class Voided:
    """One sync that was voided."""

    id: int
    kind: str
    started_at: datetime
    """As it was dated before."""


def void_sync(warehouse: Warehouse, sync_id: int, *, actor: str, reason: str | None) -> Voided:
    """Let one sync count for nothing: not as complete, not as the newest, superseding no other.

    Its row stays and says who voided it and when it said that it began. What it recorded of
    resources stays too, and the next sync of the kind puts it right.

    Args:
        warehouse: where it is.
        sync_id: its `id` in `cloud_sync_runs`.
        actor: who says so.
        reason: why, in their words.

    Raises:
        NothingToVoid: there is no such sync, or it failed or was voided and counts for nothing.
        WarehouseError: the warehouse is away or not migrated; nothing was changed.
    """
    warehouse.check_migrated()
    runs = cloud_sync_runs
    this = runs.c.id == sync_id
    with warehouse.transaction() as connection:
        row = connection.execute(sa.select(runs).where(this).with_for_update()).one_or_none()
        if row is None:
            raise NothingToVoid(
                f"There is no sync {sync_id}: see `arcadia inventory status` for the newest of "
                "each kind of resource."
            )
        now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        if row.rows_seen is None and not row.complete and row.started_at <= now:
            raise NothingToVoid(
                f"The sync {sync_id} of {row.kind} was voided already: leave it as it is."
            )
        why = f": {reason}" if reason else ""
        told = f"voided by {actor}{why} (it said that it began {row.started_at:%Y-%m-%d %H:%M} UTC)"
        connection.execute(
            sa.update(runs)
            .where(this)
            .values(
                rows_seen=None,
                complete=False,
                implausible=False,
                withheld={},
                started_at=sa.func.least(runs.c.started_at, now),
                ended_at=sa.func.least(runs.c.ended_at, now),
                error=told if row.error is None else f"{told}; before: {row.error}",
            )
        )
    return Voided(row.id, row.kind, row.started_at)
