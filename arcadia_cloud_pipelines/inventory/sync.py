"""One sync of one kind: list it, record it, and leave a row that says how it went."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from urllib.parse import quote

import sqlalchemy as sa

from ..digitalocean import (
    BadAnswer,
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    Listing,
    NotFound,
    OnPage,
    fan_out,
    read_listing,
)
from ..times import Clock, utc_now
from ..warehouse.engine import Warehouse, WarehouseError
from . import ledger
from .kinds import KIND_BY_NAME, Endpoint, Json, Kind
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
    unknown_fields: frozenset[str] = frozenset()
    """Fields of which the API would not say, this time, what they hold."""
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


def _telling(kind: Kind, before: int, progress: Progress | None) -> OnPage | None:
    """Tell `progress` of each page, where `before` things were listed already."""
    if progress is None:
        return None

    def on_page(seen: int, total: int | None) -> None:
        of = "" if total is None else f" of {before + total:,}"
        progress(f"{kind.asset}: {before + seen:,}{of} listed")

    return on_page


def _list(
    client: DigitalOcean, kind: Kind, endpoint: Endpoint, path: str, on_page: OnPage | None = None
) -> Listing:
    return read_listing(
        client, path, envelope=endpoint.envelope, identity=identity_of(kind),
        params=endpoint.params, paged=endpoint.paged, on_page=on_page, scope=kind.scope,
    )  # fmt: skip


def _list_children(
    kind: Kind, endpoint: Endpoint, client: DigitalOcean, parent: str
) -> Listing | None:
    """The children of one parent, each with the name of it; None if the parent is gone."""
    try:
        listing = _list(client, kind, endpoint, endpoint.path.format(parent=quote(parent, safe="")))
    except NotFound:
        logger.warning("%s: a %s went away while listed", kind.asset, endpoint.per)
        return None
    for item in listing.items:
        item.setdefault(endpoint.parent_field, parent)
    return listing


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

    def add(listing: Listing) -> None:
        nonlocal read
        read += len(listing.items)
        items.update((identity(item), item) for item in listing.items)
        totals.append(listing.total)
        if listing.reason is not None:
            reasons.append(listing.reason)

    for endpoint in kind.endpoints:
        if endpoint.per is None:
            add(_list(client, kind, endpoint, endpoint.path, _telling(kind, read, progress)))
            continue
        parent_kind = KIND_BY_NAME[endpoint.per]
        listed = list_kind(client, parent_kind, progress)
        if listed.reason is not None:
            reasons.append(listed.reason)
        if endpoint.inside:
            add(children_inside(kind, endpoint, listed.items))
            continue
        parents = [identity_of(parent_kind)(item) for item in listed.items]
        children = fan_out(client, parents, partial(_list_children, kind, endpoint))
        for number, listing in enumerate(children, 1):
            if listing is not None:
                add(listing)
            if progress is not None:
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


def children_inside(kind: Kind, endpoint: Endpoint, parents: Iterable[Json]) -> Listing:
    """The children that the objects of their parents hold, each once; nobody counts them.

    Raises:
        BadAnswer: a parent holds something that is none.
    """
    identity, parent_identity = identity_of(kind), identity_of(KIND_BY_NAME[str(endpoint.per)])
    found: dict[str, Json] = {}
    reason = None
    for parent in parents:
        if endpoint.envelope not in parent:
            reason = f"{endpoint.per} {parent_identity(parent)} came without {endpoint.envelope!r}"
        try:
            for child in parent.get(endpoint.envelope) or ():
                child.setdefault(endpoint.parent_field, parent_identity(parent))
                for name in endpoint.inherit:
                    child.setdefault(name, parent.get(name))
                found[identity(child)] = child
        except (LookupError, TypeError, AttributeError):
            problem = f"answered 200, but has a {endpoint.per} whose {endpoint.envelope!r} are none"
            raise BadAnswer(f"GET {endpoint.path}", problem, status=200) from None
    return Listing(list(found.values()), None, complete=not reason, reason=reason, api_calls=0)


def supplemented(client: DigitalOcean, kind: Kind, listing: KindListing) -> KindListing:
    """A listing with what other kinds' listings say of its objects.

    What cannot be read, or is not whole, leaves its field unknown and the listing as it is.
    """
    identity = identity_of(kind)
    unknown = set()
    for supplement in kind.supplements:
        try:
            other = list_kind(client, KIND_BY_NAME[supplement.kind])
        except DigitalOceanError as error:
            reason: str | None = str(error)
        else:
            reason = other.reason
        if reason is not None:
            unknown.add(supplement.field)
            logger.warning("%s: %s is left as it was: %s", kind.asset, supplement.field, reason)
            continue
        facts = supplement.facts(other.items)
        for item in listing.items:
            item[supplement.field] = facts.get(identity(item))
    return replace(listing, unknown_fields=frozenset(unknown))


def list_whole(client: DigitalOcean, kind: Kind, progress: Progress | None) -> KindListing:
    """Every object of one kind, with all that is said of it anywhere."""
    return supplemented(client, kind, list_kind(client, kind, progress))


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
    account = None
    try:
        account = client.account().uuid
        listing = lister(client, kind, progress)
    except DigitalOceanError as error:
        return NotFetched(kind, account, started_at, now(), client.calls - calls_before, error)
    seen = sightings(kind, listing.items)
    # Its objects are the most of what is held until it is recorded.
    listing = replace(listing, items=[])
    return Fetched(kind, account, started_at, seen, listing, client.calls - calls_before)


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
        # Whoever may not learn whose account it is has learnt nothing of the kind.
        known = fetched.account is not None
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
    now: Clock = utc_now,
    progress: Progress | None = None,
    guard: ledger.Guard | None = None,
) -> SyncResult:
    """List one kind and record it: `fetch_kind`, then `record_fetched`, whose errors it raises."""
    warehouse.check_migrated()
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
            api_calls=api_calls,
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
