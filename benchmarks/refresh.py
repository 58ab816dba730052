"""How long a refresh of the whole inventory takes where every answer takes 100 ms.

    .venv/bin/python -m benchmarks.refresh [--latency 100] [--projects 20] [--repeat 3]

The peer is waiting itself: the number of calls times the latency, which is what one call after
the other cannot take less than. The simulator runs in a process of its own, each refresh in
another one. Figures are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import requests

from arcadia_cloud_pipelines.digitalocean.clients import Clients
from arcadia_cloud_pipelines.inventory.listings import Listings
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.inventory.sync import record_fetched, sync_kind
from arcadia_cloud_pipelines.kinds import KINDS, PROJECT
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.simulator import NOW, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse, open_warehouse


def one_after_the_other(warehouse: Warehouse, clients: Clients) -> None:
    """Each kind listed and recorded before the next."""
    sync_projects(warehouse, clients.for_purpose(PROJECT.purpose), project_name="skyai-internal")
    for kind in KINDS:
        sync_kind(warehouse, clients.for_purpose(kind.purpose), kind)


def beside_each_other(warehouse: Warehouse, clients: Clients) -> None:
    """As the assets of one run do it."""
    listings = Listings(clients)
    listings.begin(KINDS)
    sync_projects(warehouse, clients.for_purpose(PROJECT.purpose), project_name="skyai-internal")
    for kind in KINDS:
        record_fetched(warehouse, listings.take(kind))
    listings.close()


def in_dagster(warehouse: Warehouse, clients: Clients) -> None:  # noqa: ARG001
    """The job of the schedule, with all that Dagster adds."""
    import dagster as dg

    from arcadia_cloud_pipelines.definitions import defs

    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_job_def("inventory_sync")
        assert job.execute_in_process(instance=instance).success


WAYS: dict[str, Callable[[Warehouse, Clients], None]] = {
    "one after the other": one_after_the_other,
    "beside each other": beside_each_other,
    "beside each other, in Dagster": in_dagster,
}


def run_way(name: str) -> None:
    """In a child process, with the environment of a deployment: one refresh, its seconds."""
    settings = load_settings()
    warehouse = open_warehouse(settings)
    warehouse.check_migrated()
    clients = Clients(settings, warehouse)
    if name.endswith("Dagster"):
        import arcadia_cloud_pipelines.definitions  # noqa: F401 (loading code is not the refresh)
    begun = time.perf_counter()
    WAYS[name](warehouse, clients)
    print(json.dumps(time.perf_counter() - begun))


def run_simulator(latency: float, projects: int, droplets: int, since: int, now: int) -> None:
    """In a child process: an account with so many projects."""
    begin, present = datetime(since, 1, 1, tzinfo=UTC), datetime.fromtimestamp(now, UTC)
    account = SimulatedAccount(droplets=droplets, now=present, history_start=begin)
    for number in range(projects - len(account.ids("project"))):
        account.create("project", name=f"project-{number}")
    with serve(account, latency_ms=latency, control=True) as server:
        print(json.dumps([server.url, account.token]), flush=True)
        sys.stdin.read()


@contextmanager
def simulator(
    latency: float, projects: int, droplets: int = 500, since: int = 2014, now: datetime = NOW
) -> Iterator[tuple[str, str]]:
    """A simulator in a process of its own: URL and token."""
    size = [str(number) for number in (latency, projects, droplets, since, now.timestamp())]
    command = [sys.executable, "-m", __spec__.name, "--simulate", *size]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url, token = json.loads(process.stdout.readline())
        yield url, token
        process.stdin.close()
        process.wait(10)


def calls(url: str) -> int:
    """Requests that the simulator has answered."""
    return int(requests.get(f"{url}/_simulator/state", timeout=30).json()["requests"])


def measure(name: str, home: str, url: str, token: str) -> tuple[float, int]:
    """One refresh in a process of its own: seconds and calls."""
    before = calls(url)
    done = subprocess.run(
        [sys.executable, "-m", __spec__.name, "--way", name],
        env={"ARCADIA_HOME": home, "DO_API_URL": url, "DO_API_TOKEN": token, "PATH": ""},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return float(done.stdout.splitlines()[-1]), calls(url) - before


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=100, help="milliseconds of each answer")
    parser.add_argument("--projects", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--simulate", nargs=5, type=float, help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.simulate:
        latency, *sizes = arguments.simulate
        run_simulator(latency, *map(int, sizes))
        return
    if arguments.way:
        run_way(arguments.way)
        return
    print(f"{len(KINDS)} kinds, {arguments.projects} projects, {arguments.latency:g} ms an answer")
    print(f"{'':32}{'calls':>7}{'wall s':>8}{'÷ sum of latencies':>20}")
    with simulator(arguments.latency, arguments.projects) as (url, token):
        for name in WAYS:
            seconds = []
            for _ in range(arguments.repeat):
                with tempfile.TemporaryDirectory() as folder:
                    home = str(Path(folder) / "home")
                    # The second refresh: hourly life, where little has changed.
                    measure("beside each other", home, url, token)
                    wall, made = measure(name, home, url, token)
                    seconds.append(wall)
            wall = statistics.median(seconds)
            ratio = wall / (made * arguments.latency / 1000)
            print(f"{name:32}{made:7,}{wall:8.2f}{ratio:20.2f}")


if __name__ == "__main__":
    main()
