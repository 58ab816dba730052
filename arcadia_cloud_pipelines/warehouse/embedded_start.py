"""Starts the embedded server of a folder, and makes its databases."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

from psycopg2 import sql

from ..settings.values import embedded_port
from . import embedded_keeper
from .embedded_port import PortUnusable, ensure_login
from .embedded_programs import EmbeddedPostgresError
from .embedded_server import WAREHOUSE_DATABASE, ServerFolder
from .embedded_setup import ServerSetup

logger = logging.getLogger(__name__)

DAGSTER_DATABASE = "dagster"

START_SECONDS = 120.0
"""Time for a start, which after a crash includes the reading of what was not yet written."""

LOOK_SECONDS = 0.05


def start_server(server: ServerFolder) -> None:
    """Start a keeper, which starts the server and stops it after its last user."""
    pid = server.pid()
    given: dict[str, object] = {"users": str(server.users_lock), "pid": pid}
    if pid is None:
        given = ServerSetup(server).prepare()
    else:
        logger.info("the embedded PostgreSQL, process %d, is starting or hangs", pid)
    with server.log.open("ab") as log:
        keeper = subprocess.Popen(
            # Isolated: no variable and no folder of the caller changes what the keeper imports.
            [sys.executable, "-I", embedded_keeper.__file__, json.dumps(given)],
            # It outlives this command, and must keep no folder from being removed.
            cwd="/",
            # The server hands its environment on: no secret of the caller gets in.
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C in this terminal must not end a server that other commands use.
            start_new_session=True,
        )
    if not _await(server, START_SECONDS, keeper):
        raise not_started(server, _last_words(server.log))


def ensure_databases(server: ServerFolder) -> None:
    """Make the databases that are missing, and the login for other programs where it is asked."""
    connection = server.connect()
    try:
        # CREATE DATABASE cannot run inside a transaction.
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            there = {name for (name,) in cursor.fetchall()}
            for name in (WAREHOUSE_DATABASE, DAGSTER_DATABASE):
                if name not in there:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        if embedded_port() is not None:
            ensure_login(connection, server.home)
    except PortUnusable as error:
        raise EmbeddedPostgresError(str(error)) from None
    finally:
        connection.close()


def _await(
    server: ServerFolder, seconds: float, keeper: subprocess.Popen[bytes] | None = None
) -> bool:
    deadline = time.monotonic() + seconds
    while not server.answers():
        if time.monotonic() > deadline or (keeper is not None and keeper.poll() is not None):
            return False
        time.sleep(LOOK_SECONDS)
    return True


def not_started(server: ServerFolder, why: str) -> EmbeddedPostgresError:
    """Return what to tell of a server that does not start."""
    return EmbeddedPostgresError(
        f"The embedded PostgreSQL in {server.data} does not start ({why}); its log is "
        f"{server.log}. Free the disk or memory it asks for, or set ARCADIA_DATABASE_URL and "
        "DAGSTER_POSTGRES_URL to a server of your own."
    )


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "it says nothing"
    return " ".join(" | ".join(lines[-2:]).split())[-300:] or "it says nothing"
