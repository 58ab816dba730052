"""A real deployment as `arcadia up` starts it, and the pages of its UI in a real browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from arcadia_cloud_pipelines.operations.ports import free_port

from ..conftest import MACHINE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


class Deployment(NamedTuple):
    """A deployment that serves."""

    url: str
    """Of the UI."""
    home: Path
    said: list[str]
    """What stands at the terminal so far."""

    def ask(self, query: str) -> str:
        """What the UI's own way answers."""
        return requests.post(f"{self.url}/graphql", json={"query": query}, timeout=60).text


@contextmanager
def deployment(home: Path, **variables: str) -> Iterator[Deployment]:
    """`arcadia up` in a home, once it serves; ended afterwards."""
    port = free_port()
    environ = {
        **{k: v for k, v in os.environ.items() if not k.startswith(MACHINE)},
        "ARCADIA_ENV_FILE": "", "ARCADIA_HOME": str(home),
        "ARCADIA_API_PORT": str(free_port()), **variables,
    }  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "up", "--port", str(port)],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as up:  # fmt: skip
        said: list[str] = []
        serves = threading.Event()

        def read() -> None:
            assert up.stdout is not None
            for line in up.stdout:
                said.append(line)
                if "Ctrl-C stops everything" in line:
                    serves.set()
            serves.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            serves.wait()
            assert "Dagster UI" in "".join(said), said
            yield Deployment(f"http://127.0.0.1:{port}", home, said)
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait()
            reader.join()


def dom(url: str, folder: Path) -> str:
    """What stands on a page when nothing moves there any more."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", f"--user-data-dir={folder / 'browser'}",
            "--virtual-time-budget=40000", "--dump-dom", url,
        ],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    return done.stdout


def text(page: str) -> str:
    """The words of a page, without its tags."""
    return " ".join(re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL).split())
