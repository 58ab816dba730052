"""`arcadia projects`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import echo, list_formats, print_objects, print_table
from .surroundings import the_warehouse

if TYPE_CHECKING:
    from ..inventory.classify import Applied


@click.group()
def projects() -> None:
    """See the projects, and say whose they are and what they are for."""


@projects.command("list")
@list_formats
def list_projects_command(format_: str | None) -> None:
    """Show every live project with its classification, and whether by hand or by a rule."""
    from ..inventory.classify import Project, list_projects

    found = list_projects(the_warehouse())
    if format_:
        print_objects(Project, found, format_)
        return
    if not found:
        echo("No project is known: materialise the asset `projects` first.")
        return
    print_table(
        ("project", "uuid", "environment", "tenant", "purpose", "resources"),
        [
            (
                project.name,
                project.provider_id,
                project.environment or "",
                _with_origin(project.tenant_id, project.tenant_id_by),
                _with_origin(project.purpose, project.purpose_by),
                f"{project.resources:,}",
            )
            for project in found
        ],
        right=("resources",),
    )


def _with_origin(value: str | None, by: str | None) -> str:
    """A value and who set it; nothing where nobody did."""
    return "" if by is None else f"{value or 'none'} (by {by})"


@projects.command()
@click.argument("project", required=False)
@click.option("--tenant", help='The tenant it belongs to; "" is none.')
@click.option("--purpose", help='What it is for; "" is none.')
@click.option("--tenant-by-rules", is_flag=True, help="Leave the tenant to the rules again.")
@click.option("--purpose-by-rules", is_flag=True, help="Leave the purpose to the rules again.")
@click.option(
    "--rules",
    "file",
    type=click.Path(path_type=Path),
    help="Instead of a PROJECT: apply this file of rules to all.",
)
@click.option("--dry-run", is_flag=True, help="With --rules: only show what would change.")
def classify_command(
    project: str | None,
    tenant: str | None,
    purpose: str | None,
    tenant_by_rules: bool,
    purpose_by_rules: bool,
    file: Path | None,
    dry_run: bool,
) -> None:
    """Say whose PROJECT (its name or uuid) is, and what it is for.

    The tenant sees what is in the project through the HTTP API.

    What is said here is set by hand, and rules never change it: --tenant "" takes the project from
    its tenant, and no rule gives it back. --tenant-by-rules does: from then on the tenant is what
    ARCADIA_PROJECT_RULES says, and none while no rule gives one.

    With --rules FILE, every project gets what the rules say, where it was not set by hand; what an
    earlier rule set and the file does not give is taken back. Each sync of the projects does the
    same with the file that ARCADIA_PROJECT_RULES names.
    """
    if file is not None:
        if project is not None or tenant is not None or purpose is not None:
            raise click.UsageError(
                "--rules is for all projects: leave PROJECT and the other options out"
            )
        if tenant_by_rules or purpose_by_rules:
            raise click.UsageError("--rules is for all projects: leave the other options out")
        _apply_rules(file, dry_run)
        return
    if dry_run:
        raise click.UsageError("--dry-run has a meaning only with --rules: give both")
    if project is None:
        raise click.UsageError("name a PROJECT, or give --rules FILE")
    _classify_one(project, tenant, purpose, tenant_by_rules, purpose_by_rules)


def _classify_one(
    project: str,
    tenant: str | None,
    purpose: str | None,
    tenant_by_rules: bool,
    purpose_by_rules: bool,
) -> None:
    from ..inventory.classify import classify_project
    from ..inventory.rules import read_project_rules
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    left = []
    for option, field, value, by_rules in (
        ("tenant", "tenant_id", tenant, tenant_by_rules),
        ("purpose", "purpose", purpose, purpose_by_rules),
    ):
        if by_rules and value is not None:
            raise click.UsageError(
                f"--{option} and --{option}-by-rules cannot be used together: give one"
            )
        left += [field] * by_rules
    if tenant is None and purpose is None and not left:
        raise click.UsageError("Nothing would change: give --tenant, --purpose or both")
    settings = load_settings()
    rules = read_project_rules(settings.project_rules) if left and settings.project_rules else ()
    stored = classify_project(
        open_warehouse(settings),
        project,
        tenant_id=tenant,
        purpose=purpose,
        to_rules=left,
        rules=rules,
    )
    echo(f"{stored.name}: tenant {stored.tenant_id or 'none'}, purpose {stored.purpose or 'none'}")
    if left and settings.project_rules is None:
        echo("ARCADIA_PROJECT_RULES is not set, so no rules apply now.")


def _apply_rules(file: Path, dry_run: bool) -> None:
    from ..inventory.classify import apply_rules
    from ..inventory.rules import read_project_rules
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    settings = load_settings()
    rules = read_project_rules(file)
    _show(apply_rules(open_warehouse(settings), rules, dry_run=dry_run), dry_run)
    if settings.project_rules is None:
        echo("The rules are not applied by syncs: set ARCADIA_PROJECT_RULES to this file for that.")
    elif settings.project_rules.resolve() != file.resolve():
        echo(f"Note: the next sync applies {settings.project_rules} (ARCADIA_PROJECT_RULES).")


def _show(applied: Applied, dry_run: bool) -> None:
    """Show what the rules changed, what they did not, and which do nothing."""
    for change in applied.changes:
        gone = ", deleted" if change.deleted else ""
        echo(
            f"{change.project} ({change.provider_id}{gone}): {change.field} "
            f"{change.before or 'none'} -> {change.after or 'none'}"
        )
    for kept in applied.kept:
        echo(
            f"{kept.project} ({kept.provider_id}): {kept.field} stays {kept.value or 'none'}, set "
            f"by hand; the rules say {kept.rules_say}"
        )
    for rule in applied.idle:
        echo(f"No project matches {rule}.")
    what = f"{len(applied.changes):,} change{'s' * (len(applied.changes) != 1)}"
    echo(f"{what} to come; nothing was stored." if dry_run else f"{what} made.")
