"""How old and how complete is what the inventory says? The one place that asks.

No row is read but the newest of each kind and account: checks ask this at every refresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ..common.late import CLOCK_TOLERANCE, HOURLY
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

STALE_AFTER = HOURLY
"""Age from which a kind's newest complete listing is late; there is one every hour."""

_SQL = Statements(__file__)


@dataclass(frozen=True)
class KindSyncs:
    """The newest sync of one kind, its newest complete one, and its newest with an answer."""

    id: int
    kind: str
    account: str | None
    started_at: datetime
    complete: bool
    available: bool
    rows_seen: int | None
    error: str | None
    implausible: bool
    missing: int
    withheld: Mapping[str, int]
    complete_at: datetime | None
    """Begin of the newest complete sync."""
    answer_available: bool | None
    """What the API last said; None when it never said anything. A failed sync says nothing."""
    answer_implausible: bool | None
    answer_missing: int | None
    answer_withheld: Mapping[str, int] | None


MIRRORED_WITHIN = timedelta(hours=3)
"""An account with an attempt so short before the newest of all accounts is mirrored still."""


def kind_syncs(warehouse: Warehouse) -> list[KindSyncs]:
    """Return one for each kind that was ever synced, by name; one an account where several are."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        accounts = _mirrored(connection)
        # Of one account alone, what failed before it knew its account counts against it.
        asked = [None] if len(accounts) < 2 else [*accounts]
        return [sync for account in asked for sync in _kinds(connection, account)]


def _kinds(connection: sa.Connection, account: str | None) -> list[KindSyncs]:
    rows = _SQL.run(connection, "kinds", {"account": account}).mappings()
    return [KindSyncs(**row) for row in rows]


def mirrored_accounts(warehouse: Warehouse) -> list[str]:
    """Return the accounts that are looked after now, in order.

    Those that syncs of the last hours were about, and those of teams, until they are retired: a
    team of which nothing comes any more is one to tell of, not one that is over.
    """
    return [*mirrored_teams(warehouse)]


def mirrored_teams(warehouse: Warehouse) -> dict[str, str | None]:
    """Return the same accounts, each with the name of its team where it has one."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return _mirrored(connection)


def _mirrored(connection: sa.Connection) -> dict[str, str | None]:
    accounts = _SQL.run(connection, "accounts").all()
    if not accounts:
        return {}
    since = max(row.started_at for row in accounts) - MIRRORED_WITHIN
    return {
        row.account: row.team
        for row in accounts
        if row.started_at >= since or (row.team is not None and row.lives)
    }


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


def newest_complete_syncs(warehouse: Warehouse, account: str | None = None) -> dict[str, datetime]:
    """Return when each kind's newest complete listing began; kinds without one are missing.

    Args:
        warehouse: where.
        account: whose listings; those of any when None.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        syncs = _kinds(connection, account)
    return {sync.kind: sync.complete_at for sync in syncs if sync.complete_at is not None}


def ahead_of_time(warehouse: Warehouse) -> list[AheadOfTime]:
    """Return the syncs that are dated ahead of the database's clock, by kind."""
    warehouse.check_migrated()
    values = {"tolerance": CLOCK_TOLERANCE}
    with warehouse.transaction() as connection:
        return [AheadOfTime(*row) for row in _SQL.run(connection, "ahead", values)]


def synced_accounts(warehouse: Warehouse) -> dict[str, datetime]:
    """Return every account that was ever synced, with the begin of its newest sync."""
    with warehouse.transaction() as connection:
        return {row.account: row.started_at for row in _SQL.run(connection, "accounts")}
