"""An invoice as the API shows it, and the entries of the billing history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from ..lives import iso
from .basics import CREDITS, OVERAGES, TAXES, ZERO, SimulatedLine
from .big import BigLines
from .csv_files import Dialect, dialect_of, write_invoice_csv

PERSON_PREFIX = "SIMULATED-PERSON-"
"""In every personal datum of a summary: where this text turns up, something leaked."""


class Entry(NamedTuple):
    """A row of the billing history."""

    type: str
    description: str
    amount: Decimal
    date: datetime
    invoice: Invoice | None = None

    def as_json(self) -> dict[str, Any]:
        """As the API has it. What belongs to no invoice lacks the ids, or has null there."""
        row: dict[str, Any] = {
            "description": self.description,
            "amount": f"{self.amount:.2f}",
            "invoice_id": self.invoice.id if self.invoice is not None else None,
            "invoice_uuid": self.invoice.uuid if self.invoice is not None else None,
            "date": iso(self.date),
            "type": self.type,
        }
        if self.invoice is None and self.date.day % 2 == 0:
            del row["invoice_id"], row["invoice_uuid"]
        return row


@dataclass
class Invoice:
    """The invoice of a month, or the preview of one."""

    uuid: str
    id: str
    start: datetime
    lines: Sequence[SimulatedLine]
    updated_at: datetime | None = None
    """Of a preview: when it was made."""
    made_at: datetime | None = None
    """Of an invoice within its month: when it was made. Others are made when the month is over."""
    credit: Decimal = ZERO
    """A credit that stands in the summary alone: no line, but less to pay. Zero or negative."""
    skew: Decimal = ZERO
    """By how much its amount differs from what its lines and its summary explain."""
    amended: Decimal = ZERO
    """The part of its amount that came later, as an entry of its own in the history."""
    blocks: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    """Product -> amount and number of lines."""
    replaced: bytes | None = None
    _csv: tuple[Dialect, bytes] | None = None

    def __post_init__(self) -> None:
        self.add_up()

    def add_up(self) -> None:
        """Take notice of changed lines."""
        self._csv = None
        blocks: dict[str, tuple[Decimal, int]] = {}
        own = self.lines.own() if isinstance(self.lines, BigLines) else self.lines
        for line in own:
            amount, count = blocks.get(line.product, (ZERO, 0))
            blocks[line.product] = (amount + line.amount, count + 1)
        if isinstance(self.lines, BigLines):
            rest = self.lines.total() - sum((line.amount for line in own), ZERO)
            amount, count = blocks.get("Droplets", (ZERO, 0))
            blocks["Droplets"] = (amount + rest, count + len(self.lines) - len(own))
        self.blocks = blocks

    @property
    def period(self) -> str:
        """`YYYY-MM`."""
        return f"{self.start:%Y-%m}"

    @property
    def amount(self) -> Decimal:
        """Sum what is to be paid."""
        return sum((amount for amount, _ in self.blocks.values()), self.credit) + self.skew

    def csv(self, forced: Dialect | None) -> bytes:
        """Its CSV, made once."""
        if self.replaced is not None:
            return self.replaced
        dialect = forced or dialect_of(self.period)
        if self._csv is None or self._csv[0] != dialect:
            if isinstance(self.lines, BigLines):
                content = self.lines.csv(dialect)
            else:
                content = write_invoice_csv(self.lines, dialect)
            self._csv = (dialect, content)
        return self._csv[1]

    def header(self) -> dict[str, Any]:
        """Its row in the list."""
        row = {
            "invoice_uuid": self.uuid,
            "invoice_id": self.id,
            "amount": f"{self.amount:.2f}",
            "invoice_period": self.period,
        }
        if self.updated_at is not None:
            row["updated_at"] = iso(self.updated_at)
        return row

    def summary(self) -> dict[str, Any]:
        """Its summary, personal data among it."""

        def block(name: str, products: frozenset[str], more: Decimal = ZERO) -> dict[str, str]:
            parts = [amount for product, (amount, _) in self.blocks.items() if product in products]
            return {"name": name, "amount": f"{sum(parts, more):.2f}"}

        elsewhere = OVERAGES | CREDITS | {TAXES}
        used = {p: both for p, both in self.blocks.items() if p not in elsewhere}
        return {
            "invoice_uuid": self.uuid,
            "invoice_id": self.id,
            "billing_period": self.period,
            "amount": f"{self.amount:.2f}",
            "user_name": f"{PERSON_PREFIX}Ada Example",
            "user_billing_address": {
                "address_line1": f"{PERSON_PREFIX}101 Shark Row",
                "city": f"{PERSON_PREFIX}Atlantis",
                "region": f"{PERSON_PREFIX}OC",
                "postal_code": f"{PERSON_PREFIX}12345",
                "country_iso2_code": "US",
                "created_at": "2019-09-03T16:34:46.000+00:00",
                "updated_at": "2019-09-03T16:34:46.000+00:00",
            },
            "user_company": f"{PERSON_PREFIX}Example Ltd",
            "user_email": f"{PERSON_PREFIX}ada@example.com",
            "product_charges": {
                "name": "Product usage charges",
                "amount": f"{sum((amount for amount, _ in used.values()), ZERO):.2f}",
                "items": [
                    {"amount": f"{amount:.2f}", "name": product, "count": str(count)}
                    for product, (amount, count) in used.items()
                ],
            },
            "overages": block("Overages", OVERAGES),
            "taxes": block("Taxes", frozenset({TAXES})),
            "credits_and_adjustments": block("Credits & adjustments", CREDITS, self.credit),
        }

    def item(self, line: SimulatedLine) -> dict[str, Any]:
        """One line as a JSON item, in the spelling of its time."""
        year = self.start.year
        # Later years show empty strings where earlier ones leave the key out.
        texts = {
            "product": line.product,
            "resource_id": line.resource_id,
            "resource_uuid": line.resource_uuid,
            "group_description": line.group or None,
            "description": line.description,
            "amount": f"{line.amount:.2f}",
            "duration": "" if line.hours is None else str(line.hours),
            "duration_unit": "" if line.hours is None else "Hours",
            "start_time": None if line.start is None else iso(line.start),
            "end_time": None if line.end is None else iso(line.end),
            "project_name": line.project or None,
        }
        if year >= 2023:
            texts["category"] = line.category
        if year >= 2022:
            return {k: v if v is not None else "" for k, v in texts.items()}
        return {k: v for k, v in texts.items() if v is not None}

    def file_name(self, account_number: int, extension: str) -> str:
        """Name its files."""
        return f"DigitalOcean Invoice {self.start:%Y %b} ({account_number}-{self.id}).{extension}"
