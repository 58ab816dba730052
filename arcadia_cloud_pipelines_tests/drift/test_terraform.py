"""Terraform states: what is read of them, what is refused, and what is never stored."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from arcadia_cloud_pipelines.drift.accept import accept
from arcadia_cloud_pipelines.drift.terraform import TerraformError, parse_state, record_states
from arcadia_cloud_pipelines.settings import load_settings
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

CANARY = "CANARY-5f3a"


def item(kind: str, *attributes: dict[str, Any], mode: str = "managed") -> dict[str, Any]:
    """One resource of a state with its instances."""
    return {
        "mode": mode, "type": kind, "name": "this",
        "provider": 'provider["registry.terraform.io/digitalocean/digitalocean"]',
        "instances": [
            {"schema_version": 1, "attributes": a, "sensitive_attributes": [], "private": CANARY}
            for a in attributes
        ],
    }  # fmt: skip


def state(*resources: dict[str, Any], serial: int = 1, lineage: str = "l-1") -> dict[str, Any]:
    """A state of format 4."""
    return {
        "version": 4, "terraform_version": "1.9.0", "serial": serial, "lineage": lineage,
        "outputs": {"password": {"value": CANARY, "type": "string", "sensitive": True}},
        "resources": list(resources), "check_results": None,
    }  # fmt: skip


def written(folder: Path, name: str, content: Any) -> str:
    """The state as a file."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


DROPLET = {
    "id": "1", "name": "web", "region": "fra1", "size": "s-1vcpu-1gb", "tags": ["web"],
    "image": "ubuntu-24-04-x64", "vpc_uuid": "v-1", "backups": True, "ipv6": False,
    "user_data": CANARY, "ssh_keys": [CANARY], "price_hourly": 0.00893, "volume_ids": [],
    "graceful_shutdown": False, "timeouts": None,
}  # fmt: skip
CLUSTER = {
    "id": "k-1", "name": "k", "region": "fra1", "version": "1.30.2-do.0", "auto_upgrade": True,
    "vpc_uuid": "v-1", "ha": False, "tags": None, "kube_config": [{"token": CANARY}],
    "node_pool": [{
        "id": "p-1", "name": "default", "size": "s-2vcpu-4gb", "node_count": 2, "auto_scale": True,
        "min_nodes": 1, "max_nodes": 3, "tags": [], "labels": {}, "taint": [], "nodes": [{}],
    }],
}  # fmt: skip
POOL = {"cluster_id": "k-1", "name": "more", "size": "s-1vcpu-2gb", "node_count": 1,
        "auto_scale": False, "min_nodes": 0, "max_nodes": 0, "tags": ["x"]}  # fmt: skip
