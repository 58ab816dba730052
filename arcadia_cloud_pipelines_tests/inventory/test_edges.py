"""Edges and orphans: what the simulated account really holds, and what is left behind."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.inventory.ledger import Guard
from arcadia_cloud_pipelines.kinds import KIND_OF_URN_TYPE, KINDS, REGISTRY, Kind
from arcadia_cloud_pipelines.settings import Purpose
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import migrate

from ..support.sql import query
from .helpers import Mirror, record, sighting

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


NEEDED = {"uptime_check", "uptime_alert", "domain_record", "database_replica",
          "registry_repository", "knowledge_base", "cdn_endpoint", "certificate"}  # fmt: skip


@pytest.fixture
def synced(mirror: Mirror) -> Mirror:
    """Everything but what has no edge in these tests: every kind takes its time."""
    for kind in KINDS:
        if kind.purpose is not Purpose.CLOUD_SYNC_SLOW or kind.name in NEEDED:
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
    nodes = {
        (node["droplet_id"], p)
        for p, pool in objects(synced, "node_pool").items() for node in pool["nodes"]
    }  # fmt: skip
    assert edges(warehouse, "node_of") == nodes != set()
    assert {d for d, _ in nodes} == {d for d, _ in workers}
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


PARTS = {
    # relation: the part
    "pool_of": "node_pool", "replica_of": "database_replica", "in_domain": "domain_record",
    "alert_of": "uptime_alert", "in_registry": "registry_repository", "policy_of": "backup_policy",
}  # fmt: skip
BY_FIELD = [
    ("knowledge_base", "stored_in", "database_id"), ("nfs_snapshot", "snapshot_of", "share_id"),
    ("cdn_endpoint", "uses", "certificate_id"), ("nfs_share", "in_vpc", "vpc_ids"),
    ("partner_attachment", "in_vpc", "vpc_ids"), ("dedicated_inference", "in_vpc", "vpc_uuid"),
    ("microvm", "in_vpc", "vpc_uuid"), ("microvm_checkpoint", "checkpoint_of", "microvm_id"),
    ("agent_session", "started_from", "config_id"),
    ("indexing_job", "indexes", "knowledge_base_uuid"),
]  # fmt: skip


def test_parts_name_their_wholes(synced: Mirror) -> None:
    for relation, kind in PARTS.items():
        lives = synced.account.alive(kind)
        wholes = {(str(life.id), str(life.facts["parent"])) for life in lives}
        assert edges(synced.warehouse, relation) == wholes != set(), relation


NEW_PARTS = [
    kind for kind in KINDS if kind.part_of is not None and kind.name not in PARTS.values()
    if kind.name != "droplet"
]  # fmt: skip


@pytest.mark.parametrize("kind", NEW_PARTS, ids=lambda kind: kind.name)
def test_every_part_of_the_registry_names_its_whole(warehouse: Warehouse, kind: Kind) -> None:
    assert kind.part_of is not None
    whole, path = kind.part_of
    named = sighting("w" if path == kind.identity else "x", **({path: "w"}))
    record(warehouse, [named], kind=kind.name)
    record(warehouse, [sighting("w")], 1, kind=whole)
    found = query(warehouse, "SELECT to_kind, to_provider_id, to_resource_id "
                  "FROM cloud_resource_edges WHERE relation = 'part_of'")  # fmt: skip
    assert [(e["to_kind"], e["to_provider_id"]) for e in found] == [(whole, "w")]
    assert found[0]["to_resource_id"] is not None
    record(warehouse, [], 2, kind=whole, guard=Guard(between=timedelta(0)))
    record(warehouse, [], 3, kind=whole, guard=Guard(between=timedelta(0)))
    record(warehouse, [], 4, kind=whole, guard=Guard(between=timedelta(0)))
    assert not orphans(warehouse), "it goes when its whole goes"


def test_urns_lead_to_the_kinds_of_the_registry(warehouse: Warehouse) -> None:
    urns = [f"do:{urn_type}:x-{urn_type}" for urn_type in KIND_OF_URN_TYPE]
    odd = ["do:nothing:1", "do:droplet:", "do:droplet:1:2", "droplet", None, 7, {}]
    record(
        warehouse, [sighting("r", spec={"query": {"resource_urns": [*urns, *odd]}})],
        kind="alert_rule",
    )  # fmt: skip
    record(warehouse, [sighting("n", target_urns=["do:droplet:7"])], kind="vpc_route")
    record(warehouse, [sighting("i", resource="do:droplet:8")], kind="byoip_ip")
    found = query(warehouse, "SELECT relation, to_kind, to_provider_id FROM cloud_resource_edges")
    assert {tuple(edge.values()) for edge in found} == {
        ("routes_to", "droplet", "7"), ("used_by", "droplet", "8"),
        *(("watches", kind, f"x-{urn_type}") for urn_type, kind in KIND_OF_URN_TYPE.items()),
    }  # fmt: skip


def test_a_droplet_is_in_the_autoscale_pool_whose_member_it_is(mirror: Mirror) -> None:
    for kind in ("droplet", "autoscale_pool", "autoscale_member"):
        mirror.sync(kind)
    members = {
        (str(life.id), str(life.facts["parent"]))
        for life in mirror.account.alive("autoscale_member")
    }
    assert edges(mirror.warehouse, "member_of", "droplet") == members != set()
    assert edges(mirror.warehouse, "part_of", "autoscale_member") == members


def test_pointers_are_those_of_the_registry_after_every_migration(warehouse: Warehouse) -> None:
    def rules() -> list[dict[str, Any]]:
        return query(
            warehouse, "SELECT kind, relation, to_kind FROM cloud_edge_rules ORDER BY 1, 2, 3"
        )

    def written() -> Any:
        return query(warehouse, "SELECT xmin, ctid FROM cloud_edge_rules ORDER BY ctid")

    wanted = [(k.name, e.relation, e.to) for k in REGISTRY for e in k.edges]
    assert Counter(tuple(rule.values()) for rule in rules()) == Counter(wanted)
    before, rows = rules(), written()
    migrate(warehouse)
    assert written() == rows, "nothing is written where nothing changed"
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_edge_rules SET path = '$.elsewhere' WHERE kind = 'volume'")
        )
        connection.execute(sa.text("DELETE FROM cloud_edge_rules WHERE kind = 'droplet'"))
    migrate(warehouse)
    assert rules() == before


def test_rules_of_databases_admit_what_they_name(warehouse: Warehouse) -> None:
    rules = {"droplet": "1", "k8s": CLUSTER, "app": "a", "ip_addr": "192.0.2.1", "tag": "web"}
    record(
        warehouse, [sighting(f"r-{kind}", value, type=kind) for kind, value in rules.items()],
        kind="database_firewall_rule",
    )  # fmt: skip
    assert edges(warehouse, "admits") == {("r-droplet", "1"), ("r-k8s", CLUSTER), ("r-app", "a")}


def test_what_kubernetes_made_names_its_cluster(warehouse: Warehouse) -> None:
    tag = f"k8s:{CLUSTER}"
    record(
        warehouse, [sighting("v", tags=[tag, "x"]), sighting("mine", tags=["k8s"])], kind="volume"
    )
    record(warehouse, [sighting("b", tag=tag), sighting("mine2", tag="web")], kind="load_balancer")
    record(
        warehouse,
        [sighting("f", f"k8s-{CLUSTER}-worker"), sighting("p", f"k8s-public-access-{CLUSTER}"),
         sighting("t", tags=[tag]), sighting("mine3", f"about-k8s-{CLUSTER}")],
        kind="firewall",
    )  # fmt: skip
    record(warehouse, [sighting("d", f"k8s-{CLUSTER}-worker")], kind="domain")
    assert edges(warehouse, "made_by") == {(one, CLUSTER) for one in ("v", "b", "f", "p", "t")}


def test_records_resolve_to_what_has_the_address_now(warehouse: Warehouse) -> None:
    networks = {
        "v4": [{"type": "public", "ip_address": "192.0.2.1"},
               {"type": "private", "ip_address": "10.0.0.1"}],
        "v6": [{"type": "public", "ip_address": "2001:db8::1"}],
    }  # fmt: skip
    record(warehouse, [sighting(1, networks=networks), sighting(2, networks="odd")])
    record(warehouse, [sighting(3, networks=networks)], account="team-b")
    record(warehouse, [sighting("b", ip="192.0.2.2", ipv6="")], kind="load_balancer")
    record(warehouse, [sighting("192.0.2.3")], kind="reserved_ip")
    addresses = {
        "a": ("A", "192.0.2.1"), "aaaa": ("AAAA", "2001:db8::1"), "lb": ("A", "192.0.2.2"),
        "ip": ("A", "192.0.2.3"), "private": ("A", "10.0.0.1"), "txt": ("TXT", "192.0.2.1"),
        "else": ("A", "198.51.100.1"), "empty": ("A", ""),
    }  # fmt: skip
    record(
        warehouse,
        [sighting(name, type=kind, data=data) for name, (kind, data) in addresses.items()],
        kind="domain_record",
    )  # fmt: skip
    assert edges(warehouse, "resolves_to") == {
        ("a", "1"), ("aaaa", "1"), ("lb", "b"), ("ip", "192.0.2.3"),
    }  # fmt: skip


def test_an_app_uses_the_clusters_that_it_names(warehouse: Warehouse) -> None:
    spec = {"databases": [{"cluster_name": "main"}, {"cluster_name": "none"}, {}, "odd"]}
    record(warehouse, [sighting("a", "shop", spec=spec)], kind="app")
    record(warehouse, [sighting("db", "main")], kind="database")
    record(warehouse, [sighting("db2", "main")], account="team-b", kind="database")
    assert edges(warehouse, "uses", "app") == {("a", "db")}


@pytest.mark.parametrize(("kind", "relation", "field"), BY_FIELD)
def test_what_one_field_names(mirror: Mirror, kind: str, relation: str, field: str) -> None:
    mirror.sync(kind)
    named = {
        (i, one)
        for i, thing in objects(mirror, kind).items()
        for one in ([thing[field]] if isinstance(thing[field], str) else thing[field])
    }
    assert edges(mirror.warehouse, relation, kind) == named != set()


def test_an_app_is_in_the_vpc_that_it_reaches(mirror: Mirror) -> None:
    mirror.sync("app")
    networks = {(i, app["vpc"]["id"]) for i, app in objects(mirror, "app").items()}
    assert edges(mirror.warehouse, "in_vpc", "app") == networks != set()


def test_certificates_in_use(warehouse: Warehouse) -> None:
    def rule(certificate: Any) -> dict[str, Any]:
        return {"entry_protocol": "https", "certificate_id": certificate}

    record(
        warehouse,
        [sighting("one", forwarding_rules=[rule("a"), rule("b"), rule(None), {}, rule("a")]),
         sighting("global", domains=[{"name": "x", "certificate_id": "c"}]), sighting("none")],
        kind="load_balancer",
    )  # fmt: skip
    record(
        warehouse,
        [sighting("own", certificate_id=CLUSTER),
         sighting("cloudflare", certificate_id="needs-cloudflare-cert"),
         sighting("odd", certificate_id=[CLUSTER, 7, {}])],
        kind="cdn_endpoint",
    )  # fmt: skip
    assert edges(warehouse, "uses", "load_balancer") == {
        ("one", "a"), ("one", "b"), ("global", "c"),
    }  # fmt: skip
    assert edges(warehouse, "uses", "cdn_endpoint") == {("own", CLUSTER), ("odd", CLUSTER)}


@pytest.mark.parametrize(
    ("origin", "bucket"),
    [
        ("static-images.nyc3.digitaloceanspaces.com", "static-images"),
        ("static-images.nyc3.cdn.digitaloceanspaces.com", "static-images"),
        ("nyc3.digitaloceanspaces.com", None),
        ("a.b.nyc3.digitaloceanspaces.com", None),
        ("a.nyc3.digitaloceanspaces.com.evil.example", None),
        ("a.nyc3xdigitaloceanspaces.com", None),
        (None, None),
    ],
)
def test_the_bucket_behind_an_endpoint(
    warehouse: Warehouse, origin: str | None, bucket: str | None
) -> None:
    record(warehouse, [sighting("e", origin)], kind="cdn_endpoint")
    record(warehouse, [sighting("n", origin)], kind="domain")
    assert edges(warehouse, "serves") == ({("e", bucket)} if bucket else set())


def test_a_worker_is_its_lister_s_else_its_tag_s(warehouse: Warehouse) -> None:
    tag = f"k8s:{CLUSTER}"
    listed = {"cluster_id": "other", "node_pool_id": "pool", "node_pool": "p"}
    record(
        warehouse,
        [sighting(1, tags=["k8s", tag]), sighting(2, tags=["k8s", tag], kubernetes=listed),
         sighting(3, kubernetes=listed), sighting(4, kubernetes="odd")],
    )  # fmt: skip
    assert edges(warehouse, "worker_of") == {("1", CLUSTER), ("2", "other"), ("3", "other")}
    assert edges(warehouse, "node_of") == {("2", "pool"), ("3", "pool")}


def test_a_deleted_worker_stays_linked(synced: Mirror) -> None:
    worker, pool = min(edges(synced.warehouse, "node_of"))
    synced.account.delete("droplet", int(worker))
    for _ in range(3):
        synced.sync()
    assert (worker, pool) in edges(synced.warehouse, "node_of")
    assert worker in {w for w, _ in edges(synced.warehouse, "worker_of")}
    # The dead are no orphans.
    assert worker not in {o[1] for o in orphans(synced.warehouse)}


def test_nothing_of_the_account_points_nowhere(synced: Mirror) -> None:
    """Everything was listed, and listed again: what is then unknown would be really gone."""
    for kind in (*KINDS, *KINDS):
        synced.sync(kind.name)
    assert [o for o in orphans(synced.warehouse) if o[3] is not None] == []


@pytest.mark.parametrize("relation", [*PARTS, "node_of"])
def test_a_part_is_no_orphan_while_its_whole_is_gone(synced: Mirror, relation: str) -> None:
    warehouse = synced.warehouse
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_resources SET deleted_at = now() WHERE id IN (SELECT "
                    "to_resource_id FROM cloud_resource_edges WHERE relation = :relation)"),
            {"relation": relation},
        )  # fmt: skip
    assert query(
        warehouse,
        "SELECT 1 FROM cloud_resource_edges WHERE relation = :relation AND to_deleted",
        relation=relation,
    )
    assert not [o for o in orphans(warehouse) if o[3] == relation]


def test_a_part_of_a_whole_that_was_never_listed_is_no_orphan(mirror: Mirror) -> None:
    for kind in ("droplet", *PARTS.values(), "cdn_endpoint", "load_balancer", "knowledge_base"):
        mirror.sync(kind)
        mirror.sync(kind)
    assert not [o for o in orphans(mirror.warehouse) if o[3] is not None]


@pytest.mark.parametrize(
    ("kind", "relation", "whole"),
    [("knowledge_base", "stored_in", "database"), ("nfs_snapshot", "snapshot_of", "nfs_share"),
     ("cdn_endpoint", "uses", "certificate"), ("droplet", "worker_of", "kubernetes_cluster")],
)  # fmt: skip
def test_what_outlives_its_target_is_an_orphan(
    synced: Mirror, kind: str, relation: str, whole: str
) -> None:
    one, target = min(edges(synced.warehouse, relation, kind))
    synced.account.hide(whole, target)
    for _ in range(3):
        synced.sync(whole)
    assert (kind, one, "target_deleted", relation, target) in orphans(synced.warehouse)


def test_an_endpoint_of_a_bucket_that_is_not_there(synced: Mirror) -> None:
    (endpoint, bucket), *_ = sorted(edges(synced.warehouse, "serves"))
    assert not [o for o in orphans(synced.warehouse) if o[3] == "serves"], "buckets: never listed"
    team = synced.account.team_uuid
    record(warehouse := synced.warehouse, [], 200, account=team, kind="spaces_bucket")
    assert ("cdn_endpoint", endpoint, "target_unknown", "serves", bucket) in orphans(warehouse)
    record(warehouse, [sighting(bucket)], 201, account=team, kind="spaces_bucket")
    assert not [o for o in orphans(warehouse) if o[3] == "serves"]


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
        {"vpc_uuid": ["v"]}, {"vpc_uuid": {"id": 1}}, {"tag": ["t"]}, {"kubernetes": [1]},
        {"kubernetes": {"cluster_id": {}}}, {"vpc": "x"}, {"certificate_id": 5}, {"domain": None},
        {"forwarding_rules": [[{"certificate_id": [None]}]]}, {"cluster_id": [[]]},
    ]  # fmt: skip
    kinds = {"volume", "reserved_ip", "load_balancer", "firewall", "vpc_peering", "droplet",
             "cdn_endpoint", "app", "backup_policy", *PARTS.values()}  # fmt: skip
    for kind in sorted(kinds):
        record(warehouse, [sighting(n, **attrs) for n, attrs in enumerate(odd)], kind=kind)
    assert {to for _, to in edges(warehouse, "in_vpc")} <= {"v"}
    assert edges(warehouse, "attached_to") == set()
    orphans(warehouse)
