"""Finding and opening Terraform state files: whatever lies at a path, nothing hangs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from .state_json import TerraformError

MAX_BYTES = 256 * 2**20
"""Largest state that is read. Those of thousands of resources have some ten megabytes."""

_KINDS = {
    stat.S_IFDIR: "Is a directory",
    stat.S_IFIFO: "Is a named pipe (FIFO)",
    stat.S_IFSOCK: "Is a socket",
    stat.S_IFCHR: "Is a device",
    stat.S_IFBLK: "Is a device",
}


def find_files(paths: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the files that paths and patterns (`states/*.tfstate`) stand for, each once.

    The second list is what is wrong: a path and a sentence for each that stands for nothing.
    """
    found: dict[object, str] = {}
    problems = []
    for path in paths:
        try:
            matches = _matches(Path(path).expanduser())
        except (OSError, ValueError, RuntimeError, NotImplementedError) as error:
            problems.append((path, f"{path!r} cannot be looked up: {_reason(error)}."))
            continue
        if not matches:
            problems.append(
                (path, f"There is no Terraform state at {path}: correct ARCADIA_TERRAFORM_STATES.")
            )
        for match in matches:
            found.setdefault(_identity(match), str(match))
    return list(found.values()), problems


def _matches(path: Path) -> list[Path]:
    if os.path.lexists(path):
        return [path]
    root = Path(path.anchor)
    return sorted(root.glob(str(path.relative_to(root))))


def _identity(path: Path) -> object:
    """Tell two names of one file from two files."""
    try:
        status = path.stat()
    except OSError:
        return path
    return status.st_dev, status.st_ino


def read_file(path: str) -> bytes:
    """Read a file whole.

    Raises:
        TerraformError: it cannot be opened, is no regular file, or is too large.
    """
    try:
        # Looked at before it is opened: a pipe would wait for a writer, a device may act.
        _refuse_irregular(path, Path(path).stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _refuse_irregular(path, os.fstat(descriptor).st_mode)
            text = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, MemoryError) as error:
        raise TerraformError(
            f"{path} cannot be read ({_reason(error)}): correct ARCADIA_TERRAFORM_STATES, or make "
            "the file readable for this user."
        ) from None
    if len(text) > MAX_BYTES:
        raise TerraformError(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB, so it is not a Terraform state: "
            "name a file that `terraform state pull` wrote."
        )
    return text


def _refuse_irregular(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "Is not a file")
        raise TerraformError(
            f"{path} cannot be read ({kind}): name a file that `terraform state pull` wrote."
        )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "no memory"
