"""The original of an invoice: its lines as they came, packed, and a digest to tell versions apart.

With the lines go the resources' ids, which came from the invoice's JSON form, so that lines can be
made again from it alone (`rebuild`), and beside them the amounts of the summary.

Compared are lines, not bytes: DigitalOcean renders the file at each download, so that an old
invoice comes with other columns, quotes or order, and says the same.
"""

from __future__ import annotations

import gzip
import hashlib
import io

import sqlalchemy as sa

from ..frames import pa, pa_csv, pd
from ..warehouse.statements import Statements
from .line_columns import COLUMNS

KEYS = ("resource_key", "second_key")
"""Columns of an original that no file of DigitalOcean has."""

statements = Statements(__file__)

_SPELLED = {"started_at": "start", "ended_at": "end", "amount": "USD"}
_NUMBERS = ("hours", "amount")
_FIELD, _LINE = "\x1f", "\x1e"


def packed_lines(lines: pd.DataFrame) -> bytes:
    """Return the lines of one invoice as CSV, compressed; the columns hold no personal data.

    Args:
        lines: as `parse_invoice_csv` gives them; with `KEYS` where these are known.
    """
    text = io.BytesIO()
    kept = [*COLUMNS[1:], *(key for key in KEYS if key in lines)]
    table = lines[kept].rename(columns=_SPELLED)
    pa_csv.write_csv(pa.Table.from_pandas(table, preserve_index=False), text)
    # Without a time in its head, the same lines give the same bytes.
    return gzip.compress(text.getvalue(), mtime=0)


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


def read_keys(data: bytes, lines: pd.DataFrame) -> pd.DataFrame:
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


def keep_summaries(connection: sa.Connection) -> None:
    """Keep the amounts of summaries that are new, beside the lines that they came with."""
    statements.run(connection, "keep_summaries")
