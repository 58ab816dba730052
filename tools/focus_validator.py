"""Ask the FinOps Foundation's validator about a CSV of FOCUS 1.2: called by `make focus`.

It is not among the locked packages: it wants Python 3.12, and does not know 1.4 yet. Known of
it, and no fault of ours: it may exit 0 though rules failed, so read what it prints.
"""
# ruff: noqa: T201

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bootstrap import TOOLS, get_uv

VALIDATOR = "focus-validator==2.2.1"
RULES = "1.2.0.1"

# It reads a file of its own by a path from the working folder, and writes its log there.
PROGRAM = """
import os, pathlib, tempfile, focus_validator
from focus_validator.main import main
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    os.symlink(pathlib.Path(focus_validator.__file__).parent, "focus_validator")
    main()
"""


def main() -> int:
    """Run it, and return its status."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        print("Name a file: make focus FILE=focus-1.2-2026-10/cost_and_usage.csv", file=sys.stderr)
        return 2
    return subprocess.run(
        [
            str(get_uv(TOOLS)), "run", "--no-project", "--quiet", "--python", "3.12",
            "--no-python-downloads", "--with", VALIDATOR,
            # Its NumPy is older than what the newest pyarrow wants.
            "--with", "pyarrow<20", "python", "-c", PROGRAM, "--data-file",
            str(Path(sys.argv[1]).resolve()), "--validate-version", RULES, "--show-violations",
        ],
        check=False,
    ).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
