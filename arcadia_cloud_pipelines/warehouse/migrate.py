"""Bringing a warehouse to the schema of this release, with Alembic.

`python -m alembic` is not needed: the configuration is built here, so that a wheel can migrate.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from . import edge_rules, grants, installed_views, objects, views
from .errors import WarehouseError, WarehouseNotMigrated
from .revision import current_revision, head_revision

logger = logging.getLogger(__name__)

# Any constant will do, as long as every release uses the same one.
_MIGRATION_LOCK = 0x_A2CA_D1A0

OLDEST_SERVER = 14
"""Major version of PostgreSQL; security fixes of older ones have ended."""


class Migratable(Protocol):
    """What is asked of the warehouse here, below the module that has it: `engine.Warehouse`."""

    @property
    def place(self) -> str:
        """Return where it is, for messages."""

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """Begin one transaction."""


def alembic_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration; `connection` is the one the migration scripts run on."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def server_problem(connection: sa.Connection) -> str | None:
    """Return why this server or database cannot hold a warehouse; None when it can."""
    version, number, encoding, name = connection.execute(
        sa.text(
            "SELECT current_setting('server_version'), current_setting('server_version_num'), "
            "current_setting('server_encoding'), current_database()"
        )
    ).one()
    if int(number) // 10_000 < OLDEST_SERVER:
        return (
            f"it is PostgreSQL {version}, and {OLDEST_SERVER} or newer is needed. Upgrade the "
            "server."
        )
    if encoding != "UTF8":
        return (
            f"its database is in {encoding}, which cannot hold every name. Make one in UTF-8: "
            f"createdb -E UTF8 -T template0 {name}"
        )
    return None


def migrate(warehouse: Migratable) -> tuple[str | None, str]:
    """Bring the warehouse to the newest schema, views and rules in one transaction.

    On a current one it only gives readers the grants that they lost. Two that start at once take
    turns, and the second finds the work done.

    Returns:
        The revision found and the revision left.

    Raises:
        WarehouseError: the server is too old, the database is not in UTF-8, or something that
            people built on the views cannot be put back.
        WarehouseNotMigrated: the database was migrated by a newer release than this.
        WarehouseUnreachable: it does not answer.
    """
    with warehouse.transaction() as connection:
        if problem := server_problem(connection):
            raise WarehouseError(
                f"The warehouse {warehouse.place} cannot be used, because {problem}"
            )
        connection.execute(
            sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK}
        )
        before = current_revision(connection)
        known = {
            script.revision
            for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()
        }
        if before is not None and before not in known:
            raise WarehouseNotMigrated(
                f"The warehouse {warehouse.place} has schema {before}, which is newer than this "
                "release: install the release that made it."
            )
        stale = (
            before != head_revision()
            or installed_views.installed_digest(connection) != views.digest()
        )
        if stale:
            try:
                # First, so that the tables below can be changed.
                kept = installed_views.drop(connection)
            except views.ViewError as error:
                raise WarehouseError(str(error)) from None
            command.upgrade(alembic_config(connection), "head")
            objects.install_objects(connection)
            installed_views.install_views(connection, kept)
        edge_rules.install_edge_rules(connection)
        given = grants.give(connection)
        if given and not stale:
            logger.warning("lost grants were given again: %s", ", ".join(given))
    return before, head_revision()
