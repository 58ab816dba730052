"""Ask for known vulnerabilities of the locked packages: called by `make audit` and by CI.

Exits 1 when there are some, and 0 with a sentence when nobody answered: no answer is not "none".
"""
# ruff: noqa: T201

from __future__ import annotations

import subprocess
import sys

from bootstrap import ROOT, TOOLS, get_uv, without_credentials


def main() -> int:
    """Ask, and print what was said."""
    done = subprocess.run(
        [str(get_uv(TOOLS)), "audit", "--locked", "--project", str(ROOT)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    print(without_credentials(done.stdout).strip())
    if done.returncode != 0 and "error sending request" in done.stdout:
        print("audit: osv.dev did not answer, so nothing is known of vulnerabilities.")
        return 0
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
