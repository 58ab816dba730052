"""Functions, triggers and views of the schema `public`: their one source is the folder `objects`.

Migrations make what these are built on, and drop one whose columns or parameters change; its new
form is written in the folder alone. The views of `marts` have files of their own (see
`installed_views.py`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from ..kinds import REGISTRY, Kind

_ROWS = "/* one row a kind */"


@cache
def read_objects() -> str:
    """Return the source: statements that may run again and again."""
    files = sorted(Path(__file__).with_name("objects").glob("*.sql"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return text.replace(_ROWS, ",\n    ".join(map(_row, REGISTRY)))


def _row(kind: Kind) -> str:
    """Return a kind's row of the view `cloud_kinds`."""
    whole, path = kind.part_of or (None, None)
    used = [(edge.to, edge.path, edge.lack) for edge in kind.edges if edge.lack]
    used_by, user_path, unused_reason = used[0] if used else (None, None, None)
    types = ", ".join(map(_text, kind.urn_types))
    values = (
        _text(kind.name),
        _text(kind.asset),
        str(kind.taggable),
        str(kind.billed_alone),
        _text(whole),
        _text(path),
        _text((*kind.urn_types, kind.name)[0]),
        f"CAST(ARRAY[{types}] AS text[])",
        _text(kind.goes_by),
        _text(kind.former_name),
        _text(used_by),
        f"CAST({_text(user_path)} AS jsonpath)",
        _text(unused_reason),
    )
    return f"({', '.join(values)})"


def _text(value: str | None) -> str:
    # Named, or a column that starts with nulls has no type that views can rely on.
    return f"CAST({_quoted(value)} AS text)"


def _quoted(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def install_objects(connection: sa.Connection) -> None:
    """Make them as the source has them; what they are built on is there."""
    connection.exec_driver_sql(read_objects().replace("%", "%%"))
