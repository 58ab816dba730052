"""SQL in files of its own, read by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa


class Statements:
    """The statements of one `.sql` file, each under a `-- name: …` line.

    A colon before a word is a parameter, in comments too.
    """

    def __init__(self, module_file: str) -> None:
        """Read the `.sql` file beside a module: `Statements(__file__)`."""
        text = Path(module_file).with_suffix(".sql").read_text(encoding="utf-8")
        self._statements: dict[str, sa.TextClause] = {}
        for block in text.split("\n-- name: ")[1:]:
            name, _, statement = block.partition("\n")
            self._statements[name.strip()] = sa.text(statement.strip().rstrip(";"))

    def __iter__(self) -> Iterator[str]:
        """Give the names, in the file's order."""
        return iter(self._statements)

    def run(
        self, connection: sa.Connection, name: str, parameters: Mapping[str, object] | None = None
    ) -> sa.CursorResult[Any]:
        """Execute one; `parameters` may hold more than it takes."""
        return connection.execute(self._statements[name], dict(parameters or {}))
