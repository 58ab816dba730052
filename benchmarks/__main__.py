"""All that has an aim, measured one after the other, as one table in Markdown.

    .venv/bin/python -m benchmarks [--short] [--only inventory drift …]

Progress goes to standard error. A line is printed as soon as it is known. The whole takes about
half an hour on a quiet machine; `--short` takes a tenth of the sizes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable

from . import api, billing, drift, inventory, loading, through_dagster
from .figures import HEAD, Figure

BENCHMARKS: dict[str, Callable[[bool], Iterable[Figure]]] = {
    "loading": lambda _: loading.figures(),
    "through_dagster": lambda short: through_dagster.figures(3 if short else 5),
    "inventory": lambda short: inventory.figures(
        ((1_000, 5), (5_000, 3)) if short else ((1_000, 5), (10_000, 5), (50_000, 3))
    ),
    "drift": lambda short: drift.figures(5_000 if short else 50_000, 5),
    "billing": lambda short: billing.figures(100_000 if short else 1_000_000, 3),
    "api": lambda short: api.figures(*((10_000, 100_000) if short else (100_000, 1_000_000))),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=[*BENCHMARKS])
    arguments = parser.parse_args()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} cores; load before {load}{'; short' if arguments.short else ''}\n")
    print(HEAD, flush=True)
    for name in arguments.only:
        begun = time.perf_counter()
        for figure in BENCHMARKS[name](arguments.short):
            print(figure.row(), flush=True)
        print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
