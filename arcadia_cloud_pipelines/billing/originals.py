"""The original of an invoice: its lines as they came, packed, and a digest to tell versions apart.

Compared are lines, not bytes: DigitalOcean renders the file at each download, so that an old
invoice comes with other columns, quotes or order, and says the same.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
from pyarrow.csv import write_csv

from .line_columns import COLUMNS

_SPELLED = {"started_at": "start", "ended_at": "end", "amount": "USD"}
_NUMBERS = ("hours", "amount")
_FIELD, _LINE = "\x1f", "\x1e"


@dataclass(frozen=True)
class Original:
    """One version of an invoice's file."""

    digest: str
    """SHA-256 of its lines, whatever their order and the file's spelling."""
    csv_gzip: bytes = field(repr=False)
    """Its lines as CSV: the columns that we know, which hold no personal data."""


def original_of(lines: pd.DataFrame) -> Original:
    """Pack the lines of one invoice.

    Args:
        lines: as `parse_invoice_csv` gives them.
    """
    text = io.BytesIO()
    table = lines[list(COLUMNS[1:])].rename(columns=_SPELLED)
    write_csv(pa.Table.from_pandas(table, preserve_index=False), text)
    # Without a time in its head, the same lines give the same bytes.
    return Original(lines_digest(lines), gzip.compress(text.getvalue(), mtime=0))


def lines_digest(lines: pd.DataFrame) -> str:
    """Return the digest of some lines: the same for the same lines in any order.

    Numbers count by value: `12.30` is `12.3`.
    """
    columns = []
    for name in COLUMNS[1:]:
        column = lines[name].fillna("")
        if name in _NUMBERS:
            column = column.str.replace(r"(\.[0-9]*?)0+$", r"\1", regex=True).str.rstrip(".")
        columns.append(column.tolist())
    rows = sorted(map(_FIELD.join, zip(*columns, strict=True)))
    return hashlib.sha256(_LINE.join(rows).encode("utf-8", "surrogatepass")).hexdigest()
