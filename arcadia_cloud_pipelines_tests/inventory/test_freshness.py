"""How old each kind is, asked of a table that grows for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.inventory import freshness
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

QUESTIONS = ("kinds", "accounts")


@pytest.fixture
def grown(warehouse: Warehouse) -> Warehouse:
    """Some months of hourly refreshes, of an account that was before another one.

    Kind 0 is not available, kind 45 always fails, and kind 44 does so in the newer account.
    """
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO cloud_sync_runs
                    (account, kind, started_at, ended_at, complete, available)
                SELECT CASE WHEN hour < 200 THEN 'old' ELSE 'new' END, 'kind' || kind, at, at,
                    kind BETWEEN 1 AND 44 AND hour % 7 <> 0 AND (kind < 44 OR hour < 200), kind > 0
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


@pytest.mark.parametrize("account", [None, "new", "old", "never heard of"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_no_question_reads_the_whole_table(
    grown: Warehouse, name: str, account: str | None
) -> None:
    statement = sa.text(f"EXPLAIN (ANALYZE, FORMAT JSON) {freshness._SQL._statements[name]}")
    with grown.transaction() as connection:
        values = {"account": account} if "account" in statement._bindparams else {}
        [plan] = connection.execute(statement, values).scalar_one()
    read = 0
    for node in nodes(plan["Plan"]):
        if node.get("Relation Name") == "cloud_sync_runs":
            assert node["Node Type"] != "Seq Scan"
            read += node["Actual Rows"] * node["Actual Loops"]
            read += node.get("Rows Removed by Filter", 0) * node["Actual Loops"]
    # Of 92,000 rows.
    assert read < 1_000


@pytest.mark.parametrize("account", [None, "new", "old", "never heard of"])
def test_the_answers_are_those_of_the_plain_questions(
    grown: Warehouse, account: str | None
) -> None:
    whose = {"account": account}
    with grown.transaction() as connection:
        complete = connection.execute(
            sa.text("SELECT kind, max(started_at) FROM cloud_sync_runs WHERE complete"
                    " AND account = coalesce(:account, account) GROUP BY 1"), whose,
        ).tuples().all()  # fmt: skip
        accounts = connection.execute(
            sa.text("SELECT account, max(started_at) FROM cloud_sync_runs GROUP BY 1")
        ).tuples().all()  # fmt: skip
    assert freshness.newest_complete_syncs(grown, account) == dict(complete)
    assert freshness.synced_accounts(grown) == dict(accounts)


def test_each_kind_has_its_newest_its_complete_and_its_answered_sync(grown: Warehouse) -> None:
    newest = freshness.newest_complete_syncs(grown)
    syncs = {sync.kind: sync for sync in freshness.kind_syncs(grown)}
    assert len(syncs) == 46
    assert {kind: s.complete_at for kind, s in syncs.items() if s.complete_at} == newest
    said = {kind: syncs[kind].answer_available for kind in ("kind0", "kind1", "kind45")}
    assert said == {"kind0": False, "kind1": True, "kind45": None}
    assert {sync.account for sync in syncs.values()} == {"new"}
