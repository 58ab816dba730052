"""The CSV of an invoice as a frame of exact text, or one sentence about what is wrong with it.

Shape of the file: DigitalOcean's OpenAPI example, beside which little is promised (order of the
columns, quotes, signs, thousands), so all of it is read in any spelling that has one meaning.
Columns are read and checked whole by pyarrow, which refuses rows of another length than the header
instead of padding them. Only a file that is refused is read again, field by field, to say where.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ..digitalocean.errors import clean
from ..redaction import without_mails

COLUMNS = (
    "line_number",
    "product",
    "group_description",
    "description",
    "hours",
    "started_at",
    "ended_at",
    "amount",
    "project_name",
    "category",
)
"""Columns of a frame of lines: line_number int64, the others text (`str`), NA for blank."""

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

_ASK_AGAIN = "download the invoice's CSV again"
_TELL = f"{_ASK_AGAIN}, and report it if it stays"

_STR = pd.StringDtype(na_value=np.nan)
_TEXT = pa.large_string()
# Few distinct values, or long texts made of few: kept as codes until the frame is made.
_CODES = pa.dictionary(pa.int32(), _TEXT)
_BLOCK = 8 << 20
_HEADER_LIMIT = 1 << 16
_NUMBER_LIMIT = 100

# RE2 and Python read these alike.
_NUMBER = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)"
_QUANTITY = rf"^[-+]?{_NUMBER}$"
_MONEY = (
    rf"^(?:[-+]?\s*\$?\s*{_NUMBER}"
    rf"|\$\s*[-+]\s*{_NUMBER}"
    rf"|\$?\s*{_NUMBER}\s*[-+]"
    rf"|\$?\s*\(\s*\$?\s*{_NUMBER}\s*\))$"
)
_TIME = (
    r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<clock>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2})?(?P<fraction>\.[0-9]+)?"
    r"\s*(?:[Zz]|UTC|(?P<zone>[+-][0-9]{2}):?(?P<minutes>[0-9]{2})?)?)?$"
)
_FIELD = re.compile(
    r'(?:"(?P<quoted>(?:[^"]++|"")*+)(?P<close>"?)(?P<rest>[^,\r\n]*+)|(?P<plain>[^,\r\n]*+))'
    r"(?P<end>,|\r\n|\r|\n|\Z)"
)
_NEWLINE = re.compile(r"\r\n|\r|\n")
_END = "\x1e"

Check = Callable[[Any], tuple[Any, Any]]
"""Raw texts -> read texts, and whether each is good (None: all are)."""
Refuse = Callable[[int, str, str], NoReturn]


class InvoiceFileError(ValueError):
    """An invoice cannot be read; the text says which, where, what and what to do.

    Attributes:
        invoice: the invoice's uuid or other name.
        line: line of the file, from 1, which is the header unless blank lines stand before it.
        column: as the file calls it; None when it is about no single one.
        problem: what is wrong, and what to do.
    """

    def __init__(self, invoice: str, line: int, column: str | None, problem: str) -> None:
        """Build the one sentence."""
        self.invoice = invoice
        self.line = line
        self.column = column
        self.problem = problem
        where = f", column {clip(column)}" if column else ""
        super().__init__(f"Invoice {clean(invoice)}, line {line}{where}: {problem}.")


def clip(value: object, limit: int = 40) -> str:
    """A foreign value, short and quoted, as it may stand in a message."""
    return f"'{clean(str(value), limit=limit)}'"


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
            invoice, _line_of(data, row), header.names[header.columns.index(column)],
            problem,
        )  # fmt: skip

    table = _read_rows(data, header, invoice)
    columns = {name: table.column(name) for name in table.column_names}
    count = table.num_rows
    del table
    return to_frame(read_columns(columns, refuse), count)


def read_columns(columns: dict[str, Any], refuse: Refuse | None = None) -> dict[str, Any]:
    """Check and normalise columns of raw text.

    Args:
        columns: pyarrow chunked arrays of large_string, dictionary-coded or plain, by column of
            `COLUMNS`; emptied on the way, so that raw and read columns are not held together.
        refuse: raises for (row from 0, column, problem). Without it what is no good is null.

    Returns:
        pyarrow arrays of large_string, null for blank.
    """
    read = {}
    for name in list(columns):
        raw = columns.pop(name).combine_chunks()
        coded = isinstance(raw.type, pa.DictionaryType)
        values, good = _CHECKS.get(name, _check_text)(raw.dictionary if coded else raw)
        if good is not None and refuse is not None:
            _refuse_first(raw, good, name, refuse)
        elif good is not None:
            values = pc.if_else(good, values, _text(None))
        read[name] = pc.take(values, raw.indices) if coded else values
        del raw
    return read


def to_frame(columns: dict[str, Any], count: int) -> pd.DataFrame:
    """A frame with `COLUMNS` from pyarrow arrays; a column that is not there is all NA."""
    nothing = pa.nulls(count, _TEXT) if len(columns) < len(COLUMNS) - 1 else None
    names = COLUMNS[1:]
    table = pa.table({name: columns.pop(name, nothing) for name in names})
    frame: pd.DataFrame = table.to_pandas(
        types_mapper={_TEXT: _STR}.get, self_destruct=True, split_blocks=True
    )
    frame.insert(0, "line_number", np.arange(1, count + 1, dtype=np.int64))
    return frame


# -- columns --------------------------------------------------------------------------------------


def _check_text(values: Any) -> tuple[Any, Any]:
    """Trimmed, null for blank; all good."""
    trimmed = pc.utf8_trim_whitespace(values)
    blank = pc.equal(trimmed, "")
    if pc.any(blank).as_py():
        trimmed = pc.if_else(blank, _text(None), trimmed)
    return trimmed, None


def _decimals(values: Any, pattern: str) -> tuple[Any, Any]:
    """Numbers in any spelling as canonical decimal text; what is none is not good."""
    text, _ = _check_text(values)
    good = pc.and_kleene(
        pc.match_substring_regex(text, pattern), pc.less_equal(pc.utf8_length(text), _NUMBER_LIMIT)
    )
    digits = pc.replace_substring_regex(text, r"[^0-9.]", "")
    digits = pc.replace_substring_regex(digits, r"^0+([0-9])", r"\1")
    digits = pc.replace_substring_regex(digits, r"^\.", "0.")
    digits = pc.replace_substring_regex(digits, r"\.$", "")
    negative = pc.and_kleene(
        pc.match_substring_regex(text, r"[-(]"),
        # There is no minus zero in money.
        pc.match_substring_regex(digits, r"[1-9]"),
    )
    sign = pc.if_else(negative, _text("-"), _text(""))
    return pc.binary_join_element_wise(sign, digits, _text("")), good


def _check_amount(values: Any) -> tuple[Any, Any]:
    text, good = _decimals(values, _MONEY)
    return text, pc.fill_null(good, False)


def _check_hours(values: Any) -> tuple[Any, Any]:
    text, good = _decimals(values, _QUANTITY)
    return text, pc.fill_null(good, True)


def _check_time(values: Any) -> tuple[Any, Any]:
    """Times as `2026-04-01 00:00:00+00`. Go's zero time, which means none, is null."""
    text, _ = _check_text(values)
    parts = pc.extract_regex(text, _TIME)

    def part(name: str, default: str) -> Any:
        field = pc.struct_field(parts, name)
        return pc.if_else(pc.equal(field, ""), _text(default), field)

    offset = pc.binary_join_element_wise(part("zone", "+00"), part("minutes", "00"), _text(":"))
    iso = pc.binary_join_element_wise(
        part("day", ""), _text("T"), part("clock", "00:00"), part("second", ":00"),
        _head(part("fraction", ".0"), 7), offset, _text(""),
    )  # fmt: skip
    # pandas knows the calendar; pyarrow would refuse the whole column for one 30 February.
    times = pd.to_datetime(_to_series(iso), format="ISO8601", utc=True, errors="coerce")
    times = times.astype("datetime64[us, UTC]")
    written = pc.cast(pc.cast(pa.array(times), pa.timestamp("us")), _TEXT)
    good = pc.or_kleene(
        pc.is_null(text),
        # Beyond these, PostgreSQL reads something else or nothing.
        pc.and_kleene(
            pc.match_substring_regex(pc.fill_null(written, ""), r"^[0-9]{4}-"),
            pc.invert(pc.starts_with(pc.fill_null(written, "0000"), "0000")),
        ),
    )
    written = pc.if_else(pc.starts_with(written, "0001-01-01 00:00:00"), _text(None), written)
    short = pc.replace_substring_regex(written, r"\.?0+$", "")
    # A time without a fraction lost ".000000"; "00:00:00" must not lose more.
    short = pc.if_else(pc.match_substring(written, ".000000"), _head(written, 19), short)
    return pc.binary_join_element_wise(short, _text("+00"), _text("")), good


