"""What Dagster adds: the refresh of the schedule against the same syncs called as functions.

    .venv/bin/python -m benchmarks.through_dagster [--repeat 5] [--statements]

Each refresh is the second of a fresh account, in a process of its own. Measured are wall seconds
and the CPU seconds of that process and of PostgreSQL, connecting and loading of code apart.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from arcadia_cloud_pipelines.digitalocean.clients import Clients
from arcadia_cloud_pipelines.settings import checkout, load_settings
from arcadia_cloud_pipelines.warehouse.engine import Warehouse, open_warehouse

from .figures import Figure, ratios
from .refresh import beside_each_other, simulator


def in_dagster(stack: ExitStack) -> Callable[[Warehouse, Clients], None]:
    """Return the job of the schedule, on Dagster's own storage in PostgreSQL."""
    import dagster as dg

    from arcadia_cloud_pipelines.definitions import defs

    job = defs.resolve_job_def("inventory_sync")
    instance = stack.enter_context(dg.DagsterInstance.get())

    def run(_warehouse: Warehouse, _clients: Clients) -> None:
        assert job.execute_in_process(instance=instance).success

    return run


def server_seconds(warehouse: Warehouse) -> float:
    """CPU seconds of the embedded server, backends that have ended included."""
    with warehouse.transaction() as connection:
        backend = int(connection.scalar(sa.text("SELECT pg_backend_pid()")) or 0)
        server = psutil.Process(backend).parent()
    assert server is not None
    used = 0.0
    for process in (server, *server.children()):
        times = process.cpu_times()
        used += times.user + times.system
    times = server.cpu_times()
    return used + times.children_user + times.children_system


class Statements(AbstractContextManager["Statements"]):
    """Counts statements by their first words, and connections."""

    def __enter__(self) -> Statements:
        self.counts: collections.Counter[str] = collections.Counter()
        sa.event.listen(sa.Engine, "before_cursor_execute", self._count)
        sa.event.listen(sa.pool.Pool, "connect", self._connected)
        return self

    def __exit__(self, *_: object) -> None:
        for text, count in self.counts.most_common(40):
            print(f"{count:6} {text}", file=sys.stderr)

    def _count(self, _conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.counts[" ".join(statement.split())[:150]] += 1

    def _connected(self, *_: Any) -> None:
        self.counts["CONNECT"] += 1


def run_way(name: str, statements: bool) -> None:
    """In a child process: one refresh; prints its seconds as JSON."""
    settings = load_settings()
    warehouse = open_warehouse(settings)
    warehouse.check_migrated()
    clients = Clients(settings, warehouse)
    with ExitStack() as stack:
        refresh = in_dagster(stack) if name == "through Dagster" else beside_each_other
        stack.enter_context(Statements() if statements else nullcontext())
        server, own, begun = server_seconds(warehouse), time.process_time(), time.perf_counter()
        refresh(warehouse, clients)
        wall, own = time.perf_counter() - begun, time.process_time() - own
        server = server_seconds(warehouse) - server
    print(json.dumps([wall, own, server]))


def measure(name: str, home: Path, url: str, token: str, statements: bool) -> list[float]:
    """One refresh in a process of its own."""
    dagster = home / "dagster"
    dagster.mkdir(parents=True, exist_ok=True)
    (dagster / "dagster.yaml").write_text((checkout() / "dagster.yaml").read_text())
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--way", name, *["--statements"] * statements],
        env={
            "ARCADIA_HOME": str(home), "DAGSTER_HOME": str(dagster), "PATH": os.environ["PATH"],
            "DO_API_URL": url, "DO_API_TOKEN": token,
        },
        check=True, stdout=subprocess.PIPE, stderr=None if statements else subprocess.PIPE,
        text=True,
    )  # fmt: skip
    return [float(figure) for figure in json.loads(done.stdout.splitlines()[-1])]


WAYS = ("as functions", "through Dagster")
AIM = 3


def compared(repeat: int, *, statements: bool = False) -> dict[str, list[list[float]]]:
    """Return wall, own and server seconds of each run of each way."""
    with simulator(0, 5) as (url, token), tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        for name in WAYS:
            measure(name, home, url, token, statements=False)
        return {
            name: [measure(name, home, url, token, statements) for _ in range(repeat)]
            for name in WAYS
        }


def figures(repeat: int = 5) -> Iterator[Figure]:
    """Yield the ratios of wall and of CPU seconds, PostgreSQL's included."""
    plain, dagster = compared(repeat).values()
    walls = ratios([run[0] for run in dagster], [run[0] for run in plain])
    cpu = ratios([sum(run[1:]) for run in dagster], [sum(run[1:]) for run in plain])
    yield Figure("a refresh through Dagster, wall ÷ as functions", walls, AIM)
    yield Figure("a refresh through Dagster, CPU ÷ as functions", cpu, AIM)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--statements", action="store_true", help="count what goes to PostgreSQL")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        run_way(arguments.way, arguments.statements)
        return
    medians = {
        name: [statistics.median(column) for column in zip(*runs, strict=True)]
        for name, runs in compared(arguments.repeat, statements=arguments.statements).items()
    }
    print(f"{'':18}{'wall s':>8}{'own CPU s':>11}{'server CPU s':>14}")
    for name, (wall, own, server) in medians.items():
        print(f"{name:18}{wall:8.2f}{own:11.2f}{server:14.2f}")
    plain, dagster = medians.values()
    cpu = (dagster[1] + dagster[2]) / (plain[1] + plain[2])
    print(f"{'ratio':18}{dagster[0] / plain[0]:8.1f}{cpu:25.1f} (CPU together)")


if __name__ == "__main__":
    main()
