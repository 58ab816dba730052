"""Specs, ignore rules and states of one team never reach another's resource of the same name."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.drift.ignore import IgnoreRuleError, add_rule
from arcadia_cloud_pipelines.drift.resource_refs import ResourceNotFound, ResourceRef
from arcadia_cloud_pipelines.drift.specs import record_provisioned
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.drift.terraform_store import _resolved
from arcadia_cloud_pipelines.inventory.ledger import Observation, record
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

A, B = "a" * 40, "b" * 40


def list_one(warehouse: Warehouse, account: str, kind: str, **item: Any) -> int:
    """Record a complete listing of one object; the id of its row."""
    seen = sightings(KIND_BY_NAME[kind], [item])
    at = warehouse.now()
    with warehouse.transaction() as connection:
        record(connection, Observation(account, kind, at, seen, True))
        connection.execute(
            sa.text("INSERT INTO cloud_sync_runs (account, kind, started_at, ended_at, complete, "
                    "rows_seen) VALUES (:account, :kind, :at, :at, true, 1)"),
            {"account": account, "kind": kind, "at": at},
        )  # fmt: skip
        return int(
            connection.execute(
                sa.text("SELECT id FROM cloud_resources WHERE account = :account AND kind = :kind"),
                {"account": account, "kind": kind},
            ).scalar_one()
        )


def query(warehouse: Warehouse, statement: str) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


@pytest.fixture
def domains(warehouse: Warehouse) -> tuple[int, int]:
    """Both teams have example.com."""
    return (
        list_one(warehouse, A, "domain", name="example.com", ttl=1800),
        list_one(warehouse, B, "domain", name="example.com", ttl=1800),
    )


def test_a_name_of_two_teams_is_two_resources(
    warehouse: Warehouse, domains: tuple[int, int]
) -> None:
    assert len(set(domains)) == 2
    events = query(warehouse, "SELECT account, event FROM cloud_resource_events ORDER BY id")
    assert events == [(A, "discovered"), (B, "discovered")]
    # What one of them loses the other keeps.
    for _ in range(3):
        with warehouse.transaction() as connection:
            record(connection, Observation(A, "domain", warehouse.now(), [], True))
    gone = query(warehouse, "SELECT account FROM cloud_resources WHERE deleted_at IS NOT NULL")
    assert gone == [(A,)]


def test_what_is_desired_of_one_teams_is_not_desired_of_the_others(
    warehouse: Warehouse, domains: tuple[int, int]
) -> None:
    with pytest.raises(ResourceNotFound, match=rf"example\.com of account {A}.*{B}"):
        record_provisioned(warehouse, ResourceRef("domain", "example.com"), {"ttl": 60}, actor="x")
    ref = ResourceRef("domain", "example.com", B)
    record_provisioned(warehouse, ref, {"ttl": 60}, actor="ann")
    sweep(warehouse)
    assert query(warehouse, "SELECT account, resource_id FROM cloud_drift") == [(B, domains[1])]
    assert query(warehouse, "SELECT account FROM cloud_provisioned") == [(B,)]
    assert query(warehouse, "SELECT account FROM cloud_provisioned_history") == [(B,)]


def test_a_rule_of_one_team_hides_nothing_of_another(
    warehouse: Warehouse, domains: tuple[int, int]
) -> None:
    for account in (A, B):
        ref = ResourceRef("domain", "example.com", account)
        record_provisioned(warehouse, ref, {"ttl": 60}, actor="ann")
    with pytest.raises(IgnoreRuleError, match="about one account"):
        add_rule(warehouse, owner="ann", reason="ok", kind="domain")
    with pytest.raises(IgnoreRuleError, match="There is no account c"):
        add_rule(warehouse, owner="ann", reason="ok", kind="domain", account="c")
    rule = add_rule(warehouse, owner="ann", reason="ok", kind="domain", account=A)
    assert rule.account == A
    result = sweep(warehouse)
    assert (result.ignored, result.opened) == (1, 1)
    assert query(warehouse, "SELECT account FROM cloud_drift WHERE status = 'open'") == [(B,)]


def test_with_one_team_a_rule_is_that_teams(warehouse: Warehouse) -> None:
    assert add_rule(warehouse, owner="ann", reason="ok", kind="domain").account is None
    list_one(warehouse, A, "domain", name="example.com", ttl=1800)
    assert add_rule(warehouse, owner="ann", reason="ok", kind="domain").account == A


def resolve(warehouse: Warehouse, *identities: tuple[str, str]) -> tuple[list[int], list[str]]:
    with warehouse.transaction() as connection:
        rows, missing = _resolved(connection, {identity: {"ttl": 60} for identity in identities})
    assert orjson.dumps(rows)
    return [row["resource_id"] for row in rows], missing


def test_a_name_in_a_state_is_of_the_team_that_the_rest_of_it_is_of(
    warehouse: Warehouse, domains: tuple[int, int]
) -> None:
    ours = list_one(warehouse, B, "volume", id="v-b", name="data")
    list_one(warehouse, A, "volume", id="v-a", name="data")
    shared = ("domain", "example.com")
    assert resolve(warehouse, ("volume", "v-b"), shared) == ([ours, domains[1]], [])
    # Nothing else says whose it is, or two teams do: then it is nobody's.
    assert resolve(warehouse, shared) == ([], ["domain/example.com"])
    both = resolve(warehouse, ("volume", "v-b"), ("volume", "v-a"), shared)
    assert both[1] == ["domain/example.com"]
