"""The state of the mirror: the newest sync of each kind, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..warehouse.engine import Warehouse
from .freshness import AheadOfTime, KindSyncs, ahead_of_time, kind_syncs


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
    """Return one for each kind that was ever synced, by name."""
    ahead = {sync.kind: sync for sync in ahead_of_time(warehouse)}
    return [
        KindStatus(
            id=sync.id,
            kind=sync.kind,
            account=sync.account,
            started_at=sync.started_at,
            complete=sync.complete,
            available=sync.available,
            rows=sync.rows_seen,
            problem=_problem(sync, ahead.get(sync.kind)),
            complete_at=sync.complete_at,
        )
        for sync in kind_syncs(warehouse)
    ]


def _problem(sync: KindSyncs, ahead: AheadOfTime | None) -> str | None:
    problems = [str(ahead)] if ahead is not None else []
    if not sync.available:
        problems.append(f"not available: {sync.error}")
    elif sync.error:
        problems.append(str(sync.error))
    elif not sync.complete:
        problems.append("incomplete")
    if sync.implausible:
        problems.append(
            f"{sync.missing:,} missing at once: if it is real, run `arcadia inventory "
            f"confirm-loss {sync.kind}`"
        )
    if sync.withheld:
        fields = ", ".join(sorted(sync.withheld))
        problems.append(
            f"{fields} gone empty everywhere: if it is real, run `arcadia inventory "
            f"confirm-loss {sync.kind}`"
        )
    return "; ".join(problems) or None
