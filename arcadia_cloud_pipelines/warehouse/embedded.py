"""The PostgreSQL that comes with the package, for a machine that has none.

Used when no database URL is set. Data live under `<home>/postgres` and survive restarts. Every
process of the deployment attaches to the one server of its folder. `arcadia up` supervises it.
Without `up` the first process starts it, and it stops when the last has ended, however it ended.
"""

from __future__ import annotations

import atexit
import time
from pathlib import Path

import fasteners
import psycopg2
from sqlalchemy import URL

from ..common.folders import FolderError, check_home, prepare_home
from ..settings.values import EMBEDDED_PORT, embedded_port
from .embedded_port import HOST, LOGIN, PortUnusable, read_password
from .embedded_programs import EmbeddedPostgresError
from .embedded_server import DATABASE_USER, WAREHOUSE_DATABASE, ServerFolder
from .embedded_start import LOOK_SECONDS, START_SECONDS, ensure_databases, not_started, start_server
from .embedded_supervision import STOP_SECONDS, FileLock, is_supervised, unusable
from .urls import DRIVER


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
            self._users = FileLock(self._server.users_lock)
            if not self._users.share(STOP_SECONDS):
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
            raise not_started(self._server, " ".join(str(error).split())) from None
        except OSError as error:
            raise unusable(error, self._server) from None

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
            if not is_supervised(self._server.home):
                self._server.stop()
        else:
            # Somebody else uses it, or its keeper was quicker and is stopping it.
            deadline = time.monotonic() + STOP_SECONDS
            while time.monotonic() < deadline and not self._users.share(0):
                time.sleep(LOOK_SECONDS)
        self._users.release()

    def _attach(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            # Not under the lock: who supervises the server needs it to start it.
            while is_supervised(self._server.home) and not self._server.answers():
                if time.monotonic() > deadline:
                    raise not_started(self._server, "`arcadia up` starts it without success")
                time.sleep(LOOK_SECONDS)
            with fasteners.InterProcessLock(str(self._server.start_lock)):
                answers = self._server.answers()
                if not answers and is_supervised(self._server.home):
                    continue
                if not answers:
                    start_server(self._server)
                ensure_databases(self._server)
                return


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
