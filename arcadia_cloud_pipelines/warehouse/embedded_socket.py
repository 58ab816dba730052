"""Where clients find the socket of an embedded server."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from ..common.folders import make_private

DEFAULT_PORT = 5432
SOCKET = f".s.PGSQL.{DEFAULT_PORT}"

_SOCKET_PATH_LIMIT = 103  # bytes; the smallest of the systems PostgreSQL runs on


def socket_folder_of(data: Path) -> Path:
    """Return the folder where clients find the socket.

    The data folder, unless its path is too long for a socket or holds what a connection string
    cannot: then a private folder with a link to the socket.

    Raises:
        FolderError: somebody else has made that private folder.
    """
    if _fits(data):
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    base = next(base for base in _runtime_folders() if _fits(base / name))
    make_private(base)
    folder = base / name
    make_private(folder)
    link, target = folder / SOCKET, data / SOCKET
    if not link.is_symlink() or link.readlink() != target:
        temporary = folder / f".new.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        # At once: who looks in between finds the old link or the new.
        temporary.replace(link)
    return folder


def _fits(folder: Path) -> bool:
    """Return whether a connection string can name the folder, and a socket lie in it."""
    path = os.fsencode(folder / SOCKET)
    return len(path) <= _SOCKET_PATH_LIMIT and path.isascii() and b"," not in path


def _runtime_folders() -> list[Path]:
    """Folders that may hold a folder of sockets, best first. The last always fits."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    found = []
    if runtime:
        try:
            of = Path(runtime).lstat()
            if of.st_uid == os.geteuid() and stat.S_IMODE(of.st_mode) == 0o700:
                found.append(Path(runtime) / "arcadia")
        except OSError:
            pass
    shared = (tempfile.gettempdir(), "/tmp")  # noqa: S108
    return found + [Path(base) / f"arcadia-{os.geteuid()}" for base in shared]
