"""`arcadia costs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import echo, list_formats, print_objects, print_table
from .surroundings import the_warehouse

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
    from ..allocation.allocate import TenantChange, allocate
    from ..allocation.rules import VARIABLE
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    settings = load_settings()
    done = allocate(open_warehouse(settings), file or settings.allocation_rules, dry_run=dry_run)
    if format_:
        print_objects(TenantChange, done.differences, format_)
        return
    _show(done, dry_run)
    if file is None or dry_run:
        return
    if settings.allocation_rules is None:
        echo(f"They stay until others are applied. Set {VARIABLE} to this file to apply it always.")
    elif settings.allocation_rules.resolve() != file.resolve():
        echo(f"Note: the next run applies {settings.allocation_rules} ({VARIABLE}).")


@costs.command("rebuild")
@click.option("--period", metavar="YYYY-MM", help="The invoices of this month alone.")
@click.option(
    "--invoice", "invoices", multiple=True, help="This invoice alone: its uuid or printed number."
)
@list_formats
def rebuild_lines(period: str | None, invoices: tuple[str, ...], format_: str | None) -> None:
    """Make invoice lines again from the originals that are kept, without asking DigitalOcean.

    For lines that were lost, edited or read by earlier rules. Each invoice's lines are replaced in
    one transaction and matched anew.
    """
    from ..billing.rebuild import Rebuilt, rebuild
    from ..common.times import parse_month

    month = parse_month(period) if period is not None else None
    if period is not None and month is None:
        raise click.BadParameter("--period must be a month such as 2026-10", param_hint="--period")
    done = rebuild(the_warehouse(), period=month, invoices=invoices)
    if format_:
        print_objects(Rebuilt, done, format_)
        return
    print_table(
        ("month", "invoice", "lines", "USD", "note"),
        [
            (f"{one.period:%Y-%m}", one.invoice_uuid, f"{one.lines:,}", f"{one.total:,f}",
             one.note or "")
            for one in done
        ],
        right=("lines", "USD"),
    )  # fmt: skip


def _show(done: Allocated, dry_run: bool) -> None:
    from ..allocation.rule_file import describe_rule

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
        echo(f"{describe_rule(unused.number, unused.rule)} decides nothing: {why}.", fg="yellow")
    months = len({(one.account, one.period) for one in done.differences})
    told = f"{done.entries:,} lines by {len(done.file.rule):,} rules; {months:,} months"
    echo(f"{told} would change; nothing was stored." if dry_run else f"{told} changed.")
