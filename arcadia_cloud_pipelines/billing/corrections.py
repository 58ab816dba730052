"""Looks whether invoices that are in say something else by now.

Another amount shows in the list. Other lines of the same amount show only in the file, so the
files of recent invoices are read again, at most once a day, and compared by digest.
"""

from __future__ import annotations

from datetime import datetime

from ..digitalocean import DigitalOcean, DigitalOceanError, Forbidden, Unauthorized
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .balance import SCOPE
from .ingest import lines_digest
from .invoice_csv import parse_invoice_csv
from .invoice_csv_errors import InvoiceFileError
from .summaries import COLUMNS, InvoiceSummary, read_summary

_SQL = Statements(__file__)

RECENT_DAYS = 62
"""Invoices issued longer ago are not looked at: ask for one by its uuid to read it again."""
MOST_FILES = 12
"""Files read again at once."""


def find_corrections(
    warehouse: Warehouse, client: DigitalOcean, account: str, invoices: str, at: datetime
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Mark recent invoices pending whose file has other lines than were stored.

    Args:
        warehouse: where the invoices are.
        client: with `billing:read`.
        account: whose.
        invoices: path of the list of invoices.
        at: the time.

    Returns:
        Uuids of those that changed, and what went wrong with others, by uuid. Those stay as they
        are, and are looked at again with the next call.
    """
    limits = {"account": account, "at": at, "days": RECENT_DAYS, "most": MOST_FILES}
    with warehouse.transaction() as connection:
        recent = _SQL.run(connection, "recent", limits).tuples().all()
    changed: list[str] = []
    problems: dict[str, str] = {}
    for uuid, stored in recent:
        path = f"{invoices}/{uuid}"
        try:
            data = client.get_bytes(f"{path}/csv", accept="text/csv", scope=SCOPE)
            digest = lines_digest(parse_invoice_csv(data, invoice=uuid))
            summary = read_summary(client, path)
        except (Unauthorized, Forbidden):
            raise
        except (InvoiceFileError, DigitalOceanError) as error:
            problems[uuid] = f"Could not look whether an invoice was corrected: {error}"
            continue
        if stored is not None and digest != stored:
            changed.append(uuid)
        _store(warehouse, uuid, summary, digest, at)
    return tuple(changed), problems


def _store(
    warehouse: Warehouse, uuid: str, summary: InvoiceSummary, digest: str, at: datetime
) -> None:
    said = dict(zip(COLUMNS, summary.row(), strict=True))
    with warehouse.transaction() as connection:
        _SQL.run(connection, "store", said | {"uuid": uuid, "digest": digest, "at": at})
