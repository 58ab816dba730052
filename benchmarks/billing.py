"""How long billing takes, beside what it cannot take less than.

    .venv/bin/python -m benchmarks.billing [--lines 1000000]

Two parts. A history of 137 invoices ingested from nothing: wall, API calls and Dagster runs. One
invoice of a million lines: parsed, matched against the inventory and loaded, as a ratio to
`pandas.read_csv` plus COPY of the same lines into a table without an index. Each step of the second
part runs in a process of its own; memory is its peak above that of an idle one.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import requests
import sqlalchemy as sa

from arcadia_cloud_pipelines.billing.ingest import (
    FetchedInvoice,
    Invoice,
    InvoiceBatch,
    ingest_invoices,
    store_batch,
)
from arcadia_cloud_pipelines.billing.invoice_csv import parse_invoice_csv
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.billing.matching import load_inventory
from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import START_OF_137_INVOICES, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.copy import copy_frame
from arcadia_cloud_pipelines.warehouse.engine import Warehouse, open_warehouse

from .figures import Figure, ratios
from .fresh import fresh_warehouse

BIG = "big"
FLOOR_COLUMNS = (
    "product", "group_description", "description", "hours", "start", "end", "USD", "project_name",
    "category",
)  # fmt: skip


AIM = 3
CALLS = 3
"""Most calls of the API for one invoice."""


@dataclass(frozen=True)
class History:
    """What it took to ingest a whole history, and what it cannot take less than."""

    invoices: int
    lines: int
    total: Decimal
    headers: float
    """Seconds."""
    seconds: float
    """For the lines of all."""
    floor: float
    """Seconds to fetch both forms of each invoice, read the CSV, and COPY it."""
    calls: int
    """For the lines of all."""

    def __str__(self) -> str:
        return (
            f"{self.invoices} invoices, {self.lines:,} lines, ${self.total:,}: "
            f"headers {self.headers:.1f} s, lines {self.seconds:.1f} s "
            f"({self.seconds / self.floor:.1f} × the floor of {self.floor:.2f} s), "
            f"{self.calls / self.invoices:.1f} API calls an invoice"
        )


def floor_of_history(warehouse: Warehouse, url: str, token: str) -> float:
    """Seconds to fetch both forms of each invoice, read the CSV, and COPY it, and nothing else."""
    with warehouse.transaction() as connection:
        uuids = connection.execute(sa.text("SELECT invoice_uuid FROM cloud_invoices")).scalars()
        wanted = [str(uuid) for uuid in uuids]
        columns = ", ".join(f'"{name}" text' for name in FLOOR_COLUMNS)
        connection.execute(sa.text(f"CREATE TABLE floor ({columns})"))
    begun = time.perf_counter()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    for uuid in wanted:
        path = f"{url}/v2/customers/my/invoices/{uuid}"
        text = session.get(f"{path}/csv", timeout=60).content
        page: int | None = 1
        while page is not None:
            answer = session.get(path, params={"page": page, "per_page": 200}, timeout=60)
            links = orjson.loads(answer.content).get("links", {})
            page = page + 1 if links.get("pages", {}).get("next") else None
        frame = pd.read_csv(io.BytesIO(text), dtype=str, keep_default_na=False, na_filter=False)
        frame.columns = pd.Index([name.replace(" ", "_") for name in frame.columns])
        with warehouse.transaction() as connection:
            # Early invoices have fewer columns.
            columns_there = [name for name in FLOOR_COLUMNS if name in frame.columns]
            copy_frame(connection, "floor", frame, columns_there)
    taken = time.perf_counter() - begun
    with warehouse.transaction() as connection:
        connection.execute(sa.text("DROP TABLE floor"))
    return taken


def history(warehouse: Warehouse, account: SimulatedAccount) -> History:
    """Ingest a whole history."""
    with serve(account) as server:
        client = DigitalOcean(server.url, Secret(account.token), budget=CallBudget(limits=()))
        for kind in KINDS:
            sync_kind(warehouse, client, kind)
        begun = time.perf_counter()
        headers = sync_invoices(warehouse, client)
        calls, middle = client.calls, time.perf_counter()
        results = ingest_invoices(warehouse, client)
        ended = time.perf_counter()
        return History(
            invoices=headers.invoices,
            lines=sum(result.lines for result in results),
            total=sum((result.total for result in results), Decimal(0)),
            headers=middle - begun,
            seconds=ended - middle,
            floor=floor_of_history(warehouse, server.url, account.token),
            calls=client.calls - calls,
        )


def step_floor(warehouse: Warehouse, csv: Path) -> None:
    """Read and COPY."""
    frame = pd.read_csv(csv, dtype=str, keep_default_na=False, na_filter=False)
    with warehouse.transaction() as connection:
        columns = ", ".join(f'"{name}" text' for name in FLOOR_COLUMNS)
        connection.execute(sa.text(f"CREATE TABLE floor ({columns})"))
        copy_frame(connection, "floor", frame, FLOOR_COLUMNS)
        connection.execute(sa.text("DROP TABLE floor"))


def step_whole(warehouse: Warehouse, csv: Path) -> None:
    """The product's own way, from bytes to rows."""
    period = date(2026, 10, 1)
    with warehouse.transaction() as connection:
        first = sa.text("SELECT account FROM cloud_resources ORDER BY id LIMIT 1")
        account = str(connection.execute(first).scalar_one())
        inventory = load_inventory(connection, account)
        row = connection.execute(
            sa.text(
                "INSERT INTO cloud_invoices (account, invoice_uuid, amount, period, first_seen_at) "
                "VALUES (:account, :uuid, 0, :period, now()) RETURNING id"
            ),
            {"account": account, "uuid": f"{BIG}-{os.getpid()}", "period": period},
        ).one()
    lines = parse_invoice_csv(csv.read_bytes(), invoice=BIG)
    invoice = Invoice(row.id, account, BIG, None, period, Decimal(0))
    batch = InvoiceBatch([invoice], [FetchedInvoice(period, lines, [])])
    list(store_batch(warehouse, batch, inventory, lambda: datetime.now(UTC)))


