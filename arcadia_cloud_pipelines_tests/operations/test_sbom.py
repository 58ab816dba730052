"""The bill of materials: what the lock file holds, with licences, without the network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def document() -> Any:
    """The document, as `make sbom` prints it."""
    done = subprocess.run(
        [sys.executable, "tools/sbom.py"], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_holds_the_locked_versions_of_all_that_the_product_needs(document: Any) -> None:
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in project["dependencies"]}
    found = {component["name"]: component for component in document["components"]}
    assert needed <= found.keys()
    locked = {
        package["name"]: package.get("version")
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    for name, component in found.items():
        assert component["version"] == locked[name]
        assert component["purl"].startswith(f"pkg:pypi/{name}@")
    assert not {"pytest", "mypy", "ruff"} & found.keys(), "tools of development are not shipped"


def test_each_installed_package_has_a_licence(document: Any) -> None:
    without = []
    for component in document["components"]:
        try:
            distribution(component["name"])
        except PackageNotFoundError:
            continue
        if not component.get("licenses"):
            without.append(component["name"])
    assert without == []
