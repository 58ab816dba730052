"""The one way to a terminal: lines and tables in which foreign text is only shown.

Names come from an account that others write to. Nothing in them moves the cursor, colours what
follows or makes a line of its own, whether the output is a terminal or a pipe.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import click

from .. import foreign_text

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
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_WIDTH)
    console.print(make_table(columns, rows, right=right))
