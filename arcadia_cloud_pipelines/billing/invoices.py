"""Invoice headers and the billing history they come with.

Everything that the history holds is kept: payments, credits and refunds have no invoice and no
identity of their own. Of the summaries only amounts are read; the rest is personal data.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..common.times import Clock, parse_month, parse_time, utc_now
from ..digitalocean import (
    BadAnswer,
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    NotFound,
    Unauthorized,
    no_identity,
    read_listing,
)
from ..warehouse.copy import copy_rows
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .corrections import find_corrections
from .ingest import INVOICES, partition_key
from .items import MOST_ITEMS
from .money import AmountError, parse_amount
from .periods import PeriodSource, period_of_entry
from .reconcile import keep_summaries, store_verdicts
from .summaries import COLUMNS as SUMMARY_COLUMNS
from .summaries import InvoiceSummary, read_summary

HISTORY = "/v2/customers/my/billing_history"

MOST_FAILURES = 3
"""A failed invoice is asked for again at most twice; then only by hand."""
RETRY_AFTER_HOURS = 24

_SQL = Statements(__file__)
_MAIL = re.compile(r"[^\s@<>()]+@[^\s@<>()]+")
Json = dict[str, Any]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class HistoryEntry:
    """One entry of the billing history."""

    entry_type: str
    description: str
    amount: Decimal
    occurred_at: datetime
    invoice_uuid: str | None
    invoice_id: str | None
    occurrence: int
    """Its number among entries equal in all else."""


@dataclass(frozen=True)
class Header:
    """One invoice, as the list has it."""

    invoice_uuid: str
    invoice_id: str | None
    amount: Decimal
    period: date
    issued_at: datetime | None
    period_from: PeriodSource = "list"


@dataclass(frozen=True)
class InvoicesResult:
    """Result of a sync of the invoice headers."""

    account: str
    invoices: int
    discovered: int
    changed: tuple[str, ...]
    """Uuids whose amount or lines are not what they were: they are pending again."""
    pending: int
    entries: int
    new_entries: int
    api_calls: int
    complete: bool
    without_summary: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    partition_keys: tuple[str, ...] = field(default=(), repr=False)
    """A key for each known invoice, as `partition_key` makes it."""


def read_history(client: DigitalOcean) -> tuple[list[HistoryEntry], str | None]:
    """Every entry of the billing history, and why the list may not be whole (None when it is).

    Raises:
        BadAnswer: an entry has no readable date or amount.
        DigitalOceanError: a page could not be read.
    """
    listing = read_listing(
        client,
        HISTORY,
        envelope="billing_history",
        identity=no_identity(),
        scope=SCOPE,
    )
    entries = []
    equal: Counter[tuple[Any, ...]] = Counter()
    for number, item in enumerate(listing.items, 1):
        occurred_at = parse_time(item.get("date"))
        if occurred_at is None:
            raise BadAnswer(f"GET {HISTORY}", f"has no valid date in entry {number}")
        facts = (
            str(item.get("type") or "Unknown"),
            # Receipts name the payer's mail address.
            _MAIL.sub("…", str(item.get("description") or "")),
            _amount(item.get("amount"), f"GET {HISTORY}", f"entry {number}"),
            occurred_at,
            str(item["invoice_uuid"]) if item.get("invoice_uuid") else None,
            str(item["invoice_id"]) if item.get("invoice_id") else None,
        )
        equal[facts] += 1
        entries.append(HistoryEntry(*facts, occurrence=equal[facts]))
    return entries, listing.reason


def read_headers(
    client: DigitalOcean, issued: Mapping[str, datetime]
) -> tuple[list[Header], str | None]:
    """Every invoice in the list, and why the list may not be whole (None when it is).

    Args:
        client: with `billing:read`.
        issued: date of the history's entry for each invoice.

    Raises:
        BadAnswer: an invoice has no readable period or amount.
        DigitalOceanError: a page could not be read.
    """
    listing = read_listing(
        client,
        INVOICES,
        envelope="invoices",
        identity=lambda invoice: str(invoice["invoice_uuid"]),
        scope=SCOPE,
    )
    headers = []
    for item in listing.items:
        uuid = str(item["invoice_uuid"])
        period = parse_month(item.get("invoice_period"))
        if period is None:
            raise BadAnswer(f"GET {INVOICES}", f"has no valid invoice_period for {uuid}")
        headers.append(
            Header(
                invoice_uuid=uuid,
                invoice_id=str(item["invoice_id"]) if item.get("invoice_id") else None,
                amount=_amount(item.get("amount"), f"GET {INVOICES}", f"invoice {uuid}"),
                period=period,
                issued_at=issued.get(uuid),
            )
        )
    return headers, listing.reason


def headers_of_history(entries: Sequence[HistoryEntry], listed: Collection[str]) -> list[Header]:
    """Headers of the invoices that only the history names.

    Args:
        entries: the billing history.
        listed: uuids of the invoices that the list has: it knows their periods, the history only
            their texts and dates.
    """
    headers = []
    for entry in {e.invoice_uuid: e for e in entries if e.entry_type == "Invoice"}.values():
        if entry.invoice_uuid is None or entry.invoice_uuid in listed:
            continue
        period, source = period_of_entry(entry.description, entry.occurred_at)
        headers.append(
            Header(
                invoice_uuid=entry.invoice_uuid,
                invoice_id=entry.invoice_id,
                amount=entry.amount,
                period=period,
                issued_at=entry.occurred_at,
                period_from=source,
            )
        )
    return headers


def sync_invoices(
    warehouse: Warehouse,
    client: DigitalOcean,
    *,
    now: Clock | None = None,
    progress: Progress | None = None,
) -> InvoicesResult:
    """Mirror the billing history and the invoice headers.

    Summaries are asked for invoices that are new, changed or lack theirs. An invoice whose amount
    changed after its lines were ingested is pending again and says why, and so is a recent one
    whose file has other lines (see `corrections`). None is ever removed.

    Raises:
        DigitalOceanError: history or invoices could not be read; nothing was written.
        WarehouseError: the warehouse is away or not migrated; nothing was written.
    """
    warehouse.check_migrated()
    seen_at = (now or warehouse.now)()
    before = client.calls
    account = client.account().uuid
    entries, headers, doubts = _read_lists(client)
    summaries, problems = _read_summaries(warehouse, client, headers, progress)

    scope = {"provider": "digitalocean", "account": account, "seen_at": seen_at}
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock", scope)
        new_entries = _store_entries(connection, entries, scope)
        discovered, changed = _store_headers(connection, headers, summaries, scope)
        _SQL.run(connection, "close_open_month", scope)
        _SQL.run(connection, "note_list", scope | {"list_problem": " ".join(doubts) or None})
        known = _SQL.run(connection, "keys", scope).tuples().all()
    corrected, unread = find_corrections(warehouse, client, account, INVOICES, seen_at)
    with warehouse.transaction() as connection:
        store_verdicts(connection)
        keep_summaries(connection)
        pending = _SQL.run(connection, "count_pending", scope).scalar_one()
    return InvoicesResult(
        account=account,
        invoices=len(headers),
        discovered=discovered,
        changed=(*changed, *corrected),
        pending=pending,
        entries=len(entries),
        new_entries=new_entries,
        api_calls=client.calls - before,
        complete=not doubts,
        without_summary=tuple(problems),
        problems=(*doubts, *problems.values(), *unread.values()),
        partition_keys=tuple(sorted(partition_key(*row) for row in known)),
    )


def due_invoices(
    warehouse: Warehouse, now: Clock = utc_now, account: str | None = None
) -> list[str]:
    """Return the invoices to ask for: all pending, and those that failed and are worth a retry.

    A failed one is asked for again at most twice, a day apart; so is one whose JSON form was not
    whole, for the ids that its lines lack.
    """
    with warehouse.transaction() as connection:
        return list(
            _SQL.run(
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


def _read_lists(client: DigitalOcean) -> tuple[list[HistoryEntry], list[Header], list[str]]:
    """Read the billing history and the list of invoices, and say why they may not be whole."""
    entries, history_doubt = read_history(client)
    issued = {
        entry.invoice_uuid: entry.occurred_at
        for entry in entries
        if entry.invoice_uuid and entry.entry_type == "Invoice"
    }
    try:
        headers, list_doubt = read_headers(client, issued)
    except NotFound as error:
        client.raise_outage(error)
        # The history alone names every invoice too.
        headers, list_doubt = [], None
    headers += headers_of_history(entries, {header.invoice_uuid for header in headers})
    return entries, headers, [doubt for doubt in (history_doubt, list_doubt) if doubt is not None]


def _amount(value: object, endpoint: str, where: str) -> Decimal:
    try:
        return parse_amount(value)
    except AmountError as error:
        raise BadAnswer(endpoint, f"has an amount in {where} that is not valid: {error}") from None


def _read_summaries(
    warehouse: Warehouse,
    client: DigitalOcean,
    headers: Sequence[Header],
    progress: Progress | None,
) -> tuple[dict[str, InvoiceSummary], dict[str, str]]:
    """Summaries of the invoices that need one, and what went wrong with the others."""
    scope = {"account": client.account().uuid}
    with warehouse.transaction() as connection:
        settled = dict(_SQL.run(connection, "with_summary", scope).tuples().all())
    wanted = [h for h in headers if settled.get(h.invoice_uuid) != h.amount]
    summaries: dict[str, InvoiceSummary] = {}
    problems: dict[str, str] = {}
    for number, header in enumerate(wanted, 1):
        if progress is not None and (number % 10 == 1 or number == len(wanted)):
            progress(f"invoices: summary {number:,} of {len(wanted):,}")
        try:
            path = f"{INVOICES}/{header.invoice_uuid}"
            summaries[header.invoice_uuid] = read_summary(client, path)
        except (Unauthorized, Forbidden):
            raise
        except DigitalOceanError as error:
            # The header is worth storing without it; the next sync asks again.
            problems[header.invoice_uuid] = str(error)
    return summaries, problems


def _store_entries(
    connection: sa.Connection, entries: Sequence[HistoryEntry], scope: Mapping[str, Any]
) -> int:
    _SQL.run(connection, "create_entries")
    copy_rows(
        connection,
        "listed_entries",
        ("entry_type", "description", "amount", "occurred_at", "invoice_uuid", "invoice_id",
         "occurrence"),
        map(astuple, entries),
    )  # fmt: skip
    added: int = _SQL.run(connection, "store_entries", scope).scalar_one()
    return added


def _store_headers(
    connection: sa.Connection,
    headers: Sequence[Header],
    summaries: Mapping[str, InvoiceSummary],
    scope: Mapping[str, Any],
) -> tuple[int, tuple[str, ...]]:
    """Upsert the headers; the number of new ones, and the uuids that are pending again."""
    _SQL.run(connection, "create_headers")

    def row(header: Header) -> tuple[object, ...]:
        summary = summaries.get(header.invoice_uuid)
        said = (None,) * len(SUMMARY_COLUMNS) if summary is None else summary.row()
        return (*astuple(header), *said)

    copy_rows(
        connection,
        "listed_invoices",
        ("invoice_uuid", "invoice_id", "amount", "period", "issued_at", "period_from",
         *SUMMARY_COLUMNS),
        map(row, headers),
    )  # fmt: skip
    changed = tuple(_SQL.run(connection, "changed").scalars())
    _SQL.run(connection, "create_moved")
    discovered: int = _SQL.run(connection, "store_headers", scope).scalar_one()
    _SQL.run(connection, "move_lines")
    return discovered, changed
