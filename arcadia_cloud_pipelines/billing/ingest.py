"""From an invoice to its lines in the warehouse: fetch, parse, match, replace.

Each invoice has a transaction of its own. One that cannot be read is marked `failed` and keeps the
lines it had; the others go on. An error that is not the invoice's fault (no token, no network)
ends the run and leaves every invoice that was not reached as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..digitalocean import (
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    RateLimited,
    Unauthorized,
    Unreachable,
    no_identity,
    read_listing,
)
from ..frames import pd
from ..times import Clock, utc_now
from ..warehouse.copy import copy_frame
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .invoice_csv import parse_invoice_csv
from .invoice_csv_errors import InvoiceFileError
from .invoices import INVOICES, partition_key
from .items import attach_resource_keys, items_frame
from .matching import RULES_VERSION, match_with_kinds
from .originals import keep_summaries, lines_digest, original_of
from .products import classify_lines
from .reconcile import store_verdicts

SQL = Statements(__file__)
"""`rebuild` runs some of them."""
Progress = Callable[[str], None]

LINE_COLUMNS = (
    "period", "line_number", "product", "kind", "group_description", "description", "resource_name",
    "region", "hours", "started_at", "ended_at", "amount", "project_name", "category",
    "resource_key", "second_key", "resource_id", "match_method", "unmatched_reason",
    "match_candidates", "conflicting_resource_id",
)  # fmt: skip

MOST_ITEMS = 100_000
"""Lines of an invoice whose JSON form is still asked for: at 200 a page it would else use up the
token's requests of a whole hour. The lines of larger ones are matched by name."""

BATCH_INVOICES = 24
BATCH_LINES = 50_000
"""How much is matched at once, and held in memory: so many invoices, or lines."""

MOST_FAILURES = 3
"""A failed invoice is asked for again at most twice; then only by hand."""
RETRY_AFTER_HOURS = 24


class InvoiceNotKnown(Exception):
    """Somebody asked for an invoice that no listing has named."""


@dataclass(frozen=True)
class Invoice:
    """An invoice that is to be ingested."""

    id: int
    account: str
    invoice_uuid: str
    invoice_id: str | None
    period: date
    amount: Decimal

    @property
    def key(self) -> str:
        """Its partition key."""
        return partition_key(self.period, self.invoice_id, self.invoice_uuid)


@dataclass(frozen=True)
class Ingested:
    """What became of one invoice."""

    invoice: Invoice
    lines: int = 0
    total: Decimal = Decimal(0)
    """US dollars, the sum of its lines."""
    error: str | None = None
    """Why it failed; its lines are as they were."""
    note: str | None = None
    """Why lines may lack their resource's id; it is asked for again."""


@dataclass(frozen=True)
class Inventory:
    """What lines are matched against."""

    resources: pd.DataFrame
    """id, kind, provider_id, name, region, created_at, first_seen_at, last_seen_at, deleted_at."""
    synced_kinds: frozenset[str]
    """Kinds of which at least one complete listing was recorded."""


def load_inventory(connection: sa.Connection, account: str) -> Inventory:
    """The resources of an account, deleted ones too: invoices are about the past.

    Another account's are left out, though a name be the same: nobody pays for those of others.
    """
    scope = {"account": account}
    rows = SQL.run(connection, "resources", scope)
    resources = pd.DataFrame(rows.all(), columns=list(rows.keys()))
    for column in ("created_at", "first_seen_at", "last_seen_at", "deleted_at"):
        # datetime64[us] holds every year that PostgreSQL and DigitalOcean can say.
        resources[column] = resources[column].astype("datetime64[us, UTC]")
    for column in ("kind", "provider_id", "name", "region"):
        resources[column] = resources[column].astype("str")
    return Inventory(resources, frozenset(SQL.run(connection, "synced_kinds", scope).scalars()))


def select_invoices(
    warehouse: Warehouse, account: str, invoice_uuids: Sequence[str]
) -> list[Invoice]:
    """The invoices to ingest, oldest first.

    Args:
        warehouse: where they are.
        account: whose; another account's token cannot fetch them.
        invoice_uuids: the ones asked for, whatever their status; all pending when empty. The
            printed number and the partition key (`2026-04_418071234`) name an invoice too.

    Raises:
        InvoiceNotKnown: one of those asked for was never listed for this account.
    """
    wanted = {name.strip() for name in invoice_uuids}
    with warehouse.transaction() as connection:
        rows = SQL.run(connection, "select", {"account": account, "uuids": sorted(wanted)}).all()
    found = [Invoice(*row) for row in rows]
    missing = sorted(wanted.difference(*((i.invoice_uuid, i.invoice_id, i.key) for i in found)))
    if missing:
        raise InvoiceNotKnown(
            f"The invoice {', '.join(missing)} is not known: take the uuids from "
            "cloud_invoices.invoice_uuid, or materialise `invoices` first."
        )
    return found


