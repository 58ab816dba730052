"""From an invoice to its lines in the warehouse: fetch, parse, match, replace.

Each invoice has a transaction of its own. One that cannot be read is marked `failed` and keeps the
lines it had; the others go on. An error that is not the invoice's fault (no token, no network)
ends the run and leaves every invoice that was not reached as it was.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ..common.frames import np, pa, pa_csv, pc, pd
from ..common.times import Clock, utc_now
from ..digitalocean import DigitalOcean, DigitalOceanError
from ..warehouse.copy import arrow, copy_arrow
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .invoice_csv import COLUMNS, NUMBERS, parse_invoice_csv, without_zeros
from .invoice_csv_errors import InvoiceFileError
from .items import NO_INVOICES_FAULT, ItemTexts, attach_resource_keys, fetch_items, items_frame
from .matching import RULES_VERSION, Inventory, load_inventory, match_lines
from .reconcile import keep_summaries, store_verdicts

INVOICES = "/v2/customers/my/invoices"

SQL = Statements(__file__)
"""`rebuild` runs some of them."""
Progress = Callable[[str], None]

LINE_COLUMNS = (
    "period", "line_number", "product", "kind", "group_description", "description", "resource_name",
    "region", "hours", "started_at", "ended_at", "amount", "project_name", "category",
    "resource_key", "second_key", "resource_id", "match_method", "unmatched_reason",
    "match_candidates", "conflicting_resource_id",
)  # fmt: skip

_SPELLED = {"started_at": "start", "ended_at": "end", "amount": "USD"}
_FIELD, _LINE = "\x1f", "\x1e"
KEYS = ("resource_key", "second_key")
"""Columns of an original that no file of DigitalOcean has."""

BATCH_INVOICES = 24
BATCH_LINES = 50_000
"""How much is matched at once, and held in memory: so many invoices, or lines."""


class InvoiceNotKnown(Exception):
    """Somebody asked for an invoice that no listing has named."""


def partition_key(period: date, invoice_id: str | None, invoice_uuid: str) -> str:
    """A key of an invoice that people can read and that sorts by period: `2026-04_418071234`."""
    return f"{period:%Y-%m}_{invoice_id or invoice_uuid}"


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
class FetchedInvoice:
    """One invoice as it came: the CSV's lines, and the JSON form's items."""

    period: date
    lines: pd.DataFrame
    items: Sequence[ItemTexts]
    ids_note: str | None = None
    """Why the items are not whole; None when they are."""


@dataclass(frozen=True)
class Ingested:
    """Result of ingesting one invoice."""

    invoice: Invoice
    lines: int = 0
    total: Decimal = Decimal(0)
    """US dollars, the sum of its lines."""
    error: str | None = None
    """Why it failed; its lines are as they were."""
    note: str | None = None
    """Why lines may lack their resource's id; it is asked for again."""


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
    """Ingest invoices: some at a time are fetched and matched, and each is stored by itself.

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

    # What was stored before an outage stays: the next run goes on where this one stopped.
    waiting = iter(invoices)
    outage = None
    while outage is None and (batch := _fetch(client, waiting)):
        for invoice, error in batch.failed:
            done(_mark_failed(warehouse, invoice, error, now))
        for result in store_batch(warehouse, batch, inventory, now):
            done(result)
        outage = batch.outage
    with warehouse.transaction() as connection:
        store_verdicts(connection)
        keep_summaries(connection)
    if outage is not None:
        raise outage
    return results


def store_batch(
    warehouse: Warehouse, batch: InvoiceBatch, inventory: Inventory, now: Clock
) -> Iterator[Ingested]:
    """Match the lines of a batch together, store its invoices one by one, and yield each."""
    if not batch.fetched:
        return
    # What pandas and pyarrow do of one invoice takes as long as of all of them. Digests come first,
    # since matching takes the most memory.
    parts = [one.lines for one in batch.fetched]
    counts = list(map(len, parts))
    digests = lines_digests(arrow(pd.concat(parts), COLUMNS[1:]), counts)
    matched = read_lines(batch.fetched, inventory)
    invoice_id = np.repeat([invoice.id for invoice in batch.invoices], counts)
    matched = matched.assign(account=batch.invoices[0].account, invoice_id=invoice_id)
    lines = arrow(matched, ("account", "invoice_id", *LINE_COLUMNS))
    del matched
    start = 0
    for invoice, one, n, digest in zip(batch.invoices, batch.fetched, counts, digests, strict=True):
        part = lines.slice(start, n)
        stored = replace_lines(warehouse, invoice, part, digest, one.ids_note, now)
        start += n
        yield Ingested(invoice, *stored, note=one.ids_note)


@dataclass
class InvoiceBatch:
    """Invoices that are matched together: a pass costs about as much for 30 lines as for 30,000."""

    invoices: list[Invoice] = field(default_factory=list)
    fetched: list[FetchedInvoice] = field(default_factory=list)
    failed: list[tuple[Invoice, Exception]] = field(default_factory=list)
    outage: DigitalOceanError | None = None
    """Not the fault of the invoice at hand: no other would fare better."""

    def __bool__(self) -> bool:
        return bool(self.invoices or self.failed or self.outage)


def _fetch(client: DigitalOcean, waiting: Iterator[Invoice]) -> InvoiceBatch:
    """The next invoices: some of them, or one that is large."""
    batch = InvoiceBatch()
    lines = 0
    while len(batch.invoices) < BATCH_INVOICES and lines < BATCH_LINES:
        invoice = next(waiting, None)
        if invoice is None:
            break
        try:
            fetched = fetch_invoice(client, invoice.invoice_uuid, invoice.period)
        except NO_INVOICES_FAULT as error:
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
    items, note = fetch_items(client, path, len(lines))
    return FetchedInvoice(period, lines, items, note)


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
    items = items_frame([item for one in fetched for item in one.items])
    items["invoice"] = np.repeat(np.arange(len(fetched)), [len(one.items) for one in fetched])
    return match_lines(attach_resource_keys(lines, items, within="invoice"), inventory)


def replace_lines(
    warehouse: Warehouse, invoice: Invoice, lines: pa.Table, digest: str, ids_note: str | None,
    now: Clock,
) -> tuple[int, Decimal]:  # fmt: skip
    """Replace one invoice's lines and mark it ingested, in one transaction.

    Its original is kept. Other lines than were stored, or another amount, leave a row in
    `cloud_invoice_revisions`. The same lines with fewer ids, because the JSON form was not whole
    this time, replace nothing.

    Args:
        warehouse: where they go.
        invoice: whose they are.
        lines: `account`, `invoice_id` and `LINE_COLUMNS`.
        digest: of the lines.
        ids_note: why lines may lack their resource's id.
        now: the clock.

    Returns:
        Number of lines, and their sum in US dollars.
    """
    scope = {
        "id": invoice.id,
        "at": now(),
        "digest": digest,
        "csv": packed_lines(lines),
        "ids_note": ids_note,
        "rules": RULES_VERSION,
    }
    with warehouse.transaction() as connection:
        before = SQL.run(connection, "lock_invoice", scope).one()
        scope["same"] = before.lines_digest == digest
        if scope["same"] and ids_note is not None and before.ids_note is None:
            scope |= {"ids_note": None, "rules": None}
        else:
            if before.has_lines:
                SQL.run(connection, "keep_old_lines", scope)
            SQL.run(connection, "delete_lines", scope)
            copy_arrow(connection, "cloud_cost_lines", lines)
            if before.has_lines:
                SQL.run(connection, "revise", scope)
        count, total = SQL.run(connection, "mark_ingested", scope).one()
        # Ids that were read whole replace those that were not, and not the other way round.
        SQL.run(connection, "store_file", scope | {"whole": ids_note is None})
    return count, total


def _mark_failed(warehouse: Warehouse, invoice: Invoice, error: Exception, now: Clock) -> Ingested:
    failed = Ingested(invoice, error=str(error))
    with warehouse.transaction() as connection:
        SQL.run(connection, "mark_failed", {"id": invoice.id, "error": failed.error, "at": now()})
    return failed


def packed_lines(lines: pa.Table) -> bytes:
    """Return the lines of one invoice as CSV, compressed; the columns hold no personal data.

    Args:
        lines: the columns that `parse_invoice_csv` gives; with `KEYS` where these are known.
    """
    text = io.BytesIO()
    kept = [*COLUMNS[1:], *(key for key in KEYS if key in lines.column_names)]
    spelled = [_SPELLED.get(name, name) for name in kept]
    pa_csv.write_csv(lines.select(kept).rename_columns(spelled), text)
    # Without a time in its head, the same lines give the same bytes. Level 9 takes three times as
    # long as 6 and saves a twentieth.
    return gzip.compress(text.getbuffer(), compresslevel=6, mtime=0)


def lines_digest(lines: pd.DataFrame) -> str:
    """Return the digest of some lines: the same for the same lines in any order.

    Numbers count by value: `12.30` is `12.3`.
    """
    return lines_digests(arrow(lines, COLUMNS[1:]), [len(lines)])[0]


def lines_digests(lines: pa.Table, counts: Sequence[int]) -> list[str]:
    """Return the digest of each of several invoices, whose lines follow one another."""
    text = pa.large_string()
    columns = [
        without_zeros(column) if name in NUMBERS else column
        for name in COLUMNS[1:]
        for column in [pc.fill_null(lines.column(name).cast(text), "")]
    ]
    rows = pc.binary_join_element_wise(*columns, pa.scalar(_FIELD, text)).combine_chunks()
    digests = []
    start = 0
    for count in counts:
        part = rows.slice(start, count)
        part = part.take(pc.array_sort_indices(part))
        whole = pa.LargeListArray.from_arrays([0, count], part)
        joined = pc.binary_join(whole, pa.scalar(_LINE, text))[0].as_py()
        digests.append(hashlib.sha256(joined.encode()).hexdigest())
        start += count
    return digests
