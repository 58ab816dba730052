"""`arcadia query`: the views of the schema `marts`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import echo, print_table
from .surroundings import the_warehouse

if TYPE_CHECKING:
    from ..marts.reading import Rows

SHOWN = 50
"""Rows of a table for people; the other formats are whole."""


@click.command()
@click.argument("name", required=False)
@click.option(
    "--format", "format_", type=click.Choice(("table", "csv", "json", "parquet")), default="table"
)
@click.option("--json", "format_", flag_value="json", help="The same as --format json.")
@click.option("--csv", "format_", flag_value="csv", help="The same as --format csv.")
@click.option("--limit", type=click.IntRange(0), help="At most so many rows.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a file.")
def query_command(name: str | None, format_: str, limit: int | None, output: Path | None) -> None:
    """Print a mart, such as `cost_by_project`; without a name list them all.

    A table shows 50 rows unless --limit says otherwise; the other formats are whole. `arcadia psql`
    asks anything else of the same views.
    """
    from ..marts import reading, writing

    if name is None:
        _list()
        return
    view = reading.find(name)
    if format_ == "parquet" and output is None:
        raise click.UsageError("Parquet cannot be shown at a terminal: name a file with --output.")
    if format_ == "table" and limit is None:
        limit = SHOWN
    with reading.read_mart(the_warehouse(), view, limit) as rows:
        if format_ == "table":
            _table(rows, limit)
        elif output is None:
            writing.WRITERS[format_](rows, sys.stdout)
        else:
            echo(f"{writing.write_file(rows, format_, output):,} rows in {output}")


def _list() -> None:
    from ..warehouse.views import read_views

    views = sorted(read_views(), key=lambda view: view.name)
    print_table(("mart", "answers"), [(v.name, v.comment.split("?")[0] + "?") for v in views])


def _table(rows: Rows, limit: int | None) -> None:
    from ..marts.writing import mart_text

    shown = [tuple(mart_text(value) for value in row) for row in rows]
    numbers = {
        column
        for column, kind in zip(rows.columns, rows.types, strict=True)
        if kind in ("bigint", "integer", "numeric")
    }
    print_table(rows.columns, shown, right=numbers)
    if len(shown) == limit:
        echo(f"The first {limit:,} rows only; --limit shows more.", err=True)
