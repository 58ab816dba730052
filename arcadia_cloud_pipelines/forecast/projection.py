"""Takes what is known of a month to its end: what runs runs on, with its own rate.

The month before says what a whole month of each thing costs, and what cannot be seen yet. Of the
open month the inventory says what the preview does not know: what is new, deleted or resized.
"""

from __future__ import annotations

import sqlalchemy as sa

from ..warehouse.statements import Statements

_SQL = Statements(__file__)


def project_lines(connection: sa.Connection, *, live: bool) -> None:
    """Make the tables of things at the month's end and of their sums, from the table of lines.

    Args:
        connection: in a transaction.
        live: whether the month is the open one. The inventory is of today only.
    """
    names = [
        "create_months", "create_before", "analyze_before", "create_projected", "shorten_gpu",
        "add_unseen", "join_as_ever",
        *(["end_deleted", "add_new", "add_resized"] if live else []),
    ]  # fmt: skip
    for name in names:
        _SQL.run(connection, name)
    _SQL.run(connection, "create_totals", {"live": live})
