"""Does an invoice add up? Its amount is its lines and those parts of its summary without a line.

A credit that stands in the summary alone is explained, not wrong: amount 42.24 = lines 47.24, less
credits of 5.00. What no part explains is off, to the cent.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ..warehouse.copy import copy_rows
from ..warehouse.statements import Statements
from .summaries import PARTS

_SQL = Statements(__file__)
_NONE = Decimal(0)

CHARGES = "product_charges"
"""The one part that always has its lines: if it is larger than they are, lines are missing."""
_LOWERS = re.compile(r"credit|adjust|discount|refund|promo|prepay|coupon|grant")
"""Parts that some summaries say as positive figures to be subtracted."""


@dataclass(frozen=True)
class Difference:
    """An invoice's amount and the sum of its lines; US dollars."""

    parts: Mapping[str, Decimal]
    """The summary's parts that have no line, with the sign by which they count."""
    off_by: Decimal
    """What nothing explains, as an absolute value; 0 when the invoice adds up."""


@dataclass(frozen=True)
class Mismatch:
    """An ingested invoice whose amount is not the sum of its lines, or not its summary's."""

    period: date
    invoice_uuid: str
    amount: Decimal
    lines_total: Decimal
    summary_total: Decimal | None
    """Sum of the summary's parts; None where no summary was read."""
    off_by: Decimal
    """What nothing explains, as an absolute value; 0 when parts without a line explain it all."""
    explained_by: Mapping[str, Decimal]
    """The summary's parts that have no line, with the sign by which they count."""


def compare(
    amount: Decimal,
    lines_total: Decimal,
    parts: Mapping[str, Decimal],
    in_lines: Mapping[str, Decimal],
) -> Difference:
    """Compare an invoice's amount with its lines.

    Args:
        amount: what is to be paid.
        lines_total: the sum of the lines.
        parts: amounts of the summary, by part.
        in_lines: what the lines hold of each part, such as the sum of the lines of taxes.

    Returns:
        The fewest parts that explain the difference exactly, else all of it as `off_by`.
    """
    difference = amount - lines_total
    if not difference:
        return Difference({}, _NONE)
    choices = [
        [(name, value) for value in _without_line(name, said, in_lines.get(name, _NONE))]
        for name, said in parts.items()
        if name != CHARGES
    ]
    for count in range(1, len(choices) + 1):
        for some in itertools.combinations(choices, count):
            for found in itertools.product(*some):
                if sum(value for _, value in found) == difference:
                    return Difference(dict(found), _NONE)
    return Difference({}, abs(difference))


def _without_line(name: str, said: Decimal, in_lines: Decimal) -> Iterator[Decimal]:
    """Yield what of a part may have no line: the rest of it, or all when the lines are others'."""
    for value in _signed(name, said):
        if abs(in_lines) == abs(said):
            return
        if value - in_lines:
            yield value - in_lines
        if in_lines:
            yield value


def _signed(name: str, said: Decimal) -> list[Decimal]:
    if not said:
        return []
    return [said, -said] if _LOWERS.search(name) else [said]


def summary_total(amount: Decimal, parts: Mapping[str, Decimal]) -> Decimal | None:
    """Return the sum of a summary's parts; None without charges, so without a summary.

    Credits count by the sign that fits the amount: the official example adds them, receipts
    subtract them. A part that is not documented may be a sum of others, and so count or not.
    """
    if CHARGES not in parts:
        return None
    documented = (CHARGES, "overages", "taxes")
    base = sum((parts[name] for name in documented if name in parts), _NONE)
    rest = [
        [*_signed(name, said), *([] if name == "credits_and_adjustments" else [_NONE])] or [_NONE]
        for name, said in parts.items()
        if name not in documented
    ]
    totals = [base + sum(found, _NONE) for found in itertools.product(*rest)]
    return amount if amount in totals else totals[0]


def reconcile(connection: sa.Connection) -> list[Mismatch]:
    """Return the ingested invoices whose lines, summary and amount are not equal, oldest first.

    Those that the summary explains are among them, with `off_by` 0.
    """
    found = []
    for found_row in _SQL.run(connection, "not_equal").mappings():
        row = dict(found_row)
        parts = {part: row[part] for part in PARTS if row[part] is not None}
        parts |= {name: Decimal(text) for name, text in row["other_parts"].items()}
        lines = compare(row["amount"], row["lines_total"], parts, _in_lines(row))
        total = summary_total(row["amount"], parts)
        off_by = max(lines.off_by, abs((row["amount"] if total is None else total) - row["amount"]))
        if lines.parts or off_by:
            found.append(
                Mismatch(
                    row["period"], row["invoice_uuid"], row["amount"], row["lines_total"], total,
                    off_by, lines.parts,
                )
            )  # fmt: skip
    return found


def store_verdicts(connection: sa.Connection) -> None:
    """Write down of each ingested invoice what nothing explains, and what has no line.

    So that SQL and the check say the same. Only rows whose verdict changed are written.
    """
    found = reconcile(connection)
    _SQL.run(connection, "create_verdicts")
    copy_rows(
        connection,
        "verdicts",
        ("invoice_uuid", "off_by", "unlisted"),
        ((one.invoice_uuid, one.off_by, sum(one.explained_by.values(), _NONE)) for one in found),
    )
    _SQL.run(connection, "store_verdicts")


def keep_summaries(connection: sa.Connection) -> None:
    """Keep the amounts of summaries that are new, beside the lines that they came with."""
    _SQL.run(connection, "keep_summaries")


def _in_lines(row: Mapping[str, Any]) -> dict[str, Decimal]:
    return {
        "taxes": row["tax_lines"],
        "overages": row["overage_lines"],
        "credits_and_adjustments": row["credit_lines"],
    }
