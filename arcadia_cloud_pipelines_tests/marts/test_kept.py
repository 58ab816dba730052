"""Months that are kept say what their lines say, after whatever happens to lines and resources."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.kept import Kept, keep, keep_months
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import TEAM, Account, Ask

VIEWS = ("cost_months", "cost_by_project", "cost_by_region", "cost_by_sku", "billed_rates", "rates")

RESOURCES = 3
PROJECTS = 3


def said(account: Account) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of the views that rest on what is kept."""
    return {
        view: sorted(
            (
                tuple(row)
                for row in account.connection.exec_driver_sql(f"SELECT * FROM marts.{view}")
            ),
            key=repr,
        )
        for view in VIEWS
    }


def from_lines(account: Account) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the views say where nothing is kept."""
    with account.connection.begin_nested() as point:
        account.connection.exec_driver_sql("DELETE FROM cloud_kept_months")
        rows = said(account)
        point.rollback()
    return rows


def kept(account: Account) -> Kept:
    return keep(account.connection, account.now)


class World:
    """A small account to which things happen. All numbers are any at all: they wrap around."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.projects = [account.project(f"p{number}") for number in range(PROJECTS)]
        self.resources = [
            account.resource("droplet", str(number), size_slug="s-1vcpu-1gb")
            for number in range(RESOURCES)
        ]
        self.invoices = [account.invoice(f"i{back}", "100.00", back=back) for back in (1, 2, 3)]

    def run(self, statement: str, **values: object) -> None:
        self.account.connection.execute(sa.text(statement), values)

    def line(self, a: int, b: int) -> None:
        """A line of a resource, or of none with the name of a project, or of neither."""
        resource = self.resources[a % RESOURCES] if a % 4 else None
        name = (None, "P1", "p2 ", "gone")[b % 4]
        self.account.line(
            self.invoices[b % 3], f"{1 + a % 7}.50", resource, kind="droplet" if a % 4 else None,
            product=("Droplets", "Taxes", "Volumes")[b % 3], project_name=name,
            hours=Decimal(100 + b), description=f"web-{a} (s-{a % 2}vcpu-1gb)",
        )  # fmt: skip

    def restate(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_cost_lines SET amount = amount + :b WHERE invoice_id = :id",
            id=self.invoices[a % 3], b=b,
        )  # fmt: skip

    def remove_lines(self, a: int, b: int) -> None:
        self.run(
            "DELETE FROM cloud_cost_lines WHERE invoice_id = :id AND line_number % 2 = :b",
            id=self.invoices[a % 3], b=b % 2,
        )  # fmt: skip

    def move_lines(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_cost_lines SET period = :period WHERE invoice_id = :id",
            id=self.invoices[a % 3], period=self.account.month(1 + b % 3),
        )  # fmt: skip

    def match(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_cost_lines SET resource_id = :r, match_method = 'name',"
            " unmatched_reason = NULL WHERE invoice_id = :id AND line_number % 3 = 0",
            id=self.invoices[a % 3], r=self.resources[b % RESOURCES],
        )  # fmt: skip

    def move(self, a: int, b: int) -> None:
        """To another project, as long ago as the listing says."""
        key = str(a % RESOURCES)
        ago = (1, 40, 75)[b % 3]
        self.run(
            "UPDATE cloud_project_memberships SET valid_to = greatest(valid_from, now()"
            " - make_interval(days => :ago)) WHERE provider_id = :key AND valid_to IS NULL",
            key=key, ago=ago,
        )  # fmt: skip
        self.run(
            "INSERT INTO cloud_project_memberships (account, urn, kind, provider_id, project_id,"
            " valid_from) VALUES (:team, 'u', 'droplet', :key, :project, now()"
            " - make_interval(days => :ago))",
            team=TEAM, key=key, project=self.projects[b % PROJECTS], ago=ago,
        )  # fmt: skip

    def assign_late(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_project_memberships SET assigned_at = valid_from"
            " - make_interval(days => :b) WHERE provider_id = :key",
            key=str(a % RESOURCES), b=b * 10,
        )  # fmt: skip

    def resize(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_resources SET size_slug = :size WHERE id = :id",
            id=self.resources[a % RESOURCES], size=f"s-{b % 3}",
        )  # fmt: skip

    def learn_region(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_resources SET region = :region WHERE id = :id",
            id=self.resources[a % RESOURCES], region=("fra1", None)[b % 2],
        )  # fmt: skip

    def delete(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_resources SET deleted_at = CASE WHEN :b THEN now() END WHERE id = :id",
            id=self.resources[a % RESOURCES], b=b % 2 == 0,
        )  # fmt: skip

    def rename(self, a: int, b: int) -> None:
        self.run(
            "UPDATE cloud_projects SET name = :name WHERE id = :id",
            id=self.projects[a % PROJECTS], name=("p1", "gone", "P2", "other")[b % 4],
        )  # fmt: skip


