"""One sync of one kind: list it, record it, and leave a row that says how it went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..common.times import Clock, utc_now
from ..digitalocean import DigitalOcean, DigitalOceanError, Forbidden, NotFound
from ..digitalocean.accounts import know_accounts, presumed_account
from ..digitalocean.errors import clean
from ..kinds import Kind
from ..warehouse.engine import Warehouse
from ..warehouse.errors import WarehouseError
from . import ledger
from .listing import KindListing, Progress, list_whole
from .sightings import LONGEST, Sighting, dropped_fields, sightings
from .sync_runs import SUPERSEDED, SyncResult, not_ahead, record_failure, store_sync


@dataclass(frozen=True)
class Fetched:
    """One listing on its way to the ledger."""

    kind: Kind
    account: str
    started_at: datetime
    sightings: list[Sighting]
    listing: KindListing
    """What is to be said of it, without its items."""
    api_calls: int


@dataclass(frozen=True)
class NotFetched:
    """A listing that failed."""

    kind: Kind
    account: str | None
    """None when the API did not even say whose the token is."""
    started_at: datetime
    ended_at: datetime
    api_calls: int
    error: DigitalOceanError


Lister = Callable[[DigitalOcean, Kind, Progress | None], KindListing]


def fetch_kind(
    client: DigitalOcean,
    kind: Kind,
    *,
    now: Clock = utc_now,
    progress: Progress | None = None,
    lister: Lister = list_whole,
) -> Fetched | NotFetched:
    """List one kind and drop what must not be stored: all that needs no warehouse.

    Returns an error of the API instead of raising it: whoever records it leaves its sync row.

    Args:
        client: says whose the account is, and what there is.
        kind: its entry in the registry.
        now: the clock.
        progress: told how far the listing is.
        lister: what lists it, for a kind that is not the API's; the calls it makes elsewhere it
            adds to the client's.
    """
    started_at = now()
    calls_before = client.calls
    account = presumed_account(client)
    try:
        account = client.account().uuid
        listing = lister(client, kind, progress)
    except DigitalOceanError as error:
        # A failure is recorded like a listing: freshness must know that this kind was asked for.
        calls = client.calls - calls_before
        return NotFetched(kind, account, started_at, now(), calls, client.cause(error))
    seen = sightings(kind, listing.items) if listing.seen is None else listing.seen
    seen, listing = _without_long_identities(kind, seen, listing)
    # Its objects are the most of what is held until it is recorded.
    listing = replace(listing, items=[], seen=None)
    # As old as the oldest list that it is made of: another kind of the run may have read that.
    started_at = min(started_at, listing.started_at or started_at)
    return Fetched(kind, account, started_at, seen, listing, client.calls - calls_before)


def _without_long_identities(
    kind: Kind, seen: Sequence[Sighting], listing: KindListing
) -> tuple[list[Sighting], KindListing]:
    """Return the sightings without those that no index could hold, which the reason names.

    They cost themselves alone: none can ever have been stored, so nothing is struck for them.
    """
    long = [one.provider_id for one in seen if len(one.provider_id) > LONGEST]
    if not long:
        return [*seen], listing
    told = (
        f"{len(long):,} {kind.asset} have an id of more than {LONGEST} characters and were "
        f"left out: {clean(long[0], limit=60)}"
    )
    left = [one for one in seen if len(one.provider_id) <= LONGEST]
    return left, replace(listing, reason=f"{listing.reason}; {told}" if listing.reason else told)


def record_fetched(
    warehouse: Warehouse,
    fetched: Fetched | NotFetched,
    *,
    run_id: str | None = None,
    now: Clock = utc_now,
    guard: ledger.Guard | None = None,
) -> SyncResult:
    """Record one listing, in one transaction, with its row in `cloud_sync_runs`.

    An endpoint that answers 403, or 404 for a feature the team never used, is recorded as not
    available: no error, and nothing is struck.

    Raises:
        DigitalOceanError: the listing failed. Rows are untouched; the failure has its sync row.
        WarehouseError: the warehouse is away or not migrated; nothing was written but, where it
            answers again, the failure's sync row.
    """
    kind = fetched.kind

    def failed(error: Exception, ended_at: datetime, *, available: bool) -> SyncResult:
        return record_failure(
            warehouse, kind.name, fetched.account, fetched.started_at, ended_at,
            fetched.api_calls, error, available=available, run_id=run_id,
        )  # fmt: skip

    if isinstance(fetched, NotFetched):
        # A token that cannot read the account proves nothing about the kind.
        known = fetched.account is not None and not fetched.error.account_wide
        refused = known and isinstance(fetched.error, (Forbidden, NotFound))
        result = failed(fetched.error, fetched.ended_at, available=not refused)
        if refused:
            return result
        raise fetched.error
    listing = fetched.listing
    try:
        return record_listing(
            warehouse,
            ledger.Observation(
                account=fetched.account,
                kind=kind.name,
                started_at=fetched.started_at,
                sightings=fetched.sightings,
                complete=listing.complete,
                run_id=run_id,
                dropped_fields=dropped_fields(kind),
                unknown_fields=listing.unknown_fields,
                regions=listing.regions,
                whose_unknown=listing.whose_unknown,
            ),
            expected=listing.expected,
            reason=listing.reason,
            available=listing.available,
            api_calls=fetched.api_calls,
            now=now,
            guard=guard,
        )
    except WarehouseError as error:
        failed(error, now(), available=True)
        raise


def sync_kind(
    warehouse: Warehouse,
    client: DigitalOcean,
    kind: Kind,
    *,
    run_id: str | None = None,
    now: Clock | None = None,
    progress: Progress | None = None,
    guard: ledger.Guard | None = None,
) -> SyncResult:
    """List one kind and record it: `fetch_kind`, then `record_fetched`, whose errors it raises.

    The clock is the database's when None.
    """
    warehouse.check_migrated()
    now = now or warehouse.now
    know_accounts(client, warehouse)
    fetched = fetch_kind(client, kind, now=now, progress=progress)
    return record_fetched(warehouse, fetched, run_id=run_id, now=now, guard=guard)


def record_listing(
    warehouse: Warehouse,
    observation: ledger.Observation,
    *,
    expected: int | None,
    reason: str | None,
    api_calls: int,
    now: Clock,
    guard: ledger.Guard | None = None,
    available: bool = True,
) -> SyncResult:
    """Give one listing to the ledger and store its sync row, both in one transaction.

    Of a clock that is ahead nothing is believed: no listing began later than the database's now.
    """
    with warehouse.transaction() as connection:
        began = not_ahead(connection, observation.started_at)
        observation = replace(observation, started_at=began)
        recorded = ledger.record(connection, observation, guard)
        complete = observation.complete and not recorded.superseded and not recorded.outside
        result = SyncResult(
            kind=observation.kind,
            account=observation.account,
            started_at=observation.started_at,
            ended_at=now(),
            rows_seen=None if recorded.superseded else len(observation.sightings),
            rows_expected=expected,
            complete=complete,
            api_calls=api_calls,
            available=available,
            error=SUPERSEDED if recorded.superseded else _with_outside(reason, recorded.outside),
            recorded=recorded,
            sample=tuple(observation.sightings[:10]),
        )
        store_sync(connection, result, observation.run_id)
    return result


def _with_outside(reason: str | None, outside: int) -> str | None:
    """Return the reason, and how much lies outside of what was asked for."""
    if not outside:
        return reason
    told = (
        f"{outside:,} live rows are of regions that were not listed: add their regions to "
        "SPACES_REGIONS"
    )
    return f"{reason}; {told}" if reason else told
