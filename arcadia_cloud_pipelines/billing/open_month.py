"""The month that is not billed yet, from the invoice preview: provisional, replaced at each read.

Kept in a table of its own, so that no sum over closed months ever holds an estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ..common.times import Clock, parse_month, parse_time
from ..digitalocean import (
    BadAnswer,
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    NotFound,
    Unauthorized,
)
from ..warehouse.copy import copy_frame
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .ingest import INVOICES, LINE_COLUMNS, FetchedInvoice, fetch_invoice, read_lines
from .matching import load_inventory
from .money import AmountError, parse_amount
from .reconcile import compare
from .summaries import COLUMNS, InvoiceSummary, read_summary

_SQL = Statements(__file__)

PREVIEW = f"{INVOICES}/preview"
_READINGS = 2
"""The preview may be made again while its lines are read; then they are read once more."""


@dataclass(frozen=True)
class OpenMonth:
    """The open month as the preview has it."""

    period: date | None
    """First day of the month; None when there is no preview."""
    lines: int = 0
    total: Decimal = Decimal(0)
    """US dollars so far, the sum of the lines."""
    note: str | None = None
    """Why there are no lines, or what may be wrong with them."""
    updated_at: datetime | None = None
    """When DigitalOcean made the preview; None when it did not say."""
    amount: Decimal | None = None
    """US dollars so far, as the preview's header has it; None when it did not say."""


@dataclass(frozen=True)
class _Header:
    period: date
    updated_at: datetime | None
    amount: Decimal | None


def refresh_open_month(
    warehouse: Warehouse, client: DigitalOcean, *, now: Clock | None = None
) -> OpenMonth:
    """Replace the provisional lines by what the preview says now.

    An account without usage has no preview, and for some hours of the first of a month it may
    still show the month just billed: both leave the tables empty. A charge within the month bills
    a part of it and ends nothing.

    Args:
        warehouse: where the lines go.
        client: with `billing:read`.
        now: the clock that says whether a month is over; the database's when None.

    Raises:
        InvoiceFileError: the preview is no invoice; the lines are as they were.
        DigitalOceanError: it could not be fetched; the lines are as they were.
        WarehouseError: the warehouse is away or not migrated.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    scope: dict[str, Any] = {"account": account, "read_at": (now or warehouse.now)()}
    header = _read_header(client)
    if header is None:
        return _clear(warehouse, scope, OpenMonth(None, note="The account has no invoice preview."))
    with warehouse.transaction() as connection:
        billed = _SQL.run(connection, "is_billed", scope | vars(header)).scalar_one()
        inventory = load_inventory(connection, account)
    if billed:
        note = f"The preview still shows {header.period:%Y-%m}, which is billed already."
        return _clear(warehouse, scope, OpenMonth(header.period, note=note))
    try:
        header, fetched, summary, notes = _read_preview(client, header)
    except NotFound as error:
        client.raise_outage(error)
        return _clear(warehouse, scope, OpenMonth(header.period, note="The preview has no lines."))
    lines = read_lines([fetched], inventory)
    notes += _doubts(header, summary, sum(map(Decimal, lines["amount"]), Decimal(0)))
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock", scope)
        _SQL.run(connection, "clear", scope)
        copy_frame(
            connection,
            "cloud_open_month_lines",
            lines.assign(**scope),
            (*scope, *LINE_COLUMNS),
        )
        said = dict(zip(COLUMNS, (summary or InvoiceSummary()).row(), strict=True))
        doubt = " ".join(notes) or None
        row = scope | vars(header) | said | {"note": doubt}
        count, total = _SQL.run(connection, "store", row).one()
    return OpenMonth(header.period, count, total, doubt, header.updated_at, header.amount)


def _read_header(client: DigitalOcean) -> _Header | None:
    """Read the preview's header; None for an account without a preview."""
    answer = client.get(INVOICES, {"page": 1, "per_page": 1}, scope=SCOPE)
    preview = answer.get("invoice_preview")
    if preview is None or preview == {}:
        return None
    if not isinstance(preview, dict):
        raise BadAnswer(f"GET {INVOICES}", "has an invoice_preview that is not an object")
    period = parse_month(preview.get("invoice_period"))
    if period is None:
        raise BadAnswer(f"GET {INVOICES}", "has no valid invoice_period for the preview")
    said = preview.get("amount")
    try:
        amount = None if said in (None, "") else parse_amount(said)
    except AmountError as error:
        raise BadAnswer(
            f"GET {INVOICES}", f"has an amount in the preview that is not valid: {error}"
        ) from None
    return _Header(period, parse_time(preview.get("updated_at")), amount)


def _read_preview(
    client: DigitalOcean, header: _Header
) -> tuple[_Header, FetchedInvoice, InvoiceSummary | None, list[str]]:
    """Read lines and summary of one preview: once more if another one was made meanwhile."""
    for _ in range(_READINGS):
        fetched = fetch_invoice(client, "preview", header.period)
        summary = _read_summary(client)
        after = _read_header(client)
        if after == header or after is None:
            return header, fetched, summary, [fetched.ids_note] if fetched.ids_note else []
        header = after
    return header, fetched, summary, ["The preview changed while it was read."]


def _read_summary(client: DigitalOcean) -> InvoiceSummary | None:
    """Read the preview's summary; None when it has none: the lines are worth storing without it."""
    try:
        return read_summary(client, PREVIEW)
    except (Unauthorized, Forbidden):
        raise
    except DigitalOceanError:
        return None


def _doubts(header: _Header, summary: InvoiceSummary | None, total: Decimal) -> Iterator[str]:
    """Say whether the lines add up to the preview's amount."""
    if header.amount is None:
        return
    parts = {} if summary is None else summary.parts()
    difference = compare(header.amount, total, parts, {})
    if difference.off_by:
        yield (
            f"The preview's amount is ${header.amount:,} and its lines are ${total:,}: "
            f"${difference.off_by:,} apart."
        )


def _clear(warehouse: Warehouse, scope: dict[str, Any], result: OpenMonth) -> OpenMonth:
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock", scope)
        _SQL.run(connection, "clear", scope)
    return result
