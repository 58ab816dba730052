"""`arcadia psql`."""

from __future__ import annotations

import click

from .output import echo


@click.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["--help"],
    }
)
@click.option("--url", "print_url", is_flag=True,
              help="Print the warehouse's address, with its password; of the embedded server by "
              "TCP, where ARCADIA_EMBEDDED_PORT asks for that.")  # fmt: skip
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(ctx: click.Context, arguments: tuple[str, ...], print_url: bool) -> None:
    """Open psql on the warehouse; ARGUMENTS are psql's own.

    For example: arcadia psql -c 'select kind, count(*) from cloud_resources group by kind'
    """
    import os
    import signal
    import subprocess

    from ..settings import load_settings
    from ..warehouse.embedded import embedded_postgres
    from ..warehouse.engine import warehouse_url
    from ..warehouse.programs import connection_variables, find_psql, service_file

    # The password goes by environment: anybody can read the arguments of a process.
    settings = load_settings()
    url = warehouse_url(settings)
    if print_url:
        if settings.database_url is None:
            url = embedded_postgres(settings.home).address()
        echo(url.set(drivername="postgresql").render_as_string(hide_password=False))
        return
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
