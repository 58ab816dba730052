"""`arcadia statements`."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import echo, list_formats, print_objects, print_table
from .surroundings import user

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..allocation.statements import Statement
    from ..warehouse.engine import Warehouse


class _Month(click.ParamType[date]):
    name = "month"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return datetime.strptime(value, "%Y-%m").date()  # noqa: DTZ007
        except ValueError:
            self.fail("name a month such as 2026-10", param, ctx)


@click.group()
def statements() -> None:
    """See and close what tenants pay for a month."""


@statements.command("list")
@click.option("--month", type=_Month(), help="Of one month, such as 2026-10.")
@list_formats
def list_statements_command(month: date | None, format_: str | None) -> None:
    """Show the statements of closed months, and which months could be closed."""
    from ..allocation.proposals import find_proposals
    from ..allocation.statements import Statement, list_statements

    warehouse, _ = _open()
    found = list_statements(warehouse, month)
    if format_:
        print_objects(Statement, found, format_)
        return
    if found:
        _show(found)
    for proposal in find_proposals(warehouse):
        echo(
            f"{proposal.period:%Y-%m} of account {proposal.account} is whole and not closed: "
            f"${proposal.amount:,f}, {proposal.tenants:,} tenants, ${proposal.unallocated:,f} "
            f"nobody's. `arcadia statements close {proposal.period:%Y-%m}` closes it."
        )
    if not found:
        echo("No month is closed.")


@statements.command("close")
@click.argument("month", type=_Month())
@click.option("--actor", help="Who closes it; you by default.")
@click.option("--force", is_flag=True, help="Close it although it is not whole.")
@click.option("--reason", help="Why; kept with the statements. Goes with --force.")
def close(month: date, actor: str | None, force: bool, reason: str | None) -> None:
    """Make the statements of MONTH, such as 2026-10. They never change again.

    What changes later is a correction on the statements of the month closed next. A month is whole
    when it is over, its last invoice has arrived, and every invoice was read and adds up.
    """
    from ..allocation.statements import close_month

    if force != bool(reason and reason.strip()):
        raise click.UsageError(
            "--force needs a reason, and a reason needs --force: give both or none"
        )
    warehouse, rules = _open()
    made = close_month(warehouse, month, actor=actor or user(), path=rules, forced_because=reason)
    _show(made)
    echo(f"Closed {month:%Y-%m}: {len(made):,} statements.")


@statements.command("show")
@click.argument("statement_id", metavar="ID", type=int)
@click.option("--format", "format_", type=click.Choice(("table", "csv", "json", "html")),
              default="table")  # fmt: skip
@click.option("--json", "format_", flag_value="json", help="The same as --format json.")
@click.option("--csv", "format_", flag_value="csv", help="The same as --format csv.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a file.")
def show_statement_command(statement_id: int, format_: str, output: Path | None) -> None:
    """Show the statement ID with its lines; as HTML it is a page to print."""
    from ..allocation.render import statement_text
    from ..allocation.statements import read_statement

    statement, lines = read_statement(_open()[0], statement_id)
    if format_ != "table":
        text = statement_text(statement, lines, format_)
        if output is None:
            sys.stdout.write(text)
        else:
            output.write_text(text, encoding="utf-8")
            echo(f"{len(lines):,} lines in {output}")
        return
    if output is not None:
        raise click.UsageError(
            "A table cannot be written to a file: choose --format csv, json or html"
        )
    _show([statement])
    print_table(
        ("month", "corrects", "project", "product", "what", "rule", "US dollars"),
        [
            (
                f"{line.period:%Y-%m}",
                str(line.corrects_statement_id or "-") if line.is_correction else "",
                line.project_name or "",
                line.product or "",
                line.description or line.name or line.charge,
                line.rule if line.reason is None else f"{line.rule}: {line.reason}",
                f"{line.amount:,f}",
            )
            for line in lines
        ],
        right=("US dollars",),
    )


@statements.command("export")
@click.argument("month", type=_Month())
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "formats", type=click.Choice(("csv", "json", "html")), multiple=True,
              help="Only these; all three by default.")  # fmt: skip
def export_month(month: date, folder: Path, formats: tuple[str, ...]) -> None:
    """Write the statements of MONTH into FOLDER, a file each and format, named by their ids."""
    from ..allocation.render import FORMATS, statement_text
    from ..allocation.statements import list_statements, read_statement

    warehouse, _ = _open()
    folder.mkdir(parents=True, exist_ok=True)
    for one in list_statements(warehouse, month):
        statement, lines = read_statement(warehouse, one.id)
        for format_ in formats or tuple(FORMATS):
            # Not by the tenant: its name is not ours and may hold what a path must not.
            path = folder / f"statement-{month:%Y-%m}-{statement.id}.{format_}"
            path.write_text(statement_text(statement, lines, format_), encoding="utf-8")
            echo(f"{path}: {statement.tenant_id or 'nobody'}, ${statement.total:,f}")


def _open() -> tuple[Warehouse, Path | None]:
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    settings = load_settings()
    return open_warehouse(settings), settings.allocation_rules


def _show(found: Sequence[Statement]) -> None:
    print_table(
        ("id", "month", "tenant", "lines", "amount", "corrections", "total", "closed (UTC)", "by"),
        [
            (
                str(one.id),
                f"{one.period:%Y-%m}" + ("" if one.is_whole else " not whole"),
                one.tenant_id or "(nobody)",
                f"{one.line_count:,}",
                f"{one.amount:,f}",
                f"{one.corrections:,f}",
                f"{one.total:,f}",
                f"{one.closed_at:%Y-%m-%d %H:%M}",
                one.closed_by,
            )
            for one in found
        ],
        right=("lines", "amount", "corrections", "total"),
    )
