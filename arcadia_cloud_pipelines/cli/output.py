"""The one way to a terminal: lines and tables in which foreign text is only shown.

Names come from an account that others write to. Nothing in them moves the cursor, colours what
follows or makes a line of its own, whether the output is a terminal or a pipe.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from ..common import foreign_text

if TYPE_CHECKING:
    from rich.table import Table

PIPE_WIDTH = 10_000
"""Width for a pipe, so that it gets a line for each row."""


def echo(text: str = "", *, mark: str = "", err: bool = False, fg: str | None = None) -> None:
    r"""Show one line.

    Args:
        text: may hold foreign text; a new line in it is shown as `\n`.
        mark: of our own, such as a coloured sign; stands before the text as it is.
        err: on standard error.
        fg: colour of the text.
    """
    click.echo(mark + click.style(foreign_text.line(text), fg=fg), err=err)


def make_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = (),
    title: str | None = None,
) -> Table:  # fmt: skip
    """Return a table whose cells are shown as they are: no markup, no emoji, no escape sequence."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in right else "left")
    for row in rows:
        made.add_row(*(Text(foreign_text.line(cell)) for cell in row))
    return made


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = ()
) -> None:
    """Show a table for people."""
    from rich.console import Console

    console = Console(highlight=False)
    made = make_table(columns, rows, right=right)
    if console.is_terminal:
        console.print(made)
        return
    console = Console(highlight=False, width=PIPE_WIDTH)
    with console.capture() as captured:
        console.print(made)
    # rich fills each line up to the width of the longest.
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def list_formats(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--json` and `--csv` to a command that lists; it gets `format_`, None for a table."""
    for name, text in (
        ("csv", "As CSV with a header, nulls as nothing."),
        ("json", "As a JSON list; money is text."),
    ):
        option = click.option(f"--{name}", "format_", flag_value=name, default=None, help=text)
        command = option(command)
    return command


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], format_: str) -> None:
    r"""Show rows for programs, a line each, as `arcadia query` does.

    Values are raw: no words for people, no thousands separators. Without rows there is still a
    header, or an empty list. A new line in a name is `\n` in CSV too, so that a row is a line.
    """
    from ..marts.reading import Rows
    from ..marts.writing import WRITERS

    shown = [[_one_line(cell) for cell in row] for row in rows] if format_ == "csv" else list(rows)
    WRITERS[format_](Rows(columns, (), iter([shown])), sys.stdout)


def _one_line(cell: Any) -> Any:
    return foreign_text.line(cell) if isinstance(cell, str) else cell


def print_objects(made_of: type[Any], objects: Iterable[Any], format_: str) -> None:
    """Show instances of one dataclass for programs; its fields are the columns."""
    columns = [field.name for field in fields(made_of)]
    print_rows(columns, ([getattr(one, name) for name in columns] for one in objects), format_)
