"""Answers about cost: right rows written down by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import sqlalchemy as sa

from arcadia_cloud_pipelines.inventory import ledger
from arcadia_cloud_pipelines.inventory.ledger import Observation
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..inventory.helpers import sighting
from .conftest import TEAM, Account, Ask


def test_a_line_belongs_to_the_project_of_the_time(account: Account, ask: Ask) -> None:
    old, new = account.project("old"), account.project("new")
    moved = account.resource("droplet", "1", project_id=new)
    # Moved in the middle of last month; it was in `old` for the month before, and for its lines.
    begin, middle = account.month(3), account.month(1) + timedelta(days=14)
    account.member("droplet", "1", old, valid_from=middle - timedelta(days=1),
                   assigned_at=begin, valid_to=middle)  # fmt: skip
    account.member("droplet", "1", new, valid_from=middle)
    account.line(account.invoice("a", "12.00", back=2), "12.00", moved, kind="droplet")
    account.line(account.invoice("b", "13.00", back=1), "13.00", moved, kind="droplet")
    assert ask("cost_by_project", "period", "project_name", "project_source", "kind", "amount") == [
        {"period": account.month(2), "project_name": "old", "project_source": "membership",
         "kind": "droplet", "amount": Decimal("12.00")},
        {"period": account.month(1), "project_name": "new", "project_source": "membership",
         "kind": "droplet", "amount": Decimal("13.00")},
    ]  # fmt: skip


def test_a_project_that_only_the_object_names_has_its_costs(warehouse: Warehouse) -> None:
    """From the sighting to the bill: a balancer that no project's list has, and that moved."""
    with warehouse.transaction() as connection:
        account = Account(connection)
        old, new = account.project("old"), account.project("new")
    for back, project in ((100, "uuid-old"), (45, "uuid-new"), (15, None)):
        seen = sighting("lb", status=f"{back}", project=project)
        at = account.now - timedelta(days=back)
        with warehouse.transaction() as connection:
            ledger.record(connection, Observation(TEAM, "load_balancer", at, [seen], True))
    with warehouse.transaction() as connection:
        account = Account(connection)
        balancer = connection.scalar(sa.text("SELECT id FROM cloud_resources"))
        for name, ago, amount in (("a", 80, "12.00"), ("b", 20, "13.00"), ("c", 5, "14.00")):
            until = account.now - timedelta(days=ago)
            account.line(account.invoice(name, amount), amount, balancer, ended_at=until)
        costs = connection.execute(
            sa.text(
                "SELECT project_id, project_source, amount FROM marts.cost_by_project ORDER BY 1"
            )
        ).all()
    assert [tuple(row) for row in costs] == [
        (old, "membership", Decimal("12.00")), (new, "membership", Decimal("27.00")),
    ]  # fmt: skip


def test_without_a_stay_the_name_on_the_invoice_is_the_project(account: Account, ask: Ask) -> None:
    known = account.project("Known")
    invoice = account.invoice("a", "6.00")
    account.line(invoice, "1.00", project_name="known")
    account.line(invoice, "2.00", project_name="never heard of")
    account.line(invoice, "3.00", project_name="  ")
    rows = ask("cost_by_project", "project_id", "project_name", "project_source", "amount")
    assert rows == [
        {"project_id": known, "project_name": "Known", "project_source": "invoice",
         "amount": Decimal("1.00")},
        {"project_id": None, "project_name": "never heard of", "project_source": "invoice",
         "amount": Decimal("2.00")},
        {"project_id": None, "project_name": None, "project_source": None,
         "amount": Decimal("3.00")},
    ]  # fmt: skip


def test_what_the_lines_do_not_say_is_a_row_of_its_own(account: Account, ask: Ask) -> None:
    account.line(account.invoice("credit", "8.00"), "10.00")
    account.invoice("waiting", "5.00", ingest_status="pending")
    rows = ask("cost_entries", "invoice_uuid", "line_number", "entry", "amount", "complete")
    assert [tuple(row.values()) for row in rows] == [
        ("credit", 0, "summary", Decimal("-2.00"), False),
        ("credit", 1, "line", Decimal("10.00"), False),
        ("waiting", 0, "not_read", Decimal("5.00"), False),
    ]


