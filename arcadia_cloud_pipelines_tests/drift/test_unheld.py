"""Specs of fields that the inventory does not hold: no false drift, and a word about each."""

from __future__ import annotations

from typing import Any

import pytest

from arcadia_cloud_pipelines.drift.adopting import adopt
from arcadia_cloud_pipelines.drift.errors import SpecError
from arcadia_cloud_pipelines.drift.resource_refs import ResourceRef
from arcadia_cloud_pipelines.drift.spec_fields import canonical_json, holds
from arcadia_cloud_pipelines.drift.specs import record_provisioned, unheld_fields
from arcadia_cloud_pipelines.inventory import ledger
from arcadia_cloud_pipelines.inventory.ledger import Observation
from arcadia_cloud_pipelines.inventory.sightings import identity_reader, sightings
from arcadia_cloud_pipelines.kinds import KINDS, REGISTRY, Kind
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..inventory.test_sightings import FILES, Json, examples
from ..support.sql import query
from .helpers import (
    TEAM,
    at,
    desire,
    drift,
    events,
    execute,
    inbox,
    listed,
    project,
    resource,
    spec_of,
    swept,
)

UNHELD = [
    ("droplet", "locked", False),
    ("droplet", "next_backup_window", {"start": "2026-11-20T00:00:00Z"}),
    ("droplet", "backup_ids", [1]),
    ("droplet", "kernel", {"id": 1}),
    ("droplet", "networks.v4.gateway", "10.0.0.1"),
    ("droplet", "id", 1),
    # Columns are no objects: nothing lies inside of them.
    ("droplet", "region.slug", "fra1"),
    ("droplet", "size.slug", "s-1vcpu-1gb"),
    ("droplet", "project.name", "acme"),
    ("volume", "tags.0", "prod"),
    ("firewall", "pending_changes", []),
    ("reserved_ip", "locked", True),
    ("kubernetes_cluster", "status.message", "ok"),
    ("kubernetes_cluster", "node_pools.nodes", []),
    ("domain", "zone_file", "$ORIGIN"),
    ("app", "updated_at", "2026-01-01T00:00:00Z"),
    ("app", "progress", {"steps": 1}),
    ("spaces_key", "created_at.date", "2026-01-01"),
    ("registry", "storage_usage_bytes", 1),
]


COLUMNS = frozenset({
    "name", "region", "status", "size_slug", "size", "tags", "created_at", "kind", "provider",
    "provider_id", "account",
})  # fmt: skip


def _fills(kind: Kind, column: str) -> bool:
    """Tell whether the API's field of that name is what the column has."""
    path = {"name": kind.title, "region": kind.region, "status": kind.status,
            "size_slug": kind.size_slug, "size": kind.size_slug and "size",
            "tags": kind.tags, "created_at": kind.created_at}.get(column)  # fmt: skip
    return path is not None and path.split(".")[0] == column


@pytest.mark.parametrize(("kind", "field", "value"), UNHELD)
def test_a_field_that_the_inventory_does_not_hold_is_refused_by_name(
    warehouse: Warehouse, kind: str, field: str, value: Any
) -> None:
    made = resource(warehouse, kind=kind)
    listed(warehouse, kind)
    with pytest.raises(SpecError, match=rf"^{field} of a {kind} is not stored") as caught:
        record_provisioned(warehouse, made, {"name": "new", field: value}, actor="ann")
    assert "leave it out" in str(caught.value)
    assert query(warehouse, "SELECT * FROM cloud_provisioned") == []
    with pytest.raises(SpecError, match=rf"^{field} .*is not stored"):
        adopt(warehouse, actor="ann", kinds=[kind], fields=[field])


@pytest.mark.parametrize(("kind", "field", "value"), UNHELD)
def test_an_old_spec_of_it_is_left_out_and_named(
    warehouse: Warehouse, kind: str, field: str, value: Any
) -> None:
    """As an earlier release recorded it, and opened drift for it."""
    made = resource(warehouse, kind=kind)
    desire(warehouse, made, name="other")
    execute(
        warehouse,
        "UPDATE cloud_provisioned SET spec = spec || CAST(:old AS jsonb)",
        old=canonical_json({field: value}),
    )
    execute(
        warehouse,
        "INSERT INTO cloud_drift (resource_id, field, desired, actual, status, detected_at) "
        "VALUES (:id, :field, CAST(:old AS jsonb), 'null', 'open', :at)",
        id=made, field=field, old=canonical_json(value), at=at(-1),
    )  # fmt: skip
    listed(warehouse, kind)
    swept(warehouse)
    # What else the spec says is compared.
    assert [(d[0], d[1]) for d in inbox(warehouse)] == [(made, "name")]
    (closed,) = drift(warehouse, "stale")
    assert closed["field"] == field
    assert [e["changes"].keys() for e in events(warehouse)] == [{"name"}]
    assert list(unheld_fields(warehouse)) == [(kind, field, 1)]
    record_provisioned(warehouse, made, {}, actor="ann", unset=[field])
    assert spec_of(warehouse, made)["spec"] == {"name": "other"}
    assert list(unheld_fields(warehouse)) == []


