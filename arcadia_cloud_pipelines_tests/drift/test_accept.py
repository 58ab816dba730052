"""Accepting: the trail it leaves, and all that it refuses."""

from __future__ import annotations

import pytest

from arcadia_cloud_pipelines.drift.accept import (
    AcceptError,
    AlreadyResolved,
    Moved,
    UnknownDrift,
    accept,
)
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import TEAM, at, change, desire, drift, execute, listed, resource, spec_of, swept


@pytest.fixture
def droplet(warehouse: Warehouse) -> int:
    """A droplet whose size drifted from a to b."""
    listed(warehouse)
    made = resource(warehouse, name="web", size_slug="b")
    desire(warehouse, made, size_slug="a", region="fra1")
    swept(warehouse, 0.1)
    return made


def test_the_trail_says_who_when_why_before_and_after(warehouse: Warehouse, droplet: int) -> None:
    [record] = drift(warehouse)
    accept(warehouse, record["id"], actor="bob", reason="grown", now=lambda: at(0.2))
    [decision] = query(warehouse, "SELECT * FROM cloud_drift_decisions")
    assert decision | {"id": 0} == {
        "id": 0, "drift_id": record["id"], "resource_id": droplet, "field": "size_slug",
        "decision": "accepted", "actor": "bob", "reason": "grown", "decided_at": at(0.2),
        "before": "a", "after": "b", "spec_version": 2, "account": TEAM,
    }  # fmt: skip
    history = query(warehouse, "SELECT * FROM cloud_provisioned_history ORDER BY id")
    assert [h["spec_version"] for h in history] == [1, 2]
    assert history[1]["before"] == {"size_slug": "a", "region": "fra1"}
    assert history[1]["after"] == spec_of(warehouse, droplet)["spec"]
    assert (history[1]["source"], history[1]["actor"]) == ("accepted", "bob")


def test_twice_is_refused(warehouse: Warehouse, droplet: int) -> None:
    [record] = drift(warehouse)
    accept(warehouse, record["id"], actor="bob", now=lambda: at(0.2))
    with pytest.raises(AlreadyResolved, match=r"size_slug of web.*accepted already, by bob"):
        accept(warehouse, record["id"], actor="eve")
    assert spec_of(warehouse, droplet)["spec_version"] == 2


def test_what_is_closed_is_refused(warehouse: Warehouse, droplet: int) -> None:
    change(warehouse, droplet, size_slug="a")
    swept(warehouse, 0.2)
    with pytest.raises(AlreadyResolved, match="stale already, by sweep"):
        accept(warehouse, drift(warehouse)[0]["id"], actor="bob")


@pytest.mark.parametrize("number", [0, -1, 404, 2**63, 10**30])
def test_what_is_unknown_is_refused(warehouse: Warehouse, number: int) -> None:
    with pytest.raises(UnknownDrift, match="drift list"):
        accept(warehouse, number, actor="bob")


def test_a_live_value_that_moved_is_refused(warehouse: Warehouse, droplet: int) -> None:
    [record] = drift(warehouse)
    change(warehouse, droplet, size_slug="c")
    with pytest.raises(Moved, match='is "c" now, and was "b"'):
        accept(warehouse, record["id"], actor="bob")
    with pytest.raises(Moved):
        accept(warehouse, record["id"], actor="bob", expected_actual="b")
    assert drift(warehouse)[0]["status"] == "open"
    assert spec_of(warehouse, droplet)["spec_version"] == 1
    # Who has seen the new value may accept it.
    accept(warehouse, record["id"], actor="bob", expected_actual="c")
    assert spec_of(warehouse, droplet)["spec"]["size_slug"] == "c"
    assert drift(warehouse)[0]["actual"] == "c"


def test_another_value_than_the_live_one_is_refused(warehouse: Warehouse, droplet: int) -> None:
    with pytest.raises(Moved):
        accept(warehouse, drift(warehouse)[0]["id"], actor="bob", expected_actual=None)


def test_nobody_accepts_nothing(warehouse: Warehouse, droplet: int) -> None:
    with pytest.raises(AcceptError, match="The actor is empty"):
        accept(warehouse, drift(warehouse)[0]["id"], actor=" ")


def test_without_a_spec(warehouse: Warehouse, droplet: int) -> None:
    execute(warehouse, "DELETE FROM cloud_provisioned")
    with pytest.raises(AlreadyResolved, match="no spec any more"):
        accept(warehouse, drift(warehouse)[0]["id"], actor="bob")


def test_accepting_nothing_desires_nothing(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, tags=["a"])
    desire(warehouse, droplet, note="x")
    swept(warehouse, 0.1)
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    assert spec_of(warehouse, droplet)["spec"] == {"note": None}
    assert swept(warehouse, 0.2).open_after == 0


def test_a_word_is_accepted_for_a_word(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, image={"id": 7, "slug": "debian-12-x64"})
    desire(warehouse, droplet, image="ubuntu-24-04-x64")
    swept(warehouse, 0.1)
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    assert spec_of(warehouse, droplet)["spec"] == {"image": "debian-12-x64"}
    assert swept(warehouse, 0.2).open_after == 0
