"""`arcadia projects`."""

from __future__ import annotations

import click


@click.group()
def projects() -> None:
    """See the projects, and say whose they are and what they are for."""


@projects.command("list")
def list_() -> None:
    """Show every live project with its classification."""
    from rich.console import Console
    from rich.table import Table

    from ..inventory.classify import list_projects
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    table = Table(box=None)
    for column in ("project", "uuid", "environment", "tenant", "purpose"):
        table.add_column(column, overflow="fold")
    table.add_column("resources", justify="right")
    found = list_projects(open_warehouse(load_settings()))
    for project in found:
        table.add_row(
            project.name,
            project.provider_id,
            project.environment or "",
            project.tenant_id or "",
            project.purpose or "",
            f"{project.resources:,}",
        )
    if not found:
        click.echo("No project is known: materialise the asset `projects` first.")
        return
    Console(highlight=False, markup=False, soft_wrap=True).print(table)


@projects.command()
@click.argument("project")
@click.option("--tenant", help='The tenant it belongs to; "" takes it back.')
@click.option("--purpose", help='What it is for; "" takes it back.')
def classify(project: str, tenant: str | None, purpose: str | None) -> None:
    """Say whose PROJECT (its name or uuid) is, and what it is for."""
    from ..inventory.classify import classify_project
    from ..settings import load_settings
    from ..warehouse.engine import open_warehouse

    if tenant is None and purpose is None:
        raise click.UsageError("nothing to say: give --tenant, --purpose or both")
    stored = classify_project(
        open_warehouse(load_settings()), project, tenant_id=tenant, purpose=purpose
    )
    click.echo(
        f"{stored.name}: tenant {stored.tenant_id or 'none'}, purpose {stored.purpose or 'none'}"
    )
