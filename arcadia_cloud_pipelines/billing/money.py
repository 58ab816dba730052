"""Money: exact decimals from whatever the API calls an amount."""

from __future__ import annotations

import re
from decimal import Decimal

_AMOUNT = re.compile(
    r"\s*(?P<open>\()?\s*(?P<sign>[+-]?)\s*\$?\s*(?P<sign2>[+-]?)\s*"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+)\s*(?P<close>\))?\s*"
)


class AmountError(ValueError):
    """A text is no amount of money; the message shows it."""


def parse_amount(value: object) -> Decimal:
    """An amount as the billing endpoints give it: a decimal text, with or without a dollar sign.

    Raises:
        AmountError: it is missing, not a number, not finite, or a float, which cannot be exact.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None or bool(match["open"]) != bool(match["close"]):
        raise AmountError(f"{str(value)[:40]!r} is not an amount of money")
    signs = f"{match['sign']}{match['sign2']}"
    if len(signs) > 1 or (signs and match["open"]):
        raise AmountError(f"{str(value)[:40]!r} has two signs")
    amount = Decimal(match["number"].replace(",", ""))
    return -amount if signs == "-" or match["open"] else amount
