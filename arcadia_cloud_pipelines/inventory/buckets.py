"""Spaces buckets: listed through the S3 protocol, or known by name without a key pair for it.

The API has no list of buckets. A listing is complete when every configured region was read whole.
Without keys there is none: what projects, CDN endpoints and Spaces keys name is recorded, and
nothing is struck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..common.times import Clock
from ..digitalocean import DigitalOcean, DigitalOceanError, Forbidden
from ..digitalocean.accounts import know_accounts
from ..digitalocean.spaces import Spaces
from ..kinds import SPACES_BUCKET, Json
from ..settings.values import SPACES_REGIONS, SpacesSettings
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from . import ledger
from .listing import KindListing, Progress
from .sync import fetch_kind, record_fetched
from .sync_runs import SyncResult

_SQL = Statements(__file__)

NO_KEYS = (
    "SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY are not set, so these are only the buckets "
    "that projects, CDN endpoints and Spaces keys name."
)

# What names alone had may vanish from all rows at once.
_LISTED = replace(SPACES_BUCKET, noise=("known_from",))


def sync_buckets(
    warehouse: Warehouse,
    client: DigitalOcean,
    settings: SpacesSettings,
    *,
    run_id: str | None = None,
    now: Clock | None = None,
    progress: Progress | None = None,
    guard: ledger.Guard | None = None,
) -> SyncResult:
    """Record the buckets as `sync_kind` does other kinds.

    The account is that of the client's token. A key pair belongs to a team too, but says nowhere to
    which: that it is the same one can only be supposed.

    Raises:
        DigitalOceanError: no region could be read. Rows are untouched; the failure has its sync
            row. A key that may list buckets nowhere is no error: they are not available.
        WarehouseError: as in `sync_kind`.
    """
    spaces = None if settings.key is None else Spaces(settings.endpoint, settings.key)

    def lister(*_: object) -> KindListing:
        if spaces is None:
            return known_buckets(warehouse, client.account().uuid)
        try:
            return list_buckets(spaces, settings.regions, progress)
        finally:
            client.count(spaces.calls)

    warehouse.check_migrated()
    now = now or warehouse.now
    know_accounts(client, warehouse)
    kind = SPACES_BUCKET if spaces is None else _LISTED
    fetched = fetch_kind(client, kind, now=now, lister=lister)
    return record_fetched(warehouse, fetched, run_id=run_id, now=now, guard=guard)


def list_buckets(
    spaces: Spaces, regions: Sequence[str], progress: Progress | None = None
) -> KindListing:
    """The buckets of all regions.

    A region that fails leaves the listing incomplete, with the reason.

    Raises:
        DigitalOceanError: every region failed.
    """
    items: dict[str, Json] = {}
    failures: list[DigitalOceanError] = []
    for number, region in enumerate(regions, 1):
        try:
            listed = spaces.buckets(region)
        except DigitalOceanError as error:
            failures.append(error)
            continue
        for bucket in listed:
            created_at = None if bucket.created_at is None else bucket.created_at.isoformat()
            # Names are global: one in two lists moved in between, and the next sync knows where to.
            items.setdefault(
                bucket.name, {"name": bucket.name, "region": region, "created_at": created_at}
            )
        if progress is not None:
            of = f"{number:,} of {len(regions):,} regions"
            progress(f"{SPACES_BUCKET.asset}: {len(items):,} listed, {of}")
    if len(failures) == len(regions):
        raise _of_all(failures)
    return KindListing(
        items=list(items.values()),
        expected=None,
        complete=not failures,
        reason=" ".join(map(str, failures)) or None,
        # A row without a region may be in any: only all of them together could show it.
        regions=frozenset(regions) | ({""} if set(SPACES_REGIONS) <= set(regions) else set()),
        whose_unknown=True,
    )


def _of_all(failures: Sequence[DigitalOceanError]) -> DigitalOceanError:
    """One error for all regions: what passes by itself goes before what does not, and that before
    a key that may not list.
    """
    first = min(failures, key=lambda e: (isinstance(e, Forbidden), not e.transient))
    return type(first)(
        "ListBuckets in every region",
        "; ".join(dict.fromkeys(error.problem for error in failures)),
        advice=first.advice,
        status=first.status,
    )


def known_buckets(warehouse: Warehouse, account: str) -> KindListing:
    """The buckets of an account that its other listings name; never complete."""
    scope = {"provider": "digitalocean", "account": account, "kind": SPACES_BUCKET.name}
    with warehouse.transaction() as connection:
        found = _SQL.run(connection, "known", scope).all()
    items: list[Json] = [
        {
            "name": row.name,
            "region": row.region,
            "created_at": None if row.created_at is None else row.created_at.isoformat(),
            "known_from": row.known_from,
        }
        for row in found
    ]
    return KindListing(items, expected=None, complete=False, reason=NO_KEYS, available=False)
