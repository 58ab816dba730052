"""The program as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def arcadia(tmp_path: Path) -> Run:
    """Runs `arcadia` in a process of its own, with a home of its own."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", *arguments],
            env={**os.environ, "ARCADIA_HOME": str(tmp_path / "home"), **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    return run
