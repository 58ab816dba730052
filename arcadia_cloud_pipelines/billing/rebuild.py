"""Makes the lines of invoices again from their kept originals, without asking DigitalOcean.

For lines that were lost or edited, and for rules of reading that changed. The originals go the way
that a fetched file goes: parsed, matched with the inventory, replaced in one transaction for each
invoice. When an invoice was read, and whether it is to be read again, stays as it was.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from ..common.frames import pa, pa_csv, pd
from ..warehouse.copy import arrow, copy_frame
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .ingest import KEYS, LINE_COLUMNS, SQL, lines_digest, packed_lines
from .invoice_csv import parse_invoice_csv
from .invoice_csv_errors import InvoiceFileError
from .items import attach_resource_keys
from .matching import RULES_VERSION, Inventory, load_inventory, match_lines
from .reconcile import store_verdicts

_SQL = Statements(__file__)


class NoOriginal(Exception):
    """An invoice that was asked for has no original; the text names it and what to do."""


@dataclass(frozen=True)
class Rebuilt:
    """Result of making one invoice's lines again."""

    period: date
    invoice_uuid: str
    lines: int = 0
    total: Decimal = Decimal(0)
    """US dollars, the sum of its lines."""
    note: str | None = None
    """Why it was left as it was."""


def rebuild(
    warehouse: Warehouse, *, period: date | None = None, invoices: Sequence[str] = ()
) -> list[Rebuilt]:
    """Make lines again, oldest invoice first.

    Args:
        warehouse: where originals and lines are.
        period: of this month alone.
        invoices: these alone, by uuid or printed number.

    Returns:
        One for each invoice whose lines were read before.

    Raises:
        NoOriginal: one of those asked for was never read.
        WarehouseError: the warehouse is away or not migrated.
    """
    warehouse.check_migrated()
    names = [name.strip() for name in invoices]
    scope = {"period": period, "names": names}
    with warehouse.transaction() as connection:
        found = _SQL.run(connection, "select_originals", scope).all()
        accounts = dict.fromkeys(row.account for row in found)
        inventories = {one: load_inventory(connection, one) for one in accounts}
    known = {name for row in found for name in (row.invoice_uuid, row.invoice_id)}
    if missing := sorted(set(names) - known):
        raise NoOriginal(
            f"No original of invoice {', '.join(missing)}: it was never read, or not in that "
            "month. Materialise `cost_lines` with its uuid to read it."
        )
    done = list(_all(warehouse, found, inventories))
    with warehouse.transaction() as connection:
        store_verdicts(connection)
    return done


def _all(
    warehouse: Warehouse,
    found: Sequence[sa.Row[tuple[object, ...]]],
    inventories: Mapping[str, Inventory],
) -> Iterator[Rebuilt]:
    for row in found:
        note, lines = None, None
        if row.csv_gzip is None:
            note = "Its original was not kept: materialise `cost_lines` with its uuid."
        else:
            try:
                lines = _unpack(bytes(row.csv_gzip), row.invoice_uuid, row.lines_digest)
            except InvoiceFileError as error:
                note = str(error)
        if lines is None:
            yield Rebuilt(row.period, row.invoice_uuid, note=note)
            continue
        replaced = _replace(warehouse, row, lines, inventories[row.account])
        yield Rebuilt(row.period, row.invoice_uuid, *replaced)


def _unpack(packed: bytes, uuid: str, digest: str) -> pd.DataFrame:
    """Return the lines of an original, with the ids where it has them.

    Raises:
        InvoiceFileError: it is damaged.
    """
    try:
        data = gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        data = b""
    lines = parse_invoice_csv(data, invoice=uuid) if data else None
    if lines is None or lines_digest(lines) != digest:
        raise InvoiceFileError(
            uuid, 1, None,
            "its kept original is damaged; materialise `cost_lines` with its uuid to read it again",
        )  # fmt: skip
    return _read_keys(data, lines)


def _read_keys(data: bytes, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the lines of an original with their ids; as they are where it has none.

    Args:
        data: the unpacked original.
        lines: parsed from it.
    """
    head = data.partition(b"\n")[0].decode("utf-8")
    if not all(f'"{key}"' in head for key in KEYS):
        return lines
    text = {key: pa.large_string() for key in KEYS}
    table = pa_csv.read_csv(
        io.BytesIO(data),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            include_columns=list(KEYS), column_types=text, strings_can_be_null=True,
            quoted_strings_can_be_null=False, null_values=[""],
        ),
    )  # fmt: skip
    columns = {key: pd.array(table.column(key).to_pylist(), dtype="str") for key in KEYS}
    return lines.assign(**columns)


def _replace(
    warehouse: Warehouse, row: sa.Row[tuple[object, ...]], lines: pd.DataFrame,
    inventory: Inventory,
) -> tuple[int, Decimal]:  # fmt: skip
    scope = {"id": row.id, "rules": RULES_VERSION}
    with warehouse.transaction() as connection:
        before = SQL.run(connection, "lock_invoice", scope).one()
        if before.lines_digest != row.lines_digest:
            # It was read anew meanwhile: its lines are newer than this original.
            return before.line_count, before.lines_total
        if KEYS[0] not in lines:
            lines = _with_current_keys(connection, row.id, lines)
        matched = match_lines(lines.assign(period=row.period.isoformat()), inventory)
        SQL.run(connection, "delete_lines", scope)
        copy_frame(
            connection, "cloud_cost_lines",
            matched.assign(account=row.account, invoice_id=row.id),
            ("account", "invoice_id", *LINE_COLUMNS),
        )  # fmt: skip
        kept = {"csv": packed_lines(arrow(lines, [*lines.columns])), "digest": row.lines_digest}
        _SQL.run(connection, "keep_ids", scope | kept)
        count, total = _SQL.run(connection, "mark_rebuilt", scope).one()
    return count, total


def _with_current_keys(connection: sa.Connection, id_: int, lines: pd.DataFrame) -> pd.DataFrame:
    rows = _SQL.run(connection, "current_keys", {"id": id_})
    items = pd.DataFrame(rows.all(), columns=list(rows.keys())).astype("str")
    return attach_resource_keys(lines, items)