def step_parse(_warehouse: Warehouse, csv: Path) -> None:
    """Parsing alone."""
    parse_invoice_csv(csv.read_bytes(), invoice=BIG)


STEPS = {"floor": step_floor, "parse": step_parse, "whole": step_whole}


def run_step(name: str, home: str, csv: str) -> None:
    """In a child process: one step, its figures as JSON on standard output."""
    warehouse = open_warehouse(load_settings({"ARCADIA_HOME": home}))
    warehouse.check_migrated()
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, cpu = time.perf_counter(), time.process_time()
    STEPS[name](warehouse, Path(csv))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {
        "wall": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "peak_mb": (peak - idle) / 1024,
    }
    print(json.dumps(figures))


def measure(name: str, home: Path, csv: Path) -> dict[str, Any]:
    """One step in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.billing", "--step", name, str(home), str(csv)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def figures(lines: int = 1_000_000, repeat: int = 3) -> Iterator[Figure]:
    """Yield the figures of both parts."""
    histories = []
    for _ in range(repeat):
        with fresh_warehouse() as (_, warehouse):
            account = SimulatedAccount(history_start=START_OF_137_INVOICES)
            histories.append(history(warehouse, account))
    walls = [one.seconds / one.floor for one in histories]
    yield Figure(f"{histories[0].invoices} invoices ÷ floor", walls, AIM)
    calls = [one.calls / one.invoices for one in histories]
    yield Figure("API calls an invoice", calls, CALLS, "")
    with fresh_warehouse() as (home, warehouse):
        csv = home.parent / "invoice.csv"
        frame_mb = prepare_big(warehouse, account, lines, csv)
        floor = [measure("floor", home, csv)["wall"] for _ in range(repeat)]
        whole = [measure("whole", home, csv) for _ in range(repeat)]
    walls = ratios([run["wall"] for run in whole], floor)
    yield Figure(f"{lines:,} lines: parse, match, load ÷ floor", walls, AIM)
    peaks = [run["peak_mb"] / frame_mb for run in whole]
    yield Figure(f"{lines:,} lines: peak memory ÷ frame", peaks, AIM)


def prepare_big(warehouse: Warehouse, account: SimulatedAccount, lines: int, csv: Path) -> float:
    """Have an inventory and the CSV of an invoice about it; return the MB of its frame."""
    with serve(account) as server:
        client = DigitalOcean(server.url, Secret(account.token), budget=CallBudget(limits=()))
        for kind in KINDS:
            sync_kind(warehouse, client, kind)
    csv.write_bytes(account.billing.big_invoice(lines).csv(None))
    text = pd.read_csv(csv, dtype=str, keep_default_na=False, na_filter=False)
    return float(text.memory_usage(deep=True).sum() / 2**20)


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        run_step(*arguments.step)
        return
    with fresh_warehouse() as (home, warehouse):
        account = SimulatedAccount(history_start=START_OF_137_INVOICES)
        print(history(warehouse, account))
        csv = home.parent / "invoice.csv"
        frame_mb = prepare_big(warehouse, account, arguments.lines, csv)
        print(f"\none invoice of {arguments.lines:,} lines, {csv.stat().st_size / 2**20:.0f} MB; "
              f"its frame {frame_mb:.0f} MB")  # fmt: skip
        print(f"{'':32}{'wall s':>8}{'÷ floor':>9}{'CPU s':>8}{'peak MB':>9}{'÷ frame':>9}")
        floor = 0.0
        for name, label in (
            ("floor", "floor: pandas.read_csv, COPY"),
            ("parse", "parse"),
            ("whole", "parse, match, load"),
        ):
            figures = measure(name, home, csv)
            floor = floor or figures["wall"]
            wall, peak = figures["wall"], figures["peak_mb"]
            print(
                f"{label:32}{wall:8.2f}{wall / floor:9.2f}{figures['cpu']:8.2f}"
                f"{peak:9.0f}{peak / frame_mb:9.2f}"
            )


if __name__ == "__main__":
    main()
