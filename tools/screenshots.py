"""Make the pictures in docs/images from a deployment that serves, in headless Chromium.

    make demo && make up                          # in another terminal
    .venv/bin/python -m tools.screenshots http://127.0.0.1:3000 http://127.0.0.1:4005
    .venv/bin/python -m tools.screenshots --outage http://127.0.0.1:3000

The second is for a deployment whose account was out of reach from the start. Look at each picture
before you commit it: the script waits for words, not for beauty.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import requests

from arcadia_cloud_pipelines_tests.operations.browser import Page, browser

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
COLOURS = 48
"""Enough for a user interface, and a file of some ten kilobytes."""


class Shot(NamedTuple):
    """One picture: what to open, wait for, do and keep."""

    name: str
    url: str
    words: str
    """What stands on the page when it is whole."""
    script: str = ""
    """JavaScript, run before the picture."""
    size: tuple[int, int] = (1280, 800)


def keep(page: Page, shot: Shot, folder: Path) -> None:
    """Take one picture and store it, small."""
    width, height = shot.size
    page.do(
        "Emulation.setDeviceMetricsOverride",
        width=width, height=height, deviceScaleFactor=1, mobile=False,
    )  # fmt: skip
    page.open(shot.url, shot.words)
    if shot.script:
        page.ask(shot.script)
    time.sleep(3)  # for what moves: graphs, plots
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
