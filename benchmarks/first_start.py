"""How long a first `arcadia up` takes from nothing to every source of an account.

    .venv/bin/python -m benchmarks.first_start [--limit 300]

An empty folder, a simulator started apart as "a real account", one Terraform state, and
`arcadia up` as a person starts it. Prints when each source has its first complete reading, the
runs that Dagster started, and the CPU seconds of everything that `up` started. The time is the
machine's: the load stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import requests

from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.operations.ports import free_port
from arcadia_cloud_pipelines.warehouse.embedded import running_url
from arcadia_cloud_pipelines.warehouse.embedded_server import WAREHOUSE_DATABASE
from arcadia_cloud_pipelines.warehouse.embedded_start import DAGSTER_DATABASE

ARCADIA = (sys.executable, "-m", "arcadia_cloud_pipelines.cli.main")

# What says that a source is there, whole.
SOURCES: Mapping[str, str] = {
    "every kind": "SELECT count(DISTINCT kind) >= {kinds} FROM cloud_sync_runs "
    "WHERE complete OR NOT available",
    "balance": "SELECT count(*) > 0 FROM cloud_balance_snapshots",
    "invoices": "SELECT count(*) > 0 FROM cloud_invoice_lists WHERE complete",
    "lines of every invoice": "SELECT count(*) > 0 AND bool_and(ingest_status = 'ingested') "
    "FROM cloud_invoices",
    "open month": "SELECT count(*) > 0 FROM cloud_open_months",
    "daily costs": "SELECT count(*) > 0 FROM cloud_daily_costs",
    "rate card": "SELECT count(*) > 0 FROM cloud_rates",
    "limits": "SELECT count(*) > 0 FROM cloud_account_facts",
    "actions": "SELECT count(*) > 0 FROM cloud_actions",
    "specs": "SELECT count(*) > 0 FROM cloud_provisioned",
    "drift": "SELECT count(*) > 0 FROM cloud_drift_sweeps",
    "who pays": "SELECT count(*) > 0 FROM cloud_cost_allocations",
    "forecast": "SELECT count(*) > 0 FROM cloud_forecasts",
}


@contextmanager
def simulator() -> Iterator[tuple[str, str]]:
    """A simulated account in a process of its own: its URL and token."""
    url = f"http://127.0.0.1:{free_port()}"
    command = [*ARCADIA, "simulate", "--live", "--port", url.rpartition(":")[2]]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        token = ""
        while not token:
            token = process.stdout.readline().partition("DO_API_TOKEN=")[2].strip()
        yield url, token
        process.terminate()


def plan(url: str, token: str, path: Path) -> None:
    """Write a Terraform state that says of one droplet what it is."""
    answer = requests.get(
        f"{url}/v2/droplets", headers={"Authorization": f"Bearer {token}"}, timeout=30
    )
    droplet = answer.json()["droplets"][0]
    state = {
        "version": 4, "terraform_version": "1.9.0", "serial": 1, "lineage": "first-start",
        "outputs": {},
        "resources": [{
            "mode": "managed", "type": "digitalocean_droplet", "name": "one",
            "provider": 'provider["registry.terraform.io/digitalocean/digitalocean"]',
            "instances": [{"schema_version": 1, "attributes": {
                "id": str(droplet["id"]), "name": droplet["name"],
                "region": droplet["region"]["slug"], "size": droplet["size_slug"],
            }}],
        }],
    }  # fmt: skip
    path.write_text(json.dumps(state), encoding="utf-8")


def query(home: Path, statement: str, database: str = WAREHOUSE_DATABASE) -> list[tuple[Any, ...]]:
    """Return the rows of a statement; none where the server or the table is not there yet."""
    url = running_url(home, database)
    if url is None:
        return []
    try:
        connection = psycopg2.connect(
            url.set(drivername="postgresql").render_as_string(hide_password=False)
        )
    except psycopg2.Error:
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    except psycopg2.Error:
        return []
    finally:
        connection.close()


def watch(home: Path, limit: float, begun: float) -> dict[str, float]:
    """Return the seconds after which each source was there, of those that came in time."""
    came: dict[str, float] = {}
    # And the projects.
    wanted = {name: text.format(kinds=len(KINDS) + 1) for name, text in SOURCES.items()}
    while len(came) < len(wanted) and time.monotonic() - begun < limit:
        for name in wanted.keys() - came.keys():
            if query(home, wanted[name]) == [(True,)]:
                came[name] = time.monotonic() - begun
                print(f"{came[name]:6.1f} s  {name}", flush=True)
        time.sleep(0.5)
    return came


def main() -> int:
    """Print a line a source, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=300, help="seconds to wait")
    limit = parser.parse_args().limit
    with tempfile.TemporaryDirectory() as folder, simulator() as (url, token):
        home = Path(folder) / "home"
        plan(url, token, Path(folder) / "one.tfstate")
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DO_", "DAGSTER_"))},
            "ARCADIA_HOME": str(home), "ARCADIA_API_PORT": str(free_port()),
            "DO_API_URL": url, "DO_API_TOKEN": token,
            "ARCADIA_TERRAFORM_STATES": str(Path(folder) / "one.tfstate"),
        }  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.monotonic()
        with subprocess.Popen(
            [*ARCADIA, "up", "--port", str(free_port())], env=environ, stdout=subprocess.DEVNULL
        ) as up:
            try:
                came = watch(home, limit, begun)
                whole = time.monotonic() - begun
                runs = query(
                    home, "SELECT pipeline_name, status, end_time - start_time FROM runs "
                    "ORDER BY start_time", DAGSTER_DATABASE,
                )  # fmt: skip
            finally:
                up.send_signal(signal.SIGTERM)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
    for name, status, seconds in runs:
        print(f"run {name}: {status}" + (f", {seconds:.1f} s" if seconds else ""))
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{len(came)} of {len(SOURCES)} sources after {whole:.0f} s; {cpu:.0f} CPU s; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    return 0 if len(came) == len(SOURCES) else 1


if __name__ == "__main__":
    sys.exit(main())
