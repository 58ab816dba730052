"""One invoice as it is fetched, in both its forms: the CSV, and the JSON form for the ids."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

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
from .balance import SCOPE
from .invoice_csv import parse_invoice_csv
from .invoices import INVOICES
from .items import items_frame
from .originals import lines_digest

MOST_ITEMS = 100_000
"""Lines of an invoice whose JSON form is still asked for: at 200 a page it would else use up the
token's requests of a whole hour. The lines of larger ones are matched by name."""


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
