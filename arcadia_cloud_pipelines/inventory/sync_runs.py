"""The row that each sync of one kind leaves: what freshness and completeness rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from ..warehouse.engine import Warehouse
from ..warehouse.errors import WarehouseError
from . import ledger
from .sightings import Sighting
from .tables import cloud_sync_runs

SUPERSEDED = "superseded: a sync that began later was recorded first"


@dataclass(frozen=True)
class SyncResult:
    """Result of one sync, as its row in `cloud_sync_runs` has it."""

    kind: str
    account: str | None
    started_at: datetime
    ended_at: datetime
    rows_seen: int | None
    rows_expected: int | None
    complete: bool
    api_calls: int
    available: bool = True
    error: str | None = None
    recorded: ledger.Recorded = field(default_factory=ledger.Recorded)
    sample: tuple[Sighting, ...] = ()
    """A few rows for people to look at."""


def not_ahead(connection: sa.Connection, time: datetime) -> datetime:
    """Return a time, or the database's present where that is earlier."""
    present: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return min(time, present)


def record_failure(
    warehouse: Warehouse,
    kind: str,
    account: str | None,
    started_at: datetime,
    ended_at: datetime,
    api_calls: int,
    error: Exception,
    *,
    available: bool,
    run_id: str | None,
) -> SyncResult:
    """Store the row of a sync that listed nothing, and return it.

    If the warehouse is away, the first error is the one to tell: only a result that the caller
    goes on with insists on its row.
    """
    result = SyncResult(
        kind=kind,
        account=account,
        started_at=started_at,
        ended_at=ended_at,
        rows_seen=None,
        rows_expected=None,
        complete=False,
        api_calls=api_calls,
        available=available,
        error=str(error),
    )
    try:
        with warehouse.transaction() as connection:
            store_sync(connection, result, run_id)
    except WarehouseError:
        if not available:
            raise
    return result


def store_sync(connection: sa.Connection, result: SyncResult, run_id: str | None) -> None:
    """Add the row of one sync; no time in it is later than the database's present."""
    recorded = result.recorded
    connection.execute(
        cloud_sync_runs.insert().values(
            account=result.account,
            kind=result.kind,
            run_id=run_id,
            started_at=sa.func.least(result.started_at, sa.func.clock_timestamp()),
            ended_at=sa.func.least(result.ended_at, sa.func.clock_timestamp()),
            rows_seen=result.rows_seen,
            rows_expected=result.rows_expected,
            complete=result.complete,
            available=result.available,
            api_calls=result.api_calls,
            discovered=recorded.discovered,
            updated=recorded.updated,
            restored=recorded.restored,
            struck=recorded.struck,
            deleted=recorded.deleted,
            missing=recorded.missing,
            implausible=recorded.implausible,
            withheld=recorded.withheld,
            foreign_rows=recorded.foreign,
            error=result.error,
        )
    )
