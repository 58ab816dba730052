"""The age of what the mirror says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ...common.late import CLOCK_TOLERANCE
from ...common.times import ago
from ...inventory.freshness import STALE_AFTER, KindSyncs, kind_syncs, mirrored_teams
from ...kinds import SPACES_BUCKET
from ...settings import Settings
from ...warehouse.engine import Warehouse
from ..home import Home
from .findings import Finding, neither, well, wrong

NOTHING_YET = "nothing was listed so far, so the tables are empty: `make up` fills them"


def check_freshness(
    settings: Settings, home: Home, warehouse: Warehouse, now: datetime
) -> Iterator[Finding]:
    """Tell how old each kind's newest complete sync is; nothing if there never was one."""
    syncs = kind_syncs(warehouse)
    if not syncs:
        yield neither("freshness", NOTHING_YET)
        return
    teams = mirrored_teams(warehouse)
    unavailable, stale, fresh = [], [], set()
    for sync in syncs:
        whose = f" of {teams.get(sync.account or '') or sync.account}" if len(teams) > 1 else ""
        if _is_unavailable(sync, settings):
            unavailable.append(f"{sync.kind}{whose}")
        elif not _is_fresh(sync, now):
            stale.append(f"{sync.kind}{whose} {_age(sync, now)}")
        else:
            fresh.add(sync.kind)
    hours = f"{STALE_AFTER.total_seconds() / 3600:.0f} hours"
    if unavailable:
        yield neither("freshness", f"this token may not read: {', '.join(unavailable)}")
    if not stale:
        yield well(
            "freshness",
            f"{len(fresh)} kinds of resources were listed completely in the last {hours}",
        )
    elif not settings.has_account and not home.in_use():
        yield neither(
            "freshness", f"simulated, from {ago(now - max(s.started_at for s in syncs))} ago"
        )
    else:
        yield wrong(
            "freshness",
            f"not listed completely in the last {hours}: {', '.join(stale)}",
            "run `make up` if it is not running, else look at the runs in the Dagster UI and at "
            "`arcadia inventory status`",
        )


def _is_unavailable(sync: KindSyncs, settings: Settings) -> bool:
    """Return whether the API last said so. A sync that failed since, such as by 401, said nothing.

    Buckets are not listed at all without a key pair of Spaces.
    """
    if sync.kind == SPACES_BUCKET.name and settings.spaces.key is None and not sync.complete_at:
        return True
    return not sync.available or (sync.answer_available is False and sync.complete_at is None)


def _is_fresh(sync: KindSyncs, now: datetime) -> bool:
    return (
        sync.complete_at is not None and -CLOCK_TOLERANCE <= now - sync.complete_at <= STALE_AFTER
    )


def _age(sync: KindSyncs, now: datetime) -> str:
    if sync.complete_at is None:
        return "never"
    age = now - sync.complete_at
    return f"{ago(age)} ago" if age > -CLOCK_TOLERANCE else f"{ago(-age)} in the future"
