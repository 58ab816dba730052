"""The embedded server on a port of this machine, when `ARCADIA_EMBEDDED_PORT` asks for it.

For programs that cannot use its socket, such as a BI tool. Only 127.0.0.1 listens. Only members of
`arcadia_reader` and `arcadia_tenant` get in, only into the warehouse, and only with a password:
`arcadia_connect`, whose password is made here and lies in a private file, or a login that somebody
made for a program. The superuser does not, nor whoever has no password. Without the variable, the
next start of the server is closed again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import socket
from contextlib import suppress
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import encrypt_password

from ..common.folders import check_owner
from ..common.listening import why_not
from ..settings.secret import Secret
from ..settings.values import EMBEDDED_PORT
from .grants import READER, TENANT

LOGIN = "arcadia_connect"
HOST = "127.0.0.1"
_BYTES = 32


class PortUnusable(Exception):
    """The port, or the file of its password, cannot be used; the text says what to do."""


def access_rules(database: str) -> str:
    """Return the lines of pg_hba.conf that let readers in by TCP, and nobody else."""
    return (
        "host  all  postgres  all  reject\n"
        f"host  {database}  +{READER},+{TENANT}  {HOST}/32  scram-sha-256\n"
        "host  all  all  all  reject\n"
    )


def check_free(port: int) -> None:
    """Make sure that the port can be bound.

    Raises:
        PortUnusable: it cannot.
    """
    try:
        socket.create_server((HOST, port)).close()
    except (OSError, OverflowError) as error:
        raise PortUnusable(
            f"The embedded PostgreSQL cannot listen on port {port} of {HOST}, because "
            f"{why_not(HOST, port, error)}: stop what uses it, or set {EMBEDDED_PORT} to another."
        ) from None


def password_file(home: Path) -> Path:
    """Return where the password of `arcadia_connect` lies."""
    return home / "postgres.password"


def read_password(home: Path) -> Secret:
    """Return the password of `arcadia_connect`; made where there is none.

    Raises:
        PortUnusable: others may read the file, or it is empty.
        FolderError: it is another user's.
    """
    path = password_file(home)
    with suppress(FileExistsError):
        # Whole, or not there: a process that is ended in between leaves no empty password.
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{secrets.token_urlsafe(_BYTES)}\n")
            os.link(part, path)
        finally:
            part.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(descriptor) as file:
        found = os.fstat(descriptor)
        check_owner(path, found)
        if found.st_mode & 0o077:
            raise PortUnusable(
                f"Other users may read {path}, which holds a password: remove it, and a new one "
                "is made at the next start."
            )
        text = file.read().strip()
    if not text:
        raise PortUnusable(f"{path} is empty: remove it, and a new password is made.")
    return Secret(text)


def ensure_login(connection: psycopg2.extensions.connection, home: Path) -> None:
    """Have `arcadia_connect` log in with the password of its file, as a reader and nothing more.

    Args:
        connection: the superuser's, by the socket, in autocommit.
        home: with the file.
    """
    password = read_password(home).reveal()
    with connection.cursor() as cursor:
        for role, options in ((READER, "NOLOGIN"), (LOGIN, "LOGIN")):
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
            if cursor.fetchone() is None:
                with suppress(psycopg2.errors.DuplicateObject, psycopg2.errors.UniqueViolation):
                    cursor.execute(
                        sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), sql.SQL(options))
                    )
        cursor.execute(
            "SELECT rolpassword, rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb"
            " OR rolreplication OR rolbypassrls) AND pg_has_role(oid, CAST(%s AS name), 'USAGE')"
            " FROM pg_authid WHERE rolname = %s",
            (READER, LOGIN),
        )
        stored, is_reader = cursor.fetchone() or (None, False)
        if is_reader and _is_of(stored, password):
            return
        # Only its digest reaches the server, whose log may keep statements.
        digest = encrypt_password(password, LOGIN, connection, "scram-sha-256")
        cursor.execute(
            sql.SQL(
                "ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS "
                "PASSWORD {}"
            ).format(sql.Identifier(LOGIN), sql.Literal(digest))
        )
        cursor.execute(
            sql.SQL("GRANT {} TO {}; ALTER ROLE {} SET timezone = 'UTC'").format(
                sql.Identifier(READER), sql.Identifier(LOGIN), sql.Identifier(LOGIN)
            )
        )


def _is_of(stored: str | None, password: str) -> bool:
    """Return whether a stored digest is of this password (RFC 5803)."""
    try:
        mechanism, parameters, keys = (stored or "").split("$")
        iterations, salt = parameters.split(":")
        stored_key = base64.b64decode(keys.split(":")[0])
        salted = hashlib.pbkdf2_hmac(
            "sha256", password.encode(), base64.b64decode(salt), int(iterations)
        )
    except ValueError:
        return False
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return mechanism == "SCRAM-SHA-256" and hmac.compare_digest(
        hashlib.sha256(client_key).digest(), stored_key
    )
