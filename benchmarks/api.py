"""How long the HTTP API takes for a page, beside the bare query.

    .venv/bin/python -m benchmarks.api [--resources 100000] [--lines 1000000] [--clients 50]

The API serves in a process of its own, PostgreSQL in others, and the clients are a further one. The
bare query is the page's own SQL, sent by as many clients at once over psycopg2 and fetched whole;
"alone" is one client of it. Clients ask again as soon as they have an answer, so on few cores what
is measured is mostly their waiting for each other, for the API as for the bare query.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import psycopg2
import sqlalchemy as sa

from arcadia_cloud_pipelines.api.billing import CostLineQuery, cost_line_listing
from arcadia_cloud_pipelines.api.caller import Caller
from arcadia_cloud_pipelines.api.cursors import write_cursor
from arcadia_cloud_pipelines.api.inventory import resource_listing
from arcadia_cloud_pipelines.api.listings import ListRoute, after
from arcadia_cloud_pipelines.api.resource_query import ResourceQuery
from arcadia_cloud_pipelines.operations.ports import free_port, listens
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.warehouse.engine import Warehouse, open_warehouse

from .figures import Figure

SECRET = "benchmark" * 8
TENANT = "t7"
ROWS = """
INSERT INTO cloud_projects (account, provider_id, name, tenant_id, first_seen_at, last_seen_at)
SELECT 'a', 'p' || n, 'project ' || n, 't' || n, now(), now() FROM generate_series(1, 50) AS n;

INSERT INTO cloud_resources (
    account, kind, provider_id, name, region, status, size_slug, tags, project_id, attrs,
    created_at, first_seen_at, last_seen_at, deleted_at
)
SELECT 'a', (ARRAY['droplet', 'volume', 'domain', 'database'])[1 + n % 4], n, 'name-' || n,
    (ARRAY['fra1', 'nyc3'])[1 + n % 2], 'active', 's-1vcpu-1gb',
    ARRAY['env:prod', 'team:' || n % 9],
    (SELECT min(id) FROM cloud_projects) + n % 50,
    jsonb_build_object('memory', 1024, 'vcpus', 1, 'disk', 25, 'image', jsonb_build_object(
        'id', 12345 + n, 'slug', 'ubuntu-24-04-x64'), 'networks', jsonb_build_object('v4', ARRAY[
        jsonb_build_object('ip_address', '10.1.2.3', 'type', 'private')])),
    now() - interval '1 year', now() - interval '1 year', now(),
    CASE WHEN n % 20 = 0 THEN now() END
FROM generate_series(1, :resources) AS n;

INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)
SELECT id, 'updated', now() - interval '1 day' * (id % 300), jsonb_build_object('size_slug',
    jsonb_build_object('from', 's-1vcpu-512mb', 'to', 's-1vcpu-1gb'))
FROM cloud_resources WHERE id % 2 = 0;

INSERT INTO cloud_invoices (
    account, invoice_uuid, amount, period, ingest_status, first_seen_at
)
SELECT 'a', 'i' || n, 1000, DATE '2014-01-01' + n * interval '1 month', 'ingested', now()
FROM generate_series(0, 136) AS n;

INSERT INTO cloud_cost_lines (
    account, invoice_id, line_number, period, product, kind, description, resource_name, hours,
    started_at, ended_at, amount, project_name, category, unmatched_reason
)
SELECT 'a', i.id, n, i.period, 'Droplets', (ARRAY['droplet', 'volume'])[1 + n % 2],
    'name-' || n || ' (s-1vcpu-1gb)', 'name-' || n, 672, i.period, i.period, 6.12,
    'project ' || n % 50, 'iaas', 'never_seen'
