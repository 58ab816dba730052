"""Edges and orphans: what the simulated account really holds, and what is left behind."""

from __future__ import annotations

from typing import Any

import pytest

from arcadia_cloud_pipelines.inventory.kinds import KINDS
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import Mirror, query, record, sighting

CLUSTER = "01234567-89ab-cdef-0123-456789abcdef"


def edges(warehouse: Warehouse, relation: str, kind: str | None = None) -> set[tuple[str, str]]:
    found = query(
        warehouse,
        "SELECT r.provider_id, e.to_provider_id FROM cloud_resource_edges AS e "
        "JOIN cloud_resources AS r ON r.id = e.from_resource_id "
        "WHERE e.relation = :relation AND r.kind = coalesce(:kind, r.kind)",
        relation=relation,
        kind=kind,
    )
    pairs = [tuple(row.values()) for row in found]
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def orphans(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    found = query(
        warehouse,
        "SELECT kind, provider_id, reason, relation, to_provider_id FROM cloud_orphans "
        "ORDER BY kind, provider_id, reason",
    )
    return [tuple(row.values()) for row in found]


@pytest.fixture
def synced(mirror: Mirror) -> Mirror:
    for kind in KINDS:
        mirror.sync(kind.name)
    return mirror


def objects(mirror: Mirror, kind: str) -> dict[str, dict[str, Any]]:
    return {str(i): mirror.account.get(kind, i) for i in mirror.account.ids(kind)}


def test_edges_are_what_the_account_holds(mirror: Mirror) -> None:
    warehouse = mirror.warehouse
    _, balancer = sorted(mirror.account.ids("load_balancer"))[:2]
    tagged = next(d for d in objects(mirror, "droplet").values() if d["tags"])
    mirror.account.update("load_balancer", balancer, tag=tagged["tags"][0])
    for kind in KINDS:
        mirror.sync(kind.name)
    synced = mirror
    attached = {
        (v, str(d)) for v, volume in objects(synced, "volume").items()
        for d in volume["droplet_ids"]
    }  # fmt: skip
    assert edges(warehouse, "attached_to") == attached != set()
    assigned = {
        (ip, str(address["droplet"]["id"]))
        for ip, address in objects(synced, "reserved_ip").items() if address["droplet"]
    }  # fmt: skip
    assert edges(warehouse, "assigned_to") == assigned != set()
    targets = {
        (b, str(d), bool(balancer["tag"]))
        for b, balancer in objects(synced, "load_balancer").items() for d in balancer["droplet_ids"]
    }  # fmt: skip
    assert edges(warehouse, "targets") == {(b, d) for b, d, by_tag in targets if not by_tag}
    assert edges(warehouse, "targets_by_tag") == {(b, d) for b, d, by_tag in targets if by_tag}
    assert {by_tag for *_, by_tag in targets} == {False, True}
    workers = {
        (str(node["droplet_id"]), c)
        for c, cluster in objects(synced, "kubernetes_cluster").items()
        for pool in cluster["node_pools"] for node in pool["nodes"]
    }  # fmt: skip
    assert edges(warehouse, "worker_of") == workers != set()
    for kind in ("droplet_snapshot", "volume_snapshot"):
        sources = {(s, snapshot["resource_id"]) for s, snapshot in objects(synced, kind).items()}
        assert edges(warehouse, "snapshot_of", kind) == sources != set()
    networks = {
        (i, network)
        for kind, field in (("droplet", "vpc_uuid"), ("load_balancer", "vpc_uuid"),
                            ("kubernetes_cluster", "vpc_uuid"),
                            ("database", "private_network_uuid"))
        for i, thing in objects(synced, kind).items() if (network := thing.get(field))
    }  # fmt: skip
    assert edges(warehouse, "in_vpc") >= networks != set()


def test_an_edge_stays_when_its_end_is_deleted(synced: Mirror) -> None:
    warehouse = synced.warehouse
    balancer, droplet = min(edges(warehouse, "targets"))
    volume, _ = min(edges(warehouse, "attached_to"))
    record(
        warehouse,
        [sighting("stays", resource_id=droplet), sighting("never", resource_id="1")],
        90,
        account=synced.account.team_uuid,
        kind="droplet_snapshot",
        complete=False,
    )
    before = {o for o in orphans(warehouse) if o[1] in ("stays", "never", balancer, volume)}
    assert before == set(), "nothing is known to be gone before droplets were listed again"
    synced.hours = 100
    synced.account.hide("droplet", int(droplet))
    for _ in range(3):
        synced.sync()
    after = orphans(warehouse)
    assert ("droplet_snapshot", "stays", "target_deleted", "snapshot_of", droplet) in after
    assert ("droplet_snapshot", "never", "target_unknown", "snapshot_of", "1") in after
    (edge,) = query(
        warehouse,
        "SELECT e.* FROM cloud_resource_edges AS e JOIN cloud_resources AS r "
        "ON r.id = e.from_resource_id WHERE r.provider_id = 'stays' AND relation = 'snapshot_of'",
    )
    assert edge["to_deleted"] is True
    assert edge["to_resource_id"] is not None
    (since,) = query(warehouse, "SELECT since FROM cloud_orphans WHERE provider_id = 'stays'")
    assert since["since"] == synced.now()


def test_idle_addresses_and_volumes(synced: Mirror) -> None:
    idle = {
        (kind, ip, "unassigned")
        for kind in ("reserved_ip", "reserved_ipv6")
        for ip, address in objects(synced, kind).items() if not address.get("droplet")
    } | {
        ("volume", v, "unattached")
        for v, volume in objects(synced, "volume").items() if not volume["droplet_ids"]
    }  # fmt: skip
    named = [o[:3] for o in orphans(synced.warehouse) if o[3] is None]
    assert sorted(named) == sorted(idle)
    # A VPC that no listing was ever made of is not known to be gone.
    assert not [o for o in orphans(synced.warehouse) if o[3] == "in_vpc"]


def test_nothing_is_idle_for_who_may_not_see_droplets(mirror: Mirror) -> None:
    mirror.sync("volume")
    assert orphans(mirror.warehouse) == []


def test_firewalls_protect_by_id_and_by_tag(warehouse: Warehouse) -> None:
    record(
        warehouse,
        [sighting(1, tags=["web"]), sighting(2, tags=["web", "k8s", f"k8s:{CLUSTER}"]),
         sighting(3, tags=["k8s:worker"])],
    )  # fmt: skip
    record(warehouse, [sighting(4, tags=["web"])], account="team-b")
    record(
        warehouse,
        [sighting("attrs", droplet_ids=[1, 99], labels=["x"]),
         sighting("column", tags=["web"], droplet_ids="not a list")],
        kind="firewall",
    )  # fmt: skip
    assert edges(warehouse, "protects") == {
        ("attrs", "1"), ("attrs", "99"), ("column", "not a list"),
    }  # fmt: skip
    assert edges(warehouse, "protects_by_tag") == {("column", "1"), ("column", "2")}
    assert edges(warehouse, "worker_of") == {("2", CLUSTER)}


def test_odd_objects_break_nothing(warehouse: Warehouse) -> None:
    odd: list[dict[str, Any]] = [
        {"droplet_ids": {"a": 1}}, {"droplet_ids": [None, [], {}, True]}, {"droplet": "x"},
        {"vpc_uuid": ["v"]}, {"vpc_uuid": {"id": 1}}, {"tag": ["t"]},
    ]  # fmt: skip
    for kind in ("volume", "reserved_ip", "load_balancer", "firewall", "vpc_peering"):
        record(warehouse, [sighting(n, **attrs) for n, attrs in enumerate(odd)], kind=kind)
    assert {to for _, to in edges(warehouse, "in_vpc")} <= {"v"}
    assert edges(warehouse, "attached_to") == set()
    orphans(warehouse)