def ingest_invoices(
    warehouse: Warehouse,
    client: DigitalOcean,
    invoice_uuids: Sequence[str] = (),
    *,
    now: Clock = utc_now,
    progress: Progress | None = None,
    on_done: Callable[[Ingested], None] | None = None,
) -> list[Ingested]:
    """Ingest invoices, each in a transaction of its own.

    They are fetched and matched some at a time, and stored one by one.

    Args:
        warehouse: where the lines go.
        client: with `billing:read`.
        invoice_uuids: the ones to ingest, whatever their status; all pending when empty.
        now: the clock.
        progress: told of each invoice.
        on_done: called after each, good or bad.

    Returns:
        What became of each; the failed ones carry their error.

    Raises:
        InvoiceNotKnown: see `select_invoices`.
        DigitalOceanError: the API is out of reach or refuses the token; what was not reached
            is as it was.
        WarehouseError: the warehouse is away or not migrated.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    invoices = select_invoices(warehouse, account, invoice_uuids)
    if not invoices:
        return []
    with warehouse.transaction() as connection:
        inventory = load_inventory(connection, account)
    results: list[Ingested] = []

    def done(result: Ingested) -> None:
        results.append(result)
        if on_done is not None:
            on_done(result)
        if progress is not None:
            what = result.error or f"{result.lines:,} lines, ${result.total:,}"
            progress(f"invoice {len(results):,} of {len(invoices):,}, {result.invoice.key}: {what}")

    waiting = iter(invoices)
    outage = None
    while outage is None and (batch := _fetch(client, waiting)):
        for invoice, error in batch.failed:
            result = Ingested(invoice, error=str(error))
            _mark_failed(warehouse, result, now)
            done(result)
        for result in _store(warehouse, batch, inventory, now):
            done(result)
        outage = batch.outage
    with warehouse.transaction() as connection:
        store_verdicts(connection)
        keep_summaries(connection)
    if outage is not None:
        raise outage
    return results


def _store(
    warehouse: Warehouse, batch: _Batch, inventory: Inventory, now: Clock
) -> Iterator[Ingested]:
    """Match the lines of a batch together, store its invoices one by one, and yield each."""
    if not batch.fetched:
        return
    lines = read_lines(batch.fetched, inventory)
    for number, (invoice, fetched) in enumerate(zip(batch.invoices, batch.fetched, strict=True)):
        part = lines[lines["invoice"] == number]
        stored = replace_lines(warehouse, invoice, fetched, part, now)
        yield Ingested(invoice, *stored, note=fetched.ids_note)


@dataclass(frozen=True)
class FetchedInvoice:
    """One invoice as it came: the CSV's lines, and the JSON form's items."""

    period: date
    lines: pd.DataFrame
    items: pd.DataFrame
    digest: str
    """Of the lines."""
    ids_note: str | None = None
    """Why the items are not whole; None when they are."""


@dataclass
class _Batch:
    """Invoices that are matched together: a pass costs about as much for 30 lines as for 30,000."""

    invoices: list[Invoice] = field(default_factory=list)
    fetched: list[FetchedInvoice] = field(default_factory=list)
    failed: list[tuple[Invoice, Exception]] = field(default_factory=list)
    outage: DigitalOceanError | None = None
    """Not the fault of the invoice at hand: no other would fare better."""

    def __bool__(self) -> bool:
        return bool(self.invoices or self.failed or self.outage)


def _fetch(client: DigitalOcean, waiting: Iterator[Invoice]) -> _Batch:
    """The next invoices: some of them, or one that is large."""
    batch = _Batch()
    lines = 0
    while len(batch.invoices) < BATCH_INVOICES and lines < BATCH_LINES:
        invoice = next(waiting, None)
        if invoice is None:
            break
        try:
            fetched = fetch_invoice(client, invoice.invoice_uuid, invoice.period)
        except (Unauthorized, Forbidden, RateLimited, Unreachable) as error:
            batch.outage = error
            break
        except DigitalOceanError as error:
            cause = client.cause(error)
            if cause.account_wide:
                batch.outage = cause
                break
            batch.failed.append((invoice, error))
            continue
        except InvoiceFileError as error:
            batch.failed.append((invoice, error))
            continue
        batch.invoices.append(invoice)
        batch.fetched.append(fetched)
        lines += len(fetched.lines)
    return batch


def fetch_invoice(client: DigitalOcean, invoice_uuid: str, period: date) -> FetchedInvoice:
    """Fetch one invoice in both its forms.

    The CSV is the document; the JSON form is asked for the resources' ids, which only it has.
    Lines that it has no id for, because it is missing or was read short, are matched by name.

    Args:
        client: with `billing:read`.
        invoice_uuid: the invoice, or `preview` for the open month.
        period: first day of the month billed.

    Raises:
        InvoiceFileError: the CSV is no invoice.
        DigitalOceanError: it could not be fetched.
    """
    path = f"{INVOICES}/{invoice_uuid}"
    data = client.get_bytes(f"{path}/csv", accept="text/csv", scope=SCOPE)
    lines = parse_invoice_csv(data, invoice=invoice_uuid)
    items, note = _fetch_items(client, path, len(lines))
    return FetchedInvoice(period, lines, items_frame(items), lines_digest(lines), note)


def _fetch_items(
    client: DigitalOcean, path: str, lines: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Read the JSON form's items, and say why they are not whole; None when they are."""
    if lines > MOST_ITEMS:
        return [], f"The JSON form of more than {MOST_ITEMS:,} lines is not asked for."
    try:
        listing = read_listing(
            client,
            path,
            envelope="invoice_items",
            identity=no_identity(),
            scope=SCOPE,
        )
    except (Unauthorized, Forbidden, RateLimited, Unreachable):
        raise
    except DigitalOceanError as error:
        return [], f"The JSON form could not be read: {error}"
    found = len(listing.items)
    if listing.reason is not None:
        return listing.items, f"The JSON form is not whole: {listing.reason}."
    if found < lines:
        return listing.items, f"The JSON form has {found:,} items for {lines:,} lines."
    return listing.items, None


