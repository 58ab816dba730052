"""The books of an account: invoices of closed months, the preview, history and balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from ..lives import iso
from .basics import CREDITS, OVERAGES, TAXES, Line, next_month, to_cents
from .big import BigLines
from .csv_files import Dialect, dialect_of, write_csv
from .days import Days
from .lines import Month

if TYPE_CHECKING:
    from ..account import SimulatedAccount

PERSON_PREFIX = "SIMULATED-PERSON-"
"""In every personal datum of a summary: where this text turns up, something leaked."""

PREVIEW_TIME = timedelta(hours=6, minutes=31, seconds=50)
"""When the preview is made again, each day. It knows the use up to the hour."""
_BALANCE_TIME = timedelta(minutes=1, seconds=12)
_ZERO = Decimal("0.00")
_HOUR = timedelta(hours=1)


class UnknownInvoiceError(KeyError):
    """No such invoice (or not yet)."""


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
    lines: Sequence[Line]
    updated_at: datetime | None = None
    """Of a preview: when it was made."""
    skew: Decimal = _ZERO
    """By how much its amount differs from the sum of its lines."""
    amended: Decimal = _ZERO
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
            amount, count = blocks.get(line.product, (_ZERO, 0))
            blocks[line.product] = (amount + line.amount, count + 1)
        if isinstance(self.lines, BigLines):
            rest = self.lines.total() - sum((line.amount for line in own), _ZERO)
            amount, count = blocks.get("Droplets", (_ZERO, 0))
            blocks["Droplets"] = (amount + rest, count + len(self.lines) - len(own))
        self.blocks = blocks

    @property
    def period(self) -> str:
        """`YYYY-MM`."""
        return f"{self.start:%Y-%m}"

    @property
    def amount(self) -> Decimal:
        """Sum what is to be paid."""
        return sum((amount for amount, _ in self.blocks.values()), _ZERO) + self.skew

    def csv(self, forced: Dialect | None) -> bytes:
        """Its CSV, made once."""
        if self.replaced is not None:
            return self.replaced
        dialect = forced or dialect_of(self.period)
        if self._csv is None or self._csv[0] != dialect:
            if isinstance(self.lines, BigLines):
                content = self.lines.csv(dialect)
            else:
                content = write_csv(self.lines, dialect)
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

        def block(name: str, products: frozenset[str]) -> dict[str, str]:
            parts = [amount for product, (amount, _) in self.blocks.items() if product in products]
            return {"name": name, "amount": f"{sum(parts, _ZERO):.2f}"}

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
                "amount": f"{sum((amount for amount, _ in used.values()), _ZERO):.2f}",
                "items": [
                    {"amount": f"{amount:.2f}", "name": product, "count": str(count)}
                    for product, (amount, count) in used.items()
                ],
            },
            "overages": block("Overages", OVERAGES),
            "taxes": block("Taxes", frozenset({TAXES})),
            "credits_and_adjustments": block("Credits & adjustments", CREDITS),
        }

    def item(self, line: Line) -> dict[str, Any]:
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


class Billing:
    """What an account pays; `account.billing`.

    An invoice is there from the first instant of the month after its own. A month whose end
    the clock has passed is computed once and stays, whatever a test does to the past later.
    """

    dialect: Dialect | None = None
    """How every CSV is written; None: each as its time had it."""
    preview_keeps_uuid: bool = False
    """Whether the preview has the uuid that the invoice gets; not documented."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self.prepayment: dict[str, Any] | None = {
            "balance": "250.00", "blocked": False, "eligible": True, "spend_limit": "5000.00",
        }  # fmt: skip
        """Its status; None for a team that does not pay in advance."""
        self.days = Days(account)
        self._months: dict[datetime, Invoice | None] = {}
        self._payments: dict[datetime, list[Entry]] = {}
        self._recorded: list[Entry] = []
        self._preview: tuple[Any, Invoice | None] | None = None
        self._usage: tuple[datetime, Decimal] | None = None
        rng = account.rng("billing")
        self.account_number = rng.randrange(1_000_000, 9_999_999)
        self._first_id = rng.randrange(100_000_000, 200_000_000)

    # ---- reading

    def invoices(self) -> list[Invoice]:
        """The invoices of closed months, newest first. Months without use have none."""
        with self._account.lock:
            start = _month_of(self._account.history_start)
            found = []
            while (end := next_month(start)) <= self._account.now:
                if start not in self._months:
                    lines = Month(self._account, start, end).lines()
                    uuid = self._uuid("invoice", start)
                    self._months[start] = (
                        Invoice(uuid, self._id(start), start, lines) if lines else None
                    )
                if (invoice := self._months[start]) is not None:
                    found.append(invoice)
                start = end
            return found[::-1]

    def preview(self) -> Invoice | None:
        """The invoice of the running month as of the last time it was made; None without use."""
        with self._account.lock:
            now = self._account.now
            made = now.replace(hour=0, minute=0, second=0, microsecond=0) + PREVIEW_TIME
            if made > now:
                made -= timedelta(days=1)
            key = (made, self.preview_keeps_uuid)
            if self._preview is None or self._preview[0] != key:
                start = _month_of(made)
                until = made.replace(minute=0, second=0)
                lines = Month(self._account, start, until).lines()
                uuid = self._uuid("invoice" if self.preview_keeps_uuid else "preview", start)
                invoice = Invoice(uuid, self._id(start), start, lines, made) if lines else None
                self._preview = (key, invoice)
            return self._preview[1]

    def find(self, uuid: str) -> Invoice:
        """An invoice by its uuid, `preview`, or its period (`2024-05`).

        Raises:
            UnknownInvoiceError: there is none.
        """
        preview = self.preview()
        if uuid == "preview" and preview is not None:
            return preview
        for invoice in self.invoices():
            if uuid in (invoice.uuid, invoice.period):
                return invoice
        if preview is not None and preview.uuid == uuid:
            return preview
        raise UnknownInvoiceError(uuid)

    def lines(self, uuid: str) -> Sequence[Line]:
        """The lines of an invoice with the resource that each pays for: what is true."""
        return self.find(uuid).lines

    def history(self) -> list[Entry]:
        """Invoices, payments, credits and refunds so far, oldest first."""
        with self._account.lock:
            entries = [entry for invoice in self.invoices() for entry in self._entries(invoice)]
            entries += self._recorded
            now = self._account.now
            return sorted((e for e in entries if e.date <= now), key=lambda e: e.date)

    def balance(self) -> dict[str, str]:
        """The balance, made once an hour."""
        with self._account.lock:
            hour = self._account.now.replace(minute=0, second=0, microsecond=0)
            if hour + _BALANCE_TIME > self._account.now:
                hour -= _HOUR
            made = hour + _BALANCE_TIME
            if self._usage is None or self._usage[0] != hour:
                lines = Month(self._account, _month_of(hour), hour).lines()
                self._usage = (hour, sum((line.amount for line in lines), _ZERO))
            usage = self._usage[1]
            owed = sum((e.amount for e in self.history() if e.date <= made), _ZERO)
            return {
                "month_to_date_balance": f"{owed + usage:.2f}",
                "account_balance": f"{owed:.2f}",
                "month_to_date_usage": f"{usage:.2f}",
                "generated_at": iso(made),
            }

    # ---- what a test may do

    def amend(self, uuid: str, by: str | Decimal, *, line: bool = True) -> Invoice:
        """Change the amount of an invoice after the fact, as a correction does.

        Args:
            uuid: which (also by period).
            by: by how much.
            line: whether a line `Adjustments` explains it; else only the amounts change.
        """
        with self._account.lock:
            invoice = self.find(uuid)
            amount = to_cents(Decimal(by))
            if line:
                text = "Correction of the invoice"
                new = Line("Adjustments", text, amount, invoice.start, next_month(invoice.start))
                if isinstance(invoice.lines, BigLines):
                    invoice.lines.append(new)
                else:
                    invoice.lines = [*invoice.lines, new]
            else:
                invoice.skew += amount
            invoice.add_up()
            if invoice.updated_at is None:
                # What the history says of the past stays; the correction is an entry of its own.
                invoice.amended += amount
                self.record("Adjustment", f"Correction of {invoice.period}", amount, invoice)
            return invoice

    def skew(self, uuid: str, by: str | Decimal) -> Invoice:
        """Let an invoice's amount (list, summary, history) differ from the sum of its lines."""
        with self._account.lock:
            invoice = self.find(uuid)
            invoice.skew += to_cents(Decimal(by))
            self._payments.pop(invoice.start, None)
            return invoice

    def replace_csv(self, uuid: str, content: bytes | None) -> None:
        """Serve these bytes as the CSV of an invoice; None: its own again."""
        with self._account.lock:
            self.find(uuid).replaced = content

    def big_invoice(
        self, lines: int = 1_000_000, uuid: str | None = None, known: float = 0.5
    ) -> Invoice:
        """Give an invoice that many lines, and make its CSV already.

        Args:
            lines: how many in all.
            uuid: which invoice (also by period); None: the newest.
            known: see `BigLines`.

        Raises:
            UnknownInvoiceError: there is none.
        """
        with self._account.lock:
            invoices = self.invoices()
            if uuid is None and not invoices:
                raise UnknownInvoiceError("there are no invoices yet")
            invoice = self.find(uuid) if uuid is not None else invoices[0]
            own = invoice.lines.own() if isinstance(invoice.lines, BigLines) else invoice.lines
            invoice.lines = BigLines(self._account, invoice.start, own, lines, known)
            invoice.add_up()
            self._payments.pop(invoice.start, None)
            invoice.csv(self.dialect)
            return invoice

    def record(
        self,
        type_name: str,
        description: str,
        amount: str | Decimal,
        invoice: Invoice | None = None,
    ) -> None:
        """Add an entry to the history now, of any type."""
        with self._account.lock:
            now = self._account.now.replace(microsecond=0)
            self._recorded.append(
                Entry(type_name, description, to_cents(Decimal(amount)), now, invoice)
            )

    # ---- inside

    def _uuid(self, what: str, start: datetime) -> str:
        return self._account.new_uuid(self._account.rng(what, start.date()))

    def _id(self, start: datetime) -> str:
        return str(self._first_id + (start.year * 12 + start.month) * 7919)

    def _entries(self, invoice: Invoice) -> list[Entry]:
        """The invoice's own entry and what followed it."""
        known = self._payments.get(invoice.start)
        if known is not None:
            return known
        rng = self._account.rng("payments", invoice.start.date())
        amount = invoice.amount - invoice.amended
        at = next_month(invoice.start) + timedelta(seconds=rng.randrange(3600))
        paid_at = at + timedelta(hours=rng.randrange(20, 70), seconds=rng.randrange(3600))
        entries = [
            Entry("Invoice", f"Invoice for {invoice.start:%B %Y}", amount, at, invoice),
        ]
        card = f"Payment (MC {invoice.start:%Y})"
        if amount > 0:
            if rng.random() < 0.1:
                entries.append(Entry("AttemptFailed", f"{card} failed", _ZERO, paid_at - _HOUR))
            half = to_cents(amount / 2)
            if invoice.start.month % 6 == 3 and half * 2 == amount:
                # Two equal payments within one second: only their number tells them apart.
                entries += [Entry("Payment", card, -half, paid_at)] * 2
            else:
                entries.append(Entry("Payment", card, -amount, paid_at))
        if rng.random() < 0.1:
            later = paid_at + timedelta(days=4)
            entries.append(Entry("Credit", "Promo credit", Decimal("-5.00"), later))
        if rng.random() < 0.08 and amount > 3:
            later = paid_at + timedelta(days=9, seconds=5)
            entries.append(Entry("Refund", "Refund of a payment", Decimal("3.00"), later))
        self._payments[invoice.start] = entries
        return entries


def _month_of(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
