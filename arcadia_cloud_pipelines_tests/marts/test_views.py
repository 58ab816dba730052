"""What holds of every view, on a simulated account with two years of invoices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.allocation.allocate import allocate
from arcadia_cloud_pipelines.forecast.model import make_forecasts
from arcadia_cloud_pipelines.simulator import SimulatedAccount
from arcadia_cloud_pipelines.warehouse.described_views import describe_views
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.views import ViewSource, read_views

from ..conftest import TEMPLATE, _database
from ..support.whole_account import read_whole_account

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
VIEWS = {view.name: view for view in read_views()}
SUMS_OF_INVOICES = (
    "cost_entries", "cost_by_project", "cost_by_region", "cost_by_sku", "cost_by_tenant",
)  # fmt: skip

every_view = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())


@pytest.fixture(scope="module")
def connection(postgres: EmbeddedPostgres, worker_id: str) -> Iterator[sa.Connection]:
    """A connection to the mirror of an account; nothing that a test does stays."""
    for url in _database(postgres, worker_id, TEMPLATE):
        warehouse = Warehouse(url, embedded=False)
        mirror(warehouse)
        with warehouse.engine.connect() as opened:
            yield opened
        warehouse.engine.dispose()


def mirror(warehouse: Warehouse) -> None:
    """Read the whole account once."""
    account = SimulatedAccount(
        seed=7, droplets=12, now=NOW, history_start=datetime(2025, 1, 10, tzinfo=UTC)
    )
    read_whole_account(warehouse, account)
    allocate(warehouse, None)
    make_forecasts(warehouse, now=lambda: NOW)
    budget_everything(warehouse)


def budget_everything(warehouse: Warehouse) -> None:
    """Have a budget of each scope, and a tag policy."""
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO cloud_tag_policy (tag_key, allowed_values) VALUES ('env', '{prod}')"
            )
        )
        for scope, value in (("account", None), ("kind", "droplet"), ("tag", "env")):
            connection.execute(
                sa.text("INSERT INTO cloud_budgets (name, amount, scope, scope_value)"
                        " VALUES (:scope, 100, :scope, :value)"),
                {"scope": scope, "value": value},
            )  # fmt: skip


@every_view
def test_a_view_says_what_it_answers_and_what_each_column_is(
    connection: sa.Connection, view: ViewSource
) -> None:
    assert len(view.comment) > 30
    columns = connection.execute(
        sa.text(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute"
            " WHERE attrelid = to_regclass(:view) AND attnum > 0"
        ),
        {"view": f"marts.{view.name}"},
    ).all()
    assert [name for name, comment in columns if not comment] == []
    names = {name for name, _ in columns}
    # The standard's columns have its names, and ours stand apart with x_.
    is_focus = view.name.startswith("focus_1_")
    assert ({"x_AsOf", "x_Complete"} if is_focus else {"account", "as_of", "complete"}) <= names
    assert not set(view.columns) - names, "a comment of a column that is not there"
    assert ("amount" not in names and "monthly_amount" not in names) or "currency" in names


@every_view
def test_the_example_of_a_view_runs(connection: sa.Connection, view: ViewSource) -> None:
    assert f"marts.{view.name}" in view.example
    connection.execute(sa.text(view.example)).all()


@every_view
def test_no_two_rows_of_a_view_are_about_the_same(
    connection: sa.Connection, view: ViewSource
) -> None:
    grain = ", ".join(f'"{column}"' for column in view.grain)
    twice = connection.execute(
        sa.text(f"SELECT {grain} FROM marts.{view.name} GROUP BY {grain} HAVING count(*) > 1")
    ).all()
    assert twice == []


@every_view
def test_periods_are_first_days_whatever_the_time_zone(
    connection: sa.Connection, view: ViewSource
) -> None:
    if "period" not in describe_views(connection)[view.name]["columns"]:
        return
    seen = []
    for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Honolulu"):
        with connection.begin_nested():
            connection.execute(sa.text(f"SET LOCAL TIME ZONE '{zone}'"))
            seen.append(
                connection.execute(
                    sa.text(f"SELECT DISTINCT period FROM marts.{view.name} ORDER BY period")
                ).scalars().all()
            )  # fmt: skip
    assert seen[0] == seen[1] == seen[2]
    assert all(period.day == 1 for period in seen[0])


@pytest.mark.parametrize("view", SUMS_OF_INVOICES)
def test_what_a_cost_view_adds_up_to_is_the_invoices(connection: sa.Connection, view: str) -> None:
    billed = connection.execute(
        sa.text("SELECT account, period, sum(amount) FROM cloud_invoices GROUP BY 1, 2 ORDER BY 2")
    ).all()
    assert len(billed) > 20
    shown = connection.execute(
        sa.text(f"SELECT account, period, sum(amount) FROM marts.{view} GROUP BY 1, 2 ORDER BY 2")
    ).all()
    assert shown == billed


def test_matched_and_unmatched_lines_are_all_lines(connection: sa.Connection) -> None:
    assert connection.scalar(sa.text("SELECT count(*) FROM marts.unmatched_lines")) == (
        connection.scalar(
            sa.text("SELECT count(*) FROM cloud_cost_lines WHERE match_method IS NULL")
        )
    )


def test_the_jumps_of_a_month_are_the_difference_of_its_invoices(
    connection: sa.Connection,
) -> None:
    jumps = connection.execute(
        sa.text(
            """
            SELECT jump.period, sum(jump.jump), max(m.amount) - coalesce(max(before.amount), 0)
            FROM marts.cost_jumps AS jump
            JOIN marts.billing_months AS m USING (account, period)
            LEFT JOIN marts.billing_months AS before
                ON before.account = m.account AND before.period = m.period - interval '1 month'
            GROUP BY jump.period
            """
        )
    ).all()
    assert len(jumps) > 20
    assert [(period, jump) for period, jump, difference in jumps if jump != difference] == []


def test_values_of_a_tag_and_the_untagged_are_all_lines_that_can_carry_one(
    connection: sa.Connection,
) -> None:
    taggable = connection.execute(
        sa.text(
            """
            SELECT l.period, sum(l.amount) FROM cloud_cost_lines AS l
            JOIN cloud_resources AS r ON r.id = l.resource_id
            JOIN marts.kinds AS k ON k.kind = r.kind AND k.is_taggable
            GROUP BY l.period
            """
        )
    ).all()
    of_key: dict[str, dict[object, Decimal]] = {}
    for key, period, amount in connection.execute(
        sa.text("SELECT tag_key, period, sum(amount) FROM marts.cost_by_tag GROUP BY 1, 2")
    ):
        of_key.setdefault(key, {})[period] = amount
    assert of_key
    for amounts in of_key.values():
        assert amounts == dict(taggable)


def test_the_last_cumulative_share_is_the_share_that_is_matched(connection: sa.Connection) -> None:
    rows = connection.execute(
        sa.text(
            """
            SELECT t.period, max(t.cumulative_share), max(m.share)
            FROM marts.top_resources AS t
            JOIN (
                SELECT period,
                    sum(amount) FILTER (WHERE resource_id IS NOT NULL) / sum(amount) AS share
                FROM cloud_cost_lines WHERE amount > 0 GROUP BY period
            ) AS m USING (period)
            GROUP BY t.period
            """
        )
    ).all()
    assert len(rows) > 20
    assert all(abs(shown - right) < Decimal("1e-12") for _, shown, right in rows)


def test_replaying_the_changes_gives_the_rows_of_today(connection: sa.Connection) -> None:
    wrong = connection.execute(
        sa.text(
            """
            SELECT r.id, last.field, last."is", r.name
            FROM cloud_resources AS r
            JOIN LATERAL (
                SELECT DISTINCT ON (c.field) c.field, c."is" FROM marts.changes AS c
                WHERE c.resource_id = r.id AND c.field IN ('name', 'region', 'status', 'size_slug')
                ORDER BY c.field, c.event_id DESC
            ) AS last ON true
            WHERE last."is" #>> '{}' IS DISTINCT FROM
                CASE last.field WHEN 'name' THEN r.name WHEN 'region' THEN r.region
                    WHEN 'status' THEN r.status ELSE r.size_slug END
            """
        )
    ).all()
    assert wrong == []


def test_a_reader_sees_every_view_and_changes_nothing(connection: sa.Connection) -> None:
    with connection.begin_nested() as point:
        connection.execute(sa.text("SET LOCAL ROLE arcadia_reader"))
        for name in VIEWS:
            connection.execute(sa.text(f"SELECT * FROM marts.{name} LIMIT 1")).all()
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            connection.execute(sa.text("CREATE VIEW marts.mine AS SELECT 1"))
        point.rollback()
