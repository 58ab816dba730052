"""Backups of the warehouse: a file that is whole or not there, and a database likewise.

pg_dump's custom format. Each file is read through once before it counts: a dump that was cut, or
one of a full disk, is found when it is made and not when it is needed.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import sqlalchemy as sa

from .engine import Warehouse
from .migrate import migrate
from .programs import ProgramTooOld, connection_variables, find_program, service_file

ROLES = ("arcadia_reader", "arcadia_tenant")
"""Roles that a backup grants to. A backup of a database holds no roles."""


class BackupError(Exception):
    """A backup cannot be made or restored; the text says why, and nothing was changed."""


def backup(warehouse: Warehouse, file: Path) -> int:
    """Write a backup and return its size in bytes; a file of that name is replaced at the end.

    Raises:
        BackupError: there is no such folder, pg_dump is too old or failed, or what it wrote is not
            whole.
    """
    if not file.parent.is_dir():
        raise BackupError(f"The folder {file.parent} does not exist: make it, or choose another.")
    warehouse.check_migrated()
    part = file.with_name(f".{file.name}.part")
    try:
        # Nobody else reads what the account holds.
        part.touch(mode=0o600)
        _run(warehouse, "pg_dump", "--format=custom", f"--file={part}")
        check_whole(warehouse, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(warehouse: Warehouse, file: Path) -> str:
    """Restore a backup into an empty database, bring it to this release, and return its schema.

    Raises:
        BackupError: the file is not whole, the database is not empty, a role is missing, or
            pg_restore failed. The database is as it was.
    """
    check_whole(warehouse, file)
    with warehouse.transaction() as connection:
        _check_empty(connection, warehouse)
        _make_roles(connection)
    name = f"--dbname={warehouse.engine.url.database}"
    _run(warehouse, "pg_restore", "--single-transaction", "--no-owner", name, str(file))
    _, revision = migrate(warehouse)
    return revision


def check_whole(warehouse: Warehouse, file: Path) -> None:
    """Read a backup through to its end.

    Raises:
        BackupError: it is not a backup, or only a part of one.
    """
    if not file.is_file():
        raise BackupError(f"The file {file} does not exist: check the path.")
    try:
        _run(warehouse, "pg_restore", "--file=/dev/null", str(file))
    except BackupError as error:
        raise BackupError(
            f"{file} is not a complete backup, so take another one: {error}"
        ) from None


def _check_empty(connection: sa.Connection, warehouse: Warehouse) -> None:
    found = connection.scalar(
        sa.text(
            "SELECT min(c.oid::regclass::text) FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('public', 'marts') AND c.relkind IN ('r', 'v', 'm', 'S')"
        )
    )
    if found is not None:
        raise BackupError(
            f"The warehouse {warehouse.place} is not empty (it holds {found}): restore into an "
            "empty database, which ARCADIA_DATABASE_URL or another ARCADIA_HOME names."
        )


def _make_roles(connection: sa.Connection) -> None:
    missing = [
        role
        for role in ROLES
        if connection.scalar(sa.text("SELECT to_regrole(:role)"), {"role": role}) is None
    ]
    may_create = connection.scalar(
        sa.text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    )
    if missing and not may_create:
        wanted = " ".join(f"CREATE ROLE {role} NOLOGIN;" for role in missing)
        raise BackupError(
            f"The roles {wanted}, which the backup grants rights to, do not exist here: let an "
            "administrator create them (CREATE ROLE name NOLOGIN)."
        )
    for role in missing:
        connection.execute(sa.text(f"CREATE ROLE {role} NOLOGIN"))


def _run(warehouse: Warehouse, program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the warehouse.

    Raises:
        BackupError: none is new enough, or it failed; with the first thing it said.
    """
    url = warehouse.engine.url
    with warehouse.transaction() as connection:
        number = connection.scalar(sa.text("SELECT current_setting('server_version_num')"))
    try:
        found = find_program(program, int(str(number)) // 10_000)
    except ProgramTooOld as error:
        raise BackupError(str(error)) from None
    with service_file(url) as more:
        done = subprocess.run(
            [found, "--no-password", *arguments],
            env={"PATH": "/usr/bin:/bin"} | connection_variables(url) | more,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"{program} ended with {done.returncode}"]
        raise BackupError(lines[0])
