"""`arcadia alarms`."""

from __future__ import annotations

import click

from .output import echo, list_formats, print_objects
from .surroundings import the_warehouse


@click.group()
def alarms() -> None:
    """Show what is wrong, and tell people of it."""


@alarms.command("list")
@click.option("--all", "everything", is_flag=True, help="Ended ones too, the newest first.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@list_formats
def list_alarms_command(everything: bool, limit: int, format_: str | None) -> None:
    """List open alarms, the worst first."""
    from ..alarms.state import Episode, newest_alarms, open_alarms

    warehouse = the_warehouse()
    warehouse.check_migrated()
    found = newest_alarms(warehouse, limit) if everything else open_alarms(warehouse)[:limit]
    if format_:
        print_objects(Episode, found, format_)
        return
    for episode in found:
        since = f"{episode.opened_at:%Y-%m-%d %H:%M}"
        until = f" to {episode.closed_at:%Y-%m-%d %H:%M}" if episode.closed_at else ""
        mark = "✓" if episode.closed_at else "✗"
        echo(f"{mark} {episode.severity} · {episode.subject}: {episode.text}")
        echo(f"    since {since}{until} UTC" if not until else f"    {since}{until} UTC")
        if episode.advice and not episode.closed_at:
            echo(f"    → {episode.advice}")
    if not found:
        echo("No alarm is open." if not everything else "There was no alarm yet.")


@alarms.command()
def tell() -> None:
    """Look once and tell what is due, for a cron job beside or without `arcadia up`."""
    from ..operations.watch import look_once
    from ..settings import load_settings

    looked = look_once(load_settings())
    if looked is None:
        raise click.ClickException("The warehouse cannot be used: run `arcadia doctor`.")
    if not looked.turn:
        echo("Another process is looking for alarms right now.")
    for name, reason in looked.unanswered.items():
        echo(f"– {name}: could not be checked: {reason}")
    for channel, error in looked.delivered.items():
        echo(f"✗ {error}" if error else f"✓ notified {channel}")
    if any(looked.delivered.values()):
        raise click.exceptions.Exit(1)


@alarms.command()
def watch_command() -> None:
    """Look once a minute until stopped, and tell; `arcadia up` runs it."""
    import logging
    import signal
    import threading

    from ..operations.watch import watch

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    watch(stop)
