"""Makes `.venv` from the lock file: called by `make setup`, with any Python from 3.11 on.

Standard library alone, for nothing is installed yet. Fetches the one tool it needs, uv, into
`.tools`: by a virtual environment, or by `pip --target` where Python comes without venv (Debian
without python3-venv), or as a wheel from the index where it comes without pip too.
"""
# ruff: noqa: T201, S310

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"

# The version of uv and the digests of its wheels. An index that was tampered with, or a proxy in
# between, cannot give another program.
PINNED = ROOT / "tools" / "uv.txt"
UV_VERSION = re.search(r"^uv==(\S+)", PINNED.read_text(), re.M)[1]
UV_DIGESTS = frozenset(re.findall(r"sha256:([0-9a-f]{64})", PINNED.read_text()))


class Failed(Exception):
    """One way to get uv did not work; the text says why, without the password of an index."""

    def __init__(self, text: str) -> None:
        super().__init__(without_credentials(text))


def without_credentials(text: str) -> str:
    """Return the text with the user and password of every address masked.

    Example: `https://ann:secret@index.example/simple` becomes `https://***@index.example/simple`.
    """
    return re.sub(r"(?<=://)[^/\s'\"<>]*@", "***@", text)


def run(*command: str | Path) -> None:
    """Run a program quietly.

    Raises:
        Failed: it did; with the last line of what it said.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines() or [f"status {done.returncode}"]
        raise Failed(lines[-1])


PIP_OPTIONS = (
    "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:", "--require-hashes",
    "--requirement", str(PINNED),
)  # fmt: skip


def by_venv(tools: Path) -> Path:
    """Install uv into a virtual environment of its own."""
    folder = tools / "venv"
    run(sys.executable, "-m", "venv", "--clear", folder)
    program = folder / "bin" / "python"
    run(program, "-m", "pip", "install", *PIP_OPTIONS)
    return folder / "bin" / "uv"


def by_pip(tools: Path) -> Path:
    """Install uv into a folder, with a pip that is there already."""
    folder = tools / "pip"
    shutil.rmtree(folder, ignore_errors=True)
    run(
        sys.executable, "-m", "pip", "install", "--target", folder, *PIP_OPTIONS,
    )  # fmt: skip
    return folder / "bin" / "uv"


def by_wheel(tools: Path) -> Path:
    """Take uv out of its wheel, after checking the wheel against its pinned digest."""
    index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL")
    page = (index or "https://pypi.org/simple").rstrip("/") + "/uv/"
    request = urllib.request.Request(
        page, headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            files = json.load(answer)["files"]
        wheel = choose_wheel(files, platform_tag())
        url = urllib.parse.urljoin(page, wheel["url"])
        with urllib.request.urlopen(url, timeout=300) as answer:
            content = answer.read()
    except (OSError, ValueError, KeyError) as error:
        raise Failed(f"{page}: {error}") from None
    if hashlib.sha256(content).hexdigest() not in UV_DIGESTS:
        raise Failed(f"{wheel['filename']} has a digest that is not in {PINNED.name}")
    program = tools / "wheel" / "uv"
    program.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        program.write_bytes(archive.read(f"uv-{UV_VERSION}.data/scripts/uv"))
    program.chmod(0o755)
    return program


def platform_tag() -> tuple[str, str]:
    """How the wheel's platform starts and ends: ("manylinux", "x86_64")."""
    machine = platform.machine().lower()
    if sys.platform == "darwin":
        return "macosx", "arm64" if machine == "arm64" else "x86_64"
    musl = "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "")
    return "musllinux" if musl else "manylinux", {"amd64": "x86_64"}.get(machine, machine)


def choose_wheel(files: Iterable[dict[str, Any]], tag: tuple[str, str]) -> dict[str, Any]:
    """The wheel of our version for one platform, out of what the index lists.

    Raises:
        Failed: there is none.
    """
    for file in files:
        name = file["filename"]
        if not name.startswith(f"uv-{UV_VERSION}-") or not name.endswith(".whl"):
            continue
        # One name can carry several platforms, joined by dots.
        for one in name.removesuffix(".whl").split("-")[-1].split("."):
            if one.startswith(tag[0]) and one.endswith(tag[1]):
                return file
    raise Failed(f"the index has no uv {UV_VERSION} for {' '.join(tag)}")


def works(program: Path) -> bool:
    """Whether this is the uv that we want."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return said.returncode == 0 and said.stdout.split()[1:2] == [UV_VERSION]


WAYS: tuple[Callable[[Path], Path], ...] = (by_venv, by_pip, by_wheel)


def get_uv(tools: Path, ways: Iterable[Callable[[Path], Path]] = WAYS) -> Path:
    """The path of uv, fetched unless it is there.

    Raises:
        SystemExit: no way worked.
    """
    for known in ("venv/bin/uv", "pip/bin/uv", "wheel/uv"):
        if works(tools / known):
            return tools / known
    tools.mkdir(parents=True, exist_ok=True)
    print(f"setup: fetching uv {UV_VERSION}", flush=True)
    reasons = []
    for way in ways:
        try:
            program = way(tools)
        except Failed as failure:
            reasons.append(f"{way.__name__.replace('_', ' ')}: {failure}")
            continue
        if works(program):
            return program
        reasons.append(f"{way.__name__.replace('_', ' ')}: it does not run")
    raise SystemExit("setup: cannot get uv; is the network there?\n  " + "\n  ".join(reasons))


def environment(tools: Path) -> dict[str, str]:
    """The variables for uv: this Python and no other, and a cache that can be written."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT")
    }
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    environ["UV_NO_PROGRESS"] = "1"
    if "UV_CACHE_DIR" not in environ:
        cache = Path(environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        with contextlib.suppress(OSError, RuntimeError):
            cache.mkdir(parents=True, exist_ok=True)
        if not os.access(cache, os.W_OK):
            environ["UV_CACHE_DIR"] = str(tools / "cache")
    return environ


def main() -> None:
    """Make the environment."""
    if not (3, 11) <= sys.version_info < (3, 15):
        raise SystemExit(f"setup: Python 3.11 to 3.14 is needed, this is {sys.version.split()[0]}")
    uv = get_uv(TOOLS)
    print(f"setup: making .venv with Python {sys.version.split()[0]}", flush=True)
    command = [
        str(uv), "sync", "--quiet", "--locked", "--compile-bytecode", "--python", sys.executable,
        "--project", str(ROOT),
    ]  # fmt: skip
    environ = environment(TOOLS)
    done = subprocess.run(
        command, cwd=ROOT, env=environ, check=False, stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0 and "certificate" in done.stderr:
        # A company's proxy: this machine knows its certificate, the ones that uv brings do not.
        command.append("--system-certs")
        done = subprocess.run(
            command, cwd=ROOT, env=environ, check=False, stderr=subprocess.PIPE, text=True
        )
    sys.stderr.write(without_credentials(done.stderr))
    if done.returncode != 0:
        raise SystemExit(f"setup: uv sync failed with status {done.returncode}")


if __name__ == "__main__":
    main()
