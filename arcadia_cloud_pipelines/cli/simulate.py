"""`arcadia simulate`."""

from __future__ import annotations

import click


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=4010,
    show_default=True,
    help="Port; 0 for any free one.",
)
@click.option("--droplets", default=25, show_default=True, help="Size of the account.")
@click.option("--seed", default=7, show_default=True, help="Which account; same seed, same ids.")
@click.option("--live", is_flag=True, help="Its clock is the real one, and things happen.")
@click.option(
    "--resume",
    is_flag=True,
    help="Serve the account of `make demo` and `make up`, as old as they left it, and let it live.",
)
def simulate(host: str, port: int, droplets: int, seed: int, live: bool, resume: bool) -> None:
    """Serve a simulated DigitalOcean account until Ctrl-C."""
    if resume and live:
        raise click.UsageError("--resume already lets the account live: leave --live out")
    if droplets < 1:
        raise click.UsageError("--droplets must be at least 1")
    try:
        if resume:
            _resume(host, port)
        else:
            from ..simulator import run_simulator

            run_simulator(host, port, droplets, seed, live, on_ready=_explain)
    except OSError as error:
        from ..common.listening import why_not

        raise click.ClickException(
            f"The simulator cannot listen on port {port} of {host}, because "
            f"{why_not(host, port, error)}: stop what uses it, or choose another with --port."
        ) from None


def _explain(url: str, token: str) -> None:
    click.echo(f"A simulated DigitalOcean account is at {url}")
    click.echo("To use it, in another terminal:\n")
    click.echo(f"  export DO_API_URL={url} DO_API_TOKEN={token}")
    click.echo('  curl -H "Authorization: Bearer $DO_API_TOKEN" $DO_API_URL/v2/droplets\n')
    click.echo("Ctrl-C stops it.")


def _resume(host: str, port: int) -> None:
    import signal
    import threading

    from ..operations.home import Home
    from ..operations.simulated import live, open_account
    from ..settings import load_settings
    from ..simulator import serve

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    home = Home(load_settings().home)
    home.make()
    account = open_account(home)
    with serve(account, port, host, control=True) as server:
        _explain(server.url, server.token)
        live(home, account, stop)
