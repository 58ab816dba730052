from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing import invoice_csv
from arcadia_cloud_pipelines.billing.invoice_csv import COLUMNS, parse_invoice_csv
from arcadia_cloud_pipelines.billing.invoice_csv_errors import InvoiceFileError, csv_records

from ..examples import EXAMPLES

EXAMPLE = (EXAMPLES / "invoice.csv").read_bytes()
HEADER = "product,group_description,description,hours,start,end,USD,project_name,category"
ROW = (
    "Droplets,,web-1 (s-1vcpu-1gb),744,2026-04-01 00:00:00 +0000,2026-05-01 00:00:00 +0000,"
    "$6.00,shop,iaas"
)


def parse(text: str | bytes) -> pd.DataFrame:
    data = text.encode() if isinstance(text, str) else text
    frame = parse_invoice_csv(data, invoice="inv-1")
    assert tuple(frame.columns) == COLUMNS
    assert [str(t) for t in frame.dtypes] == ["int64"] + ["str"] * 9
    assert list(frame.index) == list(range(len(frame)))
    assert list(frame["line_number"]) == list(range(1, len(frame) + 1))
    return frame


def records(text: str | bytes) -> list[dict[str, Any]]:
    frame = parse(text).drop(columns="line_number").astype(object)
    return frame.where(frame.notna(), None).to_dict("records")  # type: ignore[return-value]


def lines(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows, ""])


def cell(column: str, value: str) -> Any:
    """What one value in one column is read as."""
    given = dict(zip(HEADER.split(","), next(csv.reader([ROW])), strict=True)) | {column: value}
    buffer = io.StringIO()
    csv.writer(buffer).writerows([list(given), list(given.values())])
    named = {"start": "started_at", "end": "ended_at", "USD": "amount"}.get(column, column)
    return records(buffer.getvalue())[0][named]


def refusal(text: str | bytes) -> InvoiceFileError:
    with pytest.raises(InvoiceFileError) as caught:
        parse(text)
    message = str(caught.value)
    assert message.startswith("Invoice inv-1, line ")
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 400
    return caught.value


# -- good files -----------------------------------------------------------------------------------


def test_the_official_example() -> None:
    assert records(EXAMPLE) == [
        {
            "product": "Floating IPs", "group_description": None,
            "description": "Unused Floating IP - 1.1.1.1", "hours": "100",
            "started_at": "2020-07-01 00:00:00+00", "ended_at": "2020-07-22 18:14:39+00",
            "amount": "3.11", "project_name": None, "category": "iaas",
        },
        {
            "product": "Taxes", "group_description": None,
            "description": "STATE SALES TAX (6.25%)", "hours": None,
            "started_at": "2020-07-01 00:00:00+00", "ended_at": "2020-07-31 23:59:59+00",
            "amount": "0.16", "project_name": None, "category": "iaas",
        },
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n \n"])
def test_a_header_alone_is_an_invoice_without_lines(end: str) -> None:
    assert len(parse(HEADER + end)) == 0
    assert len(parse("\ufeff" + HEADER.upper() + end)) == 0


def test_columns_are_found_by_name() -> None:
    plain = records(lines(ROW))
    names, values = HEADER.split(","), ROW.split(",")
    shuffled = [",".join(reversed(part)) for part in (names, values)]
    assert records("\n".join(shuffled)) == plain
    spelled = (
        ' PRODUCT ,Group Description,"description", Hours,START,end, usd ,Project-Name,CATEGORY'
    )
    assert records(lines(ROW, header=spelled)) == plain
    assert records(lines(f"x,{ROW},y,", header=f"new,{HEADER},,")) == plain
    assert records("product,description,USD\nTaxes,VAT (8.10%),$1.00")[0] == dict.fromkeys(
        COLUMNS[1:]
    ) | {"product": "Taxes", "description": "VAT (8.10%)", "amount": "1.00"}


@pytest.mark.parametrize(
    "dress",
    [
        lambda t: "\ufeff" + t,
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("\n", "\r"),
        lambda t: t.replace("\n", "\n\n"),
        lambda t: t.replace("\n", "\n  \t \n"),
        lambda t: "\n \n" + t,
        lambda t: t.rstrip("\n"),
        lambda t: "\n".join(",".join(f'"{f}"' for f in r.split(",")) for r in t.split("\n")[:-1]),
    ],
)
def test_the_dress_of_the_file_does_not_matter(dress: Any) -> None:
    text = lines(ROW, ROW, "Taxes,,VAT,,,,$1.00,,")
    assert records(dress(text)) == records(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("$3.11", "3.11"), ("3.11", "3.11"), ("-$1.00", "-1.00"), ("$-1.00", "-1.00"),
        ("($1.00)", "-1.00"), ("$(1.00)", "-1.00"), ("(1.00)", "-1.00"), ("-1.00", "-1.00"),
        ("$1.00-", "-1.00"), ("1.00 -", "-1.00"), ("- $ 1.00", "-1.00"), ("+$1.00", "1.00"),
        (" $1.00 ", "1.00"), ("$1,234.56", "1234.56"), ("-$12,345,678.90", "-12345678.90"),
        ("$0.00", "0.00"), ("-$0.00", "0.00"), ("(0)", "0"), ("$.5", "0.5"), ("5.", "5"),
        ("007.50", "7.50"), ("$0.000000000123456789012345", "0.000000000123456789012345"),
        ("123456789012345678901234567890.12", "123456789012345678901234567890.12"), ("00", "0"),
    ],
)  # fmt: skip
def test_amounts(written: str, read: str) -> None:
    assert cell("USD", written) == read


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "free", "NaN", "nan", "Infinity", "-inf", "$", "-", "()", ".", "--1", "-(1)",
        "(-1)", "-$1-", "(1", "1)", "1,23", "1,2345", ",123", "1.2.3", "1e5", "0x10", "€5", "1_000",
        "NULL", "1 000", "٣", "$1.00 USD", "9" * 101, "1\n2",
    ],
)  # fmt: skip
def test_amounts_that_are_none(written: str) -> None:
    with pytest.raises(InvoiceFileError) as caught:
        cell("USD", written)
    assert (caught.value.line, caught.value.column) == (2, "USD")
    assert ("blank" in str(caught.value)) == (not written.strip())


