"""Which month an invoice bills that only the billing history names."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.periods import period_of_entry

NAMES = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
         "October", "November", "December")  # fmt: skip
MAY = date(2026, 5, 1)


@pytest.mark.parametrize("day", ["2026-05-31T23:58:41", "2026-06-01T00:10:00", "2026-06-12T08:00"])
@pytest.mark.parametrize(
    "text",
    [
        "Invoice for May 2026", "INVOICE FOR MAY 2026", "invoice for may, 2026", "May-2026",
        "Invoice for 2026-05", "Invoice 05/2026", "Usage 2026/05", "Invoice for May",
        "Invoice for May 1 - May 31, 2026", "Invoice for May (123456789) 2026-05-01 to 2026-05-31",
        "Invoice 418071234 for  May\t2026, due June 2026", "Invoice for 2026 May",
        "Invoice for May2026", "Invoice 2026 05", "Invoice #12345678 (May 2026)",
        "Invoice for May '26", "Invoice from May 2026 - corrected in June 2026",
    ],
)  # fmt: skip
def test_the_text_says_the_month_whatever_the_date(text: str, day: str) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    assert period_of_entry(text, at) == (MAY, "text")


@pytest.mark.parametrize(
    ("text", "day", "month"),
    [
        ("Invoice for Sept. 2025", "2025-10-01", "2025-09"),
        ("Invoice for Sep 2025", "2025-10-01", "2025-09"),
        ("Invoice for December", "2026-01-01", "2025-12"),
        ("Invoice for December 2025", "2026-01-01", "2025-12"),
        ("Invoice for May 2026", "2026-05-14", "2026-05"),
    ],
)
def test_other_spellings_and_the_turn_of_the_year(text: str, day: str, month: str) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found, source = period_of_entry(text, at)
    assert (f"{found:%Y-%m}", source) == (month, "text")


@pytest.mark.parametrize(
    ("text", "day", "month"),
    [
        ("Invoice", "2026-06-01T00:10:00", "2026-05"),
        ("", "2026-05-31T23:58:41", "2026-05"),
        ("Invoice 202605123", "2026-01-01T01:00:00", "2025-12"),
        ("You may pay the invoice", "2026-03-02T00:00:00", "2026-02"),
        # A month that had not begun is none that an invoice bills.
        ("Invoice for May 2031", "2026-06-01T00:00:00", "2026-05"),
        ("Invoice for Mayor 2026", "2026-03-01T00:00:00", "2026-02"),
    ],
)
def test_without_a_month_in_the_text_it_is_the_one_before(text: str, day: str, month: str) -> None:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found, source = period_of_entry(text, at)
    assert (f"{found:%Y-%m}", source) == (month, "date")


@given(
    year=st.integers(2012, 2035),
    month=st.integers(1, 12),
    late=st.integers(-2, 50 * 24),
    spelling=st.sampled_from(["{name} {year}", "{short} {year}", "{short}. {year}",
                              "{year}-{number:02}", "{number:02}/{year}", "{name}, {year}"]),
    before=st.sampled_from(["Invoice for ", "Invoice 418071234 - ", "", "Usage: "]),
)  # fmt: skip
def test_every_month_in_every_spelling(
    year: int, month: int, late: int, spelling: str, before: str
) -> None:
    name = NAMES[month - 1]
    text = before + spelling.format(name=name, short=name[:3], year=year, number=month)
    over = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    assert period_of_entry(text, over + timedelta(hours=late)) == (date(year, month, 1), "text")
