"""The summary of an invoice: its amounts by part, and nothing else of it.

The rest is personal data: name, mail and address of whoever pays.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import orjson

from ..digitalocean import BadAnswer, DigitalOcean
from .balance import SCOPE
from .money import AmountError, parse_amount

PARTS = ("product_charges", "overages", "taxes", "credits_and_adjustments")
"""The parts that are documented; each has a column."""
COLUMNS = (*PARTS, "other_parts")

_PART = re.compile(r"[a-z][a-z0-9_]{0,39}")
_MOST_OTHERS = 6
"""Parts without a column that are kept; more are no summary of an invoice."""


@dataclass(frozen=True)
class InvoiceSummary:
    """The amounts of an invoice's summary; US dollars. None where it says nothing."""

    product_charges: Decimal | None = None
    overages: Decimal | None = None
    taxes: Decimal | None = None
    credits_and_adjustments: Decimal | None = None
    other_parts: Mapping[str, Decimal] = field(default_factory=dict)
    """Parts that are not documented, such as `user_charges`, by the summary's own name."""

    def parts(self) -> dict[str, Decimal]:
        """Return the amounts by part; parts of which it says nothing are left out."""
        known = {part: getattr(self, part) for part in PARTS}
        return {k: v for k, v in known.items() if v is not None} | dict(self.other_parts)

    def row(self) -> tuple[object, ...]:
        """Return the values of `COLUMNS`, as COPY takes them."""
        others = {name: str(amount) for name, amount in self.other_parts.items()}
        return (*(getattr(self, part) for part in PARTS), orjson.dumps(others).decode())


def read_summary(client: DigitalOcean, path: str) -> InvoiceSummary:
    """Read the amounts of one invoice's summary.

    Args:
        client: with `billing:read`.
        path: the invoice's own, `/v2/customers/my/invoices/<uuid>`.

    Raises:
        BadAnswer: the amount of a documented part cannot be read.
        DigitalOceanError: the call failed.
    """
    path = f"{path}/summary"
    answer = client.get(path, scope=SCOPE)
    known: dict[str, Decimal] = {}
    others: dict[str, Decimal] = {}
    for name, block in answer.items():
        value = block.get("amount") if isinstance(block, dict) else None
        if value in (None, ""):
            continue
        try:
            amount = parse_amount(value)
        except AmountError as error:
            if name in PARTS:
                raise _not_an_amount(path, name, error) from None
            continue
        if name in PARTS:
            known[name] = amount
        elif _PART.fullmatch(name) and len(others) < _MOST_OTHERS:
            others[name] = amount
    return InvoiceSummary(**known, other_parts=others)


def _not_an_amount(path: str, where: str, error: AmountError) -> BadAnswer:
    return BadAnswer(f"GET {path}", f"has an amount in {where} that is not valid: {error}")
