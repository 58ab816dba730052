"""Cost and usage in the words of FOCUS: right rows written down by hand, and the standard's rules.

The rules of our own come first (focus_rules); focus-data-toolkit, which knows the model of 1.4,
looks at the same rows as text after them.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from focus_data_toolkit.model import lint_focus_1_4_structure
from focus_data_toolkit.validate import validate_dataset_bundle
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.products import product_rules
from arcadia_cloud_pipelines.marts.focus_files import DATASETS, _with_z
from arcadia_cloud_pipelines.marts.reading import Rows
from arcadia_cloud_pipelines.marts.writing import write_csv

from .conftest import TEAM, Account, Ask
from .focus_rules import columns, problems, reference_problems
from .test_views import connection  # noqa: F401 (a fixture)

Rows_ = list[dict[str, Any]]
"""Rows of a view, by column."""


def all_rows(connection: sa.Connection, view: str, where: str = "true") -> Rows_:  # noqa: F811
    statement = sa.text(f"SELECT * FROM marts.{view} WHERE {where}")
    return [dict(row) for row in connection.execute(statement).mappings()]


def as_text(connection: sa.Connection, view: str) -> list[dict[str, str]]:  # noqa: F811
    """Read a view as the CSV file of an export has it."""
    import csv

    result = connection.execute(sa.text(f"SELECT * FROM marts.{view}"))
    names, to = list(result.keys()), io.StringIO()
    write_csv(Rows(names, (), iter([_with_z(list(result))])), to)
    return list(csv.DictReader(io.StringIO(to.getvalue())))


@pytest.mark.parametrize(
    ("version", "dataset", "view"),
    [(v, d, view) for v, datasets in DATASETS.items() for d, view in datasets.items()],
)
def test_every_row_of_a_mirrored_account_keeps_the_rules(
    connection: sa.Connection, version: str, dataset: str, view: str  # noqa: F811
) -> None:  # fmt: skip
    rows = all_rows(connection, view)
    assert len(rows) >= 20
    assert list(problems(version, dataset, rows)) == []


def test_the_datasets_of_a_mirrored_account_refer_to_each_other(
    connection: sa.Connection,  # noqa: F811
) -> None:
    charges, periods, details = (all_rows(connection, view) for view in DATASETS["1.4"].values())
    assert list(reference_problems(charges, details, periods)) == []
    # The open month has an invoice already, so nothing of it is provisional.
    assert {row["x_Entry"] for row in charges} == {"line", "summary"}


@pytest.mark.parametrize("view", ["focus_1_4", "focus_1_2", "focus_1_4_invoice_detail"])
def test_the_sum_of_an_invoice_is_the_invoice(connection: sa.Connection, view: str) -> None:  # noqa: F811
    said = connection.execute(
        sa.text(
            f'SELECT "InvoiceId", sum("BilledCost") FROM marts.{view}'
            ' WHERE "InvoiceId" IS NOT NULL GROUP BY 1 ORDER BY 1'
        )
    ).all()
    assert len(said) > 20
    billed = "SELECT invoice_uuid, amount FROM cloud_invoices ORDER BY 1"
    assert said == connection.execute(sa.text(billed)).all()


def test_the_toolkit_finds_nothing(connection: sa.Connection) -> None:  # noqa: F811
    names = {"cost_and_usage": "Cost and Usage", "billing_period": "Billing Period",
             "invoice_detail": "Invoice Detail"}  # fmt: skip
    bundle = {
        names[dataset]: as_text(connection, view) for dataset, view in DATASETS["1.4"].items()
    }
    for name, rows in bundle.items():
        assert lint_focus_1_4_structure(name, rows).messages() == []
    report = validate_dataset_bundle(bundle)
    assert report.ok, report.format()
    assert [text for text in report.warnings if "CROSS-03" in text.code] == []


@pytest.mark.parametrize("version", ["1.2", "1.4"])
def test_the_columns_are_those_of_the_standard(connection: sa.Connection, version: str) -> None:  # noqa: F811
    for dataset, view in DATASETS[version].items():
        names = connection.execute(sa.text(f"SELECT * FROM marts.{view} LIMIT 0")).keys()
        assert [name for name in names if not name.startswith("x_")] == list(
            columns(version, dataset)
        )


# -- rows by hand ---------------------------------------------------------------------------------


def test_a_charge_has_the_resource_project_and_tags_of_its_time(account: Account, ask: Ask) -> None:
    old, new = account.project("old"), account.project("new", tenant="acme")
    tags = ["env:prod", "Team:a", "team:b", "k8s"]
    web = account.resource("droplet", "77", name="web-new", tags=tags, region="fra1",
                           project_id=new)  # fmt: skip
    middle = account.month(1) + timedelta(days=14)
    account.member("droplet", "77", old, assigned_at=account.month(4), valid_to=middle)
    account.member("droplet", "77", new, valid_from=middle)
    hours = (account.now.date() - middle).days * 24
    account.event(web, "discovered", 2400, name=(None, "web-old"), tags=(None, ["env:dev"]))
    account.event(web, "updated", hours, name=("web-old", "web-new"))
    account.event(web, "tagged", hours, tags=(["env:dev"], tags))
    for name, back in (("then", 2), ("now", 1)):
        account.line(account.invoice(name, "5.00", back=back), "5.00", web, kind="droplet",
                     description="web (s-1)", hours=Decimal(672))  # fmt: skip
    rows = ask("focus_1_4", "InvoiceId", "ResourceId", "ResourceName", "ResourceType", "RegionId",
               "RegionName", "SubAccountId", "SubAccountName", "SubAccountType", "Tags",
               "x_MatchedBy", "x_TenantId", "x_Quantity")  # fmt: skip
    urn = ("do:droplet:77",)
    place = ("droplet", "fra1", "Frankfurt 1")
    assert [tuple(row.values()) for row in rows] == [
        ("now", *urn, "web-new", *place, "uuid-new", "new", "Project",
         {"env": "prod", "team": "a, b", "k8s": True}, "resource_id", "acme", 672),
        ("then", *urn, "web-old", *place, "uuid-old", "old", "Project",
         {"env": "dev"}, "resource_id", None, 672),
    ]  # fmt: skip


def test_what_is_about_no_resource_of_ours_says_so(account: Account, ask: Ask) -> None:
    invoice = account.invoice("a", "6.00")
    account.line(invoice, "1.00", unmatched_reason="never_seen", kind="database",
                 resource_key="uuid-9", resource_name="db-1", product="Database Clusters",
                 project_name="gone")  # fmt: skip
    account.line(invoice, "2.00", kind=None, product="Bandwidth", description="Overage")
    account.line(invoice, "3.00", account.resource("reserved_ip", "1.2.3.4", name="1.2.3.4"),
                 kind="reserved_ip", product="Floating IPs")  # fmt: skip
    rows = ask("focus_1_4", "BilledCost", "ResourceId", "ResourceName", "ResourceType",
               "SubAccountId", "x_ProjectName", "x_UnmatchedReason", "Tags")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        (1, "do:dbaas:uuid-9", "db-1", "database", None, "gone", "never_seen", None),
        (2, None, None, None, None, None, "not_a_resource", None),
        (3, "do:floatingip:1.2.3.4", None, "reserved_ip", None, None, None, None),
    ]


@pytest.mark.parametrize(
    ("product", "description", "amount", "category", "frequency", "service"),
    [
        ("Droplets", "web (s-1vcpu-1gb)", "6", "Usage", "Usage-Based", "Virtual Machines"),
        ("Droplets", "web (s-1vcpu-1gb)", "-6", "Usage", "Usage-Based", "Virtual Machines"),
        ("Droplets", "support-tax-credit (s-1)", "6", "Usage", "Usage-Based", "Virtual Machines"),
        ("Taxes", "VAT Germany (19.00%)", "1", "Tax", "One-Time", "Other (Other)"),
        ("GST", "GST India (18.00%)", "1", "Tax", "One-Time", "Other (Other)"),
        ("Credits", "Promo Code: NEW", "-5", "Credit", "One-Time", "Other (Other)"),
        ("Discounts", "Volume discount", "-5", "Credit", "One-Time", "Other (Other)"),
        ("Inference Cloud Trial", "Trial", "-5", "Credit", "One-Time", "Other (Other)"),
        ("Nobody knows it", "x", "-5", "Credit", "One-Time", "Other (Other)"),
        ("Nobody knows it", "x", "5", "Usage", "Usage-Based", "Other (Other)"),
        ("Refunds", "Refund of October", "-5", "Adjustment", "One-Time", "Other (Other)"),
        ("Adjustments", "x", "5", "Adjustment", "One-Time", "Other (Other)"),
        ("Support Plan", "Premium", "5", "Purchase", "Recurring", "Support"),
        ("Spaces Subscription", "Spaces ($5/mo 250GB storage & 1TB bandwidth)", "5", "Purchase",
         "Recurring", "Object Storage"),
        ("Spaces Subscription", "Spaces Bandwidth Overage", "5", "Usage", "Usage-Based",
         "Object Storage"),
        ("Container Registry Subscription", "Container Registry (basic)", "5", "Purchase",
         "Recurring", "Containers"),
        ("Container Registry Storage Overage", "x", "5", "Usage", "Usage-Based", "Containers"),
        ("Kubernetes Clusters", "3 nodes", "5", "Usage", "Usage-Based", "Containers"),
        ("Droplet Backups", "web (Weekly)", "5", "Usage", "Usage-Based", "Backup Storage"),
        ("", "x", "5", "Usage", "Usage-Based", "Other (Other)"),
    ],
)  # fmt: skip
def test_what_sort_of_charge_a_line_is(
    account: Account, ask: Ask, product: str, description: str, amount: str, category: str,
    frequency: str, service: str,
) -> None:  # fmt: skip
    account.line(account.invoice("a", amount), amount, product=product, description=description)
    [row] = ask("focus_1_4", "ChargeCategory", "ChargeFrequency", "ServiceSubcategory")
    assert tuple(row.values()) == (category, frequency, service)


def test_a_charge_of_a_time_before_the_month_is_a_correction(account: Account, ask: Ask) -> None:
    invoice = account.invoice("a", "28.00", back=1)

    def at(back: int, days: int = 0) -> datetime:
        day = account.month(back) + timedelta(days=days)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    account.line(invoice, "1.00", started_at=at(2), ended_at=at(1))
    account.line(invoice, "2.00", started_at=at(2), ended_at=at(1) - timedelta(seconds=1))
    account.line(invoice, "3.00", started_at=at(2), ended_at=at(1, 1))
    account.line(invoice, "4.00", product="Refunds", started_at=None, ended_at=None)
    account.line(invoice, "5.00", product="Refunds", started_at=at(1), ended_at=at(0))
    account.line(invoice, "6.00", started_at=at(1, 3), ended_at=at(1, 3))
    account.line(invoice, "7.00", started_at=None, ended_at=None)
    rows = ask("focus_1_4", "BilledCost", "ChargeClass", "ChargePeriodStart", "ChargePeriodEnd")
    second = timedelta(seconds=1)
    assert [tuple(row.values()) for row in rows] == [
        (1, "Correction", at(2), at(1)),
        (2, "Correction", at(2), at(1)),
        (3, None, at(2), at(1, 1)),
        (4, "Correction", at(1), at(0)),
        (5, None, at(1), at(0)),
        (6, None, at(1, 3), at(1, 3) + second),
        (7, None, at(1), at(0)),
    ]


@pytest.mark.parametrize(
    ("amount", "lines", "parts", "found"),
    [
        ("8", "10", {"credits_and_adjustments": 2}, [("Credit", -2), ("Usage", 10)]),
        ("8", "10", {"credits_and_adjustments": -2}, [("Credit", -2), ("Usage", 10)]),
        ("12", "10", {"taxes": 2}, [("Tax", 2), ("Usage", 10)]),
        ("12", "10", {"overages": 2}, [("Usage", 2), ("Usage", 10)]),
        ("9", "10", {"taxes": 2, "credits_and_adjustments": 3},
         [("Credit", -3), ("Tax", 2), ("Usage", 10)]),
        ("11", "10", {"taxes": 2, "credits_and_adjustments": -1},
         [("Credit", -1), ("Tax", 2), ("Usage", 10)]),
        ("12", "10", {"taxes": 2, "overages": 2}, [("Tax", 2), ("Usage", 10)]),
        ("7", "10", {}, [("Adjustment", -3), ("Usage", 10)]),
        ("7", "10", {"taxes": 1, "credits_and_adjustments": 1},
         [("Adjustment", -3), ("Usage", 10)]),
        ("10", "10", {"taxes": 1}, [("Usage", 10)]),
    ],
)  # fmt: skip
def test_what_has_no_line_is_told_by_the_parts_of_the_summary(
    account: Account, ask: Ask, amount: str, lines: str, parts: dict[str, int],
    found: list[tuple[str, int]],
) -> None:  # fmt: skip
    account.line(account.invoice("a", amount, **parts), lines)
    rows = ask("focus_1_4", "ChargeCategory", "BilledCost")
    assert [tuple(row.values()) for row in rows] == found


def test_an_invoice_that_is_not_read_is_one_charge_and_not_complete(
    account: Account, ask: Ask
) -> None:
    account.invoice("a", "5.00", ingest_status="pending", taxes=Decimal("5.00"))
    [row] = ask("focus_1_4", "InvoiceId", "BilledCost", "ChargeCategory", "x_Entry", "x_Complete")
    assert tuple(row.values()) == ("a", 5, "Usage", "not_read", False)
    [period] = ask("focus_1_4_billing_period", "BillingPeriodStatus", "x_Complete")
    assert tuple(period.values()) == ("Open", False)


def open_month(account: Account, *amounts: str) -> None:
    total = sum(map(Decimal, amounts), Decimal(0))
    account.insert(
        "cloud_open_months", account=TEAM, period=account.month(0), read_at=account.now,
        updated_at=account.now - timedelta(hours=3), line_count=len(amounts), lines_total=total,
    )  # fmt: skip
    for number, amount in enumerate(amounts, 1):
        account.insert(
            "cloud_open_month_lines", account=TEAM, period=account.month(0), read_at=account.now,
            line_number=number, product="Droplets", amount=Decimal(amount),
            description="web (s-1)", unmatched_reason="never_seen",
        )  # fmt: skip


def test_the_open_month_is_provisional_and_on_no_invoice(account: Account, ask: Ask) -> None:
    open_month(account, "1.00", "2.00")
    account.line(account.invoice("a", "4.00", back=1, ingested_at=account.now), "4.00")
    rows = ask("focus_1_4", "BilledCost", "InvoiceId", "InvoiceDetailId", "x_IsProvisional",
               "x_Complete", "x_AsOf", where=f"\"x_Period\" = '{account.month(0)}'")  # fmt: skip
    as_of = account.now - timedelta(hours=3)
    assert [tuple(row.values()) for row in rows] == [
        (1, None, None, True, False, as_of), (2, None, None, True, False, as_of),
    ]  # fmt: skip
    states = ask("focus_1_4_billing_period", "BillingPeriodStart", "BillingPeriodStatus")
    assert [state["BillingPeriodStatus"] for state in states] == ["Closed", "Open"]
    assert len(ask("focus_1_4_invoice_detail", "InvoiceId")) == 1


def test_no_dollar_counts_twice_when_an_invoice_came_within_the_month(
    account: Account, ask: Ask
) -> None:
    open_month(account, "1.00", "2.00")
    account.line(account.invoice("within", "2.00", back=0), "2.00")
    rows = ask("focus_1_4", "BilledCost", "InvoiceId", "x_Complete")
    assert [tuple(row.values()) for row in rows] == [(2, "within", False)]
    [period] = ask("focus_1_4_billing_period", "BillingPeriodStatus")
    assert period["BillingPeriodStatus"] == "Open"


def test_a_month_is_closed_by_its_last_invoice_and_stays_closed(account: Account, ask: Ask) -> None:
    def midnight(back: int, **since: int) -> datetime:
        day = account.month(back)
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(**since)

    read = {"ingested_at": account.now}
    account.invoice("within", "1.00", back=3, issued_at=midnight(3, days=9), **read)
    account.invoice("last", "1.00", back=2, issued_at=midnight(1, hours=2), **read)
    # One that is asked for again after it was read once.
    account.invoice("again", "1.00", back=1, issued_at=midnight(0), **read, ingest_status="pending")
    rows = ask("focus_1_4_billing_period", "x_Period", "BillingPeriodStatus")
    assert [row["BillingPeriodStatus"] for row in rows] == ["Open", "Closed", "Closed"]


def insight(account: Account, sku: str, description: str, day: date, **values: Any) -> None:
    account.insert(
        "cloud_daily_costs", account=TEAM, day=day, sku=sku, description=description,
        amount=Decimal(1), unmatched_reason="never_seen", **values,
    )  # fmt: skip


def test_a_sku_is_what_insights_say_of_the_same_text_in_the_month(
    account: Account, ask: Ask
) -> None:
    first, second = account.month(1), account.month(1) + timedelta(days=1)
    for day in (first, second):
        insight(account, "1-DO-DROP-1", "a (s-1)", day, region="nyc3")
    insight(account, "1-DO-DROP-1", "b (s-1)", first)
    insight(account, "1-DO-DROP-2", "b (s-1)", second)
    insight(account, "1-DO-DROP-3", "c (s-1)", account.month(2))
    insight(account, "1-KS-9", "3 nodes", first, group_description="k8s-a")
    insight(account, "1-TAX", "VAT", first)
    invoice = account.invoice("a", "15.00")
    for description, product, group in (
        ("a (s-1)", "Droplets", None), ("b (s-1)", "Droplets", None), ("c (s-1)", "Droplets", None),
        ("3 nodes", "Kubernetes Clusters", "k8s-a"), ("3 nodes", "Kubernetes Clusters", "k8s-b"),
        ("VAT", "Taxes", None),
    ):  # fmt: skip
        account.line(invoice, "1.00", description=description, product=product,
                     group_description=group)  # fmt: skip
    rows = ask("focus_1_4", "x_LineNumber", "SkuId", "SkuMeter", "RegionName",
               where="\"x_Entry\" = 'line'")  # fmt: skip
    assert [tuple(row.values())[1:] for row in rows] == [
        ("1-DO-DROP-1", "Droplets", "New York 3"), (None, None, None), (None, None, None),
        ("1-KS-9", "Kubernetes Clusters", None), (None, None, None), (None, None, None),
    ]  # fmt: skip
    old = ask("focus_1_2", "x_LineNumber", "x_SkuId", where="\"x_Entry\" = 'line'")
    assert old[0]["x_SkuId"] == "1-DO-DROP-1"


def test_every_product_that_the_map_knows_has_a_service_and_a_sort_of_charge(
    account: Account, ask: Ask
) -> None:
    known = {name for rule in product_rules().values() for name in rule.products}
    invoice = account.invoice("a", "0")
    for name in known:
        account.line(invoice, "1.00", product=name)
    rows = ask("focus_products", "product", "service_category", "charge")
    found = {row["product"]: (row["service_category"], row["charge"]) for row in rows}
    assert {name for name in known if found[name][1] is None} == set()
    money = {
        "tax": {"Taxes", "Tax", "VAT", "GST", "Sales Tax"},
        "refund": {"Refunds"},
        "credit": {"Credits", "Discounts", "Promotional Credits"},
        "adjustment": {"Adjustments", "Fees", "Late Fee", "Platform Fee", "Minimum Spend"},
    }
    for charge, names in money.items():
        assert {name for name in known if found[name][1] == charge} == names
    assert {name for name, (category, is_) in found.items()
            if category == "Other" and is_ not in money} == {
        "Add-Ons", "Addons", "Add-on", "SaaS Add-Ons", "Marketplace", "Marketplace Add-Ons",
        "Add Ons SaaS",
    }  # fmt: skip


# -- any invoices ---------------------------------------------------------------------------------

CENTS = st.integers(-10_000, 100_000).map(lambda cents: Decimal(cents) / 100)
PRODUCTS = st.sampled_from(
    ["Droplets", "Taxes", "Credits", "Refunds", "Spaces Subscription", "Unheard Of", "", None]
)  # fmt: skip
TEXTS = st.sampled_from(["web (s-1)", "Spaces ($5/mo)", "VAT (19.00%)", "=1+1", "  ", None])
DAYS = st.none() | st.integers(-40, 40).map(lambda days: timedelta(days=days))
LINES = st.lists(st.tuples(CENTS, PRODUCTS, TEXTS, DAYS, DAYS, st.booleans()), max_size=4)
INVOICES = st.lists(
    st.tuples(LINES, CENTS | st.just(Decimal(0)), CENTS | st.none(), CENTS | st.none(),
              st.booleans(), st.integers(0, 3)),
    min_size=1, max_size=3,
)  # fmt: skip


def write(account: Account, number: int, invoice: Any, resource: int) -> Decimal:
    lines, beyond, taxes, credits, is_read, back = invoice
    total = sum((line[0] for line in lines), Decimal(0)) if is_read else Decimal(0)
    amount = total + beyond
    row = account.invoice(
        f"invoice-{number}", str(amount), back=back, taxes=taxes, credits_and_adjustments=credits,
        ingest_status="ingested" if is_read else "pending",
    )  # fmt: skip
    begin = account.month(back)
    first = datetime(begin.year, begin.month, begin.day, tzinfo=UTC)
    for cents, product, text, since, until, matched in lines if is_read else ():
        account.line(
            row, str(cents), resource if matched else None, product=product, description=text,
            kind="droplet" if matched else None,
            started_at=None if since is None else first + since,
            ended_at=None if until is None else first + until,
        )  # fmt: skip
    return amount


@given(invoices=INVOICES)
def test_any_invoices_keep_the_rules_and_add_up(account: Account, invoices: list[Any]) -> None:
    point = account.connection.begin_nested()
    resource = account.resource("droplet", "1", tags=["a:b", "c"])
    amounts = {
        f"invoice-{number}": write(account, number, invoice, resource)
        for number, invoice in enumerate(invoices)
    }
    charges, periods, details = (
        all_rows(account.connection, view) for view in DATASETS["1.4"].values()
    )
    older = all_rows(account.connection, "focus_1_2")
    point.rollback()
    for version, dataset, rows in (
        ("1.4", "cost_and_usage", charges), ("1.4", "billing_period", periods),
        ("1.4", "invoice_detail", details), ("1.2", "cost_and_usage", older),
    ):  # fmt: skip
        assert list(problems(version, dataset, rows)) == []
    assert list(reference_problems(charges, details, periods)) == []
    for rows in (charges, older, details):
        sums = dict.fromkeys(amounts, Decimal(0))
        for row in rows:
            sums[row["InvoiceId"]] += row["BilledCost"]
        assert sums == amounts
