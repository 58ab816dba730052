"""Folders that nobody but their owner may look into."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

OURS = (
    "postgres", "dagster", "logs", "up.", "simulator.", "api-secret", "demo", "reviewed", "env",
    ".",
)  # fmt: skip
"""How the names in a folder of local state begin."""


class FolderError(Exception):
    """A folder cannot be used; the text names it and what to do."""


def user_name(uid: int) -> str:
    """Return the name of a system user, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"number {uid}"


def prepare_home(path: Path) -> None:
    """Make the folder of local state, and close it to all other users.

    A folder that holds other things is somebody's choice: its mode stays, and what we make in it is
    closed. For example `ARCADIA_HOME=/home/me` closes `/home/me/postgres`, not `/home/me`.

    Raises:
        FolderError: it cannot be made, or belongs to somebody else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        check_owner(path, found)
        if found.st_mode & 0o077 and not found.st_mode & stat.S_ISVTX and _is_ours(path):
            path.chmod(0o700)
    except OSError as error:
        raise FolderError(
            f"The folder of local state {path} cannot be used ({error.strerror}): make it "
            f"writable for {user_name(os.geteuid())}, or set ARCADIA_HOME to another folder."
        ) from None


def check_owner(path: Path, found: os.stat_result) -> None:
    """Refuse a folder of local state that belongs to another user.

    Raises:
        FolderError: it does; the text names the owner.
    """
    if found.st_uid != os.geteuid():
        owner = user_name(found.st_uid)
        raise FolderError(
            f"{path} belongs to the user {owner}, and this is {user_name(os.geteuid())}: run the "
            f"command as {owner} (sudo -u {owner} …), or set ARCADIA_HOME to a folder of your own."
        )


def check_home(path: Path) -> None:
    """Refuse an existing folder of local state that this user may not use; make nothing.

    Raises:
        FolderError: it belongs to another user, or cannot be looked at.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise FolderError(
            f"The folder of local state {path} cannot be read ({error.strerror}): run the command "
            "as its owner, or set ARCADIA_HOME to a folder of your own."
        ) from None
    check_owner(path, found)


def make_private(path: Path) -> None:
    """Make a folder for this user alone, or make sure that it is one.

    Raises:
        FolderError: there is something else, made by somebody else: a link, or a folder that others
            own or may enter.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise FolderError(
            f"The folder {path} cannot be made ({error.strerror}): make its parent writable."
        ) from None
    if (
        not stat.S_ISDIR(found.st_mode)
        or found.st_uid != os.geteuid()
        or stat.S_IMODE(found.st_mode) & 0o077
    ):
        raise FolderError(
            f"{path} is not a folder of {user_name(os.geteuid())} alone (it belongs to "
            f"{user_name(found.st_uid)}, mode {stat.S_IMODE(found.st_mode):o}): another user may "
            "have made it. Look at it, remove it, and run the command again."
        )


def _is_ours(path: Path) -> bool:
    return path.name == ".arcadia" or all(e.name.startswith(OURS) for e in path.iterdir())