DATABASE = {
    "id": "d-1", "name": "db", "engine": "pg", "version": "16", "size": "db-s-1vcpu-1gb",
    "region": "fra1", "node_count": 1, "password": CANARY, "uri": f"postgresql://u:{CANARY}@h/d",
    "private_uri": f"postgresql://u:{CANARY}@h/d", "tags": None, "storage_size_mib": "10240",
}  # fmt: skip
FIREWALL = {
    "id": "f-1", "name": "fw", "droplet_ids": [1], "tags": None,
    "inbound_rule": [{
        "protocol": "tcp", "port_range": "22", "source_addresses": ["::/0", "0.0.0.0/0"],
        "source_droplet_ids": None, "source_tags": [],
    }],
    "outbound_rule": [{
        "protocol": "icmp", "port_range": "", "destination_addresses": ["0.0.0.0/0"],
    }],
}  # fmt: skip
BALANCER = {
    "id": "b-1", "name": "lb", "region": "fra1", "size": "lb-small", "size_unit": 1,
    "droplet_ids": [2, 1], "droplet_tag": "", "vpc_uuid": "v-1", "redirect_http_to_https": False,
    "forwarding_rule": [{
        "entry_port": 80, "entry_protocol": "http", "target_port": 80, "target_protocol": "http",
        "certificate_id": "", "certificate_name": "", "tls_passthrough": False,
    }],
}  # fmt: skip
EVERYTHING = state(
    item("digitalocean_droplet", DROPLET),
    item("digitalocean_volume", {"id": "vol-1", "name": "data", "region": "fra1", "size": 100,
                                 "droplet_ids": [1], "description": ""}),
    item("digitalocean_database_cluster", DATABASE),
    item("digitalocean_kubernetes_cluster", CLUSTER),
    item("digitalocean_kubernetes_node_pool", POOL),
    item("digitalocean_loadbalancer", BALANCER),
    item("digitalocean_floating_ip", {"id": "1.2.3.4", "ip_address": "1.2.3.4", "region": "fra1",
                                      "droplet_id": 0}),
    item("digitalocean_reserved_ip_assignment", {"ip_address": "1.2.3.4", "droplet_id": 1}),
    item("digitalocean_domain", {"id": "a.example", "name": "a.example", "ttl": 1800}),
    item("digitalocean_vpc", {"id": "v-1", "name": "net", "region": "fra1",
                              "ip_range": "10.0.0.0/16", "description": ""}),
    item("digitalocean_firewall", FIREWALL),
    item("digitalocean_project", {"id": "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", "name": "shop",
                                  "purpose": "Shop", "resources": ["do:droplet:1"]}),
    item("digitalocean_project_resources", {"project": "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679",
                                            "resources": ["do:floatingip:1.2.3.4", "do:x"]}),
    item("digitalocean_spaces_bucket_policy", {"id": "s", "policy": CANARY}, {"id": "s2"}),
    item("digitalocean_image", {"id": "9"}, mode="data"),
    item("random_password", {"id": "r", "result": CANARY}),
)  # fmt: skip


def mirror(warehouse: Warehouse) -> dict[str, int]:
    """What the API shows of the same account: nothing of it is drift."""
    shop = project(warehouse, "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", "shop")
    rows = {
        "droplet": resource(
            warehouse, 1, name="web", tags=["web"], vpc_uuid="v-1", project_id=shop,
            features=["backups", "droplet_agent"], image={"id": 5, "slug": "ubuntu-24-04-x64"},
        ),
        "volume": resource(
            warehouse, "vol-1", kind="volume", name="data", size_slug=None, size_gigabytes=100
        ),
        "database": resource(
            warehouse, "d-1", kind="database", name="db", engine="pg", version="16", num_nodes=1,
            size_slug="db-s-1vcpu-1gb", storage_size_mib=10240,
        ),
        "kubernetes_cluster": resource(
            warehouse, "k-1", kind="kubernetes_cluster", name="k", version="1.31.0-do.1",
            auto_upgrade=True, ha=False, vpc_uuid="v-1",
            node_pools=[
                {"id": "p-2", "name": "more", "size": "s-1vcpu-2gb", "count": 1,
                 "auto_scale": False, "min_nodes": 0, "max_nodes": 0,
                 "tags": ["k8s", "k8s:worker", "x"]},
                {"id": "p-1", "name": "default", "size": "s-2vcpu-4gb", "count": 3,
                 "auto_scale": True, "min_nodes": 1, "max_nodes": 3,
                 "tags": ["k8s", "terraform:default-node-pool"]},
            ],
        ),
        "load_balancer": resource(
            warehouse, "b-1", kind="load_balancer", name="lb", size_slug="lb-small", size_unit=1,
            droplet_ids=[1, 2], vpc_uuid="v-1", redirect_http_to_https=False,
            forwarding_rules=[{"entry_port": 80, "entry_protocol": "http", "target_port": 80,
                               "target_protocol": "http", "tls_passthrough": False}],
        ),
        "reserved_ip": resource(
            warehouse, "1.2.3.4", kind="reserved_ip", name="1.2.3.4", droplet={"id": 1},
            project_id=shop,
        ),
        "domain": resource(warehouse, "a.example", kind="domain", name="a.example", region=None),
        "vpc": resource(warehouse, "v-1", kind="vpc", name="net", ip_range="10.0.0.0/16"),
        "firewall": resource(
            warehouse, "f-1", kind="firewall", name="fw", droplet_ids=[1],
            inbound_rules=[{"protocol": "tcp", "ports": "22",
                            "sources": {"addresses": ["0.0.0.0/0", "::/0"]}}],
            outbound_rules=[{"protocol": "icmp", "ports": "0",
                             "destinations": {"addresses": ["0.0.0.0/0"]}}],
        ),
        "project": resource(
            warehouse, "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", kind="project", name="shop",
            purpose="Other: Shop",
        ),
    }  # fmt: skip
    for kind in rows:
        listed(warehouse, kind)
    return rows


