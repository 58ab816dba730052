"""The data folder of an embedded server: the room on its disk, and who owns it."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress

from ..common.folders import check_owner
from .embedded_programs import SYSTEM_USER, EmbeddedPostgresError, ServerUser, system_user
from .embedded_server import ServerFolder

LEAST_FREE = 256 * 2**20
"""Bytes that a new data folder needs; a started one writes a first segment of its log."""
LEAST_FREE_TO_START = 48 * 2**20


def check_room(server: ServerFolder) -> None:
    """Make sure that the disk has room for the server.

    Raises:
        EmbeddedPostgresError: it has not; the text says what to do.
    """
    least = LEAST_FREE_TO_START if server.exists() else LEAST_FREE
    free = shutil.disk_usage(server.home).free
    if free < least:
        raise EmbeddedPostgresError(
            f"The disk of {server.home} has only {free // 2**20} MiB free, and the embedded "
            f"PostgreSQL needs {least // 2**20}: free some disk space, or set ARCADIA_HOME to "
            "a folder on another disk."
        )


def make_data_folder(server: ServerFolder) -> ServerUser:
    """Make or take the data folder, closed to everybody but the server's user."""
    is_root = os.geteuid() == 0
    with suppress(FileExistsError):
        server.data.mkdir(mode=0o700)
    found = server.data.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise EmbeddedPostgresError(
            f"{server.data} is not a folder: remove it, or set ARCADIA_HOME to another folder."
        )
    account = ServerUser()
    if not is_root:
        check_owner(server.data, found)
    elif found.st_uid != 0:
        # Data that are there already say who owns them.
        account = ServerUser(found.st_uid, found.st_gid)
    else:
        account = system_user()
        if server.exists():
            raise EmbeddedPostgresError(
                f"{server.data} belongs to root, who may not run PostgreSQL: give the folder and "
                f"all in it to {SYSTEM_USER} (chown -R {SYSTEM_USER}: {server.data})."
            )
        os.chown(server.data, account.uid or 0, account.gid or 0)
    if stat.S_IMODE(found.st_mode) != 0o700:
        server.data.chmod(0o700)
    return account
