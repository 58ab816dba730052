"""PostgreSQL's refusals, told by what they are."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.copy import copy_rows
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import (
    WarehouseError,
    WarehouseRefused,
    WarehouseUnreachable,
)

from ..inventory.helpers import cut_connections, raw_connection

SECRET = "canary-of-a-value"
LONG = "".join(chr(0x4E00 + (i * i * 31 + i * 7) % 9000) for i in range(3000))


@pytest.mark.parametrize(
    ("statement", "kind", "words"),
    [
        ("CREATE TEMP TABLE t (a text); CREATE INDEX ON t (a); INSERT INTO t VALUES (:value)",
         WarehouseRefused, "cannot store a value that is too long (54000"),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(60), :value",
         WarehouseUnreachable, "was told to cancel the statement"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END $$",
         WarehouseRefused, "has no space left on its disk"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '53300'; END $$",
         WarehouseUnreachable, "has no free connection"),
        ("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40P01'; END $$",
         WarehouseUnreachable, "waited for each other"),
    ],
)  # fmt: skip
def test_what_the_server_refuses_is_not_told_as_a_server_that_is_away(
    warehouse: Warehouse, statement: str, kind: type[WarehouseError], words: str
) -> None:
    def refused() -> None:
        with warehouse.transaction() as connection:
            for part in statement.split(";") if "DO $$" not in statement else [statement]:
                values = {"value": LONG} if ":value" in part else {}
                connection.execute(sa.text(part), values)

    with pytest.raises(kind) as caught:
        refused()
    assert words in str(caught.value)
    assert "does not answer" not in str(caught.value)


def test_a_value_that_copy_refuses_is_not_quoted(warehouse: Warehouse) -> None:
    def refused() -> None:
        with warehouse.transaction() as connection:
            connection.execute(sa.text("CREATE TEMP TABLE t (a integer)"))
            copy_rows(connection, "t", ("a",), [(SECRET,)])

    with pytest.raises(WarehouseRefused) as caught:
        refused()
    assert "cannot store a value as it is (22P02: invalid input syntax" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.needs_server("session")
def test_a_server_that_takes_no_writes_for_a_while_is_told_and_then_used_again(
    warehouse: Warehouse,
) -> None:
    """A failover: connections are cut, and whoever answers is a standby at first."""

    def write(by_copy: bool) -> None:
        with warehouse.transaction() as connection:
            if by_copy:
                copy_rows(connection, "written", ("value",), [(SECRET,)])
            else:
                statement = sa.text("INSERT INTO written VALUES (:value)")
                connection.execute(statement, {"value": SECRET})

    def sessions() -> int:
        with warehouse.transaction() as connection:
            return int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())

    with warehouse.transaction() as connection:
        connection.execute(sa.text("CREATE TABLE written (value text)"))
    database = warehouse.engine.url.database
    with raw_connection(warehouse.engine.url) as admin, admin.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    cut_connections(warehouse)
    for by_copy in (False, True):
        before = sessions()
        with pytest.raises(WarehouseUnreachable, match="takes no writes now") as caught:
            write(by_copy)
        assert SECRET not in str(caught.value)
        assert sessions() != before, "the next one is asked of whoever is the primary by then"
    elsewhere = warehouse.engine.url.set(database="postgres")
    with raw_connection(elsewhere) as admin, admin.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
    cut_connections(warehouse)
    for by_copy in (False, True):
        write(by_copy)
    with warehouse.transaction() as connection:
        written = connection.execute(sa.text("SELECT value FROM written")).scalars().all()
    assert written == [SECRET] * 2
