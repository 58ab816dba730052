"""What tenants pay: each sees its own cents, through the API and in SQL, and no other's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.allocation.statements import close_month

from ..marts.conftest import Account
from .conftest import Api
from .test_isolation import as_tenant

COSTS, STATEMENTS = "/api/v1/billing/costs", "/api/v1/billing/statements"
TABLES = ("cloud_tenant_costs", "cloud_statements", "cloud_statement_lines")
OTHERS = (
    "cloud_cost_allocations", "cloud_statement_closings", "cloud_allocation_rules",
    "cloud_allocation_months", "cloud_statement_proposals", "marts.cost_by_tenant",
)  # fmt: skip


@pytest.fixture
def closed(api: Api) -> Api:
    """A closed month: us 40, them 60, nobody 100, and a tax of 20 that follows."""
    with api.warehouse.transaction() as connection:
        account = Account(connection)
        ours = account.project("ours", "us")
        account.project("theirs", "them")
        invoice = account.invoice("i", "220.00")
        account.line(invoice, "40.00", project_name="ours", kind="droplet", description="our-1")
        account.line(invoice, "60.00", project_name="theirs", kind="droplet", description="their-1")
        account.line(invoice, "100.00", product="Bandwidth")
        account.line(invoice, "20.00", product="VAT")
        month = account.month(1)
    close_month(api.warehouse, month, actor="kim")
    api.ours, api.month = ours, month  # type: ignore[attr-defined]
    return api


def amounts(rows: list[dict[str, Any]]) -> list[tuple[str | None, Decimal]]:
    return sorted(((r["tenant_id"], Decimal(r["amount"])) for r in rows), key=str)


def test_a_tenant_sees_its_own_and_an_administrator_all(closed: Api) -> None:
    assert amounts(closed.rows(COSTS, "us")) == [("us", Decimal("4.00")), ("us", Decimal("40.00"))]
    assert amounts(closed.rows(COSTS, "nobody here")) == []
    assert sum(amount for _, amount in amounts(closed.rows(COSTS))) == Decimal("220.00")
    assert [(s["tenant_id"], s["total"]) for s in closed.rows(STATEMENTS)] == [
        ("them", "66.00"), ("us", "44.00"), (None, "110.00"),
    ]  # fmt: skip
    (ours,) = closed.rows(STATEMENTS, "us")
    assert (ours["tenant_id"], ours["total"], ours["line_count"]) == ("us", "44.00", 2)
    lines = closed.rows(f"{STATEMENTS}/{ours['id']}/lines?limit=1", "us")
    assert [(line["position"], line["description"], line["amount"]) for line in lines] == [
        (1, "our-1", "40.00"), (2, None, "4.00"),
    ]  # fmt: skip
    assert closed.get(f"{STATEMENTS}/{ours['id']}", "us").json()["data"] == ours


def test_the_statement_of_another_is_not_there(closed: Api) -> None:
    for one in closed.rows(STATEMENTS):
        if one["tenant_id"] != "us":
            for path in (f"{STATEMENTS}/{one['id']}", f"{STATEMENTS}/{one['id']}/lines"):
                assert closed.get(path, "us").status_code == 404
                assert closed.get(path).status_code == 200


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("tenant_id=us", 2), ("tenant_id=nobody", 0), ("unallocated=true", 2),
        ("unallocated=false", 4), ("kind=droplet", 2), ("period={month}", 6),
        ("period=1999-01-01", 0), ("project_id={ours}", 1), ("project_id={ours}&kind=volume", 0),
    ],
)  # fmt: skip
def test_costs_are_found_by_tenant_project_kind_and_month(
    closed: Api, query: str, count: int
) -> None:
    asked = query.format(month=closed.month, ours=closed.ours)  # type: ignore[attr-defined]
    assert len(closed.rows(f"{COSTS}?{asked}")) == count


def test_a_misspelt_kind_is_refused_and_csv_is_there(closed: Api) -> None:
    assert closed.get(f"{COSTS}?kind=dropplet").status_code == 422
    answer = closed.get(STATEMENTS, "us", accept="text/csv")
    assert answer.text.splitlines()[0].startswith("id,account,period,tenant_id")
    assert len(answer.text.splitlines()) == 2


def test_in_sql_a_tenant_reads_its_own_and_none_of_the_rest(closed: Api) -> None:
    for table in TABLES:
        found = as_tenant(closed.warehouse, "us", f"SELECT DISTINCT tenant_id FROM {table}")
        assert found == ["us"], table
        assert as_tenant(closed.warehouse, None, f"SELECT id FROM {table}") == []
        assert as_tenant(closed.warehouse, "", f"SELECT id FROM {table}") == []
    for relation in OTHERS:
        with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
            as_tenant(closed.warehouse, "us", f"SELECT * FROM {relation}")
    for table in TABLES:
        with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
            as_tenant(closed.warehouse, "us", f"DELETE FROM {table} RETURNING id")
