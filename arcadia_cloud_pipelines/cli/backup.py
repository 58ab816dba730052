"""`arcadia backup` and `arcadia restore`."""

from __future__ import annotations

from pathlib import Path

import click

from .output import echo
from .surroundings import the_warehouse

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
def backup_command(file: Path) -> None:
    """Write a backup of the warehouse into FILE.

    FILE is there whole or as it was before: the backup is read through before it takes its place.
    """
    from ..warehouse.backups import backup

    warehouse = the_warehouse()
    size = backup(warehouse, file)
    echo(f"{size:,} bytes of {warehouse.place} in {file}")


@click.command()
@click.argument("file", type=_FILE)
def restore_command(file: Path) -> None:
    """Restore the backup in FILE into an empty warehouse, and bring that to this release.

    All of it or nothing: a file that is not whole is refused before anything is written.
    """
    from ..warehouse.backups import restore

    warehouse = the_warehouse()
    revision = restore(warehouse, file)
    echo(f"{warehouse.place} has what was in {file}, with schema {revision}")
