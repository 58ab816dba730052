"""Functions, triggers and views of the schema `public`: their one source is the folder `objects`.

Migrations make what these are built on, and drop one whose columns or parameters change; its new
form is written in the folder alone. The views of `marts` have files of their own (`views.py`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa


@cache
def read_objects() -> str:
    """Return the source: statements that may run again and again."""
    files = sorted(Path(__file__).with_name("objects").glob("*.sql"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def install_objects(connection: sa.Connection) -> None:
    """Make them as the source has them; what they are built on is there."""
    connection.exec_driver_sql(read_objects().replace("%", "%%"))
