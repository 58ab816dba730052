"""Which schema this release needs and which one a database has; asked before any work.

Without Alembic, which takes longer to import than many a command takes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa


@cache
def head_revision() -> str:
    """The revision this code was written for: the number of the newest migration."""
    scripts = (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*_*.py")
    head = max((script.name.partition("_")[0] for script in scripts), default=None)
    if head is None:
        raise RuntimeError("the package carries no migrations: install it again")
    return head


def current_revision(connection: sa.Connection) -> str | None:
    """The revision of the database, None when it was never migrated."""
    if connection.execute(sa.text("SELECT to_regclass('alembic_version')")).scalar_one() is None:
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version"))
    revision: str | None = found.scalar_one_or_none()
    return revision
