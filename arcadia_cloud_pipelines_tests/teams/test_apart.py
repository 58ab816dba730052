"""Two teams in one store: every count and every cent stays its team's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.allocation.allocate import allocate
from arcadia_cloud_pipelines.drift.adopting import adopt
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.forecast.model import make_forecasts
from arcadia_cloud_pipelines.schema import TABLES
from arcadia_cloud_pipelines.simulator import SimulatedAccount
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.views import read_views

from ..conftest import TEMPLATE, _database
from ..support.whole_account import read_whole_account

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST, SECOND = 7, 8
"""Seeds. Both accounts have `example.com`, the tag `env:prod`, the registry `simulated-images`."""

VIEWS = {f"marts.{view.name}": "account" for view in read_views()} | {
    f"marts.focus_1_{name}": "BillingAccountId"
    for name in ("2", "4", "4_invoice_detail")
} | {
    "resource_history": "account",
    "cloud_orphans": "account",
    "cloud_managed_coverage": "account",
    "cloud_unmanaged_resources": "account",
}  # fmt: skip
WHOLE = {"marts.focus_1_4_billing_period", "marts.focus_services"}
"""Views about no account: the standard's months of all accounts together, and a list of words."""
TABLES_OF_A_TEAM = {t.name: "account" for t in TABLES if "account" in t.c}
SOURCES = {**{n: c for n, c in VIEWS.items() if n not in WHOLE}, **TABLES_OF_A_TEAM}
BY_THE_CLOCK = {"open_for", "age_days", "is_late"}
"""Columns that say how long ago something is."""
AS_OF_NOW = {"marts.limits"}
"""Views with rows that are as of the question."""
MADE_ANEW = {
    "cloud_forecasts", "marts.forecasts_made", "marts.forecast", "cloud_forecast_lines",
    "cloud_forecast_tests", "marts.forecast_back_test", "cloud_allocation_months",
}  # fmt: skip
"""What each day makes again, for every team."""

every_source = pytest.mark.parametrize("source", SOURCES)


@dataclass
class Stores:
    """What the same questions found at three times."""

    first: str
    second: str
    before: dict[str, list[str]] = field(default_factory=dict)
    """Of the first team, alone in the store."""
    beside: dict[str, list[str]] = field(default_factory=dict)
    """Of the first team, once the second one was read."""
    sums: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of the second team in the store of both."""
    alone: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of the second team in a store of its own."""


@pytest.fixture(scope="module")
def stores(postgres: EmbeddedPostgres, worker_id: str) -> Iterator[Stores]:
    first, second = (
        SimulatedAccount(
            seed=seed, droplets=12, now=NOW, history_start=datetime(2026, 7, 10, tzinfo=UTC)
        )
        for seed in (FIRST, SECOND)
    )
    found = Stores(first.team_uuid, second.team_uuid)
    for url in _database(postgres, worker_id, TEMPLATE):
        both = Warehouse(url, embedded=False)
        read_whole_account(both, first)
        follow_up(both)
        found.before = rows_of(both, first.team_uuid)
        read_whole_account(both, second)
        found.beside = rows_of(both, first.team_uuid)
        follow_up(both)
        found.sums = sums_of(both, second.team_uuid)
        check_whole(both)
        for other in _database(postgres, worker_id, TEMPLATE):
            own = Warehouse(other, embedded=False)
            read_whole_account(own, second)
            follow_up(own)
            found.alone = sums_of(own, second.team_uuid)
            own.engine.dispose()
        yield found
        both.engine.dispose()


def follow_up(warehouse: Warehouse) -> None:
    """Work out what follows, of all teams at once, as the schedules do."""
    allocate(warehouse, None)
    make_forecasts(warehouse, now=lambda: NOW)
    adopt(warehouse, actor="ann", kinds=["droplet", "domain"], fields=["name", "size_slug"])
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_provisioned SET spec = spec || '{\"size_slug\": \"s-other\"}' "
                    "WHERE spec ? 'size_slug'")
        )  # fmt: skip
    sweep(warehouse)


