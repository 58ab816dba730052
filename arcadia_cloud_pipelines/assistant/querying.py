"""Runs a statement that a program wrote, if it does nothing but read.

It is first made into a view that is dropped at once, so that the server itself says what is in it:
functions that could do more than read are refused by what they are, not by how they are written.
"""

from __future__ import annotations

import re

from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .answering import ROWS, QueryRefused, Reply, reading, refusals_told, take_rows

_SQL = Statements(__file__)


MOST_SQL = 20_000
_IN_RULE = re.compile(r":(funcid|aggfnoid|winfnoid|opno) (\d+)")


def query(warehouse: Warehouse, sql: str, limit: int = ROWS) -> Reply:
    """Run one SELECT of the caller's.

    Raises:
        QueryRefused: it is no single SELECT, has a function that could do more than read, takes too
            long, or the server refuses it.
    """
    text = _one_statement(sql)
    _check(warehouse, text)
    with reading(warehouse) as connection, refusals_told():
        streaming = connection.execution_options(stream_results=True)
        # psycopg2 takes a single % for the begin of a parameter.
        return take_rows(connection, streaming.exec_driver_sql(text.replace("%", "%%")), limit)


def _one_statement(sql: str) -> str:
    """Return the statement without its last semicolon; another one would begin a second."""
    text = sql.strip().rstrip("; \t\r\n")
    if not text or len(text) > MOST_SQL or "\0" in text:
        raise QueryRefused(f"Give one SELECT of at most {MOST_SQL:,} characters.")
    if ";" in text:
        raise QueryRefused(
            "Only one statement is answered, so a semicolon may stand at its end alone; within a "
            "text write chr(59)."
        )
    return text


def _check(warehouse: Warehouse, text: str) -> None:
    """Have the server read the statement, without running it, and refuse what it must not call."""
    with reading(warehouse, only_look=False) as connection, refusals_told():
        # What closes the bracket and goes on fits in here, and nowhere else: it is one statement.
        asked = f"CREATE TEMP VIEW arcadia_asked AS SELECT asked.* FROM (\n{text}\n) AS asked"  # noqa: S608
        connection.exec_driver_sql(asked.replace("%", "%%"))
        rule = str(_SQL.run(connection, "rule").scalar_one())
        found = {(kind == "opno", int(oid)) for kind, oid in _IN_RULE.findall(rule)}
        called = {
            "functions": [oid for is_operator, oid in found if not is_operator],
            "operators": [oid for is_operator, oid in found if is_operator],
        }
        refused = _SQL.run(connection, "not_for_readers", called).scalars().all()
    if refused:
        raise QueryRefused(
            f"Not for readers, because it may do more than read: {', '.join(refused)}."
        )
