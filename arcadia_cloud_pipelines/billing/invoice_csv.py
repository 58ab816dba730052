"""The CSV of an invoice as a frame of exact text, or one sentence about what is wrong with it.

Shape of the file: DigitalOcean's OpenAPI example, beside which little is promised (order of the
columns, quotes). Columns are read whole by pyarrow, which refuses rows of another length than the
header instead of padding them. Only a file that is refused is read again, field by field, to say
where.
"""

from __future__ import annotations

import io
import re
from typing import Any, NamedTuple, NoReturn

from ..frames import pa, pa_csv, pd
from .invoice_csv_errors import (
    ASK_AGAIN,
    TELL,
    InvoiceFileError,
    clip,
    csv_records,
    diagnose,
    line_of,
    not_utf8,
)
from .line_columns import column_text, read_columns, to_frame

# Header name, as `_header_name` makes it -> column of the frame.
_HEADER = {
    "product": "product",
    "group_description": "group_description",
    "description": "description",
    "hours": "hours",
    "start": "started_at",
    "end": "ended_at",
    "usd": "amount",
    "project_name": "project_name",
    "category": "category",
}
_NAME_OF = {column: "USD" if name == "usd" else name for name, column in _HEADER.items()}
_REQUIRED = ("amount", "product", "description")

_BLOCK = 8 << 20
_HEADER_LIMIT = 1 << 16
_END = "\x1e"


def parse_invoice_csv(data: bytes, *, invoice: str) -> pd.DataFrame:
    """Read the CSV of an invoice.

    Args:
        data: the body as it came, never decoded before: DigitalOcean names no charset.
        invoice: its uuid, for messages.

    Returns:
        One row a line, in the file's order, with `COLUMNS`. Text is without blanks around it, and
        NUL, which PostgreSQL cannot hold, is U+FFFD. `amount` (US dollars, never NA) and `hours`
        are decimal text with all the digits given; times are UTC, `2026-04-01 00:00:00+00`, those
        without an offset having been UTC. A header alone is an invoice without lines.

    Raises:
        InvoiceFileError: the file is no invoice, or was cut, or says something with no one meaning.
            What cannot be known: whether whole lines are missing at the end, or the end of the
            last field. The sum of the lines, compared with the invoice's amount, tells.
    """
    if b"\0" in data:
        data = data.replace(b"\0", "\ufffd".encode())
    header = _read_header(data, invoice)

    def refuse(row: int, column: str, problem: str) -> NoReturn:
        raise InvoiceFileError(
            invoice, line_of(data, row), header.names[header.columns.index(column)],
            problem,
        )  # fmt: skip

    table = _read_rows(data, header, invoice)
    columns = {name: table.column(name) for name in table.column_names}
    count = table.num_rows
    del table
    return to_frame(read_columns(columns, refuse), count)


class _Header(NamedTuple):
    names: list[str]
    """As the file has them."""
    columns: list[str]
    """Column of the frame for each; `extra <n>` for one we do not know."""
    end: int
    """Bytes up to the first row."""


def _read_header(data: bytes, invoice: str) -> _Header:
    """Find the header, which may stand after a BOM and blank lines."""
    begin = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    head = data[begin : begin + _HEADER_LIMIT].decode("utf-8", "surrogateescape")
    if not head.strip():
        raise InvoiceFileError(invoice, 1, None, f"the file is empty; {ASK_AGAIN}")
    record = next(csv_records(head))
    names = [field.text for field in record.fields]
    known = [_HEADER.get(_header_name(name)) for name in names]

    def refuse(problem: str, column: str | None = None) -> NoReturn:
        raise InvoiceFileError(invoice, record.line, column, problem)

    start = head.lstrip()
    if not any(known) or start[0] in "<{[":
        kinds = {"<": "HTML or XML", "{": "JSON", "[": "JSON", "%": "PDF"}
        if start[0] in kinds:
            refuse(f"this is {kinds[start[0]]} and no CSV; {ASK_AGAIN}")
    for name, field in zip(names, record.fields, strict=True):
        if not_utf8(name):
            refuse(f"the header is not UTF-8; {ASK_AGAIN}", name)
        if field.unclosed:
            refuse(f"a quote is never closed; {ASK_AGAIN}", name)
    for column in _REQUIRED:
        if column not in known:
            refuse(
                f"the header has no such column but {clip(', '.join(names), 80)}; "
                f"see whether this is the CSV of an invoice, and {ASK_AGAIN}",
                _NAME_OF[column],
            )
    spelled = [_header_name(name) for name in names]
    for number, name in enumerate(spelled):
        if name and name in spelled[:number]:
            refuse(f"the header names it twice; {TELL}", names[number])
    columns = [column or f"extra {number}" for number, column in enumerate(known)]
    end = begin + len(head[: record.end].encode("utf-8", "surrogateescape"))
    return _Header([name.strip() for name in names], columns, end)


def _header_name(name: str) -> str:
    return re.sub(r"[\s_-]+", "_", name.strip().strip("\ufeff").strip()).casefold()


class _Rows(io.RawIOBase):
    """The rows after the header, and then the end mark, without a copy of them all."""

    def __init__(self, data: bytes, start: int, mark: bytes) -> None:
        self._parts = [memoryview(data)[start:], memoryview(mark)]

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        """At most `size` bytes; none at the end."""
        while self._parts and not self._parts[0]:
            del self._parts[0]
        if not self._parts:
            return b""
        size = len(self._parts[0]) if size is None or size < 0 else size
        given, self._parts[0] = self._parts[0][:size], self._parts[0][size:]
        return bytes(given)


def _read_rows(data: bytes, header: _Header, invoice: str) -> Any:
    """A table of the raw text of the columns we know, one row a line."""
    wanted = [column for column in header.columns if not column.startswith("extra ")]
    # A quote left open takes the rest of the file as text, and pyarrow lets it: then the mark does
    # not come out as a row.
    mark = f"\n{','.join([_END] * len(header.columns))}\n".encode()
    # Blank lines that are not empty are skipped in the second attempt only: pyarrow asks Python
    # about such rows, and cannot while they may be anything but UTF-8. Nor does a line fit in every
    # block.
    text = column_text()
    # Few distinct values, or long texts made of few: kept as codes until the frame is made.
    codes = pa.dictionary(pa.int32(), text)
    for block, blanks in ((_BLOCK, None), (max(_BLOCK, len(data) + len(mark)), _skip_blank)):
        try:
            table = pa_csv.read_csv(
                _Rows(data, header.end, mark),
                read_options=pa_csv.ReadOptions(column_names=header.columns, block_size=block),
                parse_options=pa_csv.ParseOptions(
                    newlines_in_values=b'"' in data, invalid_row_handler=blanks
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types={
                        column: text if column == "description" else codes for column in wanted
                    },
                    strings_can_be_null=False,
                ),
            )
            break
        except (pa.ArrowException, OverflowError):
            diagnose(data, header.names, invoice)
    else:
        raise InvoiceFileError(invoice, 1, None, f"it cannot be read as CSV; {TELL}")
    if table.num_rows == 0 or any(column[-1].as_py() != _END for column in table.columns):
        diagnose(data, header.names, invoice)
        raise InvoiceFileError(invoice, 1, None, f"a quote is never closed; {ASK_AGAIN}")
    return table.slice(0, table.num_rows - 1).select(wanted).unify_dictionaries()


def _skip_blank(row: Any) -> str:
    return "skip" if not row.text.strip() else "error"
