"""The server of one folder: where it lies, and what may be asked about it without starting it."""

from __future__ import annotations

import logging
import signal
from pathlib import Path

import psutil
import psycopg2

from ..common.folders import FolderError
from .embedded_socket import socket_folder_of

logger = logging.getLogger(__name__)

DATABASE_USER = "postgres"
WAREHOUSE_DATABASE = "arcadia"
_SILENT_TIMES = 3
STALE_SECONDS = 5.0  # for the processes of a server that was killed to notice


class ServerFolder:
    """The data folder of an embedded server, and the process that works there, if one does."""

    def __init__(self, home: Path) -> None:
        """Look at nothing yet."""
        self.home = home
        self.data = home / "postgres"
        self.users_lock = home / "postgres.users"
        self.start_lock = home / "postgres.lock"
        self.log = home / "logs" / "postgres.log"

    def exists(self) -> bool:
        """Return whether there is a server's data."""
        return (self.data / "PG_VERSION").exists()

    def socket_folder(self) -> Path:
        """Return the folder where clients find the socket.

        Raises:
            FolderError: see `socket_folder_of`.
        """
        return socket_folder_of(self.data)

    def connect(self, timeout: int = 5) -> psycopg2.extensions.connection:
        """Open a connection of one's own.

        Raises:
            psycopg2.Error: the server does not answer.
            FolderError: see `socket_folder`.
        """
        return psycopg2.connect(
            user=DATABASE_USER,
            dbname="postgres",
            host=str(self.socket_folder()),
            connect_timeout=timeout,
            application_name="arcadia",
        )

    def answers(self, timeout: int = 5) -> bool:
        """Return whether the server answers a question, which is more than being there.

        Raises:
            FolderError: see `socket_folder`.
        """
        try:
            connection = self.connect(timeout=timeout)
        except psycopg2.Error:
            return False
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
                return cursor.fetchone() == (1,)
        except psycopg2.Error:
            return False
        finally:
            connection.close()

    def tcp_port(self) -> int | None:
        """Return the port on which a running server listens; None where it has only its socket."""
        try:
            connection = self.connect()
        except (psycopg2.Error, FolderError):
            return None
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT CAST(current_setting('port') AS int)"
                    " WHERE current_setting('listen_addresses') <> ''"
                )
                row = cursor.fetchone()
        except psycopg2.Error:
            return None
        finally:
            connection.close()
        return None if row is None else int(row[0])

    def pid(self) -> int | None:
        """Return the id of the server's process; None when there is none.

        After a power loss the id in `postmaster.pid` can belong to another program by now.
        """
        try:
            number = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            process = psutil.Process(number)
            if "postgres" in process.name() and Path(process.cwd()).samefile(self.data):
                return number
        except (OSError, ValueError, IndexError, OverflowError, psutil.Error):
            pass
        return None

    def end_if_silent(self) -> None:
        """Kill a server that is there and says nothing, as one that was stopped by SIGSTOP.

        One that is starting, or recovers after a crash, says so at once.
        """
        pid = self.pid()
        # Silent once may be a machine that is busy.
        for _ in range(_SILENT_TIMES):
            if pid is None or not self._is_silent():
                return
        logger.warning("killing PostgreSQL, process %d: it does not answer", pid)
        try:
            process = psutil.Process(pid)
            process.kill()
            process.wait(STALE_SECONDS)
        except psutil.Error:
            pass

    def _is_silent(self) -> bool:
        try:
            self.connect().close()
        except psycopg2.Error as error:
            return "timeout expired" in str(error)
        return False

    def stop(self, timeout: float = 30) -> None:
        """Shut the server down, if there is one, and wait for its end."""
        pid = self.pid()
        if pid is None:
            return
        try:
            process = psutil.Process(pid)
            # PostgreSQL's fast shutdown: sessions are ended, and what they committed is written.
            process.send_signal(signal.SIGINT)
            process.wait(timeout)
        except psutil.TimeoutExpired:
            logger.warning("the embedded PostgreSQL, process %d, does not stop", pid)
        except psutil.NoSuchProcess:
            pass
