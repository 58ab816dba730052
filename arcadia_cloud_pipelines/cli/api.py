"""`arcadia api`: the HTTP API, and tokens for the demo's."""

from __future__ import annotations

import click

from .output import echo


@click.group(invoke_without_command=True)
@click.option("--host", help="Address to listen on; ARCADIA_API_HOST or 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(1, 65535), help="ARCADIA_API_PORT or 4005 by default.")
@click.pass_context
def api(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Serve the HTTP API alone."""
    if ctx.invoked_subcommand is not None:
        return
    from ..api.server import ApiStartError, run_api
    from ..settings import load_settings

    try:
        run_api(load_settings(), host, port)
    except ApiStartError as error:
        raise click.ClickException(str(error)) from None


@api.command()
@click.option("--tenant", help="Whose rows it may see, by tenant id; everything by default.")
@click.option("--minutes", default=60, show_default=True, type=click.IntRange(1, 720))
def token(tenant: str | None, minutes: int) -> None:
    r"""Print a token for the API of `arcadia up` with the simulator.

    \b
    curl -H "Authorization: Bearer $(arcadia api token)" http://127.0.0.1:4005/api/v1/inventory

    Never for a real account: there tokens come from Guardian.
    """
    from datetime import timedelta

    from ..common.times import utc_now
    from ..operations.home import Home
    from ..operations.local_tokens import sign
    from ..settings import load_settings

    settings = load_settings()
    lifetime = timedelta(minutes=minutes)
    signed = sign(settings, Home(settings.home), tenant=tenant, lifetime=lifetime, now=utc_now())
    echo(signed)
