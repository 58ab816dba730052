"""Write what the product is made of, as CycloneDX 1.5 with licences: called by `make sbom`.

The packages, versions and digests are those of the lock file. Their licences are what the installed
packages say of themselves; a package that is not installed here, or does not say, has none.
"""
# ruff: noqa: T201

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from bootstrap import ROOT, TOOLS, get_uv, without_credentials

_CLASSIFIER = "License :: "


def licences_of(package: Distribution) -> list[dict[str, Any]]:
    """Return what a package says of its licence, as CycloneDX has it; empty where it says none.

    Goes by the SPDX expression, then by the classifiers, then by the first line of the old field.
    """
    told = package.metadata
    if expression := told.get("License-Expression"):
        return [{"expression": expression}]
    names = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier") or []
        if line.startswith(_CLASSIFIER) and line != "License :: OSI Approved"
    ]
    if not names and (text := (told.get("License") or "").strip()):
        names = [text.splitlines()[0][:200]]
    return [{"license": {"name": name}} for name in names]


def bill_of_materials() -> dict[str, Any]:
    """Return the whole document.

    Raises:
        subprocess.CalledProcessError: uv could not read the lock file.
    """
    done = subprocess.run(
        [str(get_uv(TOOLS)), "export", "--frozen", "--offline", "--no-dev", "--all-extras",
         "--preview-features", "sbom-export", "--format", "cyclonedx1.5", "--project", str(ROOT)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(done.stdout)
    for component in document["components"]:
        try:
            licences = licences_of(distribution(component["name"]))
        except PackageNotFoundError:
            continue
        if licences:
            component["licenses"] = licences
    return document


def main() -> int:
    """Print it."""
    try:
        print(json.dumps(bill_of_materials(), indent=2))
    except subprocess.CalledProcessError as error:
        print(f"sbom: {without_credentials(error.stderr).strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
