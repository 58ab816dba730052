"""Processes that the tests start."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence


def run_together(command: Sequence[str], environs: Sequence[Mapping[str, str]]) -> list[str]:
    """Run one command several times at once, and return what each printed after `ready`.

    Each prints the line `ready` and waits for a line, so that all begin together.

    Args:
        command: the program with its arguments.
        environs: the variables of each, beside those of the tests.
    """
    started = [
        subprocess.Popen(
            command, env={**os.environ, **environ}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for environ in environs
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    printed = []
    for process in started:
        said, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors[-3000:]
        printed.append(said.strip())
    return printed
