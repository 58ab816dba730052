"""Collects what is known of each month that is asked for, as it stood at an instant.

Of a closed month the invoice's lines are cut there: a line that had begun had cost its rate until
then, and when it would end nobody knew. Of the open month the preview has the lines.
"""

from __future__ import annotations

import sqlalchemy as sa

from ..warehouse.statements import Statements

_SQL = Statements(__file__)


def collect_lines(connection: sa.Connection, *, live: bool) -> None:
    """Make the table of lines, from the table of cuts.

    Args:
        connection: in a transaction.
        live: whether the month is the open one, which has a preview.
    """
    names = [
        "create_source", "create_lines", "add_billed_source",
        *(["add_open_source"] if live else []),
        "analyze_source", "join_by_hash", "time_backups",
        "add_open_lines" if live else "add_past_lines",
        "mark_cuts", "analyze_lines",
    ]  # fmt: skip
    for name in names:
        _SQL.run(connection, name)
