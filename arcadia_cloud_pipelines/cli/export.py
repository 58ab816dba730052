"""`arcadia export`: the views of the schema `marts` as files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import echo
from .surroundings import the_warehouse

if TYPE_CHECKING:
    from ..marts.focus import Export


class _Export(click.Group):
    """Exports all marts unless the first word is a command of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["marts", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Export)
def export() -> None:
    """Write marts as files: `arcadia export FOLDER` writes all, `focus` what cost tools import.

    A file is there whole or as it was before: it is written beside its place and then moved.
    """


@export.command("marts")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "format_", type=click.Choice(("parquet", "csv", "json")),
              default="parquet")  # fmt: skip
def marts(folder: Path, format_: str) -> None:
    """Write every mart into FOLDER, a file each."""
    from ..marts import reading, writing

    folder.mkdir(parents=True, exist_ok=True)
    warehouse = the_warehouse()
    for name in reading.names():
        path = folder / f"{name}.{format_}"
        with reading.read_mart(warehouse, reading.find(name)) as rows:
            echo(f"{writing.write_file(rows, format_, path):>12,} rows in {path}")


def _month(_ctx: click.Context, _param: click.Parameter, value: str) -> date:
    from ..common.times import parse_month

    month = parse_month(value)
    if month is None:
        raise click.BadParameter(f"{value!r} must be a month, such as 2026-10.")
    return month


@export.command("focus")
@click.option("--version", type=click.Choice(("1.4", "1.2")), default="1.4", show_default=True)
@click.option(
    "--period",
    callback=_month,
    required=True,
    metavar="YYYY-MM",
    help="The month billed, such as 2026-10.",
)
@click.option("--format", "format_", type=click.Choice(("csv", "parquet")), default="csv",
              show_default=True)  # fmt: skip
@click.option("--output", "folder", type=click.Path(file_okay=False, path_type=Path),
              help="Folder of the files; focus-VERSION-PERIOD by default.")  # fmt: skip
@click.option("--max-rows", type=click.IntRange(1), help="At most so many rows in a file.")
@click.option("--max-bytes", type=click.IntRange(1), help="At most so many bytes in a file.")
def focus(
    version: str, period: date, format_: str, folder: Path | None, max_rows: int | None,
    max_bytes: int | None,
) -> None:  # fmt: skip
    """Write a month as FOCUS, the form that tools of many clouds import.

    1.4 has three datasets, which refer to each other, and 1.2 has one. `manifest.json` names the
    files with rows, bytes, SHA-256 and the sum of BilledCost. For tools that limit an upload,
    --max-rows and --max-bytes split a dataset into several files.
    """
    from ..marts.focus import export_focus
    from ..marts.focus_files import Limits

    folder = folder or Path(f"focus-{version}-{period:%Y-%m}")
    limits = Limits(max_rows, max_bytes)
    done = export_focus(the_warehouse(), version, period, format_, folder, limits)
    for file in done.files:
        echo(f"{file.rows:>12,} rows in {folder / file.name}")
    _tell(done, period)


def _tell(done: Export, period: date) -> None:
    echo(f"${done.billed_cost:,} billed for {period:%Y-%m}, as of {done.as_of:%Y-%m-%d %H:%M} UTC.")
    if not done.complete:
        echo(
            f"{period:%Y-%m} is not complete: it is still open, or an invoice of it is not read. "
            "Export it again when `arcadia query billing_months` says that it is complete.",
            err=True,
        )
