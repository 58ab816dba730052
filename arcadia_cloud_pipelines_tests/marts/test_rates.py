"""Answers about rates and limits: right rows written down by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from .conftest import TEAM, Account, Ask


def listed(account: Account, slug: str, monthly: str, begin: datetime, **values: object) -> None:
    account.insert(
        "cloud_rates", account=TEAM, size_slug=slug, monthly=Decimal(monthly),
        hourly=round(Decimal(monthly) / 672, 5), valid_from=begin, **values,
    )  # fmt: skip


def billed(account: Account, name: str, back: int, slug: str, amount: str, hours: int) -> None:
    account.line(
        account.invoice(name, amount, back=back), amount, kind="droplet",
        hours=Decimal(hours), description=f"web (with parentheses) ({slug})",
    )  # fmt: skip


def test_an_invoice_goes_before_the_catalogue_and_months_of_one_rate_are_one_row(
    account: Account, ask: Ask
) -> None:
    billed(account, "a", 3, "s-1", "6.00", 744)
    billed(account, "b", 2, "s-1", "3.00", 336)
    billed(account, "c", 1, "s-1", "7.00", 720)
    listed(account, "s-1", "7.00", account.now - timedelta(hours=5))
    listed(account, "s-2", "12.00", account.now - timedelta(hours=5))
    rows = ask("rates", "size_slug", "monthly_amount", "source", "valid_to")
    begins = account.connection.exec_driver_sql(
        f"SELECT '{account.month(1)}'::timestamp AT TIME ZONE 'UTC'"
    ).scalar_one()
    assert [tuple(row.values()) for row in rows] == [
        ("s-1", Decimal("6.00"), "invoice", begins),
        ("s-1", Decimal("7.00"), "invoice", None),
        ("s-2", Decimal("12.00"), "catalogue", None),
    ]


def test_a_list_price_that_changed_after_the_last_invoice_holds_from_then_on(
    account: Account, ask: Ask
) -> None:
    billed(account, "a", 2, "s-1", "6.00", 744)
    changed = account.now - timedelta(minutes=5)
    listed(account, "s-1", "6.00", account.now - timedelta(days=80), valid_to=changed)
    listed(account, "s-1", "8.00", changed)
    rows = ask("rates", "monthly_amount", "source", "valid_to")
    assert [tuple(row.values()) for row in rows] == [
        (Decimal("6.00"), "invoice", changed), (Decimal("8.00"), "catalogue", None),
    ]  # fmt: skip


def test_no_two_rates_hold_at_one_instant(account: Account, ask: Ask) -> None:
    for back, amount in ((4, "6.00"), (3, "7.00"), (2, "6.00"), (1, "8.00")):
        billed(account, f"i{back}", back, "s-1", amount, 744)
    listed(account, "s-1", "9.00", account.now - timedelta(days=300),
           valid_to=account.now - timedelta(days=45))  # fmt: skip
    listed(account, "s-1", "8.00", account.now - timedelta(days=45))
    twice = account.connection.exec_driver_sql(
        """
        SELECT a.valid_from, b.valid_from FROM marts.rates AS a JOIN marts.rates AS b
            ON a.size_slug = b.size_slug AND (a.valid_from, a.source) < (b.valid_from, b.source)
            AND tstzrange(a.valid_from, a.valid_to) && tstzrange(b.valid_from, b.valid_to)
        """
    ).all()
    assert twice == []


def test_what_runs_now_costs_what_its_lines_or_its_plan_say(account: Account, ask: Ask) -> None:
    account.listing("droplet")
    whole = account.resource("droplet", "1", size_slug="s-1")
    resized = account.resource("droplet", "2", size_slug="s-2")
    account.resource("droplet", "3", size_slug="never-billed")
    account.event(resized, "updated", 0.1, size_slug=("s-1", "s-2"))
    listed(account, "s-2", "12.00", account.now - timedelta(days=3))
    invoice = account.invoice("a", "9.00")
    account.line(invoice, "3.00", whole, hours=Decimal(336))
    account.line(invoice, "2.00", whole, hours=Decimal(5), product="Droplet Backups")
    account.line(invoice, "4.00", resized, hours=Decimal(744))
    rows = ask("run_rate", "name", "monthly_amount", "rate_source", "is_estimate")
    assert [tuple(row.values()) for row in rows] == [
        ("droplet-1", Decimal("8.00"), "own_lines", False),
        ("droplet-2", Decimal("12.00"), "catalogue", True),
        ("droplet-3", None, None, True),
    ]


def test_a_bigger_plan_than_desired_has_a_price(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1", size_slug="s-2")
    for slug, monthly in (("s-1", "6.00"), ("s-2", "12.00")):
        listed(account, slug, monthly, account.now - timedelta(days=3))
    for field, desired, actual in (("size_slug", '"s-1"', '"s-2"'), ("name", '"a"', '"b"')):
        account.insert(
            "cloud_drift", resource_id=web, field=field, desired=desired, actual=actual,
            status="open", detected_at=account.now, changed_at=account.now,
        )  # fmt: skip
    rows = ask("open_drift", "field", "monthly_delta")
    assert [tuple(row.values()) for row in rows] == [("name", None), ("size_slug", Decimal("6.00"))]


def test_how_near_the_limits_are(account: Account, ask: Ask) -> None:
    account.project("p")
    account.listing("droplet")
    account.resource("droplet", "1")
    account.resource("droplet", "2", deleted_at=account.now)
    for name, value in (("droplet_limit", "4"), ("thing_limit", "3"), ("status", "active")):
        account.insert("cloud_account_facts", account=TEAM, name=name, value=value,
                       valid_from=account.now)  # fmt: skip
    rows = ask("limits", "name", "kind", "limit_value", "used", "share", "complete")
    assert [tuple(row.values()) for row in rows] == [
        ("api_calls_an_hour", None, 5000, 0, 0, True),
        ("droplet_limit", "droplet", 4, 1, Decimal("0.25"), True),
        ("thing_limit", None, 3, None, None, False),
    ]
