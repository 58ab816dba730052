"""Who sees to it that the embedded server runs: `arcadia up`, or whoever uses it."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fasteners

from ..common.folders import FolderError, prepare_home
from ..settings import SettingsError
from . import embedded_keeper
from .embedded_programs import EmbeddedPostgresError
from .embedded_server import ServerFolder
from .embedded_setup import ServerSetup
from .embedded_start import LOOK_SECONDS

STOP_SECONDS = 30.0


class FileLock:
    """A lock on a file that the kernel takes back when the process ends."""

    def __init__(self, path: Path) -> None:
        # Closed on exec: a child that inherited it would hold the lock for this process.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.held = False

    def share(self, seconds: float) -> bool:
        """Hold it beside others; wait for one who has it alone."""
        return self._take(fcntl.LOCK_SH, seconds)

    def take_alone(self, seconds: float = 0) -> bool:
        """Hold it alone, if nobody else holds it. What was held before is lost where not."""
        return self._take(fcntl.LOCK_EX, seconds)

    def _take(self, kind: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(LOOK_SECONDS)
            else:
                self.held = True
                return True

    def release(self) -> None:
        """Let go, for good."""
        self.held = False
        os.close(self._descriptor)


def _supervision(home: Path) -> Path:
    return home / "postgres.supervised"


def is_supervised(home: Path) -> bool:
    """Return whether `arcadia up`, perhaps this process, starts and stops the server of `home`."""
    path = _supervision(home)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        return not lock.share(0)
    finally:
        lock.release()


@contextmanager
def supervised(home: Path) -> Iterator[None]:
    """Declare that this process sees to it that the server of `home` runs.

    Nobody else starts one meanwhile: all wait until it answers. It stays until the end of the
    context, even if nobody uses it.

    Raises:
        EmbeddedPostgresError: another process does so already, or the folder cannot be used.
    """
    try:
        prepare_home(home)
    except FolderError as error:
        raise EmbeddedPostgresError(str(error)) from None
    users, mine = FileLock(ServerFolder(home).users_lock), FileLock(_supervision(home))
    try:
        if not users.share(STOP_SECONDS) or not mine.take_alone(STOP_SECONDS):
            raise EmbeddedPostgresError(
                f"Another process runs the embedded PostgreSQL in {home}: stop it first."
            )
        yield
    finally:
        mine.release()
        users.release()


def serve(home: Path) -> None:
    """Become the keeper of the server of `home`: the supervised process. Does not return.

    A server that runs already, started for a command in another terminal, is taken over.

    Raises:
        EmbeddedPostgresError: it cannot be started.
    """
    server = ServerFolder(home)
    try:
        # Ends with this program: the keeper that takes its place inherits no lock.
        with fasteners.InterProcessLock(str(server.start_lock)):
            server.end_if_silent()
            pid = server.pid()
            given: dict[str, object] = {"users": str(server.users_lock), "pid": pid}
            if pid is None:
                given = ServerSetup(server).prepare()
    except FolderError as error:
        raise EmbeddedPostgresError(str(error)) from None
    except OSError as error:
        raise unusable(error, server) from None
    os.execv(  # noqa: S606
        sys.executable, [sys.executable, "-I", embedded_keeper.__file__, json.dumps(given)]
    )


def unusable(error: OSError, server: ServerFolder) -> EmbeddedPostgresError:
    """Return what to tell of a folder or file that cannot be used."""
    return EmbeddedPostgresError(
        f"The embedded PostgreSQL cannot use {error.filename or server.home} ({error.strerror}): "
        "give all of the folder to the user who runs it, free some disk space if there is none, "
        "or set ARCADIA_HOME to another folder."
    )


if __name__ == "__main__":
    try:
        serve(Path(sys.argv[1]))
    except (EmbeddedPostgresError, SettingsError) as error:
        sys.exit(f"Error: {error}")
