"""The filter by kind: a misspelt one must not look like a kind without rows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..inventory.kind_names import unknown_kind
from .problems import BadParameter


def check_kind_parameter(
    connection: sa.Connection, kind: str | None, column: sa.ColumnElement[Any]
) -> None:
    """Refuse a kind that this release does not know and that no row of the list has.

    Args:
        connection: sees what the caller may see.
        kind: as it was asked for; None for all.
        column: of the table that is filtered.

    Raises:
        BadParameter: it names near ones.
    """
    problem = None if kind is None else unknown_kind(kind)
    if problem is None:
        return
    stored = sa.select(sa.literal(1)).where(column == kind).limit(1)
    if connection.execute(stored).first() is None:
        raise BadParameter("kind", problem)
