"""The reference scenario, and every sentence of the contract's section on drift."""

from __future__ import annotations

from arcadia_cloud_pipelines.drift.accept import accept
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import (
    at,
    change,
    desire,
    drift,
    events,
    inbox,
    listed,
    project,
    resource,
    spec_of,
    swept,
)


def test_reference_scenario(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, size_slug="s-2vcpu-4gb", region="fra1")
    desire(warehouse, droplet, size_slug="s-1vcpu-1gb", region="fra1")

    result = swept(warehouse, 0.1, "run-1")
    assert (result.opened, result.updated, result.closed, result.open_after) == (1, 0, 0, 1)
    assert inbox(warehouse) == [(droplet, "size_slug", "s-1vcpu-1gb", "s-2vcpu-4gb")]
    [event] = events(warehouse)
    assert event["changes"] == {"size_slug": {"from": "s-1vcpu-1gb", "to": "s-2vcpu-4gb"}}
    assert (event["resource_id"], event["run_id"]) == (droplet, "run-1")
    assert event["occurred_at"] == at(0.1)

    [record] = drift(warehouse)
    accepted = accept(
        warehouse, record["id"], actor="bob", reason="needs the memory", now=lambda: at(0.2)
    )
    assert (accepted.before, accepted.after) == ("s-1vcpu-1gb", "s-2vcpu-4gb")
    spec = spec_of(warehouse, droplet)
    assert spec["spec"] == {"size_slug": "s-2vcpu-4gb", "region": "fra1"}
    assert spec["spec_version"] == accepted.spec_version == 2
    [record] = drift(warehouse)
    assert (record["status"], record["resolved_by"]) == ("accepted", "bob")
    assert record["resolved_at"] == at(0.2)

    again = swept(warehouse, 0.3)
    assert (again.opened, again.closed, again.open_after) == (0, 0, 0)
    assert len(drift(warehouse)) == len(events(warehouse)) == 1


def test_one_event_however_many_sweeps(warehouse: Warehouse) -> None:
    listed(warehouse)
    desire(warehouse, resource(warehouse), region="ams3")
    for n in range(4):
        swept(warehouse, 0.1 + n / 10)
    assert len(drift(warehouse)) == len(events(warehouse)) == 1


def test_desired_and_actual_follow_while_it_is_open(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, size_slug="b")
    desire(warehouse, droplet, size_slug="a")
    swept(warehouse, 0.1)
    change(warehouse, droplet, size_slug="c")
    result = swept(warehouse, 0.2)
    desire(warehouse, droplet, size_slug="d")
    swept(warehouse, 0.3)
    assert (result.opened, result.updated) == (0, 1)
    [record] = drift(warehouse)
    assert (record["desired"], record["actual"]) == ("d", "c")
    assert (record["detected_at"], record["changed_at"]) == (at(0.1), at(0.3))
    assert len(events(warehouse)) == 1


def test_a_mismatch_that_is_gone_closes_as_stale_and_opens_anew(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, size_slug="b")
    desire(warehouse, droplet, size_slug="a")
    swept(warehouse, 0.1)
    change(warehouse, droplet, size_slug="a")
    assert swept(warehouse, 0.2).closed == 1
    [record] = drift(warehouse)
    assert (record["status"], record["resolved_by"]) == ("stale", "sweep")
    assert record["resolved_at"] == at(0.2)
    change(warehouse, droplet, size_slug="b")
    swept(warehouse, 0.3)
    assert [d["status"] for d in drift(warehouse)] == ["stale", "open"]
    assert len(events(warehouse)) == 2


def test_accepted_drift_that_drifts_again_opens_anew(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, size_slug="b")
    desire(warehouse, droplet, size_slug="a")
    swept(warehouse, 0.1)
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    change(warehouse, droplet, size_slug="c")
    swept(warehouse, 0.2)
    assert [d["status"] for d in drift(warehouse)] == ["accepted", "open"]
    assert inbox(warehouse) == [(droplet, "size_slug", "b", "c")]


def test_the_column_comes_first_then_attrs(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, name="web", vcpus=2, nested={"deep": {"er": 1}})
    execute_attrs = {"name": "not me", "status": "not me either"}
    change(warehouse, droplet, **{"memory": 2048})
    query(
        warehouse,
        "UPDATE cloud_resources SET attrs = attrs || CAST(:more AS jsonb) RETURNING 1",
        more=__import__("json").dumps(execute_attrs),
    )
    desire(
        warehouse, droplet, name="web", status="active", vcpus=2, memory=1024,
        nosuchfield="x", **{"nested.deep.er": 1},
    )  # fmt: skip
    swept(warehouse)
    assert inbox(warehouse) == [
        (droplet, "memory", 1024, 2048),
        (droplet, "nosuchfield", "x", None),
    ]


def test_other_names_and_things_that_stand_for_others(warehouse: Warehouse) -> None:
    listed(warehouse)
    shop = project(warehouse, "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", "shop")
    right = resource(
        warehouse, 1, project_id=shop, vpc_uuid="v-1", features=["backups", "droplet_agent"],
        image={"id": 123, "slug": "ubuntu-24-04-x64"},
    )  # fmt: skip
    desire(
        warehouse, right, size="s-1vcpu-1gb", vpc="v-1", project="shop", backups=True, ipv6=False,
        image="ubuntu-24-04-x64", project_id=shop, features=["backups"], **{"image.id": "123"},
    )  # fmt: skip
    wrong = resource(
        warehouse, 2, project_id=shop, vpc_uuid="v-1", features=["ipv6"],
        image={"id": 123, "slug": "ubuntu-24-04-x64"},
    )  # fmt: skip
    desire(
        warehouse, wrong, size="s-2", vpc="v-2", project="website", backups=True, ipv6=False,
        image="debian-12-x64",
        project_id="7e1bfbc3-dc3e-41f2-a18f-1b4d7ba71670",
    )  # fmt: skip
    swept(warehouse)
    assert [row for row in inbox(warehouse) if row[0] == right] == []
    assert [row[1:] for row in inbox(warehouse)] == [
        ("backups", True, False),
        ("image", "debian-12-x64", "ubuntu-24-04-x64"),
        ("ipv6", False, True),
        ("project", "website", "shop"),
        ("project_id", "7e1bfbc3-dc3e-41f2-a18f-1b4d7ba71670",
         "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679"),
        ("size", "s-2", "s-1vcpu-1gb"),
        ("vpc", "v-2", "v-1"),
    ]  # fmt: skip


def test_a_field_that_leaves_the_spec_closes(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse)
    desire(warehouse, droplet, region="ams3")
    swept(warehouse, 0.1)
    query(warehouse, "UPDATE cloud_provisioned SET spec = '{}' RETURNING 1")
    assert swept(warehouse, 0.2).closed == 1
    [record] = drift(warehouse)
    assert record["status"] == "stale"
    assert "no longer desired" in record["resolution"]


def test_rows_with_the_contracts_columns_alone_are_enough(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, size_slug="b")
    query(
        warehouse,
        """INSERT INTO cloud_provisioned (resource_id, spec)
           VALUES (:id, '{"size_slug": "a"}') RETURNING 1""",
        id=droplet,
    )
    assert swept(warehouse).opened == 1
    assert spec_of(warehouse, droplet)["spec_version"] == 1
