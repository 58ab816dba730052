"""Forecasts of a month written by hand: April 2026, which has 720 hours, seen after ten days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.forecast.model import Forecast, make_forecasts
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..marts.conftest import TEAM, Account

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
BEGIN = datetime(2026, 4, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(days=10)
GONE = Decimal(240)


class Month:
    """March as it was billed, and April as the preview has it."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.number = 0
        self.march = account.invoice("march", "0", period=MARCH, ingested_at=NOW)
        self.amount = Decimal(0)

    def billed(self, amount: str, **values: Any) -> None:
        """A line of March, from its first to its last second."""
        self.amount += Decimal(amount)
        self.account.line(
            self.march, amount, **{
                "started_at": datetime(2026, 3, 1, tzinfo=UTC), "ended_at": BEGIN,
                "hours": Decimal(744),
            } | values,
        )  # fmt: skip

    def so_far(self, amount: str, resource: int | None = None, **values: Any) -> None:
        """A line of the preview, from the first of April until now."""
        self.number += 1
        self.account.insert(
            "cloud_open_month_lines", **{
                "account": TEAM, "read_at": NOW, "line_number": self.number, "period": APRIL,
                "product": "Droplets", "amount": Decimal(amount), "started_at": BEGIN,
                "ended_at": NOW, "resource_id": resource,
                **({"unmatched_reason": "not_a_resource"} if resource is None
                   else {"match_method": "resource_id"}),
            } | values,
        )  # fmt: skip

    def preview(self, **values: Any) -> None:
        """The preview's head; its lines are there already."""
        self.account.insert(
            "cloud_open_months", **{
                "account": TEAM, "period": APRIL, "read_at": NOW, "updated_at": NOW,
                "line_count": self.number, "lines_total": 0,
            } | values,
        )  # fmt: skip
        self.account.connection.execute(
            sa.text("UPDATE cloud_invoices SET amount = :a WHERE id = :i"),
            {"a": self.amount, "i": self.march},
        )


@pytest.fixture
def month(warehouse: Warehouse) -> Iterator[Month]:
    """Written in a transaction of its own, which `said` ends."""
    with warehouse.engine.connect() as connection:
        yield Month(Account(connection))


def said(warehouse: Warehouse, month: Month, now: datetime = NOW) -> dict[str, Forecast]:
    month.account.connection.commit()
    return {one.method: one for one in make_forecasts(warehouse, now=lambda: now).forecasts}


def expected(warehouse: Warehouse, month: Month, now: datetime = NOW) -> Decimal:
    return said(warehouse, month, now)["structure"].expected


def test_what_runs_runs_on_to_672_hours_and_what_ended_stays(
    warehouse: Warehouse, month: Month
) -> None:
    month.billed("12.00", description="web (s-2)", resource_key="1")
    month.so_far("4.29", description="web (s-2)", resource_key="1")  # 12 * 240 / 672
    month.so_far("0.50", description="job (s-1)", resource_key="2",
                 ended_at=BEGIN + timedelta(hours=56))  # fmt: skip
    month.preview()
    methods = said(warehouse, month)
    assert methods["structure"].expected == Decimal("12.50")
    assert methods["last_invoice"].expected == Decimal("12.00")
    assert methods["straight_line"].expected == Decimal("14.37")  # 4.79 * 3


def test_a_resized_droplet_has_one_month_of_672_hours(warehouse: Warehouse, month: Month) -> None:
    middle = BEGIN + timedelta(hours=120)
    month.so_far("1.20", description="web (s-1)", resource_key="1", ended_at=middle)
    month.so_far("2.40", description="web (s-2)", resource_key="1", started_at=middle)
    month.preview()
    # 0.02 an hour for the 672 - 120 hours that are left of the month's 672.
    assert expected(warehouse, month) == Decimal("12.24")


def test_a_fee_is_there_at_once_and_does_not_grow(warehouse: Warehouse, month: Month) -> None:
    month.billed("24.00", product="Support Plan", description="Developer Support")
    month.billed("3.00", product="Quantum Vault", description="vault-1")
    month.so_far("24.00", product="Support Plan", description="Developer Support")
    month.so_far("3.00", product="Quantum Vault", description="vault-1")
    month.so_far("5.00", product="Spaces Subscription", description="Spaces ($5/mo)")
    month.preview()
    assert expected(warehouse, month) == Decimal("32.00")


def test_a_rate_that_changed_is_the_new_one(warehouse: Warehouse, month: Month) -> None:
    month.billed("12.00", description="web (s-2)", resource_key="1")
    month.so_far("5.00", description="web (s-2)", resource_key="1")
    month.preview()
    assert expected(warehouse, month) == Decimal("14.00")  # 5 * 672 / 240


def test_a_new_droplet_costs_what_its_plan_did(warehouse: Warehouse, month: Month) -> None:
    """After an hour it has cost a cent: the cent says nothing of its rate."""
    month.billed("12.00", description="web (s-2)", resource_key="1")
    month.so_far("4.29", description="web (s-2)", resource_key="1")
    month.so_far("0.02", description="new (s-2)", resource_key="2",
                 started_at=NOW - timedelta(hours=1))  # fmt: skip
    month.preview()
    # 12, and 12 / 672 for each of the 481 hours from its begin to the end of April.
    assert expected(warehouse, month) == Decimal("20.59")


