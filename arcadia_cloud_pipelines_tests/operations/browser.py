"""A real deployment as `arcadia up` starts it, and the pages of its UI in a real browser."""

from __future__ import annotations

import base64
import io
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from arcadia_cloud_pipelines.operations.ports import free_port

from ..conftest import MACHINE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


SECONDS = 300.0
"""What ends a test that would hang."""


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


class Page:
    """One page of a browser, driven through the DevTools protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        """Take the socket of a page."""
        self._socket = socket
        self._numbers = itertools.count(1)

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have the browser do something, and return its answer.

        Raises:
            RuntimeError: it refused.
        """
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            told: dict[str, Any] = json.loads(self._socket.recv(timeout=SECONDS))
            if told.get("id") == number:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                result: dict[str, Any] = told["result"]
                return result

    def ask(self, script: str) -> Any:
        """Return what a piece of JavaScript comes to."""
        told = self.do("Runtime.evaluate", expression=script, returnByValue=True)
        return told["result"].get("value")

    def wait_for(self, words: str) -> None:
        """Wait until the words stand on the page, and nothing is loading there any more.

        Raises:
            TimeoutError: they never came; it says what came instead.
        """
        end = time.monotonic() + SECONDS
        read = "document.body ? document.body.innerText.replace(/\\s+/g, ' ') : ''"
        calm = f"(t => t.includes({json.dumps(words)}) && !t.includes('fetching statuses'))({read})"
        while not self.ask(calm):
            if time.monotonic() > end:
                raise TimeoutError(f"{words!r} never stood on: {self.words()[-2000:]}")
            time.sleep(0.5)

    def words(self) -> str:
        """What can be read on the page."""
        return " ".join(str(self.ask("document.body.innerText")).split())

    def open(self, url: str, *words: str) -> str:
        """Open a page, wait until all of these words stand on it, and return what stands there.

        A page of Dagster's loads its parts one by one: each that is asked about is waited for.

        No clock of the browser's own is moved on, which now and then never ends.
        """
        self.do("Page.navigate", url=url)
        for text in words:
            self.wait_for(text)
        return self.words()

    def picture(self) -> Image.Image:
        """Return what is seen."""
        data = base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"])
        return Image.open(io.BytesIO(data))


@contextmanager
def browser() -> Iterator[Page]:
    """Chromium with one page, ended afterwards."""
    assert CHROMIUM is not None
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--no-first-run", "--disable-background-networking", "--remote-debugging-port=0",
                f"--user-data-dir={folder}", "about:blank",
            ],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        ) as process,
    ):  # fmt: skip
        try:
            with connect(_first_page(process), max_size=None) as socket:
                yield Page(socket)
        finally:
            process.terminate()


def _first_page(process: subprocess.Popen[str]) -> str:
    """Return the address under which the page of a new browser is driven."""
    assert process.stderr is not None
    said = next(line for line in process.stderr if "DevTools listening on" in line)
    host = re.sub(r".*ws://([^/]+)/.*", r"\1", said.strip())
    pages = requests.get(f"http://{host}/json", timeout=30).json()
    return str(next(one["webSocketDebuggerUrl"] for one in pages if one["type"] == "page"))


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
