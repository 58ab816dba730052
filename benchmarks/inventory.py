"""How long a sync of droplets takes, beside what it cannot take less than.

    .venv/bin/python -m benchmarks.inventory [--sizes 1000 10000 50000] [--repeat 3]

The floor, measured in the same run: fetch and parse every page, then COPY the finished rows into a
table without an index. Each step runs in a process of its own, so that its CPU time and its peak
memory are its own; simulator and PostgreSQL run in further ones. Figures are medians.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import requests
import sqlalchemy as sa

from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory.ledger import ROW_COLUMNS, staged_row
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.copy import copy_rows
from arcadia_cloud_pipelines.warehouse.engine import Warehouse, open_warehouse

from .figures import Figure, ratios
from .fresh import fresh_warehouse

KIND = KIND_BY_NAME["droplet"]
FLOOR_TABLE = """
    CREATE TABLE floor (
        provider_id text, name text, region text, status text, size_slug text, tags text[],
        created_at timestamptz, attrs jsonb, content_hash bytea
    )
"""


def fetch_floor(url: str, token: str) -> list[dict[str, Any]]:
    """Every page of all lists that a sync reads, with nothing but requests and orjson."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    items: list[dict[str, Any]] = []
    # What other lists say of a droplet, such as its backup policy, is in its row, too.
    for kind in (KIND, *(KIND_BY_NAME[more.kind] for more in KIND.supplements)):
        for endpoint in kind.endpoints:
            page: int | None = 1
            while page is not None:
                answer = session.get(
                    f"{url}{endpoint.path}",
                    params={**endpoint.params, "page": str(page), "per_page": "200"},
                    timeout=60,
                )
                body = orjson.loads(answer.content)
                if kind is KIND:
                    items += body[endpoint.envelope]
                page = page + 1 if body.get("links", {}).get("pages", {}).get("next") else None
    return items


def step_floor(warehouse: Warehouse, url: str, token: str) -> dict[str, Any]:
    """Fetch, parse, COPY."""
    begun = time.perf_counter()
    items = fetch_floor(url, token)
    fetched = time.perf_counter() - begun
    rows = [(s.provider_id, *staged_row(s)) for s in sightings(KIND, items)]  # Not timed.
    with warehouse.transaction() as connection:
        connection.execute(sa.text(FLOOR_TABLE))
        begun = time.perf_counter()
        copy_rows(connection, "floor", ("provider_id", *ROW_COLUMNS), rows)
        copied = time.perf_counter() - begun
        connection.execute(sa.text("DROP TABLE floor"))
    return {"wall": fetched + copied, "rows": len(rows), "fetch": fetched, "copy": copied}


def step_fetch(warehouse: Warehouse, url: str, token: str) -> dict[str, Any]:  # noqa: ARG001
    """Fetch and parse alone, for CPU and memory."""
    begun = time.perf_counter()
    rows = len(fetch_floor(url, token))
    return {"wall": time.perf_counter() - begun, "rows": rows}


def step_sync(warehouse: Warehouse, url: str, token: str) -> dict[str, Any]:
    """The product's own way."""
    # The simulator has no limit; the product's own budget would wait where the account is large.
    client = DigitalOcean(url, Secret(token), budget=CallBudget(limits=()))
    begun = time.perf_counter()
    result = sync_kind(warehouse, client, KIND, now=lambda: datetime.now(UTC))
    wall = time.perf_counter() - begun
    recorded = result.recorded
    return {
        "wall": wall,
        "rows": result.rows_seen,
        "discovered": recorded.discovered,
        "updated": recorded.updated,
        "complete": result.complete,
    }


STEPS: dict[str, Callable[[Warehouse, str, str], dict[str, Any]]] = {
    "floor": step_floor,
    "fetch": step_fetch,
    "sync": step_sync,
}


def run_step(name: str, home: str, url: str, token: str) -> None:
    """In a child process: one step, its figures as JSON on standard output."""
    warehouse = open_warehouse(load_settings({"ARCADIA_HOME": home}))
    warehouse.check_migrated()
    before = resource.getrusage(resource.RUSAGE_SELF)
    wal = _wal(warehouse)
    figures = STEPS[name](warehouse, url, token)
    after = resource.getrusage(resource.RUSAGE_SELF)
    figures["cpu"] = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    figures["peak_mb"] = peak_mb()
    figures["wal"] = _wal(warehouse) - wal
    print(json.dumps(figures))


