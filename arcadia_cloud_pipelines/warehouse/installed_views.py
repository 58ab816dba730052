"""Brings the views of the schema `marts` into the database.

PostgreSQL does not replace a view whose columns change, nor one that another view reads. So the
schema is dropped and made again as a whole, in the transaction of the migration, whenever the
digest of the files differs from the one that the schema's comment holds.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .statements import Statements
from .views import FOLDER, SCHEMA, ViewError, ViewSource, digest, read_views

_SQL = Statements(__file__)

logger = logging.getLogger(__name__)

_DIGEST = re.compile(r"\(digest ([0-9a-f]{16})\)")


def installed_digest(connection: sa.Connection) -> str | None:
    """Return the digest that the schema was made from; None when there is no schema."""
    comment = connection.scalar(
        sa.text("SELECT obj_description(to_regnamespace(:schema), 'pg_namespace')"),
        {"schema": SCHEMA},
    )
    found = _DIGEST.search(str(comment or ""))
    return found[1] if found else None


@dataclass(frozen=True)
class BuiltOnSchema:
    """Views and grants that people built on the schema: put back when it is made again."""

    views: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Their views elsewhere that read it: quoted name, and the statements that make it as it is,
    each after those it reads."""
    grants: tuple[tuple[str, str], ...] = ()
    """Views of the schema, and the quoted role that may read them."""


def drop(connection: sa.Connection) -> BuiltOnSchema:
    """Drop the schema, so that the tables below it can be changed.

    Raises:
        ViewError: something that cannot be put back reads it, such as a materialized view, or a
            view of a role that this user may not act for.
    """
    if connection.scalar(sa.text("SELECT to_regnamespace(:s)"), {"s": SCHEMA}) is None:
        return BuiltOnSchema()
    others = _SQL.run(connection, "dependents", {"schema": SCHEMA}).all()
    fixed = [name for name, can_be_made, _ in others if not can_be_made]
    if fixed:
        raise ViewError(
            f"{', '.join(fixed)} reads the schema {SCHEMA}, which this release replaces: drop it, "
            "run `arcadia migrate`, and create it again."
        )
    grants = _SQL.run(connection, "grants", {"schema": SCHEMA}).all()
    connection.execute(sa.text(f"DROP SCHEMA {SCHEMA} CASCADE"))
    return BuiltOnSchema(
        views=tuple((name, tuple(statements)) for name, _, statements in others),
        grants=tuple((view, role) for view, role in grants),
    )


def install_views(connection: sa.Connection, kept: BuiltOnSchema, folder: Path = FOLDER) -> None:
    """Make the schema anew from the files, with comments and grants.

    Args:
        connection: in a transaction.
        kept: from `drop`.
        folder: with the files.
    """
    connection.execute(sa.text(f"CREATE SCHEMA {SCHEMA}"))
    for view in read_views(folder):
        _create(connection, view)
    _comment(
        connection,
        f"SCHEMA {SCHEMA}",
        "Answers: one view a question, made from files of the release. Views of your own belong "
        f"into another schema: this one is made anew at upgrades. (digest {digest(folder)})",
    )
    _grant(connection, kept)
    for name, statements in kept.views:
        _put_back(connection, name, statements)


def _create(connection: sa.Connection, view: ViewSource) -> None:
    name = f"{SCHEMA}.{view.name}"
    # psycopg2 takes a single % for the begin of a parameter.
    connection.exec_driver_sql(f"CREATE VIEW {name} AS\n{view.query}".replace("%", "%%"))
    _comment(connection, f"VIEW {name}", view.comment)
    for column in _columns(connection, view.name):
        text = view.comment_of(column)
        if text is not None:
            _comment(connection, f'COLUMN {name}."{column}"', text)


def _put_back(connection: sa.Connection, name: str, statements: Sequence[str]) -> None:
    """Make a person's view again; one that no longer fits is named and left out."""
    try:
        # A savepoint: a view that does not fit any more must not undo the upgrade.
        with connection.begin_nested():
            role = connection.scalar(sa.text("SELECT current_setting('role')"))
            for statement in statements:
                connection.exec_driver_sql(statement.replace("%", "%%"))
            connection.execute(sa.text("SELECT set_config('role', :role, true)"), {"role": role})
    except DBAPIError as error:
        logger.warning("the view %s no longer fits the schema %s: %s", name, SCHEMA, error.orig)


def _columns(connection: sa.Connection, view: str) -> Sequence[str]:
    names: Sequence[Any] = (
        connection.execute(
            sa.text(
                "SELECT attname FROM pg_attribute"
                " WHERE attrelid = to_regclass(:view) AND attnum > 0 ORDER BY attnum"
            ),
            {"view": f"{SCHEMA}.{view}"},
        )
        .scalars()
        .all()
    )
    return [str(name) for name in names]


def _comment(connection: sa.Connection, target: str, text: str) -> None:
    quoted = " ".join(text.split()).replace("'", "''").replace("%", "%%")
    connection.exec_driver_sql(f"COMMENT ON {target} IS '{quoted}'")


def _grant(connection: sa.Connection, kept: BuiltOnSchema) -> None:
    """Let read who could before; what `arcadia_reader` may do is said in `grants`."""
    names = {view.name for view in read_views()}
    for view, role in kept.grants:
        if view in names:
            connection.execute(sa.text(f"GRANT SELECT ON {SCHEMA}.{view} TO {role}"))
            connection.execute(sa.text(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {role}"))
