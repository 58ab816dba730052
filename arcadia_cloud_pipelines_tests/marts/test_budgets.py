"""Answers about budgets, unusual costs and prepayment: right rows written down by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from .conftest import TEAM, Account, Ask


def budget(account: Account, name: str, amount: str, scope: str = "account",
           value: str | None = None) -> None:  # fmt: skip
    account.insert("cloud_budgets", name=name, amount=Decimal(amount), scope=scope,
                   scope_value=value)  # fmt: skip


def part(account: Account, resource: int | None, so_far: str, expected: str) -> None:
    account.insert(
        "cloud_forecast_lines", **{
            "account": TEAM, "period": account.month(0), "class": "run", "resource_id": resource,
            "what": "Droplets: web", "so_far": Decimal(so_far), "expected": Decimal(expected),
        },
    )  # fmt: skip


def forecast(account: Account, expected: str) -> None:
    account.insert(
        "cloud_forecasts", account=TEAM, period=account.month(0), method="structure",
        known_until=account.now, expected=Decimal(expected), made_at=account.now, whole=True,
    )  # fmt: skip


def test_what_is_used_of_a_budget_and_whether_it_holds(account: Account, ask: Ask) -> None:
    web, other = account.project("Web", "acme"), account.project("other")
    a = account.resource("droplet", "1", project_id=web, tags=["env:Prod", "blue"])
    b = account.resource("volume", "2", project_id=other)
    part(account, a, "30.00", "90.00")
    part(account, b, "5.00", "15.00")
    part(account, None, "2.00", "10.00")
    forecast(account, "115.00")
    for name, amount, *scope in (
        ("all", "110"), ("web", "20", "project", "web"), ("acme", "90", "tenant", "acme"),
        ("disks", "16", "kind", "volume"), ("prod", "89.99", "tag", "ENV:prod"),
        ("env", "100", "tag", "env"), ("nobody", "1", "project", "gone"),
    ):  # fmt: skip
        budget(account, name, amount, *scope)
    rows = ask("budgets", "name", "scope", "used", "expected", "state", "complete")
    assert [tuple(row.values()) for row in rows] == [
        ("acme", "tenant acme", Decimal("30.00"), Decimal("90.00"), "ok", True),
        ("all", "account", Decimal("37.00"), Decimal("115.00"), "at_risk", True),
        ("disks", "kind volume", Decimal("5.00"), Decimal("15.00"), "ok", True),
        ("env", "tag env", Decimal("30.00"), Decimal("90.00"), "ok", True),
        ("nobody", "project gone", 0, 0, "ok", True),
        ("prod", "tag ENV:prod", Decimal("30.00"), Decimal("90.00"), "at_risk", True),
        ("web", "project web", Decimal("30.00"), Decimal("90.00"), "over", True),
    ]


def test_of_a_closed_month_what_it_came_to(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1", tags=["env:prod"], project_id=account.project("web"))
    account.member("droplet", "1", account.project("web2"))
    account.event(web, "discovered", 2400, tags=(None, ["env:prod"]))
    invoice = account.invoice("a", "12.00")
    account.line(invoice, "10.00", web, kind="droplet")
    account.line(invoice, "2.00", product="Taxes")
    budget(account, "all", "11")
    budget(account, "prod", "11", "tag", "env:prod")
    budget(account, "web2", "9", "project", "web2")
    rows = ask("budgets", "name", "period", "used", "state")
    assert [tuple(row.values()) for row in rows] == [
        ("all", account.month(1), Decimal("12.00"), "over"),
        ("prod", account.month(1), Decimal("10.00"), "ok"),
        ("web2", account.month(1), Decimal("10.00"), "over"),
    ]


def test_without_lines_of_a_forecast_nothing_is_known(account: Account, ask: Ask) -> None:
    forecast(account, "115.00")
    budget(account, "all", "110")
    assert ask("budgets", "used", "state") == [{"used": None, "state": "unknown"}]


def days(account: Account, resource: int, amounts: dict[int, str]) -> None:
    """Costs of a droplet by how many days ago."""
    today = account.now.date()
    for back in range(40, 0, -1):
        amount = Decimal(amounts.get(back, "2.00"))
        day = today - timedelta(back)
        account.insert("cloud_cost_days", account=TEAM, day=day, row_count=1, amount=amount,
                       first_seen_at=account.now, last_read_at=account.now)  # fmt: skip
        account.insert(
            "cloud_daily_costs", account=TEAM, day=day, product="Droplets", description="web (s-1)",
            amount=amount, resource_id=resource, match_method="name",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("amounts", "found"),
    [
        ({}, []),
        ({2: "6.90"}, []),  # less than $5 more
        ({2: "7.00"}, [Decimal("5.00")]),
        # The first two are unusual, then it uses to do that.
        ({2: "7.00", 20: "7.50", 21: "7.50", 22: "7.50", 23: "7.50"}, [Decimal("5.50")] * 2),
        ({39: "50.00"}, []),  # too few days before it
    ],
)
def test_a_day_is_unusual_by_five_dollars_and_more_than_its_ups_and_downs(
    account: Account, ask: Ask, amounts: dict[int, str], found: list[Decimal]
) -> None:
    web = account.resource("droplet", "1")
    account.member("droplet", "1", account.project("web"))
    if account.now.day == 3:
        pytest.skip("two days ago was a first of the month")
    days(account, web, amounts)
    rows = ask("anomalies", "unit", "scope", "expected", "excess", "because")
    assert [row["excess"] for row in rows] == found
    for row in rows:
        assert (row["unit"], row["scope"], row["expected"]) == ("day", "web", Decimal("2.00"))
        assert row["because"].startswith("web (s-1) +")


def test_an_unusual_month_is_explained_by_its_lines(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    long_ago = account.now - timedelta(days=400)
    account.member("droplet", "1", account.project("web"), valid_from=long_ago)
    for back in range(6, 0, -1):
        invoice = account.invoice(f"i{back}", "50.00", back=back)
        account.line(invoice, "90.00" if back == 2 else "30.00", web)
        account.line(invoice, "100.00" if back == 1 else "5.00", product="Taxes")
    rows = ask("anomalies", "unit", "period", "scope", "expected", "amount", "because")
    assert [tuple(row.values()) for row in rows] == [
        ("month", account.month(2), "web", Decimal("30.00"), Decimal("90.00"),
         "droplet-1 +60.00"),
    ]  # fmt: skip


def test_a_snapshot_is_where_its_copies_are(account: Account, ask: Ask) -> None:
    account.resource("droplet_snapshot", "1", region=None, attrs={"regions": ["nyc3", "fra1"]})
    account.resource("droplet", "2", region=None, attrs={"regions": "nyc3"})
    rows = [row["region"] for row in ask("resources", "kind", "region")]
    assert rows == [None, "fra1, nyc3"]
    assert ask("old_snapshots", "region") == ask("savings", "region") == [{"region": "fra1, nyc3"}]


def test_for_how_long_what_is_paid_in_advance_lasts(account: Account, ask: Ask) -> None:
    def said(team: str, **values: object) -> None:
        account.insert("cloud_prepayments", account=team, first_read_at=account.now,
                       last_read_at=account.now, **values)  # fmt: skip

    said("a", balance=Decimal(90), blocked=True)
    said("a", balance=Decimal("30.00"), blocked=False, spend_limit=Decimal(100))
    said("b", eligible=True)
    said("c", balance=Decimal("-2.00"), blocked=True)
    days_gone = (account.now.day - 1) + account.now.hour / 24
    begin = account.now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    at = begin + timedelta(days=max(1, int(days_gone)))
    account.insert(
        "cloud_balance_snapshots", account="a", month_to_date_balance=0, account_balance=0,
        month_to_date_usage=Decimal(4) * max(1, int(days_gone)), generated_at=at, captured_at=at,
    )  # fmt: skip
    rows = ask("prepayment", "account", "balance", "blocked", "daily_usage", "days_left",
               "complete")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("a", Decimal("30.00"), False, Decimal("4.00"), 7, True),
        ("b", None, None, None, None, False),
        ("c", Decimal("-2.00"), True, None, 0, True),
    ]
