"""What reading an invoice costs: `parse_invoice_csv` beside plain `pandas.read_csv`.

    .venv/bin/python -m benchmarks.invoice_csv [LINES]

Each figure is the best of five child processes, in turn: seconds of the first reading, of the
second, and of processor time for the second; memory is what the peak of the process grew by in the
first, the file's bytes, which all hold, not counted.
"""

from __future__ import annotations

import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from arcadia_cloud_pipelines.billing.invoice_csv import parse_invoice_csv

ROUNDS = 5
FIGURES = ("first s", "again s", "CPU s", "peak MB", "frame MB")
HEADER = "product,group_description,description,hours,start,end,USD,project_name,category\n"
MONTH = "2026-04-01 00:00:00 +0000,2026-05-01 00:00:00 +0000"


def main() -> None:
    if len(sys.argv) == 4:
        measure(sys.argv[2], Path(sys.argv[3]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        for title, quoted in (("plain", False), ("every field quoted", True)):
            file = Path(folder) / "invoice.csv"
            write_invoice(file, count, quoted=quoted)
            print(f"\n{count:,} lines, {file.stat().st_size / 1e6:.0f} MB, {title}")
            print(f"{'':18}" + "".join(f"{name:>10}" for name in FIGURES))
            best: dict[str, dict[str, float]] = {}
            for _ in range(ROUNDS):
                for what in ("pandas.read_csv", "python strings", "parse_invoice_csv"):
                    figures = in_child(what, file)
                    old = best.setdefault(what, figures)
                    best[what] = {name: min(old[name], figures[name]) for name in figures}
            for what, row in best.items():
                print(f"{what:18}" + "".join(f"{row[name]:10.2f}" for name in FIGURES))
            ours = best.pop("parse_invoice_csv")
            for floor, row in best.items():
                ratios = ", ".join(f"{name} {ours[name] / row[name]:.2f}" for name in FIGURES)
                print(f"ratio to {floor}: {ratios}")


def in_child(what: str, file: Path) -> dict[str, float]:
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.invoice_csv", "measure", what, str(file)],
        check=True,
        capture_output=True,
    ).stdout
    figures: dict[str, float] = json.loads(output)
    return figures


def measure(what: str, file: Path) -> None:
    """Print the figures of one reading as JSON."""
    if what == "python strings":
        # As pandas reads where pyarrow is not installed.
        pd.set_option("mode.string_storage", "python")
    data = file.read_bytes()
    before = peak()
    start = time.perf_counter()
    frame = read(what, data)
    first = time.perf_counter() - start
    grown = peak() - before
    start, cpu = time.perf_counter(), time.process_time()
    read(what, data)
    again, cpu = time.perf_counter() - start, time.process_time() - cpu
    size = float(frame.memory_usage(deep=True).sum()) / 1e6
    print(json.dumps(dict(zip(FIGURES, (first, again, cpu, grown, size), strict=True))))


def read(what: str, data: bytes) -> pd.DataFrame:
    if what == "parse_invoice_csv":
        return parse_invoice_csv(data, invoice="benchmark")
    return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, na_filter=False)


def peak() -> float:
    """Most memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_invoice(file: Path, count: int, *, quoted: bool) -> None:
    """An invoice as a large account would have: names mostly distinct, amounts half of them."""
    rng = random.Random(1)
    with file.open("w", encoding="utf-8") as out:
        out.write(HEADER)
        for n in range(count):
            row = line(rng, n)
            if quoted:
                row = '"' + row.replace(",", '","') + '"'
            out.write(row + "\n")


def line(rng: random.Random, n: int) -> str:
    project = f"project-{n % 50}"
    match n % 5:
        case 0 | 1:
            start = f"2026-04-{rng.randint(1, 28):02} {n % 24:02}:{n % 60:02}:{n % 59:02} +0000"
            cents = rng.randint(1, 400_000)
            return (
                f"Droplets,,web-{n} (s-2vcpu-4gb),{rng.randint(1, 744)},{start},"
                f"2026-05-01 00:00:00 +0000,${cents / 100:.2f},{project},iaas"
            )
        case 2:
            return f"Volumes,,data-{n} (sfo3) 250GB,744,{MONTH},$25.00,{project},iaas"
        case 3:
            nodes = "3 nodes - 4 GB / 2 vCPU / 80 GB SSD"
            return f"Kubernetes Clusters,prod-{n % 200},{nodes},2232,{MONTH},$72.00,{project},iaas"
        case _:
            text = f"web-{n}-17000 (fra1) 12.40GB Droplet Snapshot"
            return f"Droplet Snapshots,,{text},744,{MONTH},$0.74,,iaas"


if __name__ == "__main__":
    main()
