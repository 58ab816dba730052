"""What loading the code takes, in CPU seconds of a fresh process.

.venv/bin/python -m benchmarks.loading [--repeat 5]
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from .figures import HEAD, Figure, ratios

COMMANDS = {
    "import dagster": [sys.executable, "-c", "import dagster"],
    "import the definitions": [sys.executable, "-c", "import arcadia_cloud_pipelines.definitions"],
    "arcadia inventory status": [
        sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "inventory", "status",
    ],
}  # fmt: skip


def cpu_seconds(command: list[str], environ: dict[str, str]) -> float:
    """Run a command, and return the CPU seconds of it and of what it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def figures(repeat: int = 5) -> Iterator[Figure]:
    """Yield the figures."""
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "ARCADIA_HOME": home}
        for command in COMMANDS.values():
            cpu_seconds(command, environ)
        runs = {
            name: [cpu_seconds(command, environ) for _ in range(repeat)]
            for name, command in COMMANDS.items()
        }
    plain, ours, status = runs.values()
    yield Figure("import dagster, CPU", plain, unit="s")
    yield Figure("import the definitions, CPU ÷ import dagster", ratios(ours, plain), 1.5)
    yield Figure("`arcadia inventory status`, CPU", status, 0.5, "s")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    print(HEAD)
    for figure in figures(arguments.repeat):
        print(figure.row())


if __name__ == "__main__":
    main()