def test_backups_follow_their_droplet_though_none_is_taken_yet(
    warehouse: Warehouse, month: Month
) -> None:
    weekly = {"product": "Droplet Backups", "description": "web (Weekly Backup Services)"}
    for key in ("1", "2"):
        month.billed("12.00", description="web (s-2)", resource_key=key)
        month.billed("2.40", resource_key=key, **weekly)
    month.so_far("4.29", description="web (s-2)", resource_key="1")
    month.preview()
    # The second droplet is gone, and with it its backups.
    assert expected(warehouse, month) == Decimal("14.40")


def test_taxes_and_percentages_follow_the_use_and_credits_stay(
    warehouse: Warehouse, month: Month
) -> None:
    month.billed("100.00", description="web (s-2)", resource_key="1")
    month.so_far("35.71", description="web (s-2)", resource_key="1")
    flat = {"started_at": None, "ended_at": None}
    month.so_far("-1.79", product="Discounts", description="Committed use discount (5%)")
    month.so_far("-10.00", product="Credits", description="Service credit, sorry", **flat)
    month.so_far("4.78", product="Taxes", description="VAT (20.00%)")
    month.preview()
    structure = said(warehouse, month)["structure"]
    # 100 less 5 % less 10, and 20 % on it.
    assert structure.expected == pytest.approx(Decimal("102.00"), abs=Decimal("0.05"))
    assert structure.taxes == pytest.approx(Decimal("17.00"), abs=Decimal("0.02"))


def test_traffic_goes_on_as_on_most_of_the_last_days(warehouse: Warehouse, month: Month) -> None:
    for day in range(1, 29):
        amount = Decimal("9.00") if day == 3 else Decimal("0.10")
        month.account.insert(
            "cloud_daily_costs", account=TEAM, day=NOW.date() - timedelta(day),
            product="Bandwidth", amount=amount, unmatched_reason="not_a_resource",
        )  # fmt: skip
    month.so_far("2.00", product="Bandwidth", description="Bandwidth overage")
    month.preview()
    assert expected(warehouse, month) == Decimal("4.00")  # 20 days of 0.10, the lump is no rule


def test_a_gpu_droplet_of_some_hours_ends_as_those_before_it_did(
    warehouse: Warehouse, month: Month
) -> None:
    gpu = {"product": "GPU Droplets", "description": "train (gpu-1)"}
    for number in range(4):
        begin = datetime(2026, 3, 5 + number, tzinfo=UTC)
        month.billed("20.00", resource_key=f"9{number}", hours=Decimal(10), started_at=begin,
                     ended_at=begin + timedelta(hours=10), **gpu)  # fmt: skip
    month.so_far("8.00", resource_key="99", started_at=NOW - timedelta(hours=4), **gpu)
    month.preview()
    assert expected(warehouse, month) == Decimal("20.00")  # 6 more hours of 2.00, not 480


def test_what_the_inventory_knows_since_the_preview(warehouse: Warehouse, month: Month) -> None:
    account = month.account
    account.insert("cloud_rates", account=TEAM, size_slug="s-2", hourly=Decimal("0.01786"),
                   monthly=Decimal("12.00"), valid_from=NOW)  # fmt: skip
    deleted = account.resource("droplet", "1", deleted_at=NOW + timedelta(hours=3))
    account.resource("droplet", "2", size_slug="s-2", created_at=NOW + timedelta(hours=4))
    month.billed("12.00", resource=deleted, description="web (s-2)")
    month.so_far("4.29", deleted, description="web (s-2)")
    month.preview()
    # What it cost until it was deleted, and 476 hours of the new one.
    assert expected(warehouse, month, NOW + timedelta(hours=6)) == Decimal("12.79")


def test_before_the_month_has_lines_everything_is_as_it_was(
    warehouse: Warehouse, month: Month
) -> None:
    gone = month.account.resource("droplet", "1", deleted_at=BEGIN - timedelta(hours=1))
    month.billed("12.00", description="web (s-2)", resource_key="1")
    month.billed("6.00", description="late (s-2)", resource_key="2", hours=Decimal(336),
                 started_at=BEGIN - timedelta(hours=336))  # fmt: skip
    month.billed("3.00", description="over (s-1)", resource_key="3",
                 ended_at=BEGIN - timedelta(days=8))  # fmt: skip
    month.billed("7.00", resource=gone, description="deleted (s-1)")
    month.preview()
    month.account.connection.execute(sa.text("DELETE FROM cloud_open_months"))
    now = BEGIN + timedelta(hours=8)
    assert expected(warehouse, month, now) == Decimal("24.00")
    # Days later an open month without a preview is said not to be whole.
    assert "no preview" in str(said(warehouse, month)["structure"].note)


def test_what_was_invoiced_within_the_month_is_part_of_it(
    warehouse: Warehouse, month: Month
) -> None:
    charged = BEGIN + timedelta(days=5)
    month.billed("672.00", description="big (s-9)", resource_key="1")
    within = month.account.invoice("within", "120.00", period=APRIL, ingested_at=NOW)
    month.account.line(within, "120.00", description="big (s-9)", resource_key="1",
                       started_at=BEGIN, ended_at=charged)  # fmt: skip
    month.so_far("120.00", description="big (s-9)", resource_key="1", started_at=charged)
    month.preview()
    assert said(warehouse, month)["structure"].expected == Decimal("672.00")
    with warehouse.transaction() as connection:
        row = connection.execute(sa.text(
            "SELECT next_invoice, complete FROM marts.forecast WHERE method = 'structure'"
        )).one()  # fmt: skip
    assert row == (Decimal("552.00"), True)


def test_nothing_is_said_where_nothing_is_known(warehouse: Warehouse) -> None:
    assert make_forecasts(warehouse, now=lambda: NOW).forecasts == ()
