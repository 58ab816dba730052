"""How old each kind is, asked of a table that grows for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.inventory import freshness
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

QUESTIONS = {
    "kinds": freshness.kind_syncs,
    "newest_complete": freshness.newest_complete_syncs,
    "accounts": freshness.synced_accounts,
}


@pytest.fixture
def grown(warehouse: Warehouse) -> Warehouse:
    """Some months of hourly refreshes; one kind that was never listed, another account before."""
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO cloud_sync_runs
                    (account, kind, started_at, ended_at, complete, available)
                SELECT CASE WHEN hour < 200 THEN 'old' ELSE 'new' END, 'kind' || kind, at, at,
                    kind > 0 AND hour % 7 <> 0, kind > 0
                FROM generate_series(0, 45) AS kind, generate_series(1, 2000) AS hour,
                    LATERAL (SELECT timestamptz '2026-01-01' + hour * interval '1 hour' AS at) AS t
            """)
        )
        connection.execute(sa.text("ANALYZE cloud_sync_runs"))
    return warehouse


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def test_no_question_reads_the_whole_table(grown: Warehouse) -> None:
    for name in QUESTIONS:
        statement = str(freshness._SQL._statements[name])
        with grown.transaction() as connection:
            [plan] = connection.exec_driver_sql(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            ).scalar_one()
        read = 0
        for node in nodes(plan["Plan"]):
            if node.get("Relation Name") == "cloud_sync_runs":
                assert node["Node Type"] != "Seq Scan", name
                read += node["Actual Rows"] * node["Actual Loops"]
                read += node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
        # Of 92,000 rows.
        assert read < 1_000, (name, read)


def test_the_answers_are_those_of_the_plain_questions(grown: Warehouse) -> None:
    with grown.transaction() as connection:
        complete = connection.execute(
            sa.text("SELECT kind, max(started_at) FROM cloud_sync_runs WHERE complete GROUP BY 1")
        ).tuples()
        accounts = connection.execute(
            sa.text("SELECT account, max(started_at) FROM cloud_sync_runs GROUP BY 1")
        ).tuples()
        expected = dict(complete.all()), dict(accounts.all())
    found = freshness.newest_complete_syncs(grown), freshness.synced_accounts(grown)
    assert found == expected
    syncs = {sync.kind: sync for sync in freshness.kind_syncs(grown)}
    assert len(syncs) == 46
    assert {kind: s.complete_at for kind, s in syncs.items() if s.complete_at} == expected[0]
    assert syncs["kind0"].answer_available is False
    assert syncs["kind1"].answer_available is True
    assert {sync.account for sync in syncs.values()} == {"new"}