@pytest.mark.parametrize(
    ("written", "read"),
    [("744", "744"), ("", None), (" ", None), ("744.50", "744.50"), ("2,232", "2232"), ("0", "0"),
     (" 5 ", "5"), ("-3", "-3")],
)  # fmt: skip
def test_hours(written: str, read: str | None) -> None:
    assert cell("hours", written) == read


@pytest.mark.parametrize("written", ["x", "$5", "(5)", "NaN", "inf", "1,2", "5h", "5-", "None"])
def test_hours_that_are_none(written: str) -> None:
    with pytest.raises(InvoiceFileError, match=r"column 'hours': .* is not a number of hours"):
        cell("hours", written)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-04-01 00:00:00 +0000", "2026-04-01 00:00:00+00"),
        ("2026-04-01T00:00:00Z", "2026-04-01 00:00:00+00"),
        ("2026-04-01t12:30:45.000z", "2026-04-01 12:30:45+00"),
        ("2026-04-01T12:30:45.120+00:00", "2026-04-01 12:30:45.12+00"),
        ("2026-04-01T12:30:40.100000", "2026-04-01 12:30:40.1+00"),
        ("2026-04-01T12:30:45.123456789Z", "2026-04-01 12:30:45.123456+00"),
        ("2026-04-01 01:30:00 +0530", "2026-03-31 20:00:00+00"),
        ("2026-04-01 00:00:00-07", "2026-04-01 07:00:00+00"),
        ("2026-04-01 00:00:00 UTC", "2026-04-01 00:00:00+00"),
        ("2026-04-01 02:11", "2026-04-01 02:11:00+00"),
        ("2026-04-01", "2026-04-01 00:00:00+00"),
        ("2024-02-29 10:20:30 +0000", "2024-02-29 10:20:30+00"),
        ("9999-12-31 23:59:59 +0000", "9999-12-31 23:59:59+00"),
        ("0001-01-01T00:00:00Z", None), ("", None), ("  ", None),
    ],
)  # fmt: skip
def test_times(written: str, read: str | None) -> None:
    assert cell("start", written) == read
    assert cell("end", written) == read


@pytest.mark.parametrize(
    "written",
    [
        "soon", "2026-02-30 00:00:00 +0000", "2026-13-01", "2026-04-01 24:00:00 +0000", "-",
        "2026-04-01 00:60:00 +0000", "2026-04-01 00:00:60 +0000", "01/04/2026", "1775001600",
        "0000-01-01", "9999-12-31 23:59:59 -0500", "20260401", "2026-04-01 00:00:00 +9999",
        "2026-04-01 00:00:00 CET", "NaT", "null", "10000-01-01", "2023-02-29", "today",
    ],
)  # fmt: skip
def test_times_that_are_none(written: str) -> None:
    with pytest.raises(InvoiceFileError, match=r"column 'end': .* is not a date and time"):
        cell("end", written)