def read_lines(fetched: Sequence[FetchedInvoice], inventory: Inventory) -> pd.DataFrame:
    """Say which resource each line of some invoices paid for.

    Args:
        fetched: the invoices.
        inventory: what there is and was.

    Returns:
        A row for each line, with `LINE_COLUMNS` and `invoice`, its position in `fetched`.
    """
    lines = pd.concat(
        [
            one.lines.assign(invoice=n, period=one.period.isoformat())
            for n, one in enumerate(fetched)
        ],
        ignore_index=True,
    )
    items = pd.concat(
        [one.items.assign(invoice=n) for n, one in enumerate(fetched)], ignore_index=True
    )
    return match_lines(attach_resource_keys(lines, items, within="invoice"), inventory)


def match_lines(lines: pd.DataFrame, inventory: Inventory) -> pd.DataFrame:
    """Lines with kind, name, region and the resource that each paid for.

    Args:
        lines: as `attach_resource_keys` gives them, with `period`, the first day of the month.
        inventory: what there is and was.
    """
    classified = classify_lines(lines)
    matched = match_with_kinds(classified, inventory.resources, inventory.synced_kinds)
    return pd.concat([classified.drop(columns="kind"), matched], axis=1).rename(
        columns={"line_region": "region", "candidates": "match_candidates"}
    )


