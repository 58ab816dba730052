"""What the account costs: invoices made from its lives, and what was paid for them."""

from .big import BigLines
from .books import PERSON_PREFIX, Billing, Entry, Invoice, UnknownInvoiceError
from .csv_files import EIGHT, NINE, SEVEN, Dialect, dialect_of, write_csv
from .lines import UNKNOWN_PRODUCT, Line

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
