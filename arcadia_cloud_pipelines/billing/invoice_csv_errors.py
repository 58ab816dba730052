"""Errors in the CSV of an invoice, with their place: the file is read field by field for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, NoReturn, cast

from ..digitalocean.errors import clean

REQUIRED = {"amount": "USD", "product": "product", "description": "description"}
"""Columns of a frame without which a file is no invoice, and what the file calls them."""
ASK_AGAIN = "download the invoice's CSV again"
TELL = f"{ASK_AGAIN}, and report it if it stays"

_FIELD = re.compile(
    r'(?:"(?P<quoted>(?:[^"]++|"")*+)(?P<close>"?)(?P<rest>[^,\r\n]*+)|(?P<plain>[^,\r\n]*+))'
    r"(?P<end>,|\r\n|\r|\n|\Z)"
)
_NEWLINE = re.compile(r"\r\n|\r|\n")


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


class CsvField(NamedTuple):
    """One field, without its quotes."""

    text: str
    line: int
    unclosed: bool


class CsvRecord(NamedTuple):
    """The fields of one row, and where it begins."""

    fields: list[CsvField]
    line: int
    end: int
    """Characters up to the next record."""


def csv_records(text: str) -> Iterator[CsvRecord]:
    """Yield the records of a CSV text as pyarrow reads them, blank lines left out."""
    position, line = 0, 1
    while position < len(text):
        begin, fields = line, []
        blank = True
        while True:
            match = cast("re.Match[str]", _FIELD.match(text, position))
            quoted, plain = match["quoted"], match["plain"]
            value = plain if quoted is None else quoted.replace('""', '"') + match["rest"]
            fields.append(CsvField(value, line, quoted is not None and not match["close"]))
            blank = blank and quoted is None and not plain.strip()
            if quoted is not None:
                line += len(_NEWLINE.findall(quoted))
            position = match.end()
            if match["end"] != ",":
                line += bool(match["end"])
                break
        if not (blank and len(fields) == 1):
            yield CsvRecord(fields, begin, position)


def not_utf8(text: str) -> bool:
    """Return true for a text whose bytes were not UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _text_of(data: bytes) -> str:
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")


def diagnose(data: bytes, names: Sequence[str], invoice: str) -> None:
    """Raise for the first thing that is wrong with the form of the file; return if nothing is."""
    expected = len(names)
    for record in csv_records(_text_of(data)):
        for number, field in enumerate(record.fields):
            name = names[number] if number < expected else None
            if field.unclosed:
                raise InvoiceFileError(
                    invoice, field.line, name,
                    f"a quote opened here is never closed, so the file may have been cut; "
                    f"{ASK_AGAIN}",
                )  # fmt: skip
            if not_utf8(field.text):
                raise InvoiceFileError(
                    invoice, field.line, name, f"the text is not UTF-8; {ASK_AGAIN}"
                )
        found = len(record.fields)
        if found < expected:
            raise InvoiceFileError(
                invoice, record.line, names[found],
                f"the line ends before it, with {found} of {expected} fields, so the file may have "
                f"been cut; {ASK_AGAIN}",
            )  # fmt: skip
        if found > expected:
            raise InvoiceFileError(
                invoice, record.line, names[-1],
                f"the line goes on after it, with {found} fields for {expected} columns; {TELL}",
            )  # fmt: skip


def diagnose_header(
    head: str, spelled: Sequence[str], columns: Sequence[str | None], invoice: str
) -> None:
    """Raise for the first thing that is wrong with the header; return if nothing is.

    Args:
        head: the beginning of the file.
        spelled: the names in the header, each in one spelling.
        columns: column of the frame for each name in the header; None for one we do not know.
        invoice: its name.
    """
    if not head.strip():
        raise InvoiceFileError(invoice, 1, None, f"the file is empty; {ASK_AGAIN}")
    record = next(csv_records(head))
    names = [field.text for field in record.fields]

    def refuse(problem: str, column: str | None = None) -> NoReturn:
        raise InvoiceFileError(invoice, record.line, column, problem)

    start = head.lstrip()[0]
    kinds = {"<": "HTML or XML", "{": "JSON", "[": "JSON", "%": "PDF"}
    if start in kinds and (start != "%" or not any(columns)):
        refuse(f"this is {kinds[start]} and no CSV; {ASK_AGAIN}")
    for name, field in zip(names, record.fields, strict=True):
        if not_utf8(name):
            refuse(f"the header is not UTF-8; {ASK_AGAIN}", name)
        if field.unclosed:
            refuse(f"a quote is never closed; {ASK_AGAIN}", name)
    for column, called in REQUIRED.items():
        if column not in columns:
            refuse(
                f"the header has no such column but {clip(', '.join(names), 80)}; "
                f"see whether this is the CSV of an invoice, and {ASK_AGAIN}",
                called,
            )
    for number, name in enumerate(spelled):
        if name and name in spelled[:number]:
            refuse(f"the header names it twice; {TELL}", names[number])


def line_of(data: bytes, row: int) -> int:
    """Return the file's line on which a row, from 0, begins. Slow: reads the file anew."""
    records = csv_records(_text_of(data))
    next(records)
    for number, record in enumerate(records):
        if number == row:
            return record.line
    return 1
