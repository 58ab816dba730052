"""The command `arcadia` itself: what commands there are."""

from __future__ import annotations

from typing import Any

import click

from .alarms import alarms
from .api import api
from .backup import backup_command, restore_command
from .costs import costs
from .demo import demo
from .doctor import doctor
from .drift import drift
from .errors import told_in_one_sentence
from .export import export
from .init import init
from .inventory import inventory
from .mcp import mcp
from .migrate import migrate_command
from .projects import projects
from .provisioned import provisioned
from .psql import psql
from .query import query_command
from .service import service
from .simulate import simulate
from .statements import statements
from .up import up_command


class Program(click.Group):
    """Shows errors of ours as one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        with told_in_one_sentence():
            return super().invoke(ctx)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="arcadia-cloud-pipelines", prog_name="arcadia")
def main() -> None:
    """Mirror a DigitalOcean account in PostgreSQL: inventory, cost and drift."""


for _command in (
    demo,
    init,
    up_command,
    api,
    migrate_command,
    doctor,
    psql,
    backup_command,
    restore_command,
    query_command,
    export,
    mcp,
    simulate,
    service,
    inventory,
    projects,
    costs,
    statements,
    drift,
    provisioned,
    alarms,
):
    main.add_command(_command)


if __name__ == "__main__":
    main(prog_name="arcadia")
