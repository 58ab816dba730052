"""A person's word that an implausible loss is real.

The ledger strikes nothing when a listing lacks more than plausibly could be gone, or when a field
went empty everywhere. If that is what really happened, somebody says so here, and the next syncs
record it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..kinds import KIND_BY_NAME, UNKNOWN
from ..warehouse.engine import Warehouse
from .freshness import KindSyncs, kind_syncs
from .tables import cloud_loss_confirmations

VALID_FOR = timedelta(days=7)
"""Long enough for the three complete listings that a deletion takes, and some that fail."""

CONFIRMABLE = frozenset({*KIND_BY_NAME, UNKNOWN})


class NothingToConfirm(Exception):
    """There is no such kind, or no such loss; the text says which."""


@dataclass(frozen=True)
class Confirmation:
    """A loss that was confirmed."""

    kind: str
    account: str
    missing: int
    """Live rows that the newest listing lacked; 0 unless it was implausible."""
    withheld: dict[str, int]
    """Fields gone empty, with the number of rows that had them."""
    valid_until: datetime


def confirm_loss(
    warehouse: Warehouse,
    kind: str,
    *,
    actor: str,
    reason: str | None,
    now: datetime,
    account: str | None = None,
) -> Confirmation:
    """Confirm what the newest sync of a kind found implausible, for the account it listed.

    Args:
        warehouse: where the syncs are.
        kind: as `cloud_resources.kind` spells it, or `project`.
        actor: who says so.
        reason: why, in their words.
        now: the confirmation holds for `VALID_FOR` from here, or until a complete listing misses
            nothing.
        account: whose loss it is, where several accounts are mirrored; the newest one's when None.

    Raises:
        NothingToConfirm: no such kind, no sync of it, or nothing implausible in the newest.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    if kind not in CONFIRMABLE:
        raise NothingToConfirm(
            f"{kind!r} is not a kind of resource: use one of {', '.join(sorted(CONFIRMABLE))}."
        )
    warehouse.check_migrated()
    row, whose = _newest_loss(warehouse, kind, account)
    confirmation = Confirmation(
        kind=kind,
        account=whose,
        missing=row.missing if row.implausible else 0,
        withheld=dict(row.withheld),
        valid_until=now + VALID_FOR,
    )
    with warehouse.transaction() as connection:
        connection.execute(
            cloud_loss_confirmations.insert().values(
                account=confirmation.account,
                kind=kind,
                confirmed_at=now,
                confirmed_by=actor,
                reason=reason,
                valid_until=confirmation.valid_until,
            )
        )
    return confirmation


def _newest_loss(warehouse: Warehouse, kind: str, account: str | None) -> tuple[KindSyncs, str]:
    """Return the newest sync that found an implausible loss, and its account."""
    newest = [sync for sync in kind_syncs(warehouse) if sync.kind == kind]
    if not newest:
        raise NothingToConfirm(
            f"{kind} was never listed, so there is no loss to confirm: materialise its asset first."
        )
    lost = [
        (sync, sync.account)
        for sync in newest
        if sync.account is not None
        and account in (None, sync.account)
        and (sync.implausible or sync.withheld)
    ]
    if lost:
        return max(lost, key=lambda found: found[0].started_at)
    last = max(newest, key=lambda sync: sync.started_at)
    raise NothingToConfirm(
        f"The newest sync of {kind} ({last.started_at:%Y-%m-%d %H:%M} UTC) found no "
        "implausible loss, so there is nothing to confirm: leave it as it is."
    )
