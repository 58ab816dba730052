"""How long billing takes, beside what it cannot take less than.

    .venv/bin/python -m benchmarks.billing [--lines 1000000]

Two parts. A history of 137 invoices ingested from nothing: wall, API calls and Dagster runs. One
invoice of a million lines: parsed, matched against the inventory and loaded, as a ratio to
`pandas.read_csv` plus COPY of the same lines into a table without an index. Each step of the second
part runs in a process of its own; memory is its peak above that of an idle one.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from arcadia_cloud_pipelines.billing.fetching import FetchedInvoice
from arcadia_cloud_pipelines.billing.ingest import (
    Invoice,
    ingest_invoices,
    load_inventory,
    read_lines,
    replace_lines,
)
from arcadia_cloud_pipelines.billing.invoice_csv import parse_invoice_csv
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.billing.items import items_frame
from arcadia_cloud_pipelines.billing.originals import lines_digest
from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.secret import Secret
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.simulator import START_OF_137_INVOICES, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.copy import copy_frame
from arcadia_cloud_pipelines.warehouse.engine import Warehouse, open_warehouse

BIG = "big"
FLOOR_COLUMNS = (
    "product", "group_description", "description", "hours", "start", "end", "USD", "project_name",
    "category",
)  # fmt: skip


def history(warehouse: Warehouse, account: SimulatedAccount) -> None:
    """Ingest a whole history, and print what it took."""
    with serve(account) as server:
        client = DigitalOcean(server.url, Secret(account.token), budget=CallBudget(limits=()))
        for kind in KINDS:
            sync_kind(warehouse, client, kind)
        calls, begun = client.calls, time.perf_counter()
        headers = sync_invoices(warehouse, client)
        middle = time.perf_counter()
        results = ingest_invoices(warehouse, client)
        ended = time.perf_counter()
    lines = sum(result.lines for result in results)
    print(
        f"{headers.invoices} invoices, {lines:,} lines, ${sum(r.total for r in results):,}: "
        f"headers {middle - begun:.1f} s, lines {ended - middle:.1f} s, "
        f"{client.calls - calls} API calls, 2 Dagster runs (invoices, cost_lines)"
    )


def step_floor(warehouse: Warehouse, csv: Path) -> None:
    """Read and COPY."""
    frame = pd.read_csv(csv, dtype=str, keep_default_na=False, na_filter=False)
    with warehouse.transaction() as connection:
        columns = ", ".join(f'"{name}" text' for name in FLOOR_COLUMNS)
        connection.execute(sa.text(f"CREATE TABLE floor ({columns})"))
        copy_frame(connection, "floor", frame, FLOOR_COLUMNS)


def step_whole(warehouse: Warehouse, csv: Path) -> None:
    """The product's own way, from bytes to rows."""
    period = date(2026, 10, 1)
    with warehouse.transaction() as connection:
        inventory = load_inventory(connection, "a")
        row = connection.execute(
            sa.text(
                "INSERT INTO cloud_invoices (account, invoice_uuid, amount, period, first_seen_at) "
                "VALUES ('a', :uuid, 0, :period, now()) RETURNING id"
            ),
            {"uuid": BIG, "period": period},
        ).one()
    lines = parse_invoice_csv(csv.read_bytes(), invoice=BIG)
    fetched = FetchedInvoice(period, lines, items_frame([]), lines_digest(lines))
    lines = read_lines([fetched], inventory)
    invoice = Invoice(row.id, "a", BIG, None, period, Decimal(0))
    replace_lines(warehouse, invoice, fetched, lines, lambda: datetime.now(UTC))


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


def measure(name: str, home: str, csv: Path) -> dict[str, Any]:
    """One step in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.billing", "--step", name, home, str(csv)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Print both parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        run_step(*arguments.step)
        return
    with tempfile.TemporaryDirectory() as folder:
        home = str(Path(folder) / "home")
        warehouse = open_warehouse(load_settings({"ARCADIA_HOME": home}))
        warehouse.check_migrated()
        account = SimulatedAccount(history_start=START_OF_137_INVOICES)
        history(warehouse, account)

        big = account.billing.big_invoice(arguments.lines)
        csv = Path(folder) / "invoice.csv"
        csv.write_bytes(big.csv(None))
        text = pd.read_csv(csv, dtype=str, keep_default_na=False, na_filter=False)
        frame_mb = text.memory_usage(deep=True).sum() / 2**20
        del text
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
        warehouse.engine.dispose()


if __name__ == "__main__":
    main()