def test_of_an_object_only_what_the_inventory_holds_is_recorded_and_the_rest_is_named(
    warehouse: Warehouse,
) -> None:
    droplet = resource(warehouse, region="fra1", networks={"v4": [{"ip_address": "10.0.0.2"}]})
    v4 = [{"ip_address": "10.0.0.2", "gateway": "10.0.0.1"}]
    spec = {"region": {"slug": "fra1", "sizes": ["a"]}, "networks": {"v4": v4}}
    recorded = record_provisioned(warehouse, droplet, spec, actor="ann")
    held = {"region": "fra1", "networks": {"v4": [{"ip_address": "10.0.0.2"}]}}
    assert (recorded.spec, recorded.left_out) == (held, ("networks.v4.gateway", "region.sizes"))
    listed(warehouse)
    swept(warehouse)
    assert inbox(warehouse) == []
    # What it does hold is compared.
    execute(warehouse, "UPDATE cloud_resources SET attrs = '{}', region = 'nyc3'")
    swept(warehouse, 0.2)
    assert [(d[1], d[2]) for d in inbox(warehouse)] == [
        ("networks", held["networks"]), ("region", "fra1"),
    ]  # fmt: skip


def test_a_part_that_an_old_spec_desires_is_not_compared(warehouse: Warehouse) -> None:
    droplet = resource(warehouse, region="fra1", networks={"v4": [{"ip_address": "10.0.0.2"}]})
    desire(warehouse, droplet, name="droplet-1")
    old = {
        "region": {"slug": "fra1", "name": "Frankfurt 1"}, "size": {"slug": "s-1vcpu-1gb"},
        "networks": {"v4": [{"ip_address": "10.0.0.2", "gateway": "10.0.0.1"}]},
    }  # fmt: skip
    execute(
        warehouse,
        "UPDATE cloud_provisioned SET spec = spec || CAST(:old AS jsonb)", old=canonical_json(old),
    )  # fmt: skip
    listed(warehouse)
    swept(warehouse)
    assert inbox(warehouse) == []


def test_a_balancer_of_a_tag_desires_no_droplets(warehouse: Warehouse) -> None:
    balancer = resource(warehouse, kind="load_balancer", tag="web")
    spec = {"tag": "web", "droplet_ids": [1, 2]}
    recorded = record_provisioned(warehouse, balancer, spec, actor="ann")
    assert (recorded.spec, recorded.left_out) == ({"tag": "web"}, ("droplet_ids",))


@pytest.mark.parametrize("kind", REGISTRY, ids=lambda kind: kind.name)
def test_what_the_registry_leaves_out_is_not_held(kind: Kind) -> None:
    for path in (*kind.noise, *kind.secret, kind.identity):
        own = {kind.title, kind.region, kind.status, kind.size_slug, kind.tags, kind.created_at}
        if path not in own | COLUMNS and "/" not in path:
            assert not holds(kind.name, path.removeprefix("*.")), path
    for column in ("name", "region", "status", "size_slug", "tags", "created_at"):
        assert holds(kind.name, column)
        assert not holds(kind.name, f"{column}.slug")
    for name in ("password", "api_token", "private_key", "settings.password"):
        assert not holds(kind.name, name), name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_desiring_what_the_api_says_is_refused_or_no_drift(
    warehouse: Warehouse, kind: Kind
) -> None:
    """For every field of the official examples, and for those one level below."""
    objects = {
        identity_reader(kind)(item): item
        for name in FILES for k, items in [examples(name)] if k is kind
        for item in items
    }  # fmt: skip
    for uuid in {item["project_id"] for item in objects.values() if item.get("project_id")}:
        project(warehouse, uuid, uuid)
    with warehouse.transaction() as connection:
        seen = sightings(kind, objects.values())
        ledger.record(connection, Observation(TEAM, kind.name, at(0), seen, True))
    listed(warehouse, kind.name)
    desired = 0
    for identity, item in objects.items():
        spec = {
            field: value for field, value in _fields(item)
            # A column means the same for every kind, whatever the API calls by its name.
            if holds(kind.name, field) and (field not in COLUMNS or _fills(kind, field))
        }  # fmt: skip
        ref = ResourceRef(kind.name, identity)
        desired += len(record_provisioned(warehouse, ref, spec, actor="ann").spec)
    swept(warehouse)
    # Of these addresses all is identity or has a column of another name.
    assert desired or kind.name == "reserved_ipv6"
    assert inbox(warehouse) == []


def _fields(item: Json) -> list[tuple[str, Any]]:
    inner = [
        (f"{field}.{key}", deep)
        for field, value in item.items() if isinstance(value, dict)
        for key, deep in value.items()
    ]  # fmt: skip
    return [*item.items(), *inner]
