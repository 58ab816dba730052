"""`arcadia api`."""

from __future__ import annotations

import click


@click.command()
@click.option("--host", help="Address to listen on; ARCADIA_API_HOST or 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(1, 65535), help="ARCADIA_API_PORT or 4005 by default.")
def api(host: str | None, port: int | None) -> None:
    """Serve the HTTP API alone."""
    from ..api.server import ServerError, run
    from ..settings import load_settings

    try:
        run(load_settings(), host, port)
    except ServerError as error:
        raise click.ClickException(str(error)) from None
