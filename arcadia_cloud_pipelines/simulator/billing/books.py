"""The books of an account: invoices of closed months, the preview, history and balance."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ..lives import iso
from .basics import ZERO, SimulatedLine, next_month, to_cents
from .big import BigLines
from .csv_files import Dialect
from .days import Days
from .interim import rest_of
from .invoice import Entry, Invoice
from .lines import Month

if TYPE_CHECKING:
    from ..account import SimulatedAccount

PREVIEW_TIME = timedelta(hours=6, minutes=31, seconds=50)
"""When the preview is made again, each day. It knows the use up to the hour."""
_BALANCE_TIME = timedelta(minutes=1, seconds=12)
_HOUR = timedelta(hours=1)
_MIDDLE = 15
_INTERIM_SINCE = datetime(2026, 9, 1, tzinfo=UTC)
_CREDITED_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class UnknownInvoiceError(KeyError):
    """No such invoice (or not yet)."""


class Books:
    """What an account pays; `account.billing`.

    An invoice is there from the first instant of the month after its own. A month whose end
    the clock has passed is computed once and stays, whatever a test does to the past later.
    """

    dialect: Dialect | None = None
    """How every CSV is written; None: each as its time had it."""
    preview_keeps_uuid: bool = False
    """Whether the preview has the uuid that the invoice gets; not documented."""
    threshold: Decimal | None = Decimal(1000)
    """A month whose use reaches it by its middle has an invoice for the first half, since September
    2026. The API shows both under the same period. None: no such invoices."""

    def __init__(self, account: SimulatedAccount) -> None:
        self._account = account
        self.prepayment: dict[str, Any] | None = {
            "balance": "250.00", "blocked": False, "eligible": True, "spend_limit": "5000.00",
        }  # fmt: skip
        """Its status; None for a team that does not pay in advance."""
        self.days = Days(account)
        self._months: dict[datetime, Invoice | None] = {}
        self._interim: dict[datetime, Invoice | None] = {}
        self._billed: dict[datetime, list[SimulatedLine]] = {}
        """The lines of invoices within their month as they were made."""
        self._payments: dict[str, list[Entry]] = {}
        self._recorded: list[Entry] = []
        self._preview: tuple[Any, Invoice | None] | None = None
        self._usage: tuple[datetime, Decimal] | None = None
        rng = account.rng("billing")
        self.account_number = rng.randrange(1_000_000, 9_999_999)
        self._first_id = rng.randrange(100_000_000, 200_000_000)

    # ---- reading

    def invoices(self) -> list[Invoice]:
        """All invoices, newest first: of closed months, and of first halves of dear ones.

        Months without use have none.
        """
        with self._account.lock:
            start = _month_of(self._account.history_start)
            found: list[Invoice | None] = []
            while start <= self._account.now:
                found.append(self._first_half(start))
                end = next_month(start)
                if end <= self._account.now:
                    if start not in self._months:
                        lines = self._rest(start, end)
                        invoice = Invoice(
                            self._uuid("invoice", start), self._id(start), start, lines
                        )
                        invoice.credit = _credit_of(start)
                        self._months[start] = invoice if lines else None
                    found.append(self._months[start])
                start = end
            return [invoice for invoice in reversed(found) if invoice is not None]

    def _first_half(self, start: datetime) -> Invoice | None:
        """Return the invoice that a month got in its middle, when the threshold was reached."""
        made_at = start.replace(day=_MIDDLE)
        if self.threshold is None or start < _INTERIM_SINCE or made_at > self._account.now:
            return None
        if start not in self._interim:
            lines = Month(self._account, start, made_at).lines()
            invoice = Invoice(
                self._uuid("interim", start), self._id(start, 1), start, lines, made_at=made_at
            )
            reached = invoice.amount >= self.threshold
            self._interim[start] = invoice if reached else None
            self._billed[start] = lines if reached else []
        return self._interim[start]

    def _rest(self, start: datetime, until: datetime) -> list[SimulatedLine]:
        """Return the lines of a month's use up to `until` that no invoice within it has."""
        lines = Month(self._account, start, until).lines()
        billed = self._first_half(start)
        if billed is None or billed.made_at is None or until < billed.made_at:
            return lines
        return rest_of(lines, self._billed[start], billed.made_at)

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
                lines = self._rest(start, until)
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

    def lines(self, uuid: str) -> Sequence[SimulatedLine]:
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
                lines = self._rest(_month_of(hour), hour)
                self._usage = (hour, sum((line.amount for line in lines), ZERO))
            usage = self._usage[1]
            owed = sum((e.amount for e in self.history() if e.date <= made), ZERO)
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
                new = SimulatedLine(
                    "Adjustments", text, amount, invoice.start, next_month(invoice.start)
                )
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
            self._payments.pop(invoice.uuid, None)
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
            self._payments.pop(invoice.uuid, None)
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

    def _id(self, start: datetime, number: int = 0) -> str:
        return str(self._first_id + (start.year * 12 + start.month) * 7919 + number)

    def _entries(self, invoice: Invoice) -> list[Entry]:
        """The invoice's own entry and what followed it."""
        known = self._payments.get(invoice.uuid)
        if known is not None:
            return known
        made_at = invoice.made_at or next_month(invoice.start)
        rng = self._account.rng("payments", invoice.made_at or invoice.start.date())
        amount = invoice.amount - invoice.amended
        at = made_at + timedelta(seconds=rng.randrange(3600))
        paid_at = at + timedelta(hours=rng.randrange(20, 70), seconds=rng.randrange(3600))
        entries = [
            Entry("Invoice", f"Invoice for {invoice.start:%B %Y}", amount, at, invoice),
        ]
        card = f"Payment (MC {invoice.start:%Y})"
        if amount > 0:
            if rng.random() < 0.1:
                entries.append(Entry("AttemptFailed", f"{card} failed", ZERO, paid_at - _HOUR))
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
        self._payments[invoice.uuid] = entries
        return entries


def _credit_of(start: datetime) -> Decimal:
    """Return the credit that only the summary of a month's invoice has."""
    return Decimal("-4.00") if start >= _CREDITED_SINCE and start.month % 6 == 4 else ZERO


def _month_of(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
