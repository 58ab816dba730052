"""PostgreSQL's own programs: which one to start, and how it learns where the warehouse is.

The password goes by environment: anybody can read the arguments of a process.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL

from .embedded_programs import MAJOR, shipped_programs

# libpq's parameters and the variables it reads them from (PostgreSQL manual, "Environment
# Variables" in the libpq chapter).
_VARIABLES = {
    "application_name": "PGAPPNAME",
    "channel_binding": "PGCHANNELBINDING",
    "client_encoding": "PGCLIENTENCODING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "dbname": "PGDATABASE",
    "gssencmode": "PGGSSENCMODE",
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "krbsrvname": "PGKRBSRVNAME",
    "options": "PGOPTIONS",
    "passfile": "PGPASSFILE",
    "password": "PGPASSWORD",
    "port": "PGPORT",
    "require_auth": "PGREQUIREAUTH",
    "requirepeer": "PGREQUIREPEER",
    "service": "PGSERVICE",
    "sslcert": "PGSSLCERT",
    "sslcrl": "PGSSLCRL",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "user": "PGUSER",
    "gssdelegation": "PGGSSDELEGATION",
    "gsslib": "PGGSSLIB",
    "load_balance_hosts": "PGLOADBALANCEHOSTS",
    "max_protocol_version": "PGMAXPROTOCOLVERSION",
    "min_protocol_version": "PGMINPROTOCOLVERSION",
    "servicefile": "PGSERVICEFILE",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "sslcertmode": "PGSSLCERTMODE",
    "sslcompression": "PGSSLCOMPRESSION",
    "sslcrldir": "PGSSLCRLDIR",
    "sslkeylogfile": "PGSSLKEYLOGFILE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslsni": "PGSSLSNI",
}


class ProgramTooOld(Exception):
    """No program here is as new as the server; the text says what to install."""


@contextmanager
def service_file(url: URL) -> Iterator[dict[str, str]]:
    """Keep parameters that no variable stands for, such as `sslpassword`, in a private file.

    Yields:
        The variables that name the file; none where every parameter has a variable of its own.
    """
    rest = {k: v for k, v in _parameters(url).items() if k not in _VARIABLES}
    if not rest or "service" in _parameters(url):
        yield {}
        return
    with tempfile.NamedTemporaryFile("w", prefix="arcadia-", suffix=".conf") as file:
        file.write("[arcadia]\n" + "".join(f"{k}={v}\n" for k, v in rest.items()))
        file.flush()
        yield {"PGSERVICEFILE": file.name, "PGSERVICE": "arcadia"}


def connection_variables(url: URL) -> dict[str, str]:
    """The libpq variables that stand for a URL of ours."""
    parameters = _parameters(url)
    return {_VARIABLES[name]: value for name, value in parameters.items() if name in _VARIABLES}


def _parameters(url: URL) -> dict[str, str]:
    parameters = {
        name: value if isinstance(value, str) else ",".join(value)
        for name, value in url.query.items()
    }
    parts = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.database,
    }
    return parameters | {name: str(part) for name, part in parts.items() if part is not None}


def find_psql() -> str:
    """The psql of this machine, else the one that came with the embedded server."""
    return shutil.which("psql") or str(shipped_programs() / "psql")


def find_program(name: str, server: int) -> str:
    """Return a program that is as new as the server: an older one refuses it, or writes nonsense.

    Args:
        name: such as pg_dump.
        server: major version of the server.

    Raises:
        ProgramTooOld: neither the program that came with this release nor the machine's is.
    """
    if int(MAJOR) >= server:
        return str(shipped_programs() / name)
    found = shutil.which(name)
    if found is not None and _major_of(found) >= server:
        return found
    raise ProgramTooOld(
        f"The server is PostgreSQL {server}, and {name} of this release is {MAJOR}: install the "
        f"client programs of PostgreSQL {server}, so that `{name} --version` says so."
    )


def _major_of(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", said.stdout)
    return int(found[1]) if found else 0
