"""`arcadia costs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import echo, list_formats, print_objects, print_table

if TYPE_CHECKING:
    from ..allocation.allocate import Allocated


@click.group()
def costs() -> None:
    """Say who pays for what DigitalOcean bills."""


@costs.command("allocate")
@click.option(
    "--rules",
    "file",
    type=click.Path(path_type=Path),
    help="A file of rules in place of the one that ARCADIA_ALLOCATION_RULES names.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would change in which month.")
@list_formats
def allocate_costs(file: Path | None, dry_run: bool, format_: str | None) -> None:
    """Give each invoice line to those who pay, by the rules, in all months.

    Without a file of rules, those that were applied last are applied again. The asset
    cost_allocations does the same every day. Statements of closed months stay as they are: what
    changes is a correction on the next ones. `arcadia query cost_by_tenant` shows the result.
    """
    from ..allocation.allocate import Difference, allocate
    from ..allocation.rules import VARIABLE
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    settings = load_settings()
    done = allocate(open_warehouse(settings), file or settings.allocation_rules, dry_run=dry_run)
    if format_:
        print_objects(Difference, done.differences, format_)
        return
    _show(done, dry_run)
    if file is None or dry_run:
        return
    if settings.allocation_rules is None:
        echo(f"They hold until others are applied. Set {VARIABLE} to have the file followed.")
    elif settings.allocation_rules.resolve() != file.resolve():
        echo(f"Note: the next run applies {settings.allocation_rules} ({VARIABLE}).")


def _show(done: Allocated, dry_run: bool) -> None:
    from ..allocation.rules import describe

    if done.differences:
        print_table(
            ("month", "account", "who", "before", "after"),
            [
                (
                    f"{one.period:%Y-%m}",
                    one.account,
                    one.tenant_id or f"(nobody: {one.reason})",
                    f"{one.before:,f}",
                    f"{one.after:,f}",
                )
                for one in done.differences
            ],
            right=("before", "after"),
        )
    for unused in done.unused:
        why = "earlier rules decide for all that it matches" if unused.shadowed else "no line"
        echo(f"{describe(unused.number, unused.rule)} decides nothing: {why}.", fg="yellow")
    months = len({(one.account, one.period) for one in done.differences})
    told = f"{done.entries:,} lines by {len(done.file.rule):,} rules; {months:,} months"
    echo(f"{told} would change; nothing was stored." if dry_run else f"{told} changed.")
