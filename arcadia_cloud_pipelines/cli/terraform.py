"""Commands of `arcadia provisioned` about Terraform states: read them, list them, decide."""

from __future__ import annotations

import click

from .output import echo, list_formats, print_rows, print_table
from .surroundings import the_warehouse, user


@click.command()
@click.argument("paths", nargs=-1)
def terraform(paths: tuple[str, ...]) -> None:
    """Record what Terraform states say: PATHS of files, or all that are configured."""
    from ..drift.state_sources import STATES, VARIABLE, Configured, configured_sources
    from ..drift.terraform import record_states
    from ..settings import load_settings

    where = Configured(paths=paths) if paths else configured_sources(load_settings())
    if where.is_empty:
        raise click.UsageError(f"Name a state file, or set {STATES} or {VARIABLE}.")
    result = record_states(
        the_warehouse(), where.paths, sources=where.sources, unusable=where.problems,
        configured=not paths,
    )  # fmt: skip
    echo(
        f"{result.recorded:,} resources described, {result.changed:,} specs changed, "
        f"{result.withdrawn:,} withdrawn; {len(result.not_in_inventory):,} not in the inventory."
    )
    for state in result.files:
        for name, count in sorted(state.unknown_types.items()):
            echo(f"{state.path}: {count:,} of {name}, which nothing is recorded of")
    for problem in result.problems:
        echo(problem.text, fg="red", err=True)
    if result.problems:
        raise SystemExit(1)


@click.command("sources")
@list_formats
def sources_(format_: str | None) -> None:
    """List the Terraform states that specs come from, and what is wrong with each."""
    from ..drift.terraform_decisions import list_sources
    from ..drift.words import drift_text

    found = list_sources(the_warehouse())
    if format_:
        columns = ("source", "path", "serial", "specs", "read_at", "status", "problem")
        print_rows(columns, ([row[column] for column in columns] for row in found), format_)
        return
    if not found:
        echo("No specs come from Terraform states.")
        return
    print_table(
        ("source", "file", "serial", "specs", "read (UTC)", "status", "problem"),
        [
            (
                drift_text(row["source"]), row["path"], drift_text(row["serial"]),
                str(row["specs"]),
                f"{row['read_at']:%Y-%m-%d %H:%M}" if row["read_at"] else "never", row["status"],
                row["problem"] or "",
            )
            for row in found
        ],
    )  # fmt: skip


@click.command("confirm-withdrawal")
@click.argument("source")
@click.option("--actor", help="Who says so; you by default.")
@click.option("--reason", help="Why, for those who read it later.")
def confirm_withdrawal_(source: str, actor: str | None, reason: str | None) -> None:
    """Withdraw the specs that SOURCE no longer says, or all of one that has lost its file."""
    from ..drift.terraform_decisions import confirm_withdrawal

    changed = confirm_withdrawal(the_warehouse(), source, actor=actor or user(), reason=reason)
    echo(f"{source}: {changed:,} specs withdrawn or changed.")


@click.command("reset-serial")
@click.argument("source")
def reset_serial_(source: str) -> None:
    """Take the next state of SOURCE whatever its serial: it was set back on purpose."""
    from ..drift.terraform_decisions import reset_serial

    reset_serial(the_warehouse(), source)
    echo(f"{source}: the next read accepts any serial.")
