"""Planted differences between Terraform states and what the API shows: no miss, no false alarm.

One table for each Terraform type: a state's attributes, the object that agrees with it, what may
differ without being drift, and what is drift in which field.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from arcadia_cloud_pipelines.drift.spec_fields import holds
from arcadia_cloud_pipelines.drift.terraform import record_states
from arcadia_cloud_pipelines.drift.terraform_types import TYPES
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import inbox, listed, project, resource, swept
from .test_terraform import item, state, written

SHOP = "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679"
OTHER = "5e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679"
Json = dict[str, Any]
ABSENT = object()
"""In a change: take the key away."""


@dataclass(frozen=True)
class Case:
    """One Terraform type, and the object that agrees with what its state says."""

    terraform: str
    kind: str
    attributes: Json
    live: Json
    alike: list[tuple[Json, Json]] = field(default_factory=list)
    """Changes of the attributes and of the object that leave them in agreement."""
    drift: list[tuple[Json, Json, str]] = field(default_factory=list)
    """Changes of both after which one field differs."""


def rule(ports: str, *addresses: str, **more: Any) -> Json:
    """An inbound rule as the API shows it."""
    return {"protocol": "tcp", "ports": ports, "sources": {"addresses": list(addresses)}} | more


def tf_rule(ports: str, *addresses: str, **more: Any) -> Json:
    """An inbound rule as a state holds it."""
    return {
        "protocol": "tcp", "port_range": ports, "source_addresses": list(addresses),
        "source_tags": [], "source_droplet_ids": [], "source_load_balancer_uids": [],
        "source_kubernetes_ids": [],
    } | more  # fmt: skip


def forward(port: int, **more: Any) -> Json:
    """A forwarding rule, the same on both sides."""
    return {"entry_port": port, "entry_protocol": "http", "target_port": port,
            "target_protocol": "http"} | more  # fmt: skip


def pool(name: str = "default", **more: Any) -> Json:
    """A node pool as a state holds it."""
    return {
        "id": f"p-{name}", "name": name, "size": "s-2vcpu-4gb", "node_count": 2,
        "actual_node_count": 2, "auto_scale": False, "min_nodes": 0, "max_nodes": 0, "tags": None,
        "labels": {}, "taint": [], "nodes": [{"id": "n"}], "gpu_partition_mode": "",
    } | more  # fmt: skip


def api_pool(name: str = "default", **more: Any) -> Json:
    """The same as the API shows it."""
    return {"id": f"p-{name}", "name": name, "size": "s-2vcpu-4gb", "count": 2,
            "tags": ["k8s", "k8s:c-1", "terraform:default-node-pool"]} | more  # fmt: skip


CASES: list[Case] = [
    Case(
        "digitalocean_droplet", "droplet",
        {"id": "1", "name": "web", "region": "fra1", "size": "s-1vcpu-1gb", "tags": None,
         "image": "ubuntu-24-04-x64", "vpc_uuid": "v-1", "backups": False, "ipv6": False,
         "backup_policy": [], "ipv6_address": "", "private_networking": True, "monitoring": False,
         "droplet_agent": None, "volume_ids": [], "ssh_keys": None, "user_data": None},
        {"name": "web", "image": {"id": 5, "slug": "ubuntu-24-04-x64"}, "vpc_uuid": "v-1",
         "features": ["droplet_agent", "private_networking"]},
        alike=[
            ({"tags": []}, {}),
            ({"tags": ["Web", "db"]}, {"tags": ["db", "web"]}),
            ({"region": "FRA1"}, {}),
            ({"vpc_uuid": None}, {}),
            ({"vpc_uuid": ""}, {}),
            ({}, {"image": {"id": 5}}),
            ({"image": "5"}, {}),
            ({}, {"features": ["monitoring", "private_networking"]}),
            ({"volume_ids": None}, {"volume_ids": ["v"]}),
            ({"backups": True}, {"features": ["backups"]}),
            ({"tags": ABSENT}, {"tags": ["by-hand"]}),
            ({"ipv6": ABSENT}, {"features": ["ipv6"]}),
        ],
        drift=[
            ({}, {"tags": ["by-hand"]}, "tags"),
            ({"tags": []}, {"tags": ["x"]}, "tags"),
            ({"tags": []}, {"tags": ["k8s"]}, "tags"),
            ({"tags": ["a"]}, {"tags": ["a", "kubernetes:prod"]}, "tags"),
            ({"tags": ["a"]}, {"tags": ["a", "terraform:x"]}, "tags"),
            ({"tags": ["a"]}, {"tags": []}, "tags"),
            ({"tags": ["a"]}, {"tags": ["b"]}, "tags"),
            ({}, {"size_slug": "s-2vcpu-2gb"}, "size_slug"),
            ({}, {"name": "Web"}, "name"),
            ({}, {"region": "ams3"}, "region"),
            ({}, {"vpc_uuid": "v-2"}, "vpc_uuid"),
            ({}, {"image": {"id": 6, "slug": "debian-12-x64"}}, "image"),
            ({}, {"features": ["backups"]}, "backups"),
            ({"backups": True}, {}, "backups"),
            ({"backups": None}, {"features": ["backups"]}, "backups"),
            ({}, {"features": ["ipv6"]}, "ipv6"),
            ({"ipv6": True}, {}, "ipv6"),
        ],
    ),
    Case(
        "digitalocean_volume", "volume",
        {"id": "vol-1", "name": "data", "region": "fra1", "size": 100, "tags": [],
         "description": None, "droplet_ids": [], "filesystem_type": "", "snapshot_id": None},
        {"name": "data", "size_slug": None, "size_gigabytes": 100},
        alike=[
            ({"size": "100"}, {}),
            ({"description": ""}, {}),
            ({"description": "d"}, {"description": "d"}),
            ({}, {"droplet_ids": [1]}),
            ({"tags": None}, {}),
        ],
        drift=[
            ({}, {"tags": ["x"]}, "tags"),
            ({"tags": None}, {"tags": ["k8s"]}, "tags"),
            ({}, {"description": "by hand"}, "description"),
            ({"description": "d"}, {}, "description"),
            ({}, {"size_gigabytes": 200}, "size_gigabytes"),
            ({}, {"name": "other"}, "name"),
            ({}, {"region": "ams3"}, "region"),
        ],
    ),
    Case(
        "digitalocean_database_cluster", "database",
        {"id": "d-1", "name": "db", "engine": "pg", "version": "16", "size": "db-s-1vcpu-1gb",
         "region": "fra1", "node_count": 1, "tags": None, "storage_size_mib": "10240",
         "private_network_uuid": "v-1", "project_id": SHOP, "eviction_policy": None,
         "maintenance_window": []},
        {"name": "db", "engine": "pg", "version": "16", "size_slug": "db-s-1vcpu-1gb",
         "num_nodes": 1, "storage_size_mib": 10240, "private_network_uuid": "v-1",
         "project_id": "shop"},
        alike=[
            ({"project_id": None}, {}),
            ({"private_network_uuid": ""}, {}),
            ({"storage_size_mib": None}, {}),
            ({"engine": "redis"}, {"engine": "valkey"}),
            ({"version": None}, {}),
        ],
        drift=[
            ({}, {"tags": ["x"]}, "tags"),
            ({}, {"num_nodes": 2}, "num_nodes"),
            ({}, {"version": "17"}, "version"),
            ({}, {"size_slug": "db-s-2vcpu-4gb"}, "size_slug"),
            ({}, {"storage_size_mib": 20480}, "storage_size_mib"),
            ({}, {"engine": "mysql"}, "engine"),
            ({}, {"private_network_uuid": "v-2"}, "private_network_uuid"),
            ({}, {"project_id": "other"}, "project"),
            ({"version": "1.10"}, {"version": "1.1"}, "version"),
        ],
    ),
    Case(
        "digitalocean_kubernetes_cluster", "kubernetes_cluster",
        {"id": "c-1", "name": "k", "region": "fra1", "version": "1.30.2-do.0", "ha": False,
         "auto_upgrade": False, "surge_upgrade": True, "vpc_uuid": "v-1", "tags": None,
         "cluster_subnet": "10.244.0.0/16", "service_subnet": "10.245.0.0/16",
         "node_pool": [pool()], "maintenance_policy": [], "registry_integration": False},
        {"name": "k", "version": "1.30.2-do.0", "surge_upgrade": True, "vpc_uuid": "v-1",
         "cluster_subnet": "10.244.0.0/16", "service_subnet": "10.245.0.0/16",
         "tags": ["k8s", "k8s:c-1"], "node_pools": [api_pool()]},
        alike=[
            ({"ha": None, "auto_upgrade": None}, {"ha": False, "auto_upgrade": False}),
            ({"tags": []}, {"tags": []}),
            ({"tags": ["a"]}, {"tags": ["a", "k8s", "terraform:x"]}),
            ({"auto_upgrade": True}, {"auto_upgrade": True, "version": "1.31.0-do.0"}),
            ({}, {"node_pools": [api_pool(auto_scale=False, min_nodes=0, max_nodes=0)]}),
            ({}, {"node_pools": [api_pool(labels={}, taints=[], nodes=[{"id": "n"}])]}),
            ({}, {"node_pools": [api_pool(added_by_the_api={"enabled": True})]}),
            ({"node_pool": [pool(auto_scale=True, min_nodes=1, max_nodes=3)]},
             {"node_pools": [api_pool(auto_scale=True, min_nodes=1, max_nodes=3, count=3)]}),
            ({"node_pool": [pool(auto_scale=True, node_count=None, min_nodes=0, max_nodes=3)]},
             {"node_pools": [api_pool(auto_scale=True, max_nodes=3, count=1)]}),
            ({"node_pool": [pool(node_count=None)]}, {}),
            ({"node_pool": [pool(taint=[{"key": "a", "value": "", "effect": "NoExecute"}])]},
             {"node_pools": [api_pool(taints=[{"key": "a", "effect": "NoExecute"}])]}),
        ],
        drift=[
            ({}, {"tags": ["k8s", "k8s:c-1", "by-hand"]}, "tags"),
            ({}, {"tags": ["kubernetes:prod"]}, "tags"),
            ({}, {"ha": True}, "ha"),
            ({"ha": True}, {}, "ha"),
            ({}, {"auto_upgrade": True}, "auto_upgrade"),
            ({}, {"surge_upgrade": False}, "surge_upgrade"),
            ({}, {"version": "1.31.0-do.0"}, "version"),
            ({}, {"vpc_uuid": "v-2"}, "vpc_uuid"),
            ({}, {"node_pools": [api_pool(count=3)]}, "node_pools"),
            ({}, {"node_pools": [api_pool(), api_pool("by-hand")]}, "node_pools"),
            ({}, {"node_pools": [api_pool(tags=["x"])]}, "node_pools"),
            ({}, {"node_pools": [api_pool(labels={"a": "b"})]}, "node_pools"),
            ({}, {"node_pools": [api_pool(taints=[{"key": "a", "effect": "NoExecute"}])]},
             "node_pools"),
            ({}, {"node_pools": [api_pool(auto_scale=True, min_nodes=1, max_nodes=3)]},
             "node_pools"),
            ({}, {"node_pools": [api_pool(size="s-4vcpu-8gb")]}, "node_pools"),
        ],
    ),
    Case(
        "digitalocean_loadbalancer", "load_balancer",
        {"id": "b-1", "name": "lb", "region": "fra1", "size": None, "size_unit": 1,
         "algorithm": "round_robin", "droplet_ids": [1, 2], "droplet_tag": "", "vpc_uuid": "v-1",
         "redirect_http_to_https": False, "enable_proxy_protocol": False,
         "enable_backend_keepalive": False, "project_id": SHOP,
         "forwarding_rule": [forward(80, certificate_id="", certificate_name="",
                                     tls_passthrough=False)]},
        {"name": "lb", "size_slug": "lb-small", "size_unit": 1, "droplet_ids": [2, 1],
         "vpc_uuid": "v-1", "project_id": "shop", "forwarding_rules": [forward(80)]},
        alike=[
            ({}, {"algorithm": "round_robin", "redirect_http_to_https": False}),
            ({}, {"enable_proxy_protocol": False, "enable_backend_keepalive": False}),
            ({"redirect_http_to_https": None, "enable_proxy_protocol": None}, {}),
            ({}, {"forwarding_rules": [forward(80, tls_passthrough=False)]}),
            ({}, {"forwarding_rules": [forward(80, certificate_id="c", added=True)]}),
            ({"droplet_tag": "web", "droplet_ids": [7]}, {"tag": "web", "droplet_ids": ABSENT}),
            ({"droplet_ids": None}, {}),
            ({"size_unit": 0, "size": "lb-small"}, {}),
            ({"region": "", "forwarding_rule": []}, {"region": None, "forwarding_rules": ABSENT}),
            ({"algorithm": ""}, {}),
        ],
        drift=[
            ({}, {"algorithm": "least_connections"}, "algorithm"),
            ({}, {"redirect_http_to_https": True}, "redirect_http_to_https"),
            ({"redirect_http_to_https": True}, {}, "redirect_http_to_https"),
            ({}, {"enable_proxy_protocol": True}, "enable_proxy_protocol"),
            ({}, {"enable_backend_keepalive": True}, "enable_backend_keepalive"),
            ({}, {"size_unit": 2}, "size_unit"),
            ({}, {"droplet_ids": [1, 2, 3]}, "droplet_ids"),
            ({"droplet_ids": []}, {}, "droplet_ids"),
            ({"droplet_ids": None}, {"tag": "by-hand"}, "tag"),
            ({}, {"forwarding_rules": [forward(80), forward(443)]}, "forwarding_rules"),
            ({}, {"forwarding_rules": [forward(80, tls_passthrough=True)]}, "forwarding_rules"),
            ({"forwarding_rule": []}, {}, "forwarding_rules"),
            ({}, {"name": "other"}, "name"),
            ({}, {"project_id": "other"}, "project"),
        ],
    ),
    Case(
        "digitalocean_reserved_ip", "reserved_ip",
        {"id": "1.2.3.4", "ip_address": "1.2.3.4", "region": "fra1", "droplet_id": 0},
        {"name": "1.2.3.4"},
        alike=[
            ({"droplet_id": None}, {}),
            ({"droplet_id": 7}, {"droplet": {"id": 7}}),
            ({"droplet_id": ABSENT}, {"droplet": {"id": 7}}),
            ({"ip_address": None}, {}),
        ],
        drift=[
            ({}, {"droplet": {"id": 7}}, "droplet"),
            ({"droplet_id": None}, {"droplet": {"id": 7}}, "droplet"),
            ({"droplet_id": 7}, {"droplet": {"id": 8}}, "droplet"),
            ({"droplet_id": 7}, {}, "droplet"),
            ({}, {"region": "ams3"}, "region"),
        ],
    ),
    Case(
        "digitalocean_floating_ip", "reserved_ip",
        {"id": "1.2.3.4", "ip_address": "1.2.3.4", "region": "fra1", "droplet_id": 7},
        {"name": "1.2.3.4", "droplet": {"id": 7}},
        alike=[({"region": "Fra1"}, {})],
        drift=[({}, {"droplet": ABSENT}, "droplet")],
    ),
    Case(
        "digitalocean_domain", "domain",
        {"id": "a.example", "name": "a.example", "ip_address": None, "ttl": 1800},
        {"name": "a.example", "region": None, "ttl": 1800},
        alike=[({"name": "a.example."}, {}), ({}, {"name": "A.Example"}), ({}, {"ttl": 300})],
        drift=[({}, {"name": "b.example"}, "name")],
    ),
    Case(
        "digitalocean_vpc", "vpc",
        {"id": "v-1", "name": "net", "region": "fra1", "ip_range": "10.0.0.0/16",
         "description": "", "default": False},
        {"name": "net", "ip_range": "10.0.0.0/16"},
        alike=[
            ({"ip_range": None}, {}),
            ({"description": None}, {}),
            ({}, {"default": True}),
        ],
        drift=[
            ({}, {"description": "by hand"}, "description"),
            ({}, {"ip_range": "10.1.0.0/16"}, "ip_range"),
            ({}, {"name": "other"}, "name"),
        ],
    ),
    Case(
        "digitalocean_firewall", "firewall",
        {"id": "f-1", "name": "fw", "droplet_ids": None, "tags": None, "status": "succeeded",
         "inbound_rule": [tf_rule("22", "0.0.0.0/0", "::/0")],
         "outbound_rule": [{"protocol": "icmp", "port_range": "",
                            "destination_addresses": ["2001:db8:0:0::1"]}]},
        {"name": "fw", "region": None, "inbound_rules": [rule("22", "::/0", "0.0.0.0/0")],
         "outbound_rules": [{"protocol": "icmp", "ports": "0",
                             "destinations": {"addresses": ["2001:db8::1"]}}]},
        alike=[
            ({}, {"inbound_rules": [rule("22", "0.0.0.0/0", "::/0", action="allow")]}),
            ({"inbound_rule": [tf_rule("22", "0.0.0.0/0", "::/0", action="allow")]}, {}),
            ({"inbound_rule": [tf_rule("22", "0.0.0.0/0", "::/0", action="")]}, {}),
            ({"inbound_rule": [tf_rule("22", "1.1.1.1", action="deny")]},
             {"inbound_rules": [rule("22", "1.1.1.1/32", action="deny")]}),
            ({}, {"inbound_rules": [rule("22", "0:0:0:0:0:0:0:0/0", "0.0.0.0/0", log=False)]}),
            ({"inbound_rule": [tf_rule("all", "1.1.1.1")]},
             {"inbound_rules": [rule("0", "1.1.1.1")]}),
            ({"inbound_rule": [tf_rule("1-65535", "1.1.1.1")]},
             {"inbound_rules": [rule("all", "1.1.1.1")]}),
            ({"inbound_rule": []}, {"inbound_rules": ABSENT}),
            ({"inbound_rule": None}, {"inbound_rules": []}),
            ({"droplet_ids": []}, {"droplet_ids": []}),
            ({"droplet_ids": [1]}, {"droplet_ids": ["1"]}),
            ({}, {"outbound_rules": [{"protocol": "icmp",
                                      "destinations": {"addresses": ["2001:DB8::1"]}}]}),
        ],
        drift=[
            ({}, {"inbound_rules": [rule("22", "0.0.0.0/0", "::/0", action="deny")]},
             "inbound_rules"),
            ({"inbound_rule": [tf_rule("22", "1.1.1.1", action="deny")]},
             {"inbound_rules": [rule("22", "1.1.1.1", action="allow")]}, "inbound_rules"),
            ({"inbound_rule": [tf_rule("22", "1.1.1.1", action="deny")]},
             {"inbound_rules": [rule("22", "1.1.1.1")]}, "inbound_rules"),
            ({}, {"inbound_rules": [rule("22", "0.0.0.0/0")]}, "inbound_rules"),
            ({}, {"inbound_rules": [rule("23", "0.0.0.0/0", "::/0")]}, "inbound_rules"),
            ({}, {"inbound_rules": [rule("22", "0.0.0.0/0", "::/0"), rule("80", "::/0")]},
             "inbound_rules"),
            ({"inbound_rule": []}, {}, "inbound_rules"),
            ({"inbound_rule": None}, {}, "inbound_rules"),
            ({}, {"outbound_rules": ABSENT}, "outbound_rules"),
            ({}, {"outbound_rules": [{"protocol": "icmp", "ports": "0",
                                      "destinations": {"addresses": ["2001:db8::2"]}}]},
             "outbound_rules"),
            ({}, {"droplet_ids": [1]}, "droplet_ids"),
            ({"droplet_ids": []}, {"droplet_ids": [1]}, "droplet_ids"),
            ({"droplet_ids": [1]}, {}, "droplet_ids"),
            ({}, {"tags": ["web"]}, "tags"),
            ({"tags": []}, {"tags": ["k8s:worker"]}, "tags"),
        ],
    ),
]  # fmt: skip


def changed(values: Json, change: Mapping[str, Any]) -> Json:
    """A copy with changes."""
    merged = copy.deepcopy(values) | change
    return {key: value for key, value in merged.items() if value is not ABSENT}


def test_every_supported_type_is_planted() -> None:
    # Those of which one pair an attribute is enough are in test_terraform_mapped.py.
    assert {case.terraform for case in CASES} <= set(TYPES)
    assert sum(len(case.drift) for case in CASES) >= 60
    assert sum(len(case.alike) + 1 for case in CASES) >= 60


def test_the_inventory_holds_what_terraform_says() -> None:
    for known in TYPES.values():
        for ours in (*known.said.values(), *known.settings.values(), *known.lists.values()):
            assert holds(known.kind, ours), (known.kind, ours)


def observe(
    warehouse: Warehouse, folder: Path, pairs: list[tuple[Case, Json, Json]]
) -> list[set[str]]:
    """Record one state of all pairs, sweep, and return the fields that drift of each."""
    projects = {"shop": project(warehouse, SHOP, "shop"), "other": project(warehouse, OTHER, "o")}
    made, items = [], []
    for n, (case, attributes, live) in enumerate(pairs):
        identity = f"10.0.{n // 250}.{n % 250}" if case.kind == "reserved_ip" else f"{n}"
        ids = {key: identity for key in ("id", "ip_address") if attributes.get(key)}
        attributes = changed(case.attributes, attributes | ids)
        if case.attributes.get("ip_address") and attributes.get("ip_address"):
            attributes["ip_address"] = identity
        attributes["id"] = identity
        items.append(item(case.terraform, attributes))
        fields = changed(case.live, live)
        if "project_id" in fields:
            fields["project_id"] = projects[fields["project_id"]]
        made.append(resource(warehouse, identity, kind=case.kind, **fields))
    for kind in {case.kind for case in CASES}:
        listed(warehouse, kind)
    result = record_states(warehouse, [written(folder, "planted.tfstate", state(*items))])
    assert (result.recorded, result.problems) == (len(pairs), ())
    swept(warehouse)
    found: dict[int, set[str]] = {row: set() for row in made}
    for resource_id, field_, _, _ in inbox(warehouse):
        found[resource_id].add(field_)
    return [found[row] for row in made]


def test_no_false_alarm(warehouse: Warehouse, tmp_path: Path) -> None:
    pairs = [(case, *change) for case in CASES for change in [({}, {}), *case.alike]]
    found = observe(warehouse, tmp_path, pairs)
    false = [(c.terraform, a, b, f) for (c, a, b), f in zip(pairs, found, strict=True) if f]
    assert false == []


def test_no_miss(warehouse: Warehouse, tmp_path: Path) -> None:
    planted = [(case, *change) for case in CASES for change in case.drift]
    found = observe(warehouse, tmp_path, [(case, a, b) for case, a, b, _ in planted])
    wrong = [
        (case.terraform, a, b, expected, fields)
        for (case, a, b, expected), fields in zip(planted, found, strict=True)
        if fields != {expected}
    ]
    assert wrong == []


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_every_way_to_say_nothing_is_desired(
    warehouse: Warehouse, tmp_path: Path, nothing: Any
) -> None:
    [volume, *_] = [case for case in CASES if case.kind == "volume"]
    says = {"tags": nothing, "description": nothing}
    by_hand = {"tags": ["x"], "description": "by hand"}
    found = observe(warehouse, tmp_path, [(volume, says, {}), (volume, says, by_hand)])
    assert found == [set(), {"tags", "description"}]