def rows_of(warehouse: Warehouse, account: str) -> dict[str, list[str]]:
    found = {}
    with warehouse.transaction() as connection:
        for source, column in SOURCES.items():
            rows = connection.execute(
                sa.text(f'SELECT to_jsonb(t) FROM {source} AS t WHERE "{column}" = :account'),
                {"account": account},
            ).scalars()
            found[source] = sorted(
                orjson.dumps(
                    {
                        k: v for k, v in row.items()
                        if k not in BY_THE_CLOCK and not (k == "as_of" and source in AS_OF_NOW)
                    },
                    option=orjson.OPT_SORT_KEYS, default=str,
                ).decode()
                for row in rows
            )  # fmt: skip
    return found


MONEY = ("amount", "BilledCost", "monthly_amount", "lines_total", "expected", "used", "lines")


def sums_of(warehouse: Warehouse, account: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    with warehouse.transaction() as connection:
        for source, column in SOURCES.items():
            names = {c["name"] for c in connection.execute(
                sa.text("SELECT attname AS name FROM pg_attribute WHERE attrelid = "
                        "to_regclass(:source) AND attnum > 0"), {"source": source},
            ).mappings()}  # fmt: skip
            sums = ", ".join(f'coalesce(sum("{m}"), 0) AS "{m}"' for m in MONEY if m in names)
            row = connection.execute(
                sa.text(f'SELECT count(*) AS rows{", " * bool(sums)}{sums} FROM {source} '
                        f'WHERE "{column}" = :account'),
                {"account": account},
            ).mappings().one()  # fmt: skip
            found[source] = dict(row)
    return found


def check_whole(warehouse: Warehouse) -> None:
    """Nothing of one team points to what is another's."""
    pairs = {
        "cloud_cost_lines": "resource_id", "cloud_daily_costs": "resource_id",
        "cloud_open_month_lines": "resource_id", "cloud_forecast_lines": "resource_id",
        "cloud_resource_events": "resource_id", "cloud_provisioned": "resource_id",
        "cloud_drift": "resource_id", "cloud_provisioned_history": "resource_id",
    }  # fmt: skip
    with warehouse.transaction() as connection:
        for table, column in pairs.items():
            astray = connection.execute(
                sa.text(f"SELECT count(*) FROM {table} AS t JOIN cloud_resources AS r "
                        f"ON r.id = t.{column} WHERE r.account <> t.account")
            ).scalar_one()  # fmt: skip
            assert astray == 0, table
        for astray in (
            "SELECT count(*) FROM cloud_resources AS r JOIN cloud_projects AS p "
            "ON p.id = r.project_id WHERE p.account <> r.account",
            "SELECT count(*) FROM cloud_resource_edges AS e "
            "JOIN cloud_resources AS f ON f.id = e.from_resource_id "
            "JOIN cloud_resources AS t ON t.id = e.to_resource_id WHERE f.account <> t.account",
            "SELECT count(*) FROM cloud_sync_runs WHERE foreign_rows > 0",
        ):
            assert connection.execute(sa.text(astray)).scalar_one() == 0, astray


@every_source
def test_nothing_of_a_team_changes_when_another_is_added(stores: Stores, source: str) -> None:
    assert stores.beside[source] == stores.before[source]


@every_source
def test_a_team_counts_the_same_beside_another_as_alone(stores: Stores, source: str) -> None:
    if source in MADE_ANEW:
        assert stores.sums[source]["rows"] == stores.alone[source]["rows"]
        return
    assert stores.sums[source] == stores.alone[source]


def test_the_two_teams_use_the_same_names_and_both_cost_money(stores: Stores) -> None:
    names = {}
    for team in (stores.before, stores.beside):
        names[id(team)] = {
            (row["kind"], row["provider_id"]) for row in map(orjson.loads, team["cloud_resources"])
        }
    assert ("domain", "example.com") in next(iter(names.values()))
    assert stores.sums["cloud_resources"]["rows"] > 100
    assert stores.sums["cloud_cost_lines"]["amount"] > Decimal(100)
    empty = {name for name, rows in stores.before.items() if not rows}
    # A view that shows nothing proves nothing.
    assert not empty & {"marts.resources", "marts.cost_entries", "marts.changes", "cloud_drift",
                        "marts.open_drift", "marts.freshness", "cloud_actions"}  # fmt: skip