def _text(value: str | None) -> Any:
    return pa.scalar(value, _TEXT)


def _head(values: Any, length: int) -> Any:
    return pc.utf8_slice_codeunits(values, 0, length)


def _to_series(values: Any) -> pd.Series[str]:
    return pd.Series(pd.array(values, dtype=_STR))


def _check_words(values: Any) -> tuple[Any, Any]:
    """Texts that people can write in, with the mail addresses in them masked."""
    text, good = _check_text(values)
    if pc.any(pc.match_substring(text, "@")).as_py():
        masked = (None if one is None else without_mails(one) for one in text.to_pylist())
        text = pa.array(masked, _TEXT)
    return text, good


_CHECKS: dict[str, Check] = {
    "description": _check_words,
    "group_description": _check_words,
    "project_name": _check_words,
    "amount": _check_amount,
    "hours": _check_hours,
    "started_at": _check_time,
    "ended_at": _check_time,
}
_MEANT = {
    "amount": "an amount in US dollars",
    "hours": "a number of hours",
    "started_at": "a date and time",
    "ended_at": "a date and time",
}


def _refuse_first(raw: Any, good: Any, name: str, refuse: Refuse) -> None:
    """Refuse the first row whose value is not good."""
    if isinstance(raw.type, pa.DictionaryType):
        if pc.all(good).as_py() is not False:
            return
        good = pc.take(good, raw.indices)
    row = pc.index(good, False).as_py()
    if row < 0:
        return
    value = raw[row].as_py()
    if value is None or not str(value).strip():
        refuse(row, name, f"the amount is blank; {_TELL}")
    refuse(row, name, f"{clip(value)} is not {_MEANT[name]}; {_TELL}")


