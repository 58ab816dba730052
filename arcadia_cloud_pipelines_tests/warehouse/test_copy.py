"""COPY: every text arrives as it was."""

from __future__ import annotations

import pandas as pd
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.warehouse.copy import array_literal, copy_frame, copy_rows
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.sampled_from(
    ["\\N", "\\.", "", "NULL", "\r", "\r\n", "\n", "\t", '"', "\\", "a\n\\.\nb", "\\x41", "{}"]
)


@given(rows=st.lists(st.tuples(st.none() | TEXT, st.none() | st.integers(-9, 9), st.lists(TEXT))))
def test_rows_arrive_as_they_were(
    warehouse: Warehouse, rows: list[tuple[str | None, int | None, list[str]]]
) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("CREATE TEMP TABLE t (n int, a text, b int, c text[]) ON COMMIT DROP")
        )
        sent = ((n, a, b, array_literal(c)) for n, (a, b, c) in enumerate(rows))
        assert copy_rows(connection, "t", ("n", "a", "b", "c"), sent) == len(rows)
        found = connection.execute(sa.text("SELECT a, b, c FROM t ORDER BY n")).all()
    assert [tuple(row) for row in found] == rows


@given(texts=st.lists(st.none() | TEXT))
def test_frames_arrive_as_they_were(warehouse: Warehouse, texts: list[str | None]) -> None:
    frame = pd.DataFrame({"n": range(len(texts)), "a": pd.Series(texts, dtype="str"), "b": "x"})
    with warehouse.transaction() as connection:
        connection.execute(sa.text("CREATE TEMP TABLE t (n int, a text, b text) ON COMMIT DROP"))
        assert copy_frame(connection, "t", frame, ["b", "n", "a"]) == len(texts)
        found = connection.execute(sa.text("SELECT a FROM t ORDER BY n")).scalars().all()
    assert found == texts


def test_rows_are_made_while_they_are_sent(warehouse: Warehouse) -> None:
    """More rows than fit into one chunk."""
    with warehouse.transaction() as connection:
        connection.execute(sa.text("CREATE TEMP TABLE t (n int, a text) ON COMMIT DROP"))
        count = copy_rows(connection, "t", ("n", "a"), ((n, "x" * 1000) for n in range(5000)))
        found = connection.execute(sa.text("SELECT count(*), sum(n), min(length(a)) FROM t")).one()
    assert (count, *found) == (5000, 5000, 12497500, 1000)


def test_no_rows_are_no_rows(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text("CREATE TEMP TABLE t (n int) ON COMMIT DROP"))
        assert copy_rows(connection, "t", ("n",), []) == 0


@given(held=st.none() | st.binary(max_size=40))
def test_bytes_arrive_as_they_were(warehouse: Warehouse, held: bytes | None) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text("CREATE TEMP TABLE t (a bytea) ON COMMIT DROP"))
        copy_rows(connection, "t", ("a",), [(held,)])
        found = connection.execute(sa.text("SELECT a FROM t")).scalar_one()
    assert (None if found is None else bytes(found)) == held