@pytest.mark.parametrize(
    "name",
    ["NA", "null", "None", "nan", "NaN", "-", "N/A", "#N/A", "=1+1", "0", "1e5", "True", "+", "'",
     "a,b", 'say "hi"', "two\nlines", "two\r\nlines", "ünïcödé", "名前 🙂", "\\N", '"', '""', ",",
     "\x01NULL\x01", "a\\", "<html>", "{"],
)  # fmt: skip
def test_text_stays_what_it_is(name: str) -> None:
    for column in ("product", "group_description", "description", "project_name", "category"):
        assert cell(column, name) == name
        assert cell(column, f"  {name}\t") == name


@pytest.mark.parametrize("blank", ["", " ", "\t", "\u00a0"])
def test_blank_text_is_na(blank: str) -> None:
    for column in ("product", "group_description", "description", "project_name", "category"):
        assert cell(column, blank) is None


def test_nul_is_replaced() -> None:
    assert cell("description", "a\0b") == "a\ufffdb"


def test_quotes_that_open_nothing_are_text() -> None:
    row = ROW.replace("web-1", '5" disk')
    assert records(lines(row))[0]["description"] == '5" disk (s-1vcpu-1gb)'


def test_a_line_longer_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice_csv, "_BLOCK", 64)
    long = "x" * 1000
    assert records(lines(ROW, ROW.replace("web-1", long)))[1]["description"].startswith(long)
    quoted = ROW.replace("web-1 (s-1vcpu-1gb)", '"' + "y\n" * 500 + 'z"')
    assert records(lines(ROW, quoted, ROW))[1]["description"].endswith("y\nz")
    assert refusal(lines(*[ROW] * 50, "x,y")).line == 52


