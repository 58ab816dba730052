"""Recording specs, adopting what is live, ignore rules, and the views beside the records."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from arcadia_cloud_pipelines.drift.adopting import adopt
from arcadia_cloud_pipelines.drift.errors import SpecError
from arcadia_cloud_pipelines.drift.ignore import IgnoreRuleError, add_rule, list_rules, remove_rule
from arcadia_cloud_pipelines.drift.inbox import coverage, get_drift, list_drift
from arcadia_cloud_pipelines.drift.resource_refs import ResourceNotFound, ResourceRef
from arcadia_cloud_pipelines.drift.specs import record_provisioned, show
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import (
    at,
    change,
    desire,
    drift,
    everything,
    inbox,
    listed,
    project,
    resource,
    spec_of,
    swept,
)


def test_merging_replacing_and_versions(warehouse: Warehouse) -> None:
    droplet = resource(warehouse)
    assert desire(warehouse, droplet, a=1, b=2).spec_version == 1
    again = desire(warehouse, droplet, 1, a=1)
    assert (again.changed, again.spec_version) == (False, 1)
    merged = desire(warehouse, droplet, 2, b=3)
    assert (merged.spec, merged.spec_version) == ({"a": 1, "b": 3}, 2)
    replaced = record_provisioned(
        warehouse, droplet, {"c": None}, actor="bob", mode="replace", now=lambda: at(3)
    )
    assert (replaced.spec, replaced.spec_version) == ({"c": None}, 3)
    unset = record_provisioned(warehouse, droplet, {}, actor="bob", unset=["c"])
    assert (unset.spec, unset.spec_version) == ({}, 4)
    history = query(warehouse, "SELECT * FROM cloud_provisioned_history ORDER BY id")
    assert [(h["spec_version"], h["actor"]) for h in history] == [
        (1, "ann"), (2, "ann"), (3, "bob"), (4, "bob"),
    ]  # fmt: skip
    assert [h["before"] for h in history] == [None, {"a": 1, "b": 2}, {"a": 1, "b": 3}, {"c": None}]
    assert spec_of(warehouse, droplet)["created_at"] == at(0)


def test_recording_the_same_again_writes_nothing(warehouse: Warehouse) -> None:
    droplet = resource(warehouse)
    desire(warehouse, droplet, tags=["a"], count=2)
    before = query(warehouse, "SELECT xmin::text, * FROM cloud_provisioned")
    desire(warehouse, droplet, 5, tags=["a"], count=2.0)
    assert query(warehouse, "SELECT xmin::text, * FROM cloud_provisioned") == before


def test_how_a_resource_is_named(warehouse: Warehouse) -> None:
    one = resource(warehouse, "1", name="web")
    resource(warehouse, "2", name="twin")
    resource(warehouse, "3", name="twin")
    resource(warehouse, "4", name="web", deleted_at=at(0))
    address = resource(warehouse, "1.2.3.4", kind="reserved_ip")
    named_like_an_id = resource(warehouse, "5", name="1")
    assert desire(warehouse, ResourceRef("droplet", "web"), a=1).resource_id == one
    assert desire(warehouse, ResourceRef("droplet", "1"), a=1).resource_id == one
    assert named_like_an_id != one
    assert desire(warehouse, ResourceRef("floating_ip", "1.2.3.4"), a=1).resource_id == address
    with pytest.raises(ResourceNotFound, match=r"2 live .* have the name twin"):
        desire(warehouse, ResourceRef("droplet", "twin"), a=1)
    with pytest.raises(ResourceNotFound, match="There is no droplet"):
        desire(warehouse, ResourceRef("droplet", "404"), a=1)
    with pytest.raises(ResourceNotFound):
        desire(warehouse, 10**6, a=1)


@pytest.mark.parametrize("spec", [[], "x", {"": 1}, {1: 2}, {"a": object()}, {"a": "\0"}])
def test_what_is_no_spec(warehouse: Warehouse, spec: Any) -> None:
    with pytest.raises(SpecError):
        record_provisioned(warehouse, resource(warehouse), spec, actor="ann")
    with pytest.raises(SpecError, match="The actor is empty"):
        record_provisioned(warehouse, 1, {}, actor=" ")


def test_secrets_are_left_out(warehouse: Warehouse) -> None:
    canary = "CANARY-123"
    recorded = desire(
        warehouse, resource(warehouse), password=canary, size_slug="s",
        nested={"api_key": canary, "ok": 1, "list": [f"postgres://u:{canary}@h/d", "fine"]},
    )  # fmt: skip
    assert recorded.spec == {"size_slug": "s", "nested": {"ok": 1, "list": ["fine"]}}
    assert set(recorded.left_out) == {"password", "nested.api_key", "nested.list"}
    assert canary not in everything(warehouse)


def test_adopting_then_drift(warehouse: Warehouse) -> None:
    for kind in ("droplet", "volume"):
        listed(warehouse, kind)
    shop = project(warehouse, "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", "shop")
    droplet = resource(warehouse, 1, tags=["b", "a"], image={"id": 7, "slug": "x"}, project_id=shop)
    worker = resource(warehouse, 2, tags=["k8s", "k8s:worker"])
    gone = resource(warehouse, 3, deleted_at=at(0))
    volume = resource(warehouse, 1, kind="volume", size_gigabytes=10)
    assert adopt(warehouse, actor="ann", kinds=["droplet"]) == 1
    assert adopt(warehouse, actor="ann") == 1
    specs = {row["resource_id"]: row for row in query(warehouse, "SELECT * FROM cloud_provisioned")}
    assert set(specs) == {droplet, volume}
    assert worker not in specs
    assert gone not in specs
    assert specs[volume]["spec"]["size_gigabytes"] == 10
    assert specs[droplet]["source"] == "adopted"
    assert swept(warehouse, 0.1).open_after == 0
    change(warehouse, volume, size_gigabytes=20)
    swept(warehouse, 0.2)
    assert inbox(warehouse) == [(volume, "size_gigabytes", 10, 20)]
    # Fields and resources of one's choice; by name, workers too.
    assert adopt(
        warehouse, actor="ann", fields=["status"], resources=[worker, ResourceRef("volume", "1")]
    ) == 2  # fmt: skip
    assert spec_of(warehouse, worker)["spec"] == {"status": "active"}
    assert spec_of(warehouse, volume)["spec"]["size_gigabytes"] == 10


def test_showing_a_spec(warehouse: Warehouse) -> None:
    droplet = resource(warehouse, name="web", size_slug="b")
    with pytest.raises(SpecError, match="provisioned record"):
        show(warehouse, droplet)
    desire(warehouse, droplet, size_slug="a", vcpus=1)
    view = show(warehouse, ResourceRef("droplet", "web"))
    assert view.live == {"size_slug": "b", "vcpus": None}
    assert (view.spec_version, view.history[0]["actor"]) == (1, "ann")


def test_unmanaged_and_coverage(warehouse: Warehouse) -> None:
    managed = resource(warehouse, 1)
    resource(warehouse, 2)
    resource(warehouse, 3, tags=["k8s:worker"])
    resource(warehouse, 4, deleted_at=at(0))
    desire(warehouse, managed, region="fra1")
    unmanaged = query(warehouse, "SELECT * FROM cloud_unmanaged_resources ORDER BY provider_id")
    assert [(u["provider_id"], u["is_platform_owned"]) for u in unmanaged] == [
        ("2", False), ("3", True),
    ]  # fmt: skip
    [row] = coverage(warehouse)
    assert (row.kind, row.resources, row.managed, row.share) == ("droplet", 3, 1, Decimal("0.5"))


CLUSTER = "bd5f5959-5e1e-4205-a714-a914373942af"
WORKER = {"tags": ["k8s", f"k8s:{CLUSTER}", "k8s:worker"]}
LIKE_TEMPLATE: dict[str, Any] = {
    "name": "runner-1", "size_slug": "c-2", "region": "fra1", "tags": ["ci", "x"],
    "created_at": at(1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "fields", "owned"),
    [
        ("kubernetes_cluster", {"tags": ["k8s", f"k8s:{CLUSTER}"]}, False),
        ("node_pool", {"tags": ["k8s", f"k8s:{CLUSTER}", "k8s:worker"]}, False),
        ("droplet", WORKER, True),
        ("droplet", {"kubernetes": {"cluster_id": CLUSTER}}, True),
        ("droplet", {"tags": ["k8s"]}, False),
        ("droplet", {"tags": ["k8s", "k8s:prod", "kubernetes:node", "k8s-team"]}, False),
        ("droplet", {"name": "k8s-worker-1"}, False),
        ("volume", {"tags": [f"k8s:{CLUSTER}"]}, True),
        ("volume", {"tags": ["k8s"]}, False),
        ("volume", {"name": f"pvc-{CLUSTER}",
                    "description": "Created by DigitalOcean CSI driver"}, True),
        ("volume", {"name": "pvc-data"}, False),
        ("volume", {"name": f"pvc-{CLUSTER}"}, False),
        ("load_balancer", {"name": "a" + "0123456789abcdef" * 2}, False),
        ("load_balancer", {"name": "a" + "0123456789abcdef0123456789abcde"}, True),
        ("load_balancer", {"name": "web", "droplet_ids": [1]}, True),
        ("load_balancer", {"name": "web", "droplet_ids": [1, 2]}, False),
        ("load_balancer", {"name": "web", "droplet_ids": [404]}, False),
        ("load_balancer", {"name": "web", "tag": "k8s:worker"}, False),
        ("load_balancer", {"name": "api"}, False),
        ("firewall", {"name": f"k8s-{CLUSTER}-worker", "tags": [f"k8s:{CLUSTER}"]}, True),
        ("firewall", {"name": f"k8s-public-access-{CLUSTER}"}, True),
        ("firewall", {"name": "mine", "tags": [f"k8s:{CLUSTER}", "k8s:worker"]}, False),
        ("alert_policy", {"tags": ["k8s:worker"]}, False),
        ("volume_snapshot", {"resource_id": "v"}, True),
        ("volume_snapshot", {"resource_id": "mine"}, False),
        ("droplet_snapshot", {"resource_id": "1"}, True),
        ("droplet_snapshot", {"resource_id": "2"}, False),
        ("image", {"type": "backup"}, True),
        ("image", {"type": "custom"}, False),
        ("vpc", {"default": True}, True),
        ("vpc", {"default": False}, False),
        ("vpc", {}, False),
        ("autoscale_pool", {}, False),
        ("droplet", LIKE_TEMPLATE, True),
        ("droplet", LIKE_TEMPLATE | {"tags": ["x"]}, False),
        ("droplet", LIKE_TEMPLATE | {"size_slug": "c-4"}, False),
        ("droplet", LIKE_TEMPLATE | {"created_at": at(-1)}, False),
        ("droplet", LIKE_TEMPLATE | {"name": "other"}, False),
        ("app", {"tags": ["k8s:worker"]}, False),
        ("database", {"tags": ["k8s", f"k8s:{CLUSTER}"]}, False),
        ("reserved_ip", {"name": None}, False),
    ],
)  # fmt: skip
def test_only_what_the_platform_makes_is_platform_owned(
    warehouse: Warehouse, kind: str, fields: dict[str, Any], owned: bool
) -> None:
    resource(warehouse, 1, **WORKER)
    resource(warehouse, 2)
    resource(warehouse, "v", kind="volume", tags=[f"k8s:{CLUSTER}"])
    resource(warehouse, "mine", kind="volume")
    template = {"name": "runner", "tags": ["ci"]}
    resource(warehouse, "p", kind="autoscale_pool", size_slug="c-2", created_at=at(0),
             droplet_template=template)  # fmt: skip
    made = resource(warehouse, "this", kind=kind, **fields)
    [row] = query(
        warehouse,
        "SELECT is_platform_owned FROM cloud_unmanaged_resources WHERE resource_id = :id",
        id=made,
    )
    assert row["is_platform_owned"] is owned


# --- ignore rules -------------------------------------------------------------------------------


def test_a_rule_ignores_until_it_expires_and_says_so(warehouse: Warehouse) -> None:
    listed(warehouse)
    noisy = resource(warehouse, 1, name="CI-1", size_slug="b")
    desire(warehouse, noisy, size_slug="a", region="ams3")
    quiet = resource(warehouse, 2, name="web", size_slug="b")
    desire(warehouse, quiet, size_slug="a")
    swept(warehouse, 0.1)
    rule = add_rule(
        warehouse, owner="ann", reason="resized nightly", kind="drop*", name_pattern="ci-*",
        field="size_slug", expires_at=at(1), now=lambda: at(0.1),
    )  # fmt: skip
    result = swept(warehouse, 0.2)
    assert (result.closed, result.ignored, result.rules_expired) == (1, 1, ())
    assert {row[:2] for row in inbox(warehouse)} == {(noisy, "region"), (quiet, "size_slug")}
    assert f"rule {rule.id} of ann" in drift(warehouse, "stale")[0]["resolution"]
    late = swept(warehouse, 1)
    assert (late.opened, late.ignored) == (1, 0)
    assert [r.id for r in late.rules_expired] == [rule.id]
    [*_, row] = query(warehouse, "SELECT * FROM cloud_drift_sweeps ORDER BY id")
    assert row["rules_expired"] == [rule.id]
    remove_rule(warehouse, rule.id, actor="bob")
    assert list_rules(warehouse) == []
    with pytest.raises(IgnoreRuleError, match="no ignore rule"):
        remove_rule(warehouse, rule.id, actor="bob")


@pytest.mark.parametrize(
    "rule",
    [{"owner": " "}, {"reason": ""}, {"kind": "*", "field": "*"}, {"expires_at": at(-1)}],
)
def test_what_is_no_rule(warehouse: Warehouse, rule: dict[str, Any]) -> None:
    with pytest.raises(IgnoreRuleError):
        add_rule(
            warehouse,
            **{"owner": "ann", "reason": "x", "kind": "droplet", "field": "tags"} | rule,
            now=lambda: at(0),
        )


def test_reading_the_inbox(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, name="web", size_slug="b")
    desire(warehouse, droplet, size_slug="a")
    swept(warehouse, 0.1)
    change(warehouse, droplet, size_slug="c")
    [record] = list_drift(warehouse)
    assert (record.name, record.says, record.live) == ("web", "a → b", "c")
    assert list_drift(warehouse, kind="volume") == []
    again, decisions = get_drift(warehouse, record.id)
    assert again == record
    assert decisions == []
