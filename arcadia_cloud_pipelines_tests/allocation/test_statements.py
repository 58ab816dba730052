"""Closed months: statements that never change, and corrections on the next ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.allocation.allocate import apply
from arcadia_cloud_pipelines.allocation.proposals import propose
from arcadia_cloud_pipelines.allocation.render import statement_text
from arcadia_cloud_pipelines.allocation.rules import parse_allocation_rules
from arcadia_cloud_pipelines.allocation.statements import (
    StatementError,
    close_in,
    close_month,
    list_statements,
    read_statement,
)
from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..marts.conftest import Account
from .test_reference import OWNERS, rule_lists, toml

D = Decimal
A = '[[rule]]\nname = "v"\nproduct = "Volumes"\ntenant = "a"\n'


@pytest.fixture
def months(warehouse: Warehouse) -> tuple[date, date]:
    """Two months: tenant a pays 4 and 5, tenant b 1 and 2, and nobody pays 10 of the first."""
    with warehouse.transaction() as connection:
        account = Account(connection)
        account.project("pa", "a")
        account.project("pb", "b")
        for back, (a, b) in ((2, ("4.00", "1.00")), (1, ("5.00", "2.00"))):
            invoice = account.invoice(f"i{back}", str(D(a) + D(b) + 10 * (back - 1)), back)
            account.line(invoice, a, project_name="pa", line_number=1)
            account.line(invoice, b, project_name="pb", line_number=2)
            if back == 2:
                account.line(invoice, "10.00", product="Volumes", description="data <b>",
                             line_number=3)  # fmt: skip
        return account.month(2), account.month(1)


def told(found: Sequence[Any]) -> list[tuple[str | None, Decimal, Decimal]]:
    return [(one.tenant_id, one.amount, one.corrections) for one in found]


def run(warehouse: Warehouse, statement: str) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text(statement))


def test_what_changes_later_is_a_correction_on_the_next_one(
    warehouse: Warehouse, months: tuple[date, date], tmp_path: Path
) -> None:
    first = close_month(warehouse, months[0], actor="kim")
    assert told(first) == [("a", D("4.00"), 0), ("b", D("1.00"), 0), (None, D("10.00"), 0)]
    before = [read_statement(warehouse, one.id) for one in first]
    # A rule says who pays for the volumes, and the invoice is corrected.
    rules = tmp_path / "rules.toml"
    rules.write_text(A)
    run(warehouse, "UPDATE cloud_cost_lines SET amount = 1.50 WHERE amount = 1.00")
    run(warehouse, "UPDATE cloud_invoices SET amount = 15.50, lines_total = 15.50"
        " WHERE amount = 15.00")  # fmt: skip
    second = close_month(warehouse, months[1], actor="kim", path=rules)
    assert told(second) == [
        ("a", D("5.00"), D("10.00")), ("b", D("2.00"), D("0.50")), (None, 0, D("-10.00")),
    ]  # fmt: skip
    _, lines = read_statement(warehouse, second[0].id)
    assert [(x.period, x.amount, x.is_correction, x.corrects_statement_id) for x in lines] == [
        (months[1], D("5.00"), False, None), (months[0], D("10.00"), True, first[0].id),
    ]  # fmt: skip
    assert [read_statement(warehouse, one.id) for one in first] == before


def test_a_tenant_without_a_statement_of_the_month_gets_a_correction_all_the_same(
    warehouse: Warehouse, months: tuple[date, date], tmp_path: Path
) -> None:
    close_month(warehouse, months[0], actor="kim")
    rules = tmp_path / "rules.toml"
    rules.write_text('tenants = ["new"]\n' + A.replace('"a"', '"new"'))
    made = close_month(warehouse, months[1], actor="kim", path=rules)
    assert ("new", 0, D("10.00")) in told(made)
    _, (line,) = read_statement(warehouse, next(o.id for o in made if o.tenant_id == "new"))
    assert (line.period, line.corrects_statement_id, line.rule) == (months[0], None, "v")


def test_a_month_is_closed_once(warehouse: Warehouse, months: tuple[date, date]) -> None:
    close_month(warehouse, months[0], actor="kim")
    with pytest.raises(StatementError, match="cannot be closed again"):
        close_month(warehouse, months[0], actor="kim", forced_because="once more")
    with pytest.raises(StatementError, match="1999-01 has no invoice"):
        close_month(warehouse, date(1999, 1, 1), actor="kim")
    assert len(list_statements(warehouse)) == 3


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("UPDATE cloud_invoices SET ingest_status = 'failed'", "lines of 1 invoices are not read"),
        ("UPDATE cloud_invoices SET amount = amount + 1", "1 invoices do not add up, by \\$1.00"),
        (
            "UPDATE cloud_invoices SET issued_at = CAST(period AS timestamp) AT TIME ZONE 'UTC'",
            "its last invoice has not arrived",
        ),
    ],
)
def test_a_month_that_is_not_whole_is_closed_by_force_alone_and_the_reason_is_kept(
    warehouse: Warehouse, months: tuple[date, date], spoil: str, says: str
) -> None:
    run(warehouse, spoil)
    with pytest.raises(StatementError, match=says):
        close_month(warehouse, months[1], actor="kim")
    assert list_statements(warehouse) == []
    made = close_month(warehouse, months[1], actor="kim", forced_because="the year ends")
    assert {(one.is_whole, one.forced_because) for one in made} == {(False, "the year ends")}
    with warehouse.transaction() as connection:
        kept = connection.execute(
            sa.text("SELECT closed_by, not_whole, based_on FROM cloud_statement_closings")
        ).one()
    assert kept.closed_by == "kim"
    assert kept.not_whole
    assert [invoice["invoice_uuid"] for invoice in kept.based_on] == ["i1"]


def test_a_month_that_is_not_over_is_not_whole(
    warehouse: Warehouse, months: tuple[date, date]
) -> None:
    with warehouse.transaction() as connection:
        account = Account(connection)
        account.line(account.invoice("now", "1.00", back=0), "1.00")
        month = account.month(0)
    with pytest.raises(StatementError, match="it is not over"):
        close_month(warehouse, month, actor="kim")


TABLES = ("cloud_statement_closings", "cloud_statements", "cloud_statement_lines")


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE {table} SET id = id" for table in TABLES),
        *(f"DELETE FROM {table}" for table in TABLES),
        *(f"TRUNCATE {table} CASCADE" for table in TABLES),
        # A further line would change what is out.
        "INSERT INTO cloud_statement_lines (statement_id, position, period, is_correction, "
        "invoice_uuid, rule, charge, tenant_id, amount) "
        "SELECT id, 99, period, false, 'x', 'x', 'usage', tenant_id, 0 FROM cloud_statements",
    ],
)
def test_the_database_refuses_to_change_a_statement(
    warehouse: Warehouse, months: tuple[date, date], statement: str
) -> None:
    close_month(warehouse, months[0], actor="kim")
    before = [read_statement(warehouse, one.id) for one in list_statements(warehouse)]
    with pytest.raises(sa.exc.IntegrityError, match="append-only"):
        run(warehouse, statement)
    assert [read_statement(warehouse, one.id) for one in list_statements(warehouse)] == before


def test_the_newest_whole_month_is_proposed_and_then_those_after_the_closed(
    warehouse: Warehouse, months: tuple[date, date]
) -> None:
    with warehouse.transaction() as connection:
        apply(connection, None, source="")
    assert [(p.period, p.amount, p.tenants) for p in propose(warehouse)] == [
        (months[1], D("7.00"), 2)
    ]
    close_month(warehouse, months[0], actor="kim")
    run(warehouse, "UPDATE cloud_invoices SET ingest_status = 'failed' WHERE invoice_uuid = 'i1'")
    assert propose(warehouse) == []
    run(warehouse, "UPDATE cloud_invoices SET ingest_status = 'ingested'")
    assert [p.period for p in propose(warehouse)] == [months[1]]
    close_month(warehouse, months[1], actor="kim")
    assert propose(warehouse) == []


def call(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["statements", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_the_commands(
    warehouse: Warehouse, months: tuple[date, date], libpq_url: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)
    first = f"{months[0]:%Y-%m}"
    assert "No month is closed" in call("list")
    assert "--force needs a reason" in call("close", first, "--force", code=2)
    assert "name a month such as 2026-10" in call("close", "10/2026", code=2)
    assert f"Closed {first}: 3 statements" in call("close", first, "--actor", "kim")
    assert "cannot be closed again" in call("close", first, code=1)
    listed = json.loads(call("list", "--json"))
    assert [(one["tenant_id"], one["total"]) for one in listed] == [
        ("a", "4.00"), ("b", "1.00"), (None, "10.00"),
    ]  # fmt: skip
    number = str(listed[2]["id"])
    assert "data <b>" in call("show", number)
    assert "unallocated: no_project" in call("show", number)
    assert call("show", number, "--csv").splitlines()[0].startswith("statement_id,account,tenant")
    assert json.loads(call("show", number, "--json"))["lines"][0]["description"] == "data <b>"
    assert "data &lt;b&gt;" in call("show", number, "--format", "html")
    assert "There is no statement 999999" in call("show", "999999", code=1)
    call("export", first, str(tmp_path / "out"))
    assert len(list((tmp_path / "out").iterdir())) == 9


EVIL = '<img src=x onerror=alert(1)>"\u202e=1+2'


def test_nothing_that_an_account_holds_acts_in_a_statement(
    warehouse: Warehouse, months: tuple[date, date]
) -> None:
    with warehouse.transaction() as connection:
        account = Account(connection)
        account.project(EVIL, EVIL)
        account.line(account.invoice("e", "1.00", back=3), "1.00", project_name=EVIL,
                     product=f"={EVIL}", description=EVIL, resource_name=EVIL)  # fmt: skip
        month = account.month(3)
    (one,) = close_month(warehouse, month, actor=EVIL)
    statement, lines = read_statement(warehouse, one.id)
    assert statement.tenant_id == EVIL
    page = statement_text(statement, lines, "html")
    assert "<img" not in page
    assert "\u202e" not in page
    assert page.count("<svg") == 1
    assert json.loads(statement_text(statement, lines, "json"))["statement"]["tenant_id"] == EVIL
    assert "\u202e" not in statement_text(statement, lines, "json")
    row = statement_text(statement, lines, "csv").splitlines()[1]
    assert ",'=<img" in row or ",\"'=<img" in row


steps = st.lists(
    st.sampled_from(("rules", "close 1", "close 2", "close 3", "restate 1", "restate 2")),
    min_size=3, max_size=7,
)  # fmt: skip
amounts = st.decimals(-3, 20, places=2)


@given(data=st.data(), order=steps)
def test_statements_add_up_whatever_the_order_of_rules_closings_and_restatements(
    account: Account, data: st.DataObject, order: list[str]
) -> None:
    names = tuple(f"{account.month(back):%Y-%m}" for back in (1, 2, 3))
    point = account.connection.begin_nested()
    try:
        for name, tenant in OWNERS.items():
            account.project(name, tenant)
        for back in (1, 2, 3):
            restate(account, back, data.draw(st.lists(amounts, min_size=2, max_size=4)))
        seen: dict[int, Any] = {}
        closed: set[date] = set()
        for step in order:
            what, _, back = step.partition(" ")
            if what == "rules":
                file = parse_allocation_rules(toml(data.draw(rule_lists(names))), "r")
                apply(account.connection, file, source="r")
            elif what == "restate":
                restate(account, int(back), data.draw(st.lists(amounts, min_size=1, max_size=4)))
            elif account.month(int(back)) not in closed:
                closed.add(account.month(int(back)))
                close_in(account.connection, account.month(int(back)), actor="x",
                         forced_because="a test")  # fmt: skip
                assert stated(account) == allocated(account, closed)
            now = {row[0]: tuple(row) for row in account.connection.execute(
                sa.text("SELECT * FROM cloud_statement_lines"))}  # fmt: skip
            assert {number: now[number] for number in seen} == seen
            seen = now
    finally:
        point.rollback()


def restate(account: Account, back: int, its: list[Decimal]) -> None:
    """Replace a month's invoice by another."""
    period = {"period": account.month(back)}
    for statement in (
        "DELETE FROM cloud_cost_lines WHERE period = :period",
        "DELETE FROM cloud_invoices WHERE period = :period",
    ):
        account.connection.execute(sa.text(statement), period)
    total = sum(its, D(0))
    invoice = account.invoice(f"i{back}-{account._line}", str(total), back, lines_total=0)
    projects = ("pa", "pb", "pn", None)
    for place, amount in enumerate(its):
        account.line(invoice, str(amount), project_name=projects[place % 4], line_number=place + 1,
                     product=("Droplets", "VAT", "Volumes")[place % 3])  # fmt: skip


def stated(account: Account) -> dict[Any, Decimal]:
    return _sums(account, "SELECT period, tenant_id, reason, sum(amount) FROM cloud_statement_lines"
                          " GROUP BY 1, 2, 3")  # fmt: skip


def allocated(account: Account, closed: set[date]) -> dict[Any, Decimal]:
    sums = _sums(account, "SELECT period, tenant_id, reason, sum(amount)"
                          " FROM cloud_cost_allocations GROUP BY 1, 2, 3")  # fmt: skip
    return {key: amount for key, amount in sums.items() if key[0] in closed}


def _sums(account: Account, query: str) -> dict[Any, Decimal]:
    return {tuple(row[:3]): row[3] for row in account.connection.execute(sa.text(query)) if row[3]}