def peak_mb() -> float:
    """Most memory that this process held; `ru_maxrss` counts what its parent held, too."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def _wal(warehouse: Warehouse) -> int:
    with warehouse.transaction() as connection:
        return int(
            connection.execute(
                sa.text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
            ).scalar_one()
        )


def run_simulator(droplets: int) -> None:
    """In a child process: serve an account; each line on standard input changes a share of it."""
    # Here, so that a step does not hold it.
    from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve

    account = SimulatedAccount(droplets=droplets)
    with serve(account) as server:
        print(json.dumps([server.url, account.token]), flush=True)
        for line in sys.stdin:
            ids = account.ids("droplet")
            for resource_id in ids[:: max(1, round(1 / float(line)))]:
                account.update("droplet", resource_id, tags=[f"changed:{time.time_ns()}"])
            print("done", flush=True)


@contextmanager
def simulator(droplets: int) -> Any:
    """A simulator in a process of its own: URL, token, and a function that changes a share."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.inventory", "--simulate", str(droplets)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = process.stdout
        commands = process.stdin
        url, token = json.loads(lines.readline())

        def change(share: float) -> None:
            commands.write(f"{share}\n")
            commands.flush()
            lines.readline()

        yield url, token, change
        commands.close()
        process.wait(10)


def measure(name: str, home: Path, url: str, token: str) -> dict[str, Any]:
    """One step in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.inventory", "--step", name, str(home), url, token],
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def checkpoint(warehouse: Warehouse) -> None:
    """What an hour between two syncs brings: the next write of each page is logged whole."""
    with warehouse.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("CHECKPOINT"))


FLOOR = "floor: fetch, parse, COPY"
AIMS = {"first sync": {1_000: 1.6}, "unchanged": {}, "1 % changed": {}}
"""Most that a step may take as a ratio to the floor, by the number of droplets where it varies."""
USUAL_AIM = {"first sync": 1.3, "unchanged": 1.2, "1 % changed": 1.3}
PEAK_MB = 200
WAL_BYTES = 300


def figures(sizes: Sequence[tuple[int, int]]) -> Iterator[Figure]:
    """Yield the figures of each size, which comes with the number of runs."""
    for droplets, repeat in sizes:
        runs = measured_steps(droplets, repeat)
        floor = [run["wall"] for run in runs[FLOOR]]
        for step, aims in AIMS.items():
            walls = [run["wall"] for run in runs[step]]
            aim = aims.get(droplets, USUAL_AIM[step])
            yield Figure(f"{droplets:,} droplets, {step} ÷ floor", ratios(walls, floor), aim)
        wal = [run["wal"] / run["rows"] for run in runs["unchanged"]]
        yield Figure(f"{droplets:,} droplets, unchanged: WAL a row", wal, WAL_BYTES, "B")
        peaks = [run["peak_mb"] for run in runs["first sync"]]
        aim_mb = PEAK_MB if droplets == 50_000 else None
        yield Figure(f"{droplets:,} droplets, peak memory", peaks, aim_mb, "MB")


def benchmark(droplets: int, repeat: int) -> list[tuple[str, dict[str, float]]]:
    """All steps for one size: label and median figures of each."""
    return [
        (label, {key: statistics.median(float(run[key]) for run in all_runs)
                 for key in ("wall", "cpu", "peak_mb", "wal", "rows")})
        for label, all_runs in measured_steps(droplets, repeat).items()
    ]  # fmt: skip


def measured_steps(droplets: int, repeat: int) -> dict[str, list[dict[str, float]]]:
    """All steps for one size, so many times each."""
    runs: dict[str, list[dict[str, float]]] = {}
    with simulator(droplets) as (url, token, change):
        for _ in range(repeat):
            with fresh_warehouse() as (home, warehouse):

                def step(label: str, name: str = "sync", home: Path = home) -> None:
                    runs.setdefault(label, []).append(measure(name, home, url, token))

                step("fetch and parse", "fetch")
                step(FLOOR, "floor")
                step("first sync")
                step("unchanged")
                checkpoint(warehouse)
                step("unchanged, after a checkpoint")
                change(0.01)
                step("1 % changed")
    return runs


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000, 50_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--simulate", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--step", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.simulate:
        run_simulator(arguments.simulate)
        return
    if arguments.step:
        run_step(*arguments.step)
        return
    for droplets in arguments.sizes:
        print(f"\n{droplets:,} droplets")
        print(f"{'':32}{'wall s':>8}{'÷ floor':>9}{'CPU s':>8}{'peak MB':>9}{'WAL B/row':>11}")
        floor = 0.0
        for label, figures in benchmark(droplets, arguments.repeat):
            if label.startswith("floor"):
                floor = figures["wall"]
            ratio = f"{figures['wall'] / floor:.2f}" if floor else ""
            print(
                f"{label:32}{figures['wall']:8.2f}{ratio:>9}{figures['cpu']:8.2f}"
                f"{figures['peak_mb']:9.0f}{figures['wal'] / figures['rows']:11.0f}"
            )


if __name__ == "__main__":
    main()
