"""One sync of one kind: list it, record it, and leave a row that says how it went."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

import sqlalchemy as sa

from ..digitalocean import DigitalOcean, DigitalOceanError, Forbidden, NotFound, read_listing
from ..times import Clock, utc_now
from ..warehouse.engine import Warehouse, WarehouseError
from . import ledger
from .kinds import KIND_BY_NAME, Json, Kind
from .sightings import Sighting, dropped_fields, identity_of, sightings
from .tables import cloud_sync_runs

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]

SUPERSEDED = "superseded: a sync that began later was recorded first"


@dataclass(frozen=True)
class KindListing:
    """What the API said of one kind."""

    items: list[Json]
    expected: int | None
    """Distinct things the API says there are; None where it gives no total."""
    complete: bool
    reason: str | None
    """Why it is not complete."""
    available: bool = True
    """False when nobody may list it: the items were learnt elsewhere."""


@dataclass(frozen=True)
class SyncResult:
    """What one sync came to, as its row in `cloud_sync_runs` has it."""

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


Lister = Callable[[DigitalOcean, Kind, Progress | None], KindListing]


def list_kind(client: DigitalOcean, kind: Kind, progress: Progress | None = None) -> KindListing:
    """Every object of one kind, each once.

    Children are asked for parent by parent, after a listing of the parents. A parent that is gone
    by then is left out, and its children with it.

    Raises:
        DigitalOceanError: a page could not be read; there is no partial result.
    """
    identity = identity_of(kind)
    items: dict[str, Json] = {}
    read = 0
    totals: list[int | None] = []
    reasons = []
    for endpoint in kind.endpoints:
        parents: list[str | None] = [None]
        if endpoint.per is not None:
            parent_kind = KIND_BY_NAME[endpoint.per]
            listed = list_kind(client, parent_kind, progress)
            parents = [identity_of(parent_kind)(item) for item in listed.items]
            if listed.reason is not None:
                reasons.append(listed.reason)
        for number, parent in enumerate(parents, 1):

            def on_page(
                seen: int, total: int | None, before: int = read, single: bool = parent is None
            ) -> None:
                if progress is not None and single:
                    of = "" if total is None else f" of {before + total:,}"
                    progress(f"{kind.asset}: {before + seen:,}{of} listed")

            try:
                listing = read_listing(
                    client,
                    endpoint.path
                    if parent is None
                    else endpoint.path.format(parent=quote(parent, safe="")),
                    envelope=endpoint.envelope,
                    identity=identity,
                    params=endpoint.params,
                    paged=endpoint.paged,
                    on_page=on_page,
                    scope=kind.scope,
                )
            except NotFound:
                if parent is None:
                    raise
                logger.warning("%s: a %s went away while listed", kind.asset, endpoint.per)
                continue
            read += len(listing.items)
            for item in listing.items:
                if parent is not None:
                    item.setdefault(endpoint.parent_field, parent)
                items[identity(item)] = item
            totals.append(listing.total)
            if listing.reason is not None:
                reasons.append(listing.reason)
            if parent is not None and progress is not None:
                of = f"{number:,} of {len(parents):,} parents"
                progress(f"{kind.asset}: {len(items):,} listed, {of}")
    known = [total for total in totals if total is not None]
    kept = [
        item
        for item in items.values()
        if not any(item.get(name) == value for name, value in kind.leave_out.items())
    ]
    return KindListing(
        items=kept,
        # What two endpoints both list is one thing, and what is another kind's is none.
        expected=sum(known) - (read - len(kept)) if len(known) == len(totals) else None,
        complete=not reasons,
        reason="; ".join(reasons) or None,
    )


def sync_kind(
    warehouse: Warehouse,
    client: DigitalOcean,
    kind: Kind,
    *,
    run_id: str | None = None,
    now: Clock = utc_now,
    progress: Progress | None = None,
    guard: ledger.Guard | None = None,
    lister: Lister = list_kind,
    calls: Callable[[], int] | None = None,
) -> SyncResult:
    """List one kind and record it, in one transaction, with its row in `cloud_sync_runs`.

    An endpoint that answers 403, or 404 for a feature the team never used, is recorded as not
    available: no error, and nothing is struck.

    Args:
        warehouse: where to.
        client: says whose the account is, and what there is.
        kind: its entry in the registry.
        run_id: the Dagster run it is part of.
        now: the clock.
        progress: told how far the listing is.
        guard: what counts as implausible; the contract's figures when None.
        lister: what lists it, for a kind that is not the API's.
        calls: HTTP requests made so far; the client's when None.

    Raises:
        DigitalOceanError: the listing failed. Rows are untouched; the failure has its sync row.
        WarehouseError: the warehouse is away or not migrated; nothing was written but, where it
            answers again, the failure's sync row.
    """
    warehouse.check_migrated()
    started_at = now()
    count = calls or (lambda: client.calls)
    calls_before = count()
    account = None

    def failed(error: Exception, *, available: bool) -> SyncResult:
        return record_failure(
            warehouse, kind.name, account, started_at, now(), count() - calls_before, error,
            available=available, run_id=run_id,
        )  # fmt: skip

    try:
        account = client.account().uuid
        try:
            listing = lister(client, kind, progress)
        except (Forbidden, NotFound) as error:
            return failed(error, available=False)
    except DigitalOceanError as error:
        failed(error, available=True)
        raise
    try:
        return record_listing(
            warehouse,
            ledger.Observation(
                account=account,
                kind=kind.name,
                started_at=started_at,
                sightings=sightings(kind, listing.items),
                complete=listing.complete,
                run_id=run_id,
                dropped_fields=dropped_fields(kind),
            ),
            expected=listing.expected,
            reason=listing.reason,
            available=listing.available,
            api_calls=lambda: count() - calls_before,
            now=now,
            guard=guard,
        )
    except WarehouseError as error:
        failed(error, available=True)
        raise


def record_listing(
    warehouse: Warehouse,
    observation: ledger.Observation,
    *,
    expected: int | None,
    reason: str | None,
    api_calls: Callable[[], int],
    now: Clock,
    guard: ledger.Guard | None = None,
    available: bool = True,
) -> SyncResult:
    """Give one listing to the ledger and store its sync row, both in one transaction."""
    with warehouse.transaction() as connection:
        recorded = ledger.record(connection, observation, guard)
        result = SyncResult(
            kind=observation.kind,
            account=observation.account,
            started_at=observation.started_at,
            ended_at=now(),
            rows_seen=None if recorded.superseded else len(observation.sightings),
            rows_expected=expected,
            complete=observation.complete and not recorded.superseded,
            api_calls=api_calls(),
            available=available,
            error=SUPERSEDED if recorded.superseded else reason,
            recorded=recorded,
            sample=tuple(observation.sightings[:10]),
        )
        store_sync(connection, result, observation.run_id)
    return result


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
    """Add the row of one sync."""
    recorded = result.recorded
    connection.execute(
        cloud_sync_runs.insert().values(
            account=result.account,
            kind=result.kind,
            run_id=run_id,
            started_at=result.started_at,
            ended_at=result.ended_at,
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
