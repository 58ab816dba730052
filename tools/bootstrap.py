"""Makes `.venv` from the lock file: called by `make setup`, with any Python from 3.11 on.

Standard library alone, for nothing is installed yet. Fetches the one tool it needs, uv, into
`.tools`: by a virtual environment, or by `pip --target` where Python comes without venv (Debian
without python3-venv), or as a wheel from the index where it comes without pip too.
"""
# ruff: noqa: T201, S310

from __future__ import annotations

import contextlib
import fcntl
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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from setup_errors import explain, why_not_writable, without_credentials

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
STAMP = VENV / ".setup"
"""Holds the path of the checkout: programs of an environment that was moved do not run."""

# The version of uv and the digests of its wheels. An index that was tampered with, or a proxy in
# between, cannot give another program.
PINNED = ROOT / "tools" / "uv.txt"
UV_VERSION = re.search(r"^uv==(\S+)", PINNED.read_text(), re.M)[1]
UV_DIGESTS = frozenset(re.findall(r"sha256:([0-9a-f]{64})", PINNED.read_text()))


class Failed(Exception):
    """One way to get uv did not work; the text says why, without the password of an index."""

    def __init__(self, text: str) -> None:
        super().__init__(without_credentials(text))


def run(*command: str | Path) -> None:
    """Run a program quietly.

    Raises:
        Failed: it did not end well; with what it said.
    """
    try:
        done = subprocess.run(
            [str(word) for word in command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        raise Failed(done.stdout.strip() or f"{command[0]} ended with status {done.returncode}")


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
        raise Failed(f"{page} gave no list of uv's files: {error}") from None
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
        except (Failed, OSError) as failure:
            reasons.append(f"{way.__name__.replace('_', ' ')}: {failure}")
            continue
        if works(program):
            return program
        reasons.append(f"{way.__name__.replace('_', ' ')}: the program does not run")
    # pip says that there is no such version where the index did not answer: the last way knows.
    raise failed(tools, reasons[-1], "\n".join(reasons))


def failed(tools: Path, reason: str, details: str) -> SystemExit:
    """Return the end of the set-up as one sentence; what the programs wrote goes to a log."""
    log = tools / "setup.log"
    sentence = explain(reason, ROOT, os.environ)
    try:
        log.write_text(without_credentials(details) + "\n", encoding="utf-8")
    except OSError:
        return SystemExit(f"setup: {sentence}.")
    return SystemExit(f"setup: {sentence} (details: {log}).")


@contextlib.contextmanager
def alone(tools: Path) -> Iterator[None]:
    """Wait while another set-up works in this checkout."""
    with (tools / "setup.lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("setup: waiting for another set-up of this checkout", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield


def environment(tools: Path) -> dict[str, str]:
    """The variables for uv: this Python and no other, and a cache that can be written."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT")
    }
    environ["UV_PYTHON_DOWNLOADS"] = "never"
    environ["UV_NO_PROGRESS"] = "1"
    if not environ.get("UV_CACHE_DIR"):
        environ.pop("UV_CACHE_DIR", None)
        cache = Path(environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        with contextlib.suppress(OSError, RuntimeError):
            cache.mkdir(parents=True, exist_ok=True)
        if not os.access(cache, os.W_OK):
            environ["UV_CACHE_DIR"] = str(tools / "cache")
    return environ


def make_environment(uv: Path) -> None:
    """Bring `.venv` to the lock file.

    Raises:
        SystemExit: uv failed.
    """
    if STAMP.exists() and STAMP.read_bytes().strip() not in (b"", os.fsencode(ROOT)):
        shutil.rmtree(VENV)
    STAMP.unlink(missing_ok=True)
    print(f"setup: making .venv with Python {sys.version.split()[0]}", flush=True)
    command = [
        str(uv), "sync", "--quiet", "--locked", "--compile-bytecode", "--python", sys.executable,
        "--project", str(ROOT),
    ]  # fmt: skip
    environ = environment(TOOLS)
    for more in ((), ("--system-certs",)):
        done = subprocess.run(
            [*command, *more], cwd=ROOT, env=environ, check=False, stderr=subprocess.PIPE, text=True
        )
        # A company's proxy: this machine knows its certificate, the ones that uv brings do not.
        if done.returncode == 0 or "certificate" not in done.stderr:
            break
    if done.returncode != 0:
        raise failed(TOOLS, done.stderr, done.stderr)
    sys.stderr.write(without_credentials(done.stderr))
    STAMP.write_bytes(os.fsencode(ROOT) + b"\n")


def main() -> None:
    """Make the environment."""
    if not (3, 11) <= sys.version_info < (3, 15):
        raise SystemExit(
            f"setup: Python 3.11 to 3.14 is needed, and {sys.executable} is "
            f"{sys.version.split()[0]}: install one, such as python3.13."
        )
    for folder in (ROOT, TOOLS, VENV):
        if reason := why_not_writable(folder):
            raise SystemExit(f"setup: {reason}.")
    try:
        TOOLS.mkdir(exist_ok=True)
        with alone(TOOLS):
            make_environment(get_uv(TOOLS))
    except OSError as error:
        place = f"'{error.filename}': " if error.filename else ""
        raise failed(TOOLS, f"{place}{error.strerror}", str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit("setup: stopped; run it again to go on.") from None


if __name__ == "__main__":
    main()
