"""DigitalOcean's API as plain Python: calls, errors, rate budget and whole listings.

What belongs here: how the API is spoken. What does not: what droplets, invoices or projects are,
and any import of Dagster.
"""

from .budget import CallBudget, budget_for
from .client import DigitalOcean
from .clock import SYSTEM_CLOCK, Clock
from .errors import (
    BadAnswer,
    DigitalOceanError,
    Forbidden,
    NotFound,
    PagingError,
    RateLimited,
    RedirectRefused,
    RequestRefused,
    ServerError,
    Unauthorized,
    Unreachable,
)
from .fan_out import error_of_one, fan_out
from .list_answers import identity_of, no_identity
from .pages import Listing, OnPage, read_listing
from .rate_limits import LIMITS, Limit
from .whose import Account

__all__ = [
    "LIMITS",
    "SYSTEM_CLOCK",
    "Account",
    "BadAnswer",
    "CallBudget",
    "Clock",
    "DigitalOcean",
    "DigitalOceanError",
    "Forbidden",
    "Limit",
    "Listing",
    "NotFound",
    "OnPage",
    "PagingError",
    "RateLimited",
    "RedirectRefused",
    "RequestRefused",
    "ServerError",
    "Unauthorized",
    "Unreachable",
    "budget_for",
    "error_of_one",
    "fan_out",
    "identity_of",
    "no_identity",
    "read_listing",
]
