"""The columns of an invoice's lines: raw text checked whole by pyarrow, in one spelling after.

Little is promised of signs, thousands and times, so all is read in any spelling that has one
meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from ..frames import np, pa, pc, pd
from ..redaction import without_mails
from .invoice_csv_errors import TELL, clip

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


@cache
def _frame_text() -> pd.StringDtype:
    return pd.StringDtype(na_value=np.nan)


@cache
def column_text() -> pa.DataType:
    """Return the type of a column of texts, whatever their length together."""
    return pa.large_string()


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


def _to_series(values: Any) -> pd.Series[str]:
    return pd.Series(pd.array(values, dtype=_frame_text()))


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
        refuse(row, name, f"the amount is blank; {TELL}")
    refuse(row, name, f"{clip(value)} is not {_MEANT[name]}; {TELL}")
