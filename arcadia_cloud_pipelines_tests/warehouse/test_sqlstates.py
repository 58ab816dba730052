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
