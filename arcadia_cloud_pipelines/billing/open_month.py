"""The month that is not billed yet, from the invoice preview: provisional, replaced at each read.

Kept in a table of its own, so that no sum over closed months ever holds an estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ..digitalocean import DigitalOcean, NotFound
from ..times import Clock, parse_month, utc_now
from ..warehouse.copy import copy_frame
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .ingest import LINE_COLUMNS, fetch_invoice, load_inventory, read_lines
from .invoices import INVOICES

_SQL = Statements(__file__)


@dataclass(frozen=True)
class OpenMonth:
    """What the preview held."""

    period: date | None
    """First day of the month; None when there is no preview."""
    lines: int = 0
    total: Decimal = Decimal(0)
    """US dollars so far."""
    note: str | None = None
    """Why there are no lines."""


def refresh_open_month(
    warehouse: Warehouse, client: DigitalOcean, *, now: Clock = utc_now
) -> OpenMonth:
    """Replace the provisional lines by what the preview says now.

    An account without usage has no preview, and for some hours of the first of a month it may
    still show the month just billed: both leave the table empty.

    Raises:
        InvoiceFileError: the preview is no invoice; the lines are as they were.
        DigitalOceanError: it could not be fetched; the lines are as they were.
        WarehouseError: the warehouse is away or not migrated.
    """
    warehouse.check_migrated()
    account = client.account().uuid
    scope: dict[str, Any] = {"account": account, "read_at": now()}
    preview = client.get(INVOICES, {"page": 1, "per_page": 1}, scope=SCOPE).get("invoice_preview")
    period = parse_month(preview.get("invoice_period")) if isinstance(preview, dict) else None
    if period is None:
        return _clear(warehouse, scope, OpenMonth(None, note="The account has no invoice preview."))
    with warehouse.transaction() as connection:
        billed = _SQL.run(connection, "is_billed", scope | {"period": period}).scalar_one()
        inventory = load_inventory(connection)
    if billed:
        note = f"The preview still shows {period:%Y-%m}, which is billed already."
        return _clear(warehouse, scope, OpenMonth(period, note=note))
    try:
        lines = read_lines([fetch_invoice(client, "preview", period)], inventory)
    except NotFound:
        return _clear(warehouse, scope, OpenMonth(period, note="The preview has no lines."))
    with warehouse.transaction() as connection:
        _SQL.run(connection, "lock", scope)
        _SQL.run(connection, "clear", scope)
        copy_frame(
            connection,
            "cloud_open_month_lines",
            lines.assign(account=account, read_at=scope["read_at"]),
            (*scope, *LINE_COLUMNS),
        )
        count, total = _SQL.run(connection, "count", scope).one()
    return OpenMonth(period, count, total)


def _clear(warehouse: Warehouse, scope: dict[str, Any], result: OpenMonth) -> OpenMonth:
    with warehouse.transaction() as connection:
        _SQL.run(connection, "clear", scope)
    return result
