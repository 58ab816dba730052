"""`arcadia psql`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy import URL

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


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["--help"],
    }
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Open psql on the warehouse; ARGUMENTS are psql's own.

    For example: arcadia psql -c 'select kind, count(*) from cloud_resources group by kind'
    """
    import os
    import signal
    import subprocess

    from ..settings import load_settings
    from ..warehouse.engine import warehouse_url

    # The password goes by environment: anybody can read the arguments of a process.
    url = warehouse_url(load_settings())
    environ = {**os.environ, **connection_variables(url)}
    program = find_psql()
    # Ctrl-C is psql's; and we must be here at the end, to let go of the embedded server.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with service_file(url) as more:
            process = subprocess.Popen(
                [program, *arguments],
                env=environ | more,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
            status = process.wait()
        ctx.exit(status)
    finally:
        signal.signal(signal.SIGINT, before)


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
    import shutil

    found = shutil.which("psql")
    if found is not None:
        return found
    from ..warehouse.embedded_server import shipped_programs

    return str(shipped_programs() / "psql")