def replace_lines(
    warehouse: Warehouse, invoice: Invoice, fetched: FetchedInvoice, lines: pd.DataFrame, now: Clock
) -> tuple[int, Decimal]:
    """Replace one invoice's lines and mark it ingested, in one transaction.

    Its original is kept. Other lines than were stored, or another amount, leave a row in
    `cloud_invoice_revisions`. The same lines with fewer ids, because the JSON form was not whole
    this time, replace nothing.

    Returns:
        Number of lines, and their sum in US dollars.
    """
    scope = {
        "id": invoice.id,
        "at": now(),
        "digest": fetched.digest,
        "csv": original_of(lines).csv_gzip,
        "ids_note": fetched.ids_note,
        "rules": RULES_VERSION,
    }
    with warehouse.transaction() as connection:
        before = SQL.run(connection, "lock_invoice", scope).one()
        scope["same"] = before.lines_digest == fetched.digest
        if scope["same"] and fetched.ids_note is not None and before.ids_note is None:
            scope |= {"ids_note": None, "rules": None}
        else:
            SQL.run(connection, "keep_old_lines", scope)
            SQL.run(connection, "delete_lines", scope)
            copy_frame(
                connection,
                "cloud_cost_lines",
                lines.assign(account=invoice.account, invoice_id=invoice.id),
                ("account", "invoice_id", *LINE_COLUMNS),
            )
            if before.has_lines:
                SQL.run(connection, "revise", scope)
        count, total = SQL.run(connection, "mark_ingested", scope).one()
        # Ids that were read whole replace those that were not, and not the other way round.
        SQL.run(connection, "store_file", scope | {"whole": fetched.ids_note is None})
    return count, total


def _mark_failed(warehouse: Warehouse, result: Ingested, now: Clock) -> None:
    with warehouse.transaction() as connection:
        SQL.run(
            connection,
            "mark_failed",
            {"id": result.invoice.id, "error": result.error, "at": now()},
        )


def rematch(warehouse: Warehouse) -> int:
    """Match lines again, without fetching anything; return how many of them changed and have one.

    Lines that found no resource are tried again, which is worth doing whenever the inventory has
    grown. Lines that an earlier version of the rules matched are put right once.
    """
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        accounts = SQL.run(connection, "with_lines").scalars().all()
    return sum(_rematch_account(warehouse, account) for account in accounts)


def _rematch_account(warehouse: Warehouse, account: str) -> int:
    scope = {"account": account, "rules": RULES_VERSION}
    with warehouse.transaction() as connection:
        stale = SQL.run(connection, "stale_invoices", scope).scalars().all()
    matched = 0
    for start in range(0, len(stale), BATCH_INVOICES):
        batch = list(stale[start : start + BATCH_INVOICES])
        matched += _rematch(warehouse, "stale", account, batch)
    return matched + _rematch(warehouse, "unmatched", account, [])


def _rematch(warehouse: Warehouse, which: str, account: str, invoices: list[int]) -> int:
    """Match the lines of an account that a statement selects, in one transaction."""
    scope = {"account": account, "invoices": invoices, "rules": RULES_VERSION}
    with warehouse.transaction() as connection:
        SQL.run(connection, "lock_rematch")
        rows = SQL.run(connection, which, scope)
        lines = pd.DataFrame(rows.all(), columns=list(rows.keys()))
        matched = 0
        if not lines.empty:
            texts = lines.columns.drop(["id", "line_number"])
            lines[texts] = lines[texts].astype("str")
            lines = match_lines(lines, load_inventory(connection, account))
            SQL.run(connection, "create_rematched")
            columns = (
                "id", "kind", "resource_name", "region", "resource_id", "match_method",
                "unmatched_reason", "match_candidates", "conflicting_resource_id",
            )  # fmt: skip
            copy_frame(connection, "rematched", lines, columns)
            matched = SQL.run(connection, "store_rematched").scalar_one()
        if invoices:
            SQL.run(connection, "mark_rematched", scope)
    return matched


def due_invoices(
    warehouse: Warehouse, now: Clock = utc_now, account: str | None = None
) -> list[str]:
    """Return the invoices to ask for: all pending, and those that failed and are worth a retry.

    A failed one is asked for again at most twice, a day apart; so is one whose JSON form was not
    whole, for the ids that its lines lack.
    """
    with warehouse.transaction() as connection:
        return list(
            SQL.run(
                connection,
                "due",
                {
                    "account": account,
                    "at": now(),
                    "most": MOST_FAILURES,
                    "hours": RETRY_AFTER_HOURS,
                    "most_items": MOST_ITEMS,
                },
            ).scalars()
        )


def unmatched_since(warehouse: Warehouse, newest_known: int) -> int | None:
    """Return whether lines should be matched again: the inventory or the rules are newer.

    Args:
        warehouse: where both are.
        newest_known: the number (`cloud_resources.id`) of the newest resource that the lines
            were matched against; 0 before the first time.

    Returns:
        The number of the newest resource now, or None when there is nothing to match again.
    """
    with warehouse.transaction() as connection:
        newest: int | None = SQL.run(
            connection, "grown", {"newest": newest_known, "rules": RULES_VERSION}
        ).scalar()
    return newest