def test_a_whole_state_is_recorded_and_is_no_drift(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = mirror(warehouse)
    result = record_states(
        warehouse, [written(tmp_path, "a.tfstate", EVERYTHING)], now=lambda: at(0)
    )
    assert (result.recorded, result.changed, result.withdrawn) == (10, 10, 0)
    assert result.not_in_inventory == ()
    assert result.files[0].unknown_types == {"digitalocean_spaces_bucket_policy": 2}
    assert result.files[0].other_providers == 1
    assert swept(warehouse).open_after == 0, inbox(warehouse)
    assert spec_of(warehouse, rows["droplet"])["spec"] == {
        "name": "web", "region": "fra1", "size_slug": "s-1vcpu-1gb", "tags": ["web"],
        "image": "ubuntu-24-04-x64", "vpc_uuid": "v-1", "backups": True, "ipv6": False,
        "volume_ids": None,
        "project": "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679",
    }  # fmt: skip
    assert spec_of(warehouse, rows["reserved_ip"])["spec"]["droplet"] == 1
    assert CANARY not in everything(warehouse)
    change(warehouse, rows["firewall"], outbound_rules=[])
    change(warehouse, rows["vpc"], region="ams3")
    swept(warehouse, 0.2)
    assert {row[1] for row in inbox(warehouse)} == {"outbound_rules", "region"}


def test_reading_again_changes_nothing_and_undoes_no_acceptance(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    droplet = mirror(warehouse)["droplet"]
    path = written(tmp_path, "a.tfstate", EVERYTHING)
    record_states(warehouse, [path])
    change(warehouse, droplet, size_slug="s-2")
    swept(warehouse, 0.1)
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    desire(warehouse, droplet, memory=1)
    assert record_states(warehouse, [path]).changed == 0
    assert spec_of(warehouse, droplet)["spec"]["size_slug"] == "s-2"
    # What Terraform says anew counts; what it stops saying goes; what it never said stays.
    changed = {key: value for key, value in DROPLET.items() if key != "backups"}
    new = state(item("digitalocean_droplet", changed | {"size": "s-4"}), serial=2)
    record_states(warehouse, [written(tmp_path, "a.tfstate", new)])
    spec = spec_of(warehouse, droplet)
    assert (spec["spec"]["size_slug"], spec["spec"]["memory"]) == ("s-4", 1)
    assert "backups" not in spec["spec"]


def test_what_terraform_destroyed_is_no_drift(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = mirror(warehouse)
    # Nine specs: of ten, most at once would have to be confirmed.
    few = [one for one in EVERYTHING["resources"] if one["type"] != "digitalocean_project"]
    record_states(warehouse, [written(tmp_path, "a.tfstate", {**EVERYTHING, "resources": few})])
    desire(warehouse, rows["volume"], note="by hand")
    left = state(item("digitalocean_domain", {"id": "a.example", "name": "a.example"}), serial=2)
    result = record_states(warehouse, [written(tmp_path, "a.tfstate", left)])
    assert result.withdrawn == 8
    for row in ("droplet", "database"):
        change(warehouse, rows[row], deleted_at=at(0))
    specs = {
        row["resource_id"]: row["spec"]
        for row in query(warehouse, "SELECT * FROM cloud_provisioned")
    }
    assert specs == {rows["domain"]: {"name": "a.example"}, rows["volume"]: {"note": "by hand"}}


def test_two_states_may_speak_of_one_resource(warehouse: Warehouse, tmp_path: Path) -> None:
    droplet = mirror(warehouse)["droplet"]
    shop = "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679"
    one = written(tmp_path, "1.tfstate", state(item("digitalocean_droplet", DROPLET)))
    two = written(tmp_path, "2.tfstate", state(
        item("digitalocean_project", {"id": shop, "resources": ["do:droplet:1"]}), lineage="l-2"
    ))  # fmt: skip
    both = str(tmp_path / "*.tfstate")
    # The droplet of the one, its project of the other, and that project itself.
    assert record_states(warehouse, [both]).changed == 3
    assert record_states(warehouse, [one, two]).changed == 0
    assert record_states(warehouse, [two]).changed == 0
    spec = spec_of(warehouse, droplet)
    assert (spec["spec"]["project"], spec["spec"]["name"]) == (shop, "web")


def test_what_no_listing_has_shown_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    path = written(tmp_path, "a.tfstate", state(item("digitalocean_droplet", DROPLET)))
    result = record_states(warehouse, [path])
    assert (result.recorded, result.not_in_inventory) == (0, ("droplet/1",))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is not valid JSON"),
        ('{"version": 4, "resou', "is not valid JSON"),
        ("[]", "no version"),
        ("{}", "no version"),
        ({"version": True}, "no version"),
        (state() | {"version": 5}, "state format 5, this release reads 4: update"),
        (state() | {"version": 3}, "terraform apply -refresh-only"),
        ({"version": 4, "serial": 1, "resources": []}, "lineage or serial"),
        ({"version": 4, "serial": 1, "lineage": "x"}, "resources is not a list"),
        (state() | {"resources": [1]}, "resources is not a list"),
        (state({"mode": "managed", "type": "digitalocean_vpc"}), "has no type"),
    ],
)
def test_a_broken_file_leaves_every_spec_as_it_was(
    warehouse: Warehouse, tmp_path: Path, content: Any, reason: str
) -> None:
    mirror(warehouse)
    bad_path = written(tmp_path, "bad.tfstate", content)
    with pytest.raises(TerraformError, match=reason) as caught:
        record_states(warehouse, [bad_path])
    assert bad_path in str(caught.value)
    assert query(warehouse, "SELECT * FROM cloud_provisioned") == []
    # It costs itself alone: the other one is recorded.
    good = state(item("digitalocean_droplet", DROPLET))
    result = record_states(warehouse, [written(tmp_path, "good.tfstate", good), bad_path])
    assert (result.recorded, result.changed) == (1, 1)
    [problem] = result.problems
    assert (problem.path, problem.status) == (bad_path, "unreadable")
    assert re.search(reason, problem.text)


def test_files_that_are_not_there(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(TerraformError, match="There is no Terraform state at"):
        record_states(warehouse, [str(tmp_path / "none*.tfstate")])
    with pytest.raises(TerraformError, match=r"cannot be read \(Is a directory\)"):
        record_states(warehouse, [str(tmp_path)])
    for name in ("a", "b"):
        written(tmp_path, f"{name}.tfstate", state())
    with pytest.raises(TerraformError, match="copies of one state"):
        record_states(warehouse, [str(tmp_path / "*.tfstate")])


def test_which_instances_count() -> None:
    resources = item("digitalocean_vpc", {"id": "1"}, {"id": "2"})
    resources["instances"][1]["deposed"] = "abc"
    parsed = parse_state(json.dumps(state(resources)).encode(), "x")
    assert list(parsed.specs) == [("vpc", "1")]


def test_paths_from_the_environment() -> None:
    assert load_settings({}).terraform_states == ()
    settings = load_settings({"ARCADIA_TERRAFORM_STATES": "/a/*.tfstate: b "})
    assert settings.terraform_states == ("/a/*.tfstate", "b")