FROM cloud_invoices AS i, generate_series(1, :lines / 137 + 1) AS n
ORDER BY i.id, n;
"""


def fill(warehouse: Warehouse, resources: int, lines: int) -> None:
    """Insert the rows, and tell the planner of them."""
    with warehouse.transaction() as connection:
        for statement in ROWS.split(";\n"):
            if statement.strip():
                connection.execute(sa.text(statement), {"resources": resources, "lines": lines})
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE"))


def cases(warehouse: Warehouse) -> list[dict[str, Any]]:
    """What is asked: a path, and the same in SQL."""
    with warehouse.transaction() as connection:
        newest: int = connection.execute(
            sa.text("SELECT max(id) FROM cloud_resources")
        ).scalar_one()
        invoice: int = connection.execute(
            sa.text("SELECT max(id) FROM cloud_invoices")
        ).scalar_one()

    def case(
        name: str, path: str, listing: ListRoute, query: Any, deep: tuple[int, ...] | None,
        *, tenant: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        with warehouse.transaction() as connection:
            select = listing.select(connection)
        if deep is not None:
            select = select.where(after(listing.keys, deep))
            cursor = write_cursor(listing.name, query.filters(), deep)
            path += f"{'&' if '?' in path else '?'}cursor={cursor}"
        text = (
            select.order_by(*listing.keys)
            .limit(101)
            .compile(warehouse.engine, compile_kwargs={"literal_binds": True})
        )
        return {"name": name, "path": path, "sql": str(text), "tenant": tenant}

    resources, droplets = ResourceQuery(), ResourceQuery(kind="droplet")
    lines = CostLineQuery()
    month = CostLineQuery.model_validate({"period": "2025-05-01"})
    inventory, cost = "/api/v1/inventory", "/api/v1/billing/cost-lines"
    deep = (newest - 5000,)
    of = resource_listing
    admin, tenant = Caller("bench", None), Caller("bench", TENANT)
    return [
        case("resources, first", inventory, of(resources, admin), resources, None),
        case("resources, deep", inventory, of(resources, admin), resources, deep),
        case("droplets, first", f"{inventory}?kind=droplet", of(droplets, admin), droplets, None),
        case("droplets, deep", f"{inventory}?kind=droplet", of(droplets, admin), droplets, deep),
        case("tenant, first", inventory, of(resources, tenant), resources, None, tenant=True),
        case("tenant, deep", inventory, of(resources, tenant), resources, deep, tenant=True),
        case("lines, first", cost, cost_line_listing(lines, admin), lines, None),
        case("lines, deep", cost, cost_line_listing(lines, admin), lines, (invoice, 100)),
        case("a month, first", f"{cost}?period=2025-05-01", cost_line_listing(month, admin), month,
             None),
        case("a month, deep", f"{cost}?period=2025-05-01", cost_line_listing(month, admin), month,
             (invoice, 7000)),
    ]  # fmt: skip


async def ask(port: int, path: str, token: str, clients: int, seconds: float) -> list[float]:
    """Seconds of each answer."""
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        while (begun := time.perf_counter()) < end:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            taken.append(time.perf_counter() - begun)
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return taken


def ask_bare(dsn: str, case: dict[str, Any], clients: int, seconds: float) -> list[float]:
    """Seconds of each query, its rows fetched."""
    taken: list[float] = []
    ready = threading.Barrier(clients)

    def client() -> None:
        connection = psycopg2.connect(dsn)
        cursor = connection.cursor()
        if case["tenant"]:
            cursor.execute("SELECT set_config('arcadia.tenant_id', %s, false)", (TENANT,))
            cursor.execute("SET ROLE arcadia_tenant")
        connection.commit()
        connection.autocommit = True
        ready.wait()
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            cursor.execute(case["sql"])
            cursor.fetchall()
            taken.append(time.perf_counter() - begun)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def run_clients(job: dict[str, Any]) -> None:
    """In a child process: every case, its figures as JSON on standard output."""
    figures = []
    for case in job["cases"]:
        token = job["tenant" if case["tenant"] else "admin"]
        clients, seconds = job["clients"], job["seconds"]
        asyncio.run(ask(job["port"], case["path"], token, 4, 0.5))  # Warm up.
        figures.append(
            {
                "name": case["name"],
                "alone": _quantiles(ask_bare(job["dsn"], case, 1, seconds / 4)),
                "bare": _quantiles(ask_bare(job["dsn"], case, clients, seconds)),
                "one": _quantiles(
                    asyncio.run(ask(job["port"], case["path"], token, 1, seconds / 4))
                ),
                "api": _quantiles(
                    asyncio.run(ask(job["port"], case["path"], token, clients, seconds))
                ),
            }
        )
    print(json.dumps(figures))


def _quantiles(taken: list[float]) -> tuple[float, float, int]:
    cuts = statistics.quantiles(taken, n=100)
    return cuts[49] * 1000, cuts[98] * 1000, len(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--resources", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        run_clients(json.loads(Path(arguments.job).read_text()))
        return
    show(asked(arguments)[0], arguments)


def asked(arguments: argparse.Namespace, repeat: int = 1) -> list[list[dict[str, Any]]]:
    """Fill a warehouse, start the API, and return what each round of asking found."""
    with tempfile.TemporaryDirectory() as home:
        environ = {"ARCADIA_HOME": home, "ARCADIA_JWT_SECRET": SECRET}
        warehouse = open_warehouse(load_settings(environ))
        warehouse.check_migrated()
        print("filling …", file=sys.stderr, flush=True)
        fill(warehouse, arguments.resources, arguments.lines)
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "api", "--port", str(port)],
            env={**os.environ, **environ},
            stdout=(Path(home) / "api.log").open("wb"),
        )
        try:
            while not listens(port)():
                if server.poll() is not None:
                    raise SystemExit("the API did not start")
                time.sleep(0.1)
            return [measure(warehouse, arguments, port, Path(home)) for _ in range(repeat)]
        finally:
            server.terminate()
            server.wait()
            warehouse.engine.dispose()


def measure(
    warehouse: Warehouse, arguments: argparse.Namespace, port: int, home: Path
) -> list[dict[str, Any]]:
    """Have the child process ask, and return its figures."""
    url = warehouse.engine.url
    claims = {"iss": "arcadia", "typ": "access", "exp": time.time() + 3600}
    job = home / "job.json"
    job.write_text(
        json.dumps(
            {
                "cases": cases(warehouse),
                "clients": arguments.clients,
                "seconds": arguments.seconds,
                "port": port,
                "dsn": f"host={url.query['host']} user={url.username} dbname={url.database} "
                "options='-c timezone=UTC'",
                "admin": jwt.encode({**claims, "role": "platform_admin"}, SECRET, "HS512"),
                "tenant": jwt.encode({**claims, "tenant_id": TENANT}, SECRET, "HS512"),
            }
        )
    )
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.api", "--job", str(job)],
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    figures: list[dict[str, Any]] = json.loads(ran.stdout)
    return figures


AIM = 3


def figures(resources: int = 100_000, lines: int = 1_000_000) -> Iterator[Figure]:
    """Yield p50 and p99 at 50 clients, as ratios to the bare query's."""
    arguments = argparse.Namespace(resources=resources, lines=lines, clients=50, seconds=4.0)
    runs = asked(arguments, repeat=3)
    for cases_of_name in zip(*runs, strict=True):
        name = cases_of_name[0]["name"]
        for n, quantile in ((0, "p50"), (1, "p99")):
            values = [one["api"][n] / one["bare"][n] for one in cases_of_name]
            yield Figure(f"API, {name}, {quantile} at 50 clients ÷ bare query", values, AIM)


def show(figures: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    """Print the table."""
    print(
        f"\n{arguments.resources:,} resources, {arguments.lines:,} cost lines, "
        f"{arguments.clients} clients, {os.cpu_count()} cores; milliseconds\n"
    )
    print(f"{'':18}{'one client':^22}{f'{arguments.clients} clients':^50}{'ratio to bare':^16}")
    print(
        f"{'page of 100':18}{'bare p50':>11}{'API p50':>11}"
        f"{'bare p50':>11}{'p99':>9}{'API p50':>11}{'p99':>9}{'API/s':>9}{'p50':>9}{'p99':>8}"
    )
    for one in figures:
        bare, api = one["bare"], one["api"]
        print(
            f"{one['name']:18}{one['alone'][0]:11.2f}{one['one'][0]:11.2f}"
            f"{bare[0]:11.1f}{bare[1]:9.1f}{api[0]:11.1f}{api[1]:9.1f}"
            f"{api[2] / arguments.seconds:9.0f}{api[0] / bare[0]:8.2f}×{api[1] / bare[1]:7.2f}×"
        )


if __name__ == "__main__":
    main()
