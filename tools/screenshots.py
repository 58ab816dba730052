"""Make the pictures in docs/images from a deployment that serves, in headless Chromium.

    make demo && make up                          # in another terminal
    .venv/bin/python tools/screenshots.py http://127.0.0.1:3000 http://127.0.0.1:4005
    .venv/bin/python tools/screenshots.py --outage http://127.0.0.1:3000

The second is for a deployment whose account was out of reach from the start. Look at each picture
before you commit it: the script waits for words, not for beauty.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import requests
from PIL import Image
from websockets.sync.client import ClientConnection, connect

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
COLOURS = 48
"""Enough for a user interface, and a file of some ten kilobytes."""
SECONDS = 120.0


class Shot(NamedTuple):
    """One picture: what to open, wait for, do and keep."""

    name: str
    url: str
    words: str
    """What stands on the page when it is whole."""
    script: str = ""
    """JavaScript, run before the picture."""
    size: tuple[int, int] = (1280, 800)


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
            TimeoutError: they never came.
        """
        end = time.monotonic() + SECONDS
        calm = (
            f"document.body && document.body.innerText.includes({json.dumps(words)})"
            " && !document.body.innerText.includes('fetching statuses')"
        )
        while not self.ask(calm):
            if time.monotonic() > end:
                raise TimeoutError(f"{words!r} never stood on the page")
            time.sleep(0.5)
        time.sleep(2)  # for what moves: graphs, pictures

    def picture(self) -> Image.Image:
        """Return what is seen."""
        data = base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"])
        return Image.open(io.BytesIO(data))


@contextmanager
def browser() -> Iterator[Page]:
    """Start Chromium, and end it.

    Raises:
        FileNotFoundError: it is not installed.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise FileNotFoundError("Chromium is not installed")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [
                program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
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
    assert process.stderr is not None  # noqa: S101
    said = next(line for line in process.stderr if "DevTools listening on" in line)
    host = re.sub(r".*ws://([^/]+)/.*", r"\1", said.strip())
    pages = requests.get(f"http://{host}/json", timeout=30).json()
    return str(next(one["webSocketDebuggerUrl"] for one in pages if one["type"] == "page"))


def keep(page: Page, shot: Shot, folder: Path) -> None:
    """Take one picture and store it, small."""
    width, height = shot.size
    page.do(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=height, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip
    page.do("Page.navigate", url=shot.url)
    page.wait_for(shot.words)
    if shot.script:
        page.ask(shot.script)
        time.sleep(3)
    path = folder / f"{shot.name}.png"
    made = page.picture().convert("RGB").quantize(COLOURS)
    made.save(path, optimize=True)
    sys.stdout.write(f"{path}: {path.stat().st_size / 1000:.0f} kB\n")


_NEWEST = """
query($filter: RunsFilter) {
  runsOrError(limit: 1, filter: $filter) { ... on Runs { results { id } } }
}
"""


def newest_run(ui: str, job: str, status: str) -> str:
    """Return the id of the newest run of a job that ended so."""
    asked = {"filter": {"pipelineName": job, "statuses": [status]}}
    told = requests.post(
        f"{ui}/graphql", json={"query": _NEWEST, "variables": asked}, timeout=60
    ).json()
    return str(told["data"]["runsOrError"]["results"][0]["id"])


_PLOTS = """
const plots = [...document.querySelectorAll('button')].find(b => b.innerText.trim() == 'Plots');
plots.click(); plots.scrollIntoView({block: 'start'});
"""


def main() -> int:
    """Take the pictures that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ui", nargs="?", help="address of the Dagster UI")
    parser.add_argument("api", nargs="?", help="address of the HTTP API")
    parser.add_argument("--outage", help="the UI of a deployment whose account is out of reach")
    parser.add_argument("--folder", type=Path, default=IMAGES)
    asked = parser.parse_args()
    asked.folder.mkdir(exist_ok=True)
    shots = []
    if asked.ui:
        run = newest_run(asked.ui, "__ASSET_JOB", "SUCCESS")
        shots += [
            Shot("lineage", f"{asked.ui}/asset-groups", "marts", size=(1700, 900)),
            Shot("asset", f"{asked.ui}/assets/balance_snapshots", "Plots", _PLOTS, (1280, 900)),
            Shot("run", f"{asked.ui}/runs/{run}", "RUN_SUCCESS"),
        ]
    if asked.api:
        shots.append(Shot("front", f"{asked.api}/", "Arcadia", size=(900, 620)))
    if asked.outage:
        failed = newest_run(asked.outage, "first_refresh", "FAILURE")
        shots.append(Shot("outage", f"{asked.outage}/runs/{failed}", "RUN_FAILURE"))
    with browser() as page:
        for shot in shots:
            keep(page, shot, asked.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