OF_LINES = ("line", "restate", "remove_lines", "move_lines", "match", "delete", "rename")
"""What the views see at once: nothing has to be kept again for it."""
OTHERS = ("move", "assign_late", "resize", "learn_region")

small = st.integers(0, 9)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from((*OF_LINES, *OTHERS, "line", "keep")), small, small), max_size=8
    )
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_happens_kept_months_say_what_their_lines_say(
    account: Account, steps: list[tuple[str, int, int]]
) -> None:
    with account.connection.begin_nested() as point:
        world = World(account)
        for number in range(6):
            world.line(number + 1, number)
        kept(account)
        fresh = True
        for name, a, b in steps:
            if name == "keep":
                kept(account)
                fresh = True
            else:
                getattr(world, name)(a, b)
                fresh = fresh and name in OF_LINES
            if fresh:
                assert said(account) == from_lines(account)
        kept(account)
        assert said(account) == from_lines(account)
        assert kept(account).made == 0
        point.rollback()


def test_a_month_that_is_kept_is_not_made_from_its_lines(account: Account, ask: Ask) -> None:
    world = World(account)
    world.line(1, 0)
    assert kept(account).made == 3
    account.connection.exec_driver_sql("UPDATE cloud_month_costs SET amount = 7")
    assert ask("cost_by_project", "amount", where="lines = 1") == [{"amount": Decimal(7)}]


def test_a_corrected_invoice_is_right_at_once(account: Account, ask: Ask) -> None:
    world = World(account)
    world.line(1, 0)
    kept(account)
    world.restate(0, 5)
    assert ask("cost_by_project", "amount", where="lines = 1") == [{"amount": Decimal("7.50")}]


@pytest.mark.parametrize(
    ("happens", "view", "column", "before", "after"),
    [
        (lambda w: w.move(1, 2), "cost_by_project", "project_name", None, "p2"),
        (lambda w: w.resize(1, 2), "cost_by_sku", "sku", "s-1vcpu-1gb", "s-2"),
    ],
)
def test_what_happens_to_a_resource_is_seen_by_the_next_run(
    account: Account, ask: Ask, happens: Callable[[World], None], view: str, column: str,
    before: str | None, after: str,
) -> None:  # fmt: skip
    world = World(account)
    world.line(1, 0)
    kept(account)
    happens(world)
    assert ask(view, column, where="lines = 1") == [{column: before}]
    run = kept(account)
    assert (run.made, run.resources) == (1, 1)
    assert ask(view, column, where="lines = 1") == [{column: after}]


def test_two_who_change_and_keep_wait_for_each_other(warehouse: Warehouse) -> None:
    """A month is not kept without the lines that another transaction is about to commit."""
    with warehouse.transaction() as connection:
        account = Account(connection)
        invoice = account.invoice("i1", "10.00")
    with warehouse.transaction() as writer:
        Account(writer).line(invoice, "10.00")
        with warehouse.engine.connect() as other:
            other.exec_driver_sql("SET lock_timeout = '50ms'")
            with pytest.raises(sa.exc.OperationalError):
                keep(other, account.now)
    assert keep_months(warehouse).rows == 1
