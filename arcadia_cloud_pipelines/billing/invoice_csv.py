"""The CSV of an invoice as a frame of exact text, or one sentence about what is wrong with it.

Shape of the file: DigitalOcean's OpenAPI example, beside which little is promised: order of the
columns, quotes, signs, thousands, times. All is read in any spelling that has one meaning. Columns
are read whole by pyarrow, which refuses rows of another length than the header instead of padding
them. Only a file that is refused is read again, field by field, to say where.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, NoReturn

from ..common.frames import np, pa, pa_csv, pc, pd
from ..common.redaction import without_mails
from .invoice_csv_errors import (
    ASK_AGAIN,
    REQUIRED,
    TELL,
    InvoiceFileError,
    clip,
    diagnose,
    diagnose_header,
    line_of,
)

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

# Header name, as `_spell` makes it -> column of the frame.
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

_BLOCK = 8 << 20
_HEADER_LIMIT = 1 << 16
_END = "\x1e"
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

Check = Callable[[Any], tuple[Any, Any]]
"""Raw texts -> read texts, and whether each is good (None: all are)."""
Refuse = Callable[[int, str, str], NoReturn]


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
    text = io.StringIO(head, newline="")
    rows = (row for row in csv.reader(text) if len(row) > 1 or (row and row[0].strip()))
    names = next(rows, [])
    spelled = [_spell(name) for name in names]
    columns = [_HEADER.get(name) for name in spelled]
    end = text.tell()
    named = [name for name in spelled if name]
    if (
        not set(REQUIRED) <= set(columns)
        or len(set(named)) < len(named)
        or head.lstrip()[0] in "<{["
        # Not UTF-8, or a quote that is never closed: it takes all that follows.
        or not "".join(names).isprintable()
        or end == len(head)
    ):
        diagnose_header(head, spelled, columns, invoice)
    kept = [column or f"extra {number}" for number, column in enumerate(columns)]
    end = begin + len(head[:end].encode("utf-8", "surrogateescape"))
    return _Header([name.strip() for name in names], kept, end)


def _spell(name: str) -> str:
    """Return the name of a column without what differs between files: `Project Name`."""
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


NUMBERS = ("hours", "amount")
"""Columns of decimal text."""


@cache
def _frame_text() -> pd.StringDtype:
    return pd.StringDtype(na_value=np.nan)


@cache
def column_text() -> pa.DataType:
    """Return the type of a column of texts, whatever their length together."""
    return pa.large_string()


def read_columns(columns: dict[str, Any], refuse: Refuse | None = None) -> dict[str, Any]:
    """Check and normalise columns of raw text.

    Args:
        columns: pyarrow chunked arrays of large_string, dictionary-coded or plain, by column of
            `COLUMNS`; emptied on the way, so that raw and read columns are not held together.
        refuse: raises for (row from 0, column, problem). Without it what is no good is null.

    Returns:
        pyarrow arrays of large_string, null for blank.
    """
    raws = {name: columns.pop(name).combine_chunks() for name in list(columns)}
    # A check of thirty values takes as long as one of three, so columns of codes that are checked
    # alike are checked at once: most invoices are small.
    alike: dict[Any, list[str]] = {}
    for name, raw in raws.items():
        coded = pa.types.is_dictionary(raw.type)
        alike.setdefault(_CHECKS.get(name, _check_text) if coded else name, []).append(name)
    checked: dict[str, Any] = {}
    for names in alike.values():
        parts = [getattr(raws[name], "dictionary", raws[name]) for name in names]
        values, good = _CHECKS.get(names[0], _check_text)(pa.concat_arrays(parts))
        start = 0
        for name, part in zip(names, parts, strict=True):
            here = slice(start, start := start + len(part))
            checked[name] = (values[here], None if good is None else good[here])
    read = {}
    for name in list(raws):
        raw, (values, good) = raws.pop(name), checked.pop(name)
        if good is not None and refuse is not None:
            _refuse_first(raw, good, name, refuse)
        elif good is not None:
            values = pc.if_else(good, values, _text(None))
        read[name] = pc.take(values, raw.indices) if hasattr(raw, "dictionary") else values
    return read


def to_frame(columns: dict[str, Any], count: int) -> pd.DataFrame:
    """A frame with `COLUMNS` from pyarrow arrays; a column that is not there is all NA."""
    nothing = pa.nulls(count, column_text()) if len(columns) < len(COLUMNS) - 1 else None
    names = COLUMNS[1:]
    table = pa.table({name: columns.pop(name, nothing) for name in names})
    frame: pd.DataFrame = table.to_pandas(
        types_mapper={column_text(): _frame_text()}.get, self_destruct=True, split_blocks=True
    )
    frame.insert(0, "line_number", np.arange(1, count + 1, dtype=np.int64))
    return frame


def _check_text(values: Any) -> tuple[Any, Any]:
    """Trimmed, null for blank; all good."""
    trimmed = pc.utf8_trim_whitespace(values)
    blank = pc.equal(trimmed, "")
    if pc.any(blank).as_py():
        trimmed = pc.if_else(blank, _text(None), trimmed)
    return trimmed, None


def _decimals(values: Any, pattern: str, *, blank: bool) -> tuple[Any, Any]:
    """Return numbers in any spelling as decimal text; `blank`: whether none at all is good."""
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
    return pc.binary_join_element_wise(sign, digits, _text("")), pc.fill_null(good, blank)


def without_zeros(values: Any) -> Any:
    """Return decimal texts by their value: `12.30` is `12.3`, and `744.0` is `744`."""
    return pc.replace_substring_regex(values, r"\.0*$|(\.[0-9]*[1-9])0+$", r"\1")


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
    series = pd.Series(pd.array(iso, dtype=_frame_text()))
    times = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
    times = times.astype("datetime64[us, UTC]")
    written = pc.cast(pc.cast(pa.array(times), pa.timestamp("us")), column_text())
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
    return pa.scalar(value, column_text())


def _head(values: Any, length: int) -> Any:
    return pc.utf8_slice_codeunits(values, 0, length)


def _check_words(values: Any) -> tuple[Any, Any]:
    """Texts that people can write in, with the mail addresses in them masked."""
    text, good = _check_text(values)
    if pc.any(pc.match_substring(text, "@")).as_py():
        masked = (None if one is None else without_mails(one) for one in text.to_pylist())
        text = pa.array(masked, column_text())
    return text, good


_CHECKS: dict[str, Check] = {
    "description": _check_words,
    "group_description": _check_words,
    "project_name": _check_words,
    "amount": partial(_decimals, pattern=_MONEY, blank=False),
    "hours": partial(_decimals, pattern=_QUANTITY, blank=True),
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
        refuse(row, name, f"the amount is blank; {TELL}")
    refuse(row, name, f"{clip(value)} is not {_MEANT[name]}; {TELL}")
