"""Amounts are exact decimals, however they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.money import AmountError, parse_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.34", "12.34"),
        ("-12.34", "-12.34"),
        ("$3.11", "3.11"),
        ("-$1.00", "-1.00"),
        ("$-1.00", "-1.00"),
        ("($1.00)", "-1.00"),
        ("$1,234,567.89", "1234567.89"),
        (" 0.000 ", "0.000"),
        (7, "7"),
    ],
)
def test_every_spelling_of_an_amount(text: object, amount: str) -> None:
    assert str(parse_amount(text)) == amount


@pytest.mark.parametrize(
    "bad", ["", None, "NaN", "Infinity", "1e3", "12,34.00", "--1", "(-1)", "$", "1.2.3", 1.1, True]
)
def test_what_is_no_amount_is_refused(bad: object) -> None:
    with pytest.raises(AmountError):
        parse_amount(bad)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9),
                   max_value=10**9))  # fmt: skip
def test_no_digit_is_lost(amount: Decimal) -> None:
    assert parse_amount(f"{amount:f}") == amount
    assert parse_amount(f"${amount:,.3f}") == amount
