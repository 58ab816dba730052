"""A kind is one entry: all else follows from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

import arcadia_cloud_pipelines

from .invented import ENTRY, LISTED

PACKAGE = Path(arcadia_cloud_pipelines.__file__).parent


def test_the_entry_of_an_invented_kind_alone_makes_all_that_a_kind_has(
    empty_database: sa.URL, tmp_path: Path
) -> None:
    """Asset, checks, sync rows, edges, orphans, drift, matching and documentation."""
    copied = tmp_path / PACKAGE.name
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    with (copied / "kinds" / "compute.py").open("a", encoding="utf-8") as entries:
        entries.write(ENTRY)
    with (copied / "simulator" / "further.py").open("a", encoding="utf-8") as simulated:
        simulated.write(LISTED)
    url = empty_database.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", f"{__package__}.invented", url],
        cwd=tmp_path,
        # The copy goes before the package that is installed.
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{PACKAGE.parent}"},
        text=True, capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.stdout == "one entry was enough\n", done.stderr