def test_a_month_is_complete_when_it_is_over_and_read(account: Account, ask: Ask) -> None:
    account.line(account.invoice("a", "1.00", back=1), "1.00")
    account.line(account.invoice("b", "1.00", back=0), "1.00")
    account.invoice("c", "1.00", back=2, ingest_status="failed")
    rows = ask("billing_months", "period", "is_over", "not_read", "complete")
    assert [tuple(row.values()) for row in rows] == [
        (account.month(2), True, 1, False),
        (account.month(1), True, 0, True),
        (account.month(0), False, 0, False),
    ]


def test_regions_and_plans(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1", region="ams3", size_slug="s-1vcpu-1gb")
    invoice = account.invoice("a", "9.00")
    account.line(invoice, "6.00", web, hours=Decimal(672))
    account.line(invoice, "2.00", product="Volumes", region="sfo3")
    account.line(invoice, "1.00", product="Tax")
    assert [tuple(row.values()) for row in ask("cost_by_region", "region", "amount")] == [
        ("ams3", Decimal("6.00")), ("sfo3", Decimal("2.00")), (None, Decimal("1.00")),
    ]  # fmt: skip
    plans = ask("cost_by_sku", "product", "sku", "quantity", "unit", "amount", "is_estimate")
    assert [tuple(row.values()) for row in plans] == [
        ("Droplets", "s-1vcpu-1gb", Decimal(672), "hours", Decimal("6.00"), True),
        ("Tax", None, None, None, Decimal("1.00"), False),
        ("Volumes", None, None, None, Decimal("2.00"), False),
    ]


def test_a_tag_costs_what_its_resource_cost_while_it_had_it(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1", tags=["env:prod", "Team:a", "team:b"])
    bare = account.resource("droplet", "2")
    # Found with env:dev; env:prod since the middle of last month.
    middle = (account.month(1) + timedelta(days=14) - account.now.date()).days * -24
    account.event(web, "discovered", 2400, tags=(None, ["env:dev"]))
    account.event(web, "tagged", middle, tags=(["env:dev"], ["env:prod", "Team:a", "team:b"]))
    account.line(account.invoice("a", "4.00", back=3), "4.00", web)
    now = account.invoice("b", "8.00", back=1)
    account.line(now, "5.00", web)
    account.line(now, "2.00", bare)
    account.line(now, "1.00")
    rows = ask("cost_by_tag", "period", "tag_key", "tag_value", "amount")
    assert [tuple(row.values()) for row in rows] == [
        (account.month(3), "env", "dev", Decimal("4.00")),
        (account.month(3), "team", None, Decimal("4.00")),
        (account.month(1), "env", "prod", Decimal("5.00")),
        (account.month(1), "env", None, Decimal("2.00")),
        (account.month(1), "team", "a, b", Decimal("5.00")),
        (account.month(1), "team", None, Decimal("2.00")),
    ]


def test_an_invoice_adds_up_with_the_parts_that_have_no_line(account: Account, ask: Ask) -> None:
    parts = {"product_charges": Decimal("42.38"), "taxes": Decimal("4.86"),
             "credits_and_adjustments": Decimal("5.00")}  # fmt: skip
    explained = {"unlisted": Decimal("-5.00"), "off_by": 0}
    account.line(account.invoice("credit", "42.24", **parts, **explained), "47.24")
    account.line(account.invoice("plain", "3.00"), "3.00")
    account.line(account.invoice("off", "3.00"), "2.50")
    account.line(account.invoice("summary", "3.00", off_by=Decimal("0.10")), "3.00")
    account.invoice("waiting", "1.00", ingest_status="pending")
    rows = ask("invoice_reconciliation", "invoice_uuid", "credits", "unlisted", "difference",
               "state")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("credit", Decimal("-5.00"), Decimal("-5.00"), 0, "reconciled"),
        ("off", 0, 0, Decimal("0.50"), "off"),
        ("plain", 0, 0, 0, "reconciled"),
        ("summary", 0, 0, Decimal("0.10"), "off"),
        ("waiting", 0, 0, None, "not_read"),
    ]
    shown = ask("taxes_and_credits", "source", "type", "amount")
    assert [tuple(row.values()) for row in shown] == [
        ("summary", "credits_and_adjustments", Decimal("-5.00")),
        ("summary", "product_charges", Decimal("42.38")),
        ("summary", "taxes", Decimal("4.86")),
    ]


def test_lines_without_a_resource_and_products_nobody_knows(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    invoice = account.invoice("a", "6.00")
    account.line(invoice, "1.00", web)
    account.line(invoice, "2.00", unmatched_reason="never_seen", description="gone")
    rows = ask("unmatched_lines", "description", "reason", "amount")
    assert [tuple(row.values()) for row in rows] == [("gone", "never_seen", Decimal("2.00"))]


def test_the_dearest_come_first_and_credits_do_not_bend_the_shares(
    account: Account, ask: Ask
) -> None:
    web, data = account.resource("droplet", "1"), account.resource("volume", "2")
    gone = account.resource("droplet", "3", deleted_at=account.now)
    invoice = account.invoice("a", "6.00")
    account.line(invoice, "2.00", data)
    account.line(invoice, "5.00", web)
    account.line(invoice, "1.00", gone)
    account.line(invoice, "2.00")
    account.line(invoice, "-4.00")
    rows = ask("top_resources", "rank", "name", "amount", "share", "cumulative_share")
    assert [tuple(row.values()) for row in rows] == [
        (1, "droplet-1", Decimal("5.00"), Decimal("0.5"), Decimal("0.5")),
        (2, "volume-2", Decimal("2.00"), Decimal("0.2"), Decimal("0.7")),
        (3, "droplet-3", Decimal("1.00"), Decimal("0.1"), Decimal("0.8")),
    ]
    assert [tuple(row.values()) for row in ask("cost_of_deleted", "name", "amount")] == [
        ("droplet-3", Decimal("1.00"))
    ]


def test_a_jump_names_what_moved(account: Account, ask: Ask) -> None:
    web, data = account.resource("droplet", "1"), account.resource("droplet", "2")
    account.line(account.invoice("a", "5.00", back=2), "5.00", web, kind="droplet")
    now = account.invoice("b", "12.00", back=1)
    account.line(now, "4.00", web, kind="droplet")
    account.line(now, "8.00", data, kind="droplet")
    rows = ask("cost_jumps", "kind", "before", "now", "jump", "because", "complete",
               where=f"period = '{account.month(1)}'")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("droplet", Decimal("5.00"), Decimal("12.00"), Decimal("7.00"),
         "droplet-2 +8.00; droplet-1 -1.00", True),
    ]  # fmt: skip


def test_this_month_against_the_same_moment_of_the_last(account: Account, ask: Ask) -> None:
    begin = account.connection.exec_driver_sql(
        "SELECT date_trunc('month', now(), 'UTC')"
    ).scalar_one()
    last = account.connection.exec_driver_sql(
        "SELECT date_trunc('month', date_trunc('month', now(), 'UTC') - interval '1 day', 'UTC')"
    ).scalar_one()
    passed = timedelta(minutes=1)
    for at, usage in ((begin + passed, "3.00"), (last + passed, "2.00")):
        account.insert(
            "cloud_balance_snapshots", account=TEAM, month_to_date_balance=Decimal(usage),
            account_balance=0, month_to_date_usage=Decimal(usage), generated_at=at, captured_at=at,
        )  # fmt: skip
    account.line(account.invoice("a", "70.00", back=1), "70.00")
    rows = ask("month_to_date", "period", "amount_so_far", "provisional_amount",
               "last_month_so_far", "last_month_is_estimate", "last_month_total")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        (account.month(0), Decimal("3.00"), None, Decimal("2.00"), False, Decimal("70.00")),
    ]


def test_what_lived_through_the_month_without_a_line_is_unbilled(
    account: Account, ask: Ask
) -> None:
    early = account.now - timedelta(days=400)
    billed = account.resource("droplet", "1", created_at=early)
    account.resource("droplet", "2", created_at=early)
    account.resource("droplet", "3", created_at=account.now)
    account.resource("vpc", "4", created_at=early)
    account.resource("kubernetes_cluster", "k", created_at=early)
    account.resource("droplet", "5", created_at=early,
                     attrs={"kubernetes": {"cluster_id": "k"}})  # fmt: skip
    account.line(account.invoice("a", "5.00"), "5.00", billed)
    assert [row["name"] for row in ask("unbilled_resources", "name")] == ["droplet-2"]
    rows = ask("monthly_amounts", "resource_id", "monthly_amount")
    assert [tuple(row.values()) for row in rows] == [(billed, Decimal("5.00"))]
