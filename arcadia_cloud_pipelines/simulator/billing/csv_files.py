"""The CSV of an invoice in all the spellings that occur, or that a parser should survive."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from .basics import SimulatedLine

SEVEN = ("product", "group_description", "description", "hours", "start", "end", "USD")
EIGHT = (*SEVEN, "project_name")
NINE = (*EIGHT, "category")

Negative = Literal["-$1", "$-1", "($1)", "-1"]


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a CSV is written. The defaults are what DigitalOcean sends today."""

    columns: tuple[str, ...] = NINE
    """In this order. A column that does not exist comes out blank."""
    header: Mapping[str, str] = field(default_factory=dict)
    """Column -> how the header spells it."""
    bom: bool = False
    newline: str = "\n"
    quote_all: bool = False
    dollar: bool = True
    """Whether positive amounts have a `$`."""
    thousands: bool = False
    """`"$1,234.56"`"""
    negative: Negative = "-$1"
    blank_lines: bool = False
    """One after the header and one at the end."""

    def money(self, amount: Decimal) -> str:
        """An amount as text."""
        text = f"{abs(amount):,.2f}" if self.thousands else f"{abs(amount):.2f}"
        if amount >= 0:
            return f"${text}" if self.dollar else text
        return self.negative.replace("1", text)


ERAS = (
    ("2018-09", Dialect(columns=SEVEN)),
    ("2020-07", Dialect(columns=EIGHT)),
)
"""Until which month (exclusive) which dialect; after them the one of today."""


def dialect_of(period: str) -> Dialect:
    """Return how invoices of a month are written unless a test wants them otherwise."""
    for until, dialect in ERAS:
        if period < until:
            return dialect
    return Dialect()


def _time(at: datetime | None) -> str:
    # strftime takes five times as long.
    return "" if at is None else f"{str(at)[:19]} +0000"


_CELLS: dict[str, Callable[[SimulatedLine], str]] = {
    "product": lambda line: line.product,
    "group_description": lambda line: line.group,
    "description": lambda line: line.description,
    "hours": lambda line: "" if line.hours is None else str(line.hours),
    "start": lambda line: _time(line.start),
    "end": lambda line: _time(line.end),
    "project_name": lambda line: line.project,
    "category": lambda line: line.category,
}


def write_invoice_csv(lines: Iterable[SimulatedLine], dialect: Dialect) -> bytes:
    """The file."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        lineterminator=dialect.newline,
        quoting=csv.QUOTE_ALL if dialect.quote_all else csv.QUOTE_MINIMAL,
    )
    writer.writerow([dialect.header.get(column, column) for column in dialect.columns])
    if dialect.blank_lines:
        text.write(dialect.newline)
    money = lru_cache(maxsize=10_000)(dialect.money)
    cells: list[Callable[[SimulatedLine], str]] = [
        (lambda line: money(line.amount)) if column == "USD" else _CELLS.get(column, _nothing)
        for column in dialect.columns
    ]
    writer.writerows([cell(line) for cell in cells] for line in lines)
    if dialect.blank_lines:
        text.write(dialect.newline)
    return text.getvalue().encode("utf-8-sig" if dialect.bom else "utf-8")


def _nothing(_line: SimulatedLine) -> str:
    return ""
