"""`arcadia migrate`."""

from __future__ import annotations

import click

from .output import echo
from .surroundings import the_warehouse


@click.command()
def migrate_command() -> None:
    """Bring the warehouse to the schema of this release."""
    import logging

    from ..warehouse.migrate import migrate

    warehouse = the_warehouse()
    notices: list[str] = []

    class Notices(logging.Handler):
        """SQLAlchemy takes the server's notices off the connection, and logs them here."""

        def emit(self, record: logging.LogRecord) -> None:
            notices.append(" ".join(record.getMessage().split()))

    logger = logging.getLogger("sqlalchemy.dialects.postgresql")
    logger.addHandler(Notices())
    logger.setLevel(logging.INFO)
    before, after = migrate(warehouse)
    for notice in dict.fromkeys(notices):
        if notice.startswith("WARNING"):
            echo(notice, fg="yellow", err=True)
    if before == after:
        echo(f"{warehouse.place}: schema {after}, nothing to do")
    else:
        echo(f"{warehouse.place}: schema {before or 'none'} → {after}")