@pytest.mark.parametrize("block", range(40, 80, 7))
def test_a_block_may_end_in_quotes(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(invoice_csv, "_BLOCK", block)
    text = "product,USD,description\n" + 'A,1,"x\nB,2,y\n"\n' * 20
    assert [row["amount"] for row in records(text)] == ["1"] * 20


def test_many_lines() -> None:
    rows = [ROW.replace("web-1", f"web-{n}").replace("6.00", f"{n}.25") for n in range(5000)]
    frame = parse(lines(*rows))
    assert frame["description"].iloc[4999] == "web-4999 (s-1vcpu-1gb)"
    assert sum(frame["amount"].map(Decimal)) == sum(Decimal(f"{n}.25") for n in range(5000))


# -- bad files ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "empty"), ("\ufeff", "empty"), (" \n\n", "empty"),
        ("<!DOCTYPE html><html><body>502, Bad Gateway</body></html>", "HTML"),
        ("\n  <html>", "HTML"),
        ('{"id": "server_error", "message": "Unexpected, sorry"}', "JSON"),
        ('[{"product": "Droplets"}]', "JSON"),
        ("%PDF-1.7\n%âãÏÓ", "PDF"),
        ("Service Unavailable", "column 'USD'"),
        (lines(ROW).encode("utf-16"), "not UTF-8"),
        (lines(ROW).encode("utf-16-le"), "column 'USD'"),
        (HEADER.replace("USD", "EUR"), "column 'USD'"),
        (HEADER.replace("product", "produce"), "column 'product'"),
        (HEADER.replace(",description", ",text"), "column 'description'"),
        (HEADER + ",Usd", "twice"), (HEADER + ",group description", "twice"),
        (HEADER + ",x,x", "twice"),
        (HEADER + ',"x', "never closed"),
        (HEADER.encode() + b",\xff", "not UTF-8"),
    ],
)  # fmt: skip
def test_what_is_no_invoice(data: str | bytes, says: str) -> None:
    error = refusal(data)
    assert says in str(error)
    assert "again" in str(error)
    assert error.invoice == "inv-1"


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        (ROW[:40], "end", "with 5 of 9 fields"),
        (ROW.rpartition(",")[0], "category", "with 8 of 9 fields"),
        ("Droplets", "group_description", "with 1 of 9 fields"),
        (ROW + ",", "category", "with 10 fields"),
        (ROW + "," * 9 + ROW, "category", "with 26 fields"),
        (ROW.replace("web", '"web'), "description", "never closed"),
        (ROW + '\nDroplets,"', "group_description", "never closed"),
        (ROW.replace("iaas", '"iaas'), "category", "never closed"),
        (ROW.replace("$6.00", "six"), "USD", "'six' is not an amount in US dollars"),
        (ROW.replace("$6.00", ""), "USD", "the amount is blank"),
        (",,,,,,,,", "USD", "the amount is blank"),
        (ROW.replace(",744,", ",many,"), "hours", "'many' is not a number of hours"),
        (ROW.replace("2026-05-01 00", "2026-05-32 00"), "end", "is not a date and time"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("before", "line"),
    [
        ([], 2),
        ([ROW, ROW], 4),
        (['"Dropl\nets\r\n",,"a\rb ""c""",,,,1,,', "", "   ", ROW], 9),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_where_a_line_is_wrong(
    row: str, column: str, says: str, before: list[str], line: int, newline: str
) -> None:
    text = newline.join([HEADER, *before, row, *([ROW] if "never closed" not in says else [])])
    error = refusal(text)
    assert (error.line, error.column) == (line + row.count("\n"), column)
    assert says in str(error)


def test_the_header_is_line_1_unless_blank_lines_stand_before_it() -> None:
    assert refusal("\ufeff" + lines("x")).line == 2
    assert refusal("\n\n" + lines("x")).line == 4


def test_text_that_is_not_utf8() -> None:
    latin = lines(ROW, ROW.replace("web", "wéb")).encode("latin-1")
    error = refusal(latin)
    assert (error.line, error.column) == (3, "description")
    assert "not UTF-8" in str(error)


def test_messages_are_short_and_on_one_line() -> None:
    error = refusal(lines(ROW.replace("$6.00", '"' + "secret\n" * 500 + '"')))
    assert str(error).count("secret") < 8


# -- properties -----------------------------------------------------------------------------------

printable = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0") | st.sampled_from('",\n -$'),
    max_size=12,
).map(str.strip)
amounts = st.decimals(-(10**9), 10**9, places=2) | st.decimals(-1, 1, places=12)
moments = st.datetimes().filter(lambda t: t.year > 1).map(lambda t: t.replace(microsecond=0))
contents = st.fixed_dictionaries(
    {
        "product": printable, "group_description": printable, "description": printable,
        "hours": st.none() | st.decimals(0, 100_000, places=2), "start": st.none() | moments,
        "end": st.none() | moments, "USD": amounts, "project_name": printable,
        "category": printable,
    }
)  # fmt: skip


def written_amount(amount: Decimal, style: int, thousands: bool) -> str:
    number = f"{abs(amount):{',' if thousands else ''}f}"
    if amount.is_signed() and amount:
        return [f"-${number}", f"$-{number}", f"(${number})", f"-{number}", f"${number}-"][style]
    return [f"${number}", number, f"+{number}", f" ${number} ", f"$ {number}"][style]


def quoted(field: str, quote_all: bool) -> str:
    if quote_all or re.search(r'[",\r\n]', field):
        return '"' + field.replace('"', '""') + '"'
    return field


@given(content=st.lists(contents, max_size=8), data=st.data())
def test_no_cent_is_lost(content: list[dict[str, Any]], data: st.DataObject) -> None:
    draw = data.draw
    columns = draw(st.permutations(HEADER.split(",")))
    newline = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    quote_all, thousands, bom, rfc = (draw(st.booleans()) for _ in range(4))
    style = draw(st.integers(0, 4))

    def write(name: str, value: Any) -> str:
        if value is None:
            return ""
        if name == "USD":
            return written_amount(value, style, thousands)
        if name == "hours":
            return f"{value:f}"
        if isinstance(value, str):
            return value
        # strftime does not pad the year on every platform.
        return f"{value.isoformat()}Z" if rfc else f"{value.isoformat(' ')} +0000"

    spell = draw(st.sampled_from([str, str.upper, lambda n: f" {n.replace('_', ' ')} "]))
    rows = [",".join(spell(name) for name in columns)]
    rows += [",".join(quoted(write(n, row[n]), quote_all) for n in columns) for row in content]
    text = newline.join(rows) + draw(st.sampled_from(["", newline, newline * 2]))
    read = records(("\ufeff" if bom else "") + text)

    assert sum(Decimal(r["amount"]) for r in read) == sum(r["USD"] for r in content)
    assert len(read) == len(content)
    for got, row in zip(read, content, strict=True):
        for name in ("product", "group_description", "description", "project_name", "category"):
            assert got[name] == (row[name] or None)
        assert re.fullmatch(r"-?\d+(\.\d+)?", got["amount"])
        assert Decimal(got["amount"]) == row["USD"]
        assert (got["hours"] and Decimal(got["hours"])) == row["hours"]
        for name, column in (("start", "started_at"), ("end", "ended_at")):
            expected = row[name] and f"{row[name].isoformat(' ')}+00"
            assert got[column] == expected


def prefixes(text: str) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    for cut in range(len(text)):
        try:
            yield cut, records(text[:cut])
        except InvoiceFileError:
            continue


def test_every_cut_is_refused_or_cannot_be_known() -> None:
    """What passes: whole lines, and a last line that lost part of its last field.

    Neither is visible in the file. `category` is last in every known invoice, so no money is
    lost unseen in a line; lines that are missing show in the sum.
    """
    rows = [
        ROW,
        'Volumes,"a,b","two\nlines ""x""",744,2026-04-01 00:00:00 +0000,,"$1,234.56",p,"iaas"',
        "Taxes,,VAT (8.10%),,,,($0.16),,iaas",
    ]
    text = lines(*rows)
    whole = records(text)
    header = text.index("\n")
    passed = dict(prefixes(text))
    assert {len(read) for read in passed.values()} == {0, 1, 2, 3}
    for cut, read in passed.items():
        if not read:
            # The header lost an optional column's name at most.
            assert text.index("USD") + 3 <= cut <= header + 1
            continue
        assert read[:-1] == whole[: len(read) - 1]
        last, expected = read[-1], whole[len(read) - 1]
        assert last | {"category": None} == expected | {"category": None}
        assert (expected["category"] or "").startswith(last["category"] or "")


@given(cut=st.integers(0, 400), content=st.lists(contents, min_size=1, max_size=4))
def test_a_cut_file_never_gains(cut: int, content: list[dict[str, Any]]) -> None:
    def write(value: Any) -> str:
        return f"{value:f}" if isinstance(value, Decimal) else value or ""

    texts = [row | {"start": "", "end": ""} for row in content]
    rows = [
        ",".join(quoted(write(row[name]), quote_all=False) for name in HEADER.split(","))
        for row in texts
    ]
    data = lines(*rows).encode()
    whole = records(data)
    try:
        read = records(data[: len(data) - cut])
    except InvoiceFileError:
        return
    assert [r["amount"] for r in read] == [r["amount"] for r in whole][: len(read)]
    assert read[:-1] == whole[: max(0, len(read) - 1)]


pieces = st.sampled_from(
    [HEADER.encode(), ROW.encode(), b"\n", b"\r\n", b"\r", b",", b'"', b'""', b"$", b"\xff", b"\0",
     b"\xef\xbb\xbf", b"product,description,USD", b"a,b,1", b"-", b" ", b"\xc2", b"1e999", b"\x1e",
     b"\xed\xa0\x80", b"\xf0\x9f\x99\x82", b"{", b"<", b"\x1a", b"\xe2\x80\xa8"]
)  # fmt: skip


fragments = st.lists(pieces, max_size=30).map(b"".join)


@given(
    st.binary(max_size=200)
    | fragments
    | (st.binary(max_size=200) | fragments).map(lambda rest: b"product,description,USD\n" + rest)
)
@example(b"product,description,USD\n\xff")
@example(b"product,description,USD\n \xff \n")
@example(b'product,description,USD\n"\x1e\n\x1e,\x1e,\x1e\n')
@example(b'product,description,USD,"\n"\n')
@example(b"usd,product,description,\xff\n")
def test_bytes_are_an_invoice_or_refused(data: bytes) -> None:
    newlines = data.count(b"\n") + data.count(b"\r")
    try:
        frame = parse(data)
    except InvoiceFileError as error:
        line = error.line
    else:
        line = len(frame) + 1
        assert frame["amount"].map(Decimal).map(Decimal.is_finite).all()
        for column in COLUMNS[1:]:
            assert not frame[column].str.contains("\0", regex=False, na=False).any()
    assert 1 <= line <= newlines + 1


@given(st.lists(pieces, max_size=20).map(b"".join))
def test_rows_after_a_good_header_are_those_of_the_csv_module(rest: bytes) -> None:
    """The reader that says where, and pyarrow, and Python's csv see the same fields."""
    data = b"product,description,USD\n" + rest
    try:
        text = data.replace(b"\0", "\ufffd".encode()).decode()
    except UnicodeDecodeError:
        return
    theirs = [[f.text for f in r.fields] for r in csv_records(text)]
    ours = [
        row for row in csv.reader(io.StringIO(text, newline=""))
        if row and not (len(row) == 1 and not row[0].strip())
    ]  # fmt: skip
    # A quoted field of blanks alone on a line is a field to one and a blank line to the other.
    assert [row for row in theirs if any(f.strip() for f in row) or len(row) > 1] == ours