# -- the file -------------------------------------------------------------------------------------


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
        raise InvoiceFileError(invoice, 1, None, f"the file is empty; {_ASK_AGAIN}")
    record = next(_records(head))
    names = [field.text for field in record.fields]
    known = [_HEADER.get(_header_name(name)) for name in names]

    def refuse(problem: str, column: str | None = None) -> NoReturn:
        raise InvoiceFileError(invoice, record.line, column, problem)

    start = head.lstrip()
    if not any(known) or start[0] in "<{[":
        kinds = {"<": "HTML or XML", "{": "JSON", "[": "JSON", "%": "PDF"}
        if start[0] in kinds:
            refuse(f"this is {kinds[start[0]]} and no CSV; {_ASK_AGAIN}")
    for name, field in zip(names, record.fields, strict=True):
        if _not_utf8(name):
            refuse(f"the header is not UTF-8; {_ASK_AGAIN}", name)
        if field.unclosed:
            refuse(f"a quote is never closed; {_ASK_AGAIN}", name)
    for column in _REQUIRED:
        if column not in known:
            refuse(
                f"the header has no such column but {clip(', '.join(names), 80)}; "
                f"see whether this is the CSV of an invoice, and {_ASK_AGAIN}",
                _NAME_OF[column],
            )
    spelled = [_header_name(name) for name in names]
    for number, name in enumerate(spelled):
        if name and name in spelled[:number]:
            refuse(f"the header names it twice; {_TELL}", names[number])
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
                        column: _TEXT if column == "description" else _CODES for column in wanted
                    },
                    strings_can_be_null=False,
                ),
            )
            break
        except (pa.ArrowException, OverflowError):
            _diagnose(data, header, invoice)
    else:
        raise InvoiceFileError(invoice, 1, None, f"it cannot be read as CSV; {_TELL}")
    if table.num_rows == 0 or any(column[-1].as_py() != _END for column in table.columns):
        _diagnose(data, header, invoice)
        raise InvoiceFileError(invoice, 1, None, f"a quote is never closed; {_ASK_AGAIN}")
    return table.slice(0, table.num_rows - 1).select(wanted).unify_dictionaries()


