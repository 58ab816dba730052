"""What the account costs: invoices made from its lives, and what was paid for them."""

from .basics import UNKNOWN_PRODUCT, Line
from .big import BigLines
from .books import Billing, UnknownInvoiceError
from .csv_files import EIGHT, NINE, SEVEN, Dialect, dialect_of, write_csv
from .invoice import PERSON_PREFIX, Entry, Invoice

__all__ = [
    "EIGHT",
    "NINE",
    "PERSON_PREFIX",
    "SEVEN",
    "UNKNOWN_PRODUCT",
    "BigLines",
    "Billing",
    "Dialect",
    "Entry",
    "Invoice",
    "Line",
    "UnknownInvoiceError",
    "dialect_of",
    "write_csv",
]
