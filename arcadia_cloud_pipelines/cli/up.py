"""`arcadia up`."""

from __future__ import annotations

import os
import sys

import click

from .output import echo


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), default=3000, show_default=True,
    help="Port of the Dagster UI.",
)  # fmt: skip
def up_command(port: int) -> None:
    """Run everything on this machine: Dagster UI, daemon, schedules."""
    from ..operations.deployment import up
    from ..settings import load_settings

    up(load_settings(), port=port, say=say)


def say(text: str) -> None:
    """Show one line; called from several threads."""
    from ..operations import json_lines

    try:
        if json_lines.wanted():
            click.echo(json_lines.json_line("arcadia", text))
        else:
            echo(text, mark=f"{click.style('arcadia', fg='cyan')}  ")
    except OSError:
        # The terminal was closed, or who read the pipe is gone. What is still buffered would be
        # an error once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
