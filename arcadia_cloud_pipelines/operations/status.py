"""How the mirror is: the newest sync of each kind, as `cloud_sync_runs` has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ..inventory.freshness import AheadOfTime, ahead_of_time
from ..inventory.tables import cloud_sync_runs
from ..warehouse.engine import Warehouse


@dataclass(frozen=True)
class KindStatus:
    """The newest sync of one kind, and the newest complete one."""

    id: int
    """Of its row in `cloud_sync_runs`."""
    kind: str
    account: str | None
    started_at: datetime
    complete: bool
    available: bool
    rows: int | None
    problem: str | None
    """In words; None when the newest sync went well."""
    complete_at: datetime | None
    """Begin of the newest complete sync."""


def newest_syncs(warehouse: Warehouse) -> list[KindStatus]:
    """One for each kind that was ever synced, by name."""
    warehouse.check_migrated()
    runs = cloud_sync_runs
    complete = (
        sa.select(runs.c.kind, sa.func.max(runs.c.started_at).label("at"))
        .where(runs.c.complete)
        .group_by(runs.c.kind)
        .subquery()
    )
    query = (
        sa.select(runs, complete.c.at.label("complete_at"))
        .distinct(runs.c.kind)
        .outerjoin(complete, complete.c.kind == runs.c.kind)
        .order_by(runs.c.kind, runs.c.started_at.desc(), runs.c.id.desc())
    )
    with warehouse.transaction() as connection:
        rows = connection.execute(query).all()
    ahead = {sync.kind: sync for sync in ahead_of_time(warehouse)}
    return [
        KindStatus(
            id=row.id,
            kind=row.kind,
            account=row.account,
            started_at=row.started_at,
            complete=row.complete,
            available=row.available,
            rows=row.rows_seen,
            problem=_problem(row, ahead.get(row.kind)),
            complete_at=row.complete_at,
        )
        for row in rows
    ]


def _problem(row: sa.Row[tuple[object, ...]], ahead: AheadOfTime | None) -> str | None:
    problems = [str(ahead)] if ahead is not None else []
    if not row.available:
        problems.append(f"not available: {row.error}")
    elif row.error:
        problems.append(str(row.error))
    elif not row.complete:
        problems.append("incomplete")
    if row.implausible:
        problems.append(f"{row.missing:,} missing at once: real? Then confirm-loss {row.kind}")
    if row.withheld:
        fields = ", ".join(sorted(row.withheld))
        problems.append(f"{fields} gone empty everywhere: real? Then confirm-loss {row.kind}")
    return "; ".join(problems) or None


def accounts(warehouse: Warehouse) -> dict[str, datetime]:
    """Every account that was ever synced, with the begin of its newest sync."""
    runs = cloud_sync_runs.c
    query = (
        sa.select(runs.account, sa.func.max(runs.started_at))
        .where(runs.account.is_not(None))
        .group_by(runs.account)
    )
    with warehouse.transaction() as connection:
        return {account: at for account, at in connection.execute(query).tuples() if account}
