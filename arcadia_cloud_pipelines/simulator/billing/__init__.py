"""What the account costs: invoices made from its lives, and what was paid for them."""

from .basics import UNKNOWN_PRODUCT, SimulatedLine
from .big import BigLines
from .books import Books, UnknownInvoiceError
from .csv_files import EIGHT, NINE, SEVEN, Dialect, dialect_of, write_invoice_csv
from .invoice import PERSON_PREFIX, Entry, Invoice

__all__ = [
    "EIGHT",
    "NINE",
    "PERSON_PREFIX",
    "SEVEN",
    "UNKNOWN_PRODUCT",
    "BigLines",
    "Books",
    "Dialect",
    "Entry",
    "Invoice",
    "SimulatedLine",
    "UnknownInvoiceError",
    "dialect_of",
    "write_invoice_csv",
]