def _skip_blank(row: Any) -> str:
    return "skip" if not row.text.strip() else "error"


# -- where it is wrong ----------------------------------------------------------------------------


class _Field(NamedTuple):
    text: str
    line: int
    unclosed: bool


class _Record(NamedTuple):
    fields: list[_Field]
    line: int
    end: int
    """Characters up to the next record."""


def _records(text: str) -> Iterator[_Record]:
    """The records of a CSV text as pyarrow reads them, blank lines left out."""
    position, line = 0, 1
    while position < len(text):
        begin, fields = line, []
        blank = True
        while True:
            match = cast("re.Match[str]", _FIELD.match(text, position))
            quoted, plain = match["quoted"], match["plain"]
            value = plain if quoted is None else quoted.replace('""', '"') + match["rest"]
            fields.append(_Field(value, line, quoted is not None and not match["close"]))
            blank = blank and quoted is None and not plain.strip()
            if quoted is not None:
                line += len(_NEWLINE.findall(quoted))
            position = match.end()
            if match["end"] != ",":
                line += bool(match["end"])
                break
        if not (blank and len(fields) == 1):
            yield _Record(fields, begin, position)


def _not_utf8(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _text_of(data: bytes) -> str:
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def _diagnose(data: bytes, header: _Header, invoice: str) -> None:
    """Raise for the first thing that is wrong with the form of the file; return if nothing is."""
    expected = len(header.names)
    for record in _records(_text_of(data)):
        for number, field in enumerate(record.fields):
            name = header.names[number] if number < expected else None
            if field.unclosed:
                raise InvoiceFileError(
                    invoice, field.line, name,
                    f"a quote opened here is never closed, so the file may have been cut; "
                    f"{_ASK_AGAIN}",
                )  # fmt: skip
            if _not_utf8(field.text):
                raise InvoiceFileError(
                    invoice, field.line, name, f"the text is not UTF-8; {_ASK_AGAIN}"
                )
        found = len(record.fields)
        if found < expected:
            raise InvoiceFileError(
                invoice, record.line, header.names[found],
                f"the line ends before it, with {found} of {expected} fields, so the file may have "
                f"been cut; {_ASK_AGAIN}",
            )  # fmt: skip
        if found > expected:
            raise InvoiceFileError(
                invoice, record.line, header.names[-1],
                f"the line goes on after it, with {found} fields for {expected} columns; {_TELL}",
            )  # fmt: skip


def _line_of(data: bytes, row: int) -> int:
    """The file's line on which a row, from 0, begins. Slow: reads the file field by field."""
    records = _records(_text_of(data))
    next(records)
    for number, record in enumerate(records):
        if number == row:
            return record.line
    return 1
