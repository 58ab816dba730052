"""How long each view of the schema `marts` takes on a large account.

    .venv/bin/python -m benchmarks.marts [--resources 100000] [--lines 1000000] [--only VIEW …]

100,000 live resources in 50 projects, 1,000,000 lines of 137 months, each matched, and the days of
two months. Each view is asked its own example, and its rows of the last closed month where it has
periods; the floor is the plain sum of that month's lines, by index. Seconds, the better of two.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from arcadia_cloud_pipelines.billing.kept import keep_months
from arcadia_cloud_pipelines.forecast.model import make_forecasts
from arcadia_cloud_pipelines.warehouse.described_views import described_columns
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.embedded_server import WAREHOUSE_DATABASE
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import migrate
from arcadia_cloud_pipelines.warehouse.views import read_views

LONGEST = "60s"

ROWS = """
INSERT INTO cloud_projects (account, provider_id, name, tenant_id, first_seen_at, last_seen_at)
SELECT 'a', 'p' || n, 'project ' || n, 't' || n % 10, now(), now() FROM generate_series(1, 50) AS n;

INSERT INTO cloud_resources (
    account, kind, provider_id, name, region, status, size_slug, tags, project_id, created_at,
    first_seen_at, last_seen_at
)
SELECT 'a', (ARRAY['droplet', 'volume', 'droplet_snapshot', 'database'])[1 + n % 4], n,
    'name-' || n, (ARRAY['fra1', 'nyc3'])[1 + n % 2], 'active',
    CASE n % 4 WHEN 0 THEN 's-1vcpu-1gb' END, ARRAY['env:prod', 'team:' || n % 9],
    (SELECT min(id) FROM cloud_projects) + n % 50, now() - interval '1 year',
    now() - interval '1 year', now()
FROM generate_series(1, :resources) AS n;

INSERT INTO cloud_project_memberships (
    account, urn, kind, provider_id, project_id, valid_from
)
SELECT account, 'do:' || kind || ':' || provider_id, kind, provider_id, project_id,
    now() - interval '12 years'
FROM cloud_resources;

INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)
SELECT id, 'discovered', now() - interval '1 year', jsonb_build_object(
    'tags', jsonb_build_object('from', NULL, 'to', to_jsonb(tags)))
FROM cloud_resources;

INSERT INTO cloud_sync_runs (account, kind, started_at, ended_at, complete, rows_seen)
SELECT 'a', kind, now() - interval '1 hour' * n, now(), true, 1
FROM (SELECT DISTINCT kind FROM cloud_resources) AS k, generate_series(0, 500) AS n;

INSERT INTO cloud_invoices (
    account, invoice_uuid, amount, period, ingest_status, first_seen_at, ingested_at, line_count,
    lines_total
)
SELECT 'a', 'i' || n, 6.12 * (:lines / 137 + 1),
    date_trunc('month', now()) - n * interval '1 month', 'ingested', now(), now(),
    :lines / 137 + 1, 6.12 * (:lines / 137 + 1)
FROM generate_series(1, 137) AS n;

INSERT INTO cloud_cost_lines (
    account, invoice_id, line_number, period, product, kind, description, resource_name, hours,
    started_at, ended_at, amount, project_name, category, resource_id, match_method
)
SELECT 'a', i.id, n, i.period, 'Droplets', 'droplet', 'name-' || n || ' (s-1vcpu-1gb)',
    'name-' || n, 672, i.period, i.period + interval '1 month', 6.12, 'project ' || n % 50, 'iaas',
    (SELECT min(id) FROM cloud_resources) + (n * 7919 + i.id * 104729) % :resources, 'resource_id'
FROM cloud_invoices AS i, generate_series(1, :lines / 137 + 1) AS n
ORDER BY i.id, n;

INSERT INTO cloud_daily_costs (
    account, day, product, kind, description, amount, resource_id, match_method
)
SELECT 'a', current_date - d, 'Droplets', 'droplet', 'name-' || n || ' (s-1vcpu-1gb)', 0.22,
    (SELECT min(id) FROM cloud_resources) + n, 'name'
FROM generate_series(1, 60) AS d, generate_series(1, 2000) AS n;

INSERT INTO cloud_cost_days (account, day, row_count, amount, first_seen_at, last_read_at)
SELECT account, day, count(*), sum(amount), now(), now() FROM cloud_daily_costs GROUP BY 1, 2;
"""

FLOOR = """
SELECT project_name, sum(amount) FROM cloud_cost_lines
WHERE account = 'a' AND period = (SELECT max(period) FROM cloud_cost_lines) GROUP BY project_name
"""


def seconds(connection: sa.Connection, statement: str) -> float | None:
    """Return the better of two runs; None for one that takes longer than allowed."""
    best = None
    for _ in range(2):
        begun = time.perf_counter()
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(statement.replace("%", "%%")).all()
        except DBAPIError:
            return None
        took = time.perf_counter() - begun
        best = took if best is None else min(best, took)
    return best


def measured(connection: sa.Connection, only: list[str]) -> Iterator[tuple[str, str, str]]:
    """Ask each view."""
    last = "(SELECT max(period) FROM cloud_invoices)"
    for view in read_views():
        if only and view.name not in only:
            continue
        month = None
        if "period" in described_columns()[view.name]["columns"]:
            month = seconds(
                connection,
                f"SELECT count(*) FROM (SELECT * FROM marts.{view.name}"
                f" WHERE period = {last} OFFSET 0) AS m",
            )
        whole = seconds(connection, view.example)
        yield (
            view.name,
            _shown(whole),
            "" if "period" not in described_columns()[view.name]["columns"] else _shown(month),
        )


def _shown(took: float | None) -> str:
    return f"more than {LONGEST}" if took is None else f"{took:.2f}"


def analyze(warehouse: Warehouse) -> None:
    """Have the planner know the tables."""
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder))
        warehouse = Warehouse(server.url(WAREHOUSE_DATABASE), embedded=True)
        migrate(warehouse)
        with warehouse.transaction() as connection:
            connection.execute(
                sa.text(ROWS), {"resources": options.resources, "lines": options.lines}
            )
        analyze(warehouse)
        for what in ("all months", "nothing changed"):
            begun = time.perf_counter()
            made = keep_months(warehouse).made
            took = time.perf_counter() - begun
            print(f"sums kept of {made} months ({what}): {took:.1f} s", flush=True)
        analyze(warehouse)
        begun = time.perf_counter()
        tested = make_forecasts(warehouse).months_tested
        took = time.perf_counter() - begun
        print(f"forecast, and the test of {tested} months: {took:.1f} s", flush=True)
        with warehouse.engine.connect() as connection:
            connection.exec_driver_sql(f"SET statement_timeout = '{LONGEST}'")
            print(f"floor: {_shown(seconds(connection, FLOOR))} s", flush=True)
            print("| view | its example | one month |\n| --- | --- | --- |", flush=True)
            for row in measured(connection, options.only):
                print(f"| {' | '.join(row)} |", flush=True)
        warehouse.engine.dispose()


if __name__ == "__main__":
    main()
