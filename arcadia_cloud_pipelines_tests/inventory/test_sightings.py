"""The edge: what of an API object is kept, what is noise, and what must never pass."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.common.times import parse_time
from arcadia_cloud_pipelines.inventory.sightings import Sighting, dropped_fields, sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, KINDS, Kind

from ..examples import EXAMPLES

Json = dict[str, Any]


# Files that are not called as the asset is.
KIND_OF_FILE = {
    "snapshots": "droplet_snapshot", "droplets_gpu": "droplet",
    "reserved_ip_assigned": "reserved_ip", "reserved_ipv6": "reserved_ipv6",
    "vpc_nat_gateways": "nat_gateway", "functions_namespaces": "function_namespace",
    "uptime_check_alerts": "uptime_alert", "monitoring_alerts": "alert_policy",
    "droplet_backup_policies": "backup_policy", "genai_agents": "agent",
    "genai_knowledge_bases": "knowledge_base", "genai_custom_models": "custom_model",
    "kubernetes_node_pools": "node_pool",
}  # fmt: skip


BY_ASSET = {kind.asset: kind for kind in KINDS}


def examples(name: str) -> tuple[Kind, list[Json]]:
    """The official objects of one file and their kind."""
    answer = json.loads((EXAMPLES / f"{name}.json").read_text())
    kind = BY_ASSET.get(name) or KIND_BY_NAME[KIND_OF_FILE[name]]
    (envelope,) = set(answer) - {"links", "meta", "total", "max_threshold"}
    held = answer[envelope]
    if envelope == "policies" and isinstance(held, dict):
        held = list(held.values())
    return kind, held if isinstance(held, list) else [held]


def example(name: str, index: int = 0) -> tuple[Kind, Json]:
    """An official object and its kind."""
    kind, held = examples(name)
    return kind, held[index]


FILES = sorted(
    path.stem for path in EXAMPLES.glob("*.json") if path.stem in {*BY_ASSET, *KIND_OF_FILE}
)


def see(kind: Kind, item: Json) -> Sighting:
    (seen,) = sightings(kind, [item])
    return seen


def attrs(seen: Sighting) -> Json:
    return json.loads(seen.attrs)


def test_there_is_an_example_of_every_kind() -> None:
    assert {example(name)[0].name for name in FILES} == {kind.name for kind in KINDS}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("name", "columns", "some_attrs", "left_out"),
    [
        (
            "droplets",
            ("3164444", "example.com", "nyc3", "active", "s-1vcpu-1gb", ("env:prod", "web"),
             utc(2020, 7, 21, 18, 37, 44)),
            {"memory": 1024, "vcpus": 1, "disk": 25,
             "image": {"id": 63663980, "slug": "ubuntu-20-04-x64"},
             "features": ["backups", "ipv6", "private_networking"]},
            {"next_backup_window", "backup_ids", "snapshot_ids", "locked", "kernel", "size"},
        ),
        (
            "droplets_gpu",
            ("448543583", "ml-ai-ubuntu-gpu-h100x1-80gb-tor1", "tor1", "active", "gpu-h100x1-80gb",
             (), utc(2024, 9, 30, 15, 23, 36)),
            {"memory": 245760},
            {"volume_ids", "disk_info"},
        ),
        (
            "volumes",
            ("506f78a4-e098-11e5-ad9f-000f53306ae1", "example", "nyc1", None, None,
             ("aninterestingtag",), utc(2016, 3, 2, 17, 0, 49)),
            {"size_gigabytes": 10, "filesystem_type": "ext4"},
            {"region", "droplet_ids"},
        ),
        (
            "databases",
            ("9cc10173-e9ea-4176-9dbc-a4cee4c4ff30", "backend", "nyc3", "online",
             "db-s-2vcpu-4gb", ("production",), utc(2019, 1, 11, 18, 37, 36)),
            {"engine": "pg", "version": "10", "num_nodes": 1, "db_names": ["defaultdb"],
             "connection": {"host": "backend-do-user-19081923-0.db.ondigitalocean.com",
                            "port": 25060, "ssl": True},
             "maintenance_window": {"day": "saturday", "hour": "08:45:12"}},
            {"users", "size", "region"},
        ),
        (
            "kubernetes_clusters",
            ("bd5f5959-5e1e-4205-a714-a914373942af", "prod-cluster-01", "nyc1", "provisioning",
             None, ("k8s", "k8s:bd5f5959-5e1e-4205-a714-a914373942af", "production", "web-team"),
             utc(2018, 11, 15, 16, 0, 11)),
            {"version": "1.18.6-do.0", "ipv4": "68.183.121.157"},
            {"status", "updated_at"},
        ),
        (
            "kubernetes_node_pools",
            ("cdda885e-7663-40c8-bc74-3a036c66545d", "frontend-pool", None, None, "s-1vcpu-2gb",
             ("k8s", "k8s:bd5f5959-5e1e-4205-a714-a914373942af", "k8s:worker", "production",
              "web-team"), None),
            {"count": 3, "auto_scale": False, "min_nodes": 0},
            {"nodes", "labels", "size", "tags"},
        ),
        (
            "load_balancers",
            ("4de7ac8b-495b-4884-9a69-1050c6793cd6", "example-lb-01", "nyc3", "new", "lb-small",
             (), utc(2017, 2, 1, 22, 22, 58)),
            {"droplet_ids": [3164444, 3164445], "sticky_sessions": {"type": "none"}},
            {"tag", "region", "size"},
        ),
        (
            "reserved_ips",
            ("45.55.96.47", "45.55.96.47", "nyc3", None, None, (), None),
            {},
            {"droplet", "ip", "locked", "project_id"},
        ),
        (
            "reserved_ip_assigned",
            ("45.55.96.47", "45.55.96.47", "nyc3", None, None, (), None),
            {"droplet": {"id": 3164444}},
            {"locked"},
        ),
        (
            "domains",
            ("example.com", "example.com", None, None, None, (), None),
            {"ttl": 1800},
            {"zone_file", "name"},
        ),
        (
            "snapshots",
            ("6372321", "web-01-1595954862243", None, None, None, ("env:prod", "web"),
             utc(2020, 7, 28, 16, 47, 44)),
            {"regions": ["nyc3", "sfo3"], "resource_id": "200776916", "size_gigabytes": 2.34},
            {"id", "tags"},
        ),
        (
            "registries",
            ("example", "example", "fra1", None, None, (), utc(2020, 3, 21, 16, 2, 37)),
            {},
            {"storage_usage_bytes", "storage_usage_bytes_updated_at"},
        ),
        (
            "vpcs",
            ("5a4981aa-9653-4bd1-bef5-d6bff52042e4", "env.prod-vpc", "nyc1", None, None, (),
             utc(2020, 3, 13, 19, 20, 47, 442049)),
            {"ip_range": "10.10.10.0/24", "default": False},
            {"urn", "region"},
        ),
        (
            "vpc_peerings",
            ("6b5c619c-359c-44ca-87e2-47e98170c01d", "example-vpc-peering", None, "ACTIVE", None,
             (), utc(2024, 1, 9, 20, 44, 32)),
            {"vpc_ids": ["997615ce-132d-4bae-9270-9ee21b395e5d",
                         "e51aed59-3bb1-4a6a-8de0-9d1329e9c997"]},
            set(),
        ),
        (
            "vpc_nat_gateways",
            ("70e1b58d-cdec-4e95-b3ee-2d4d95feff51", "test-vpc-nat-gateways", "tor1", "ACTIVE",
             "1", (), utc(2025, 8, 12, 18, 43, 14)),
            {"type": "PUBLIC", "egresses": {"public_gateways": [{"ipv4": "174.138.113.197"}]}},
            {"updated_at", "project_id"},
        ),
        (
            "firewalls",
            ("fb6045f1-cf1d-4ca3-bfac-18832663025b", "firewall", None, None, None, (),
             utc(2017, 5, 23, 21, 23, 59)),
            {"droplet_ids": [8043964]},
            {"status", "pending_changes"},
        ),
        (
            "reserved_ipv6",
            ("fd53:616d:6d60::dc9:c001", "fd53:616d:6d60::dc9:c001", "nyc3", None, None, (),
             utc(2020, 1, 1)),
            {},
            {"region_slug", "reserved_at"},
        ),
        (
            "byoip_prefixes",
            ("f47ac10b-58cc-4372-a567-0e02b2c3d479", "203.0.113.0/24", "nyc3", "active", None, (),
             None),
            {"advertised": True},
            {"locked", "validations"},
        ),
        (
            "partner_attachments",
            ("5a4981aa-9653-4bd1-bef5-d6bff52042e4", "env.prod-partner-network-connect", "nyc",
             "active", None, (), utc(2020, 3, 13, 19, 20, 47, 442049)),
            {"connection_bandwidth_in_mbps": 10000, "naas_provider": "MEGAPORT"},
            {"urn"},
        ),
        (
            "cdn_endpoints",
            ("19f06b6a-3ace-4315-b086-499a0e521b76", "static-images.nyc3.digitaloceanspaces.com",
             None, None, None, (), utc(2018, 7, 19, 15, 4, 16)),
            {"ttl": 3600, "custom_domain": "static.example.com"},
            {"origin"},
        ),
        (
            "certificates",
            ("892071a0-bb95-49bc-8021-3afd67a210bf", "web-cert-01", None, "verified", None, (),
             utc(2017, 2, 8, 16, 2, 37)),
            {"type": "custom", "not_after": "2017-02-22T00:23:00Z"},
            {"state", "dns_names"},
        ),
        (
            "apps",
            ("4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf", "sample-php", "fra", None, None, (),
             utc(2020, 11, 19, 20, 27, 18)),
            {"tier_slug": "basic", "live_domain": "sample-php.example.com"},
            {"owner_uuid", "updated_at", "active_deployment", "pending_deployment", "progress",
             "cause"},
        ),
        (
            "functions_namespaces",
            ("fn-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "my namespace", "nyc1", None, None, (),
             utc(2022, 9, 14, 4, 16, 45)),
            {"api_host": "https://api_host.io"},
            {"key", "updated_at"},
        ),
        (
            "spaces_keys",
            ("DOACCESSKEYEXAMPLE", "my-access-key", None, None, None, (),
             utc(2018, 7, 19, 15, 4, 16)),
            {"grants": [{"bucket": "my-bucket", "permission": "read"}]},
            {"access_key"},
        ),
        (
            "ssh_keys",
            ("289794", "Other Public Key", None, None, None, (), None),
            {"fingerprint": "3b:16:e4:bf:8b:00:8b:b8:59:8c:a9:d3:f0:19:fa:45"},
            {"public_key"},
        ),
        (
            "uptime_checks",
            ("5a4981aa-9653-4bd1-bef5-d6bff52042e4", "Landing page check", None, None, None, (),
             None),
            {"enabled": True, "regions": ["eu_west", "us_east"]},
            set(),
        ),
        (
            "uptime_check_alerts",
            ("5a4981aa-9653-4bd1-bef5-d6bff52042e4", "Landing page degraded performance", None,
             None, None, (), None),
            {"threshold": 300, "period": "2m"},
            {"notifications"},
        ),
        (
            "monitoring_alerts",
            ("78b3da62-27e5-49ba-ac70-5db0b5935c64", "CPU Alert", None, None, None,
             ("production_droplets",), None),
            {"value": 80, "enabled": True},
            {"alerts"},
        ),
        (
            "autoscale_pools",
            ("0d3db13e-a604-4944-9827-7ec2642d32ac", "test-autoscaler-group-01", "tor1", "active",
             "c-2", (), utc(2020, 11, 19, 20, 27, 18)),
            {"config": {"min_instances": 1, "max_instances": 5, "target_cpu_utilization": 0.5,
                        "cooldown_minutes": 10}},
            {"current_utilization", "active_resources_count", "updated_at"},
        ),
        (
            "droplet_backup_policies",
            ("436444618", "436444618", None, None, None, (), None),
            {"backup_enabled": False},
            {"next_backup_window"},
        ),
        (
            "images",
            ("7555620", "Nifty New Snapshot", None, "available", None, (),
             utc(2014, 11, 4, 22, 23, 2)),
            {"distribution": "Ubuntu", "regions": ["nyc2", "nyc3"], "size_gigabytes": 2.34},
            {"slug", "error_message"},
        ),
        (
            "nfs_shares",
            ("0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d", "example-share-drive", "atl1", "ACTIVE", None,
             (), utc(2023, 1, 1)),
            {"size_gib": 1024, "performance_tier": "PERFORMANCE_TIER_HIGH"},
            set(),
        ),
        (
            "nfs_snapshots",
            ("0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d", "daily-backup", "atl1", "CREATING", None, (),
             utc(2023, 11, 14, 16, 29, 21)),
            {"size_gib": 1024, "share_id": "1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"},
            set(),
        ),
        (
            "database_replicas",
            ("4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", "read-nyc3-01", "nyc3", "online", None, (),
             utc(2019, 1, 11, 18, 37, 36)),
            {"connection": {"host": "read-nyc3-01-do-user-19081923-0.db.ondigitalocean.com",
                            "port": 25060, "database": "defaultdb"}},
            set(),
        ),
        (
            "domain_records",
            ("28448429", "@", None, None, None, (), None),
            {"type": "NS", "data": "ns1.digitalocean.com", "ttl": 1800},
            {"priority"},
        ),
        (
            "genai_agents",
            ("12345678-1234-1234-1234-123456789012", "My Agent", "tor1", "STATUS_UNKNOWN", None,
             ("example string",), utc(2021, 1, 1)),
            {"instruction": "Hello, how can I help you?", "temperature": 0.5},
            {"url", "user_id", "route_created_by", "updated_at"},
        ),
        (
            "genai_knowledge_bases",
            ("123e4567-e89b-12d3-a456-426614174000", "example name", "example string", None, None,
             ("example string",), utc(2023, 1, 1)),
            {"database_id": "123e4567-e89b-12d3-a456-426614174000"},
            {"user_id", "last_indexing_job"},
        ),
        (
            "genai_custom_models",
            ("123e4567-e89b-12d3-a456-426614174000", "example name", "example string",
             "STATUS_UNSPECIFIED", None, ("example string",), utc(2023, 1, 1)),
            {"cost_estimate_per_month": 123},
            {"team_id", "tags", "updated_at"},
        ),
        (
            "dedicated_inferences",
            ("6b5c619c-359c-44ca-87e2-47e98170c01d", None, "atl1", "active", None, (),
             utc(2024, 1, 9, 20, 44, 32)),
            {"vpc_uuid": "997615ce-132d-4bae-9270-9ee21b395e5d"},
            {"updated_at"},
        ),
        (
            "vector_databases",
            ("example string", "example name", "tor1", "example string", "example string",
             ("example string",), utc(2023, 1, 1)),
            {},
            {"owner_uuid", "updated_at"},
        ),
        (
            "registry_repositories",
            ("example/repo-1", "repo-1", None, None, None, (), None),
            {"registry_name": "example"},
            {"name", "tag_count", "manifest_count", "latest_manifest"},
        ),
        (
            "microvms",
            ("00000001-5c1d-4f0a-9b7e-3d2c1b0a9f8e", "sandbox-1", "nyc3", None, None,
             ("env:dev",), utc(2026, 7, 16, 10)),
            {"networking": "vpc", "auto_resume": True,
             "size": {"cpu": 1, "memory": 512, "disk": 10}},
            {"state", "region"},
        ),
        (
            "tags",
            ("extra-awesome", "extra-awesome", None, None, None, (), None),
            {},
            {"resources", "name"},
        ),
        (
            "addons",
            ("123e4567-e89b-12d3-a456-426614174000", "my-resource-01", None, "provisioned",
             "basic_plan", (), None),
            {"plan_price_per_month": 10, "app_slug": "example_app"},
            {"metadata", "sso_url", "message"},
        ),
    ],
)  # fmt: skip
def test_official_examples(
    name: str, columns: tuple[Any, ...], some_attrs: Json, left_out: set[str]
) -> None:
    seen = see(*example(name))
    assert seen[:7] == columns
    kept = attrs(seen)
    assert kept | some_attrs == kept
    assert not left_out & kept.keys()


def test_what_the_object_says_of_its_project_is_kept_apart() -> None:
    seen = see(*example("reserved_ips"))
    assert seen.project == "746c6152-2fa2-11ed-92d3-27aaa54e4988"


def test_a_balancer_of_a_tag_does_not_change_with_its_droplets() -> None:
    kind, tagged = example("load_balancers", 1)
    assert attrs(see(kind, tagged))["tag"] == "prod:web"
    assert see(kind, tagged) == see(kind, tagged | {"droplet_ids": [1, 2]})
    _, plain = example("load_balancers", 0)
    assert see(kind, plain) != see(kind, plain | {"droplet_ids": [1, 2]})


def test_pools_count_nodes_without_listing_them() -> None:
    pools = attrs(see(*example("kubernetes_clusters")))["node_pools"]
    assert {pool["name"]: pool["count"] for pool in pools} == {
        "frontend-pool": 3, "backend-pool": 2,
    }  # fmt: skip
    assert not [pool for pool in pools if "nodes" in pool]


@pytest.mark.parametrize("field", ["name", "region", "status", "size_slug", "tags", "created_at"])
def test_a_column_is_never_a_dropped_field(field: str) -> None:
    """Else nobody would notice that it went empty everywhere at once."""
    assert not [kind.name for kind in KINDS if field in dropped_fields(kind)]


def test_names_that_are_dropped_at_any_depth_are_dropped_fields() -> None:
    assert {"envs", "run_command"} <= dropped_fields(KIND_BY_NAME["app"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_object_may_lack_everything_but_its_identity(kind: Kind) -> None:
    parts = kind.identity.split("/")
    assert see(kind, dict.fromkeys(parts, "x")).provider_id == "/".join("x" for _ in parts)
    for part in parts:
        whole = dict.fromkeys(parts, "x")
        for nothing in ({}, whole | {part: None}, whole | {part: ""}, whole | {part: {}}):
            with pytest.raises(KeyError):
                sightings(kind, [nothing])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("value", [7, True, "text", 1.5, [], ["x"], [[]], {}, {"slug": 1}, None])
def test_a_field_may_have_any_shape(kind: Kind, value: Any) -> None:
    _, item = next(example(f) for f in FILES if example(f)[0] is kind)
    for key in item:
        if key not in kind.identity.split("/"):
            see(kind, item | {key: value})


# -- noise --------------------------------------------------------------------------------------

EMPTY: list[Any] = ["", None, [], {}]  # to be copied


def places(value: Any) -> Iterator[Any]:
    """Every object and list inside."""
    if isinstance(value, (dict, list)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from places(inner)


def change_noise(kind: Kind, item: Json, random: Random) -> None:
    """Give noisy fields other values."""
    for path in kind.noise:
        *parents, last = path.split(".")
        holders = [item]
        for step in parents:
            found = [h.get(step) for h in holders if isinstance(h, dict)]
            holders = [h for f in found for h in (f if isinstance(f, list) else [f])]
        for holder in holders:
            if not isinstance(holder, dict):
                continue
            if last == "region":  # only its slug is meant
                holder[last] = {"slug": (holder.get(last) or {}).get("slug"), "x": random.random()}
            else:
                holder[last] = copy.copy(
                    random.choice([*EMPTY, 1, "x", [random.random()], {"a": "b"}])
                )
    for name, wanted in kind.keep.items():
        if isinstance(item.get(name), dict):
            assert "new" not in wanted
            item[name]["new"] = random.random()


def shuffle(value: Any, random: Random) -> None:
    for place in places(value):
        if isinstance(place, list):
            random.shuffle(place)
        else:
            pairs = list(place.items())
            random.shuffle(pairs)
            place.clear()
            place.update(pairs)


def swap_empty(value: Any, random: Random) -> None:
    """One way to say nothing for another, a missing field among them."""
    for place in list(places(value)):
        if not isinstance(place, dict):
            continue
        for key in [k for k, inner in place.items() if inner in EMPTY]:
            place[key] = copy.copy(random.choice(EMPTY))
            if random.random() < 0.5:
                del place[key]
        if random.random() < 0.3:
            place["a_field_of_next_year"] = copy.copy(random.choice(EMPTY))


@given(name=st.sampled_from(FILES), random=st.randoms(use_true_random=False))
def test_noise_never_alters_the_hash(name: str, random: Random) -> None:
    kind, item = example(name)
    noisy = copy.deepcopy(item)
    change_noise(kind, noisy, random)
    shuffle(noisy, random)
    swap_empty(noisy, random)
    assert see(kind, noisy) == see(kind, item)


@given(
    name=st.sampled_from(FILES),
    field=st.sampled_from(["name", "status", "tags", "size_slug", "vcpus", "engine", "ttl"]),
)
def test_what_is_meaningful_does(name: str, field: str) -> None:
    kind, item = example(name)
    used = {kind.title, kind.status, kind.size_slug, kind.tags}
    identity = kind.identity.split("/")
    if field not in item or field in identity or (field not in used and field in kind.noise):
        return
    other = ["something", "else"] if field == "tags" else "other"
    assert see(kind, item | {field: other}).content_hash != see(kind, item).content_hash


# -- secrets ------------------------------------------------------------------------------------

CANARY = "0123456789abcdefCANARY"
SECRET_NAMES = [
    "password", "user_password", "passwd", "passphrase", "secret", "client_secret", "secrets",
    "token", "access_token", "auth_tokens", "token_id", "private_key", "ssh_private_key", "api_key",
    "apiKey", "access_key", "access_key_id", "secret_access_key", "credentials", "kubeconfig",
    "user_data", "userdata", "uri", "connection_uri", "connection_string", "authorization",
    "bearer", "email", "e_mail", "emails", "phone", "phone_number", "dsn", "PASSWORD",
    "certificate_authority_data", "owner_id", "user_name", "member_uuid", "team_name",
    "created_by", "first_name", "username",
]  # fmt: skip
SECRET_VALUES = [
    f"postgres://doadmin:{CANARY}@host:25060/db?sslmode=require",
    f"https://:{CANARY}@host/",
    f"see rediss://default:{CANARY}@host:1 for more",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----{CANARY}",
    f"dop_v1_{CANARY}",
    f"Bearer doo_v1_{CANARY}",
]
SHAPES: list[Callable[[Any], Any]] = [
    lambda value: value,
    lambda value: [value],
    lambda value: {"value": value},
    lambda value: [{"deep": [[value]]}],
]


def leaks(seen: Sighting) -> bool:
    return CANARY in repr(seen)


@given(
    file=st.sampled_from(FILES), name=st.sampled_from(SECRET_NAMES),
    shape=st.sampled_from(SHAPES), data=st.data(),
)  # fmt: skip
def test_a_field_that_is_named_like_a_secret_never_passes(
    file: str, name: str, shape: Callable[[Any], Any], data: st.DataObject
) -> None:
    kind, item = example(file)
    objects = [place for place in places(item) if isinstance(place, dict)]
    data.draw(st.sampled_from(objects))[name] = shape(CANARY)
    assert not leaks(see(kind, item))


@given(file=st.sampled_from(FILES), secret=st.sampled_from(SECRET_VALUES), data=st.data())
def test_a_value_that_looks_like_a_secret_never_passes(
    file: str, secret: str, data: st.DataObject
) -> None:
    kind, item = example(file)
    place = data.draw(st.sampled_from(list(places(item))))
    if isinstance(place, list):
        place.append(secret)
    else:
        identity = kind.identity.split("/")
        keys = sorted(k for k in place if k not in identity or place is not item)
        place[data.draw(st.sampled_from([*keys, "new"]))] = secret
    assert not leaks(see(kind, item))


def test_no_secret_of_the_official_examples_passes() -> None:
    for name in FILES:
        seen = see(*example(name))
        for word in ("EXAMPLE-REDACTED", "doadmin", "user@example.com"):
            assert word not in repr(seen), name


# -- texts and times ----------------------------------------------------------------------------


def test_nul_characters_which_postgresql_cannot_hold() -> None:
    kind, item = example("volumes")
    seen = see(kind, item | {"name": "a\0b", "tags": ["c\0"], "description": "\0"})
    assert (seen.name, seen.tags, attrs(seen)["description"]) == (
        "a\ufffdb",
        ("c\ufffd",),
        "\ufffd",
    )
    assert b"\\u0000" not in see(kind, item | {"a\0b": {"c\0": 1}}).attrs
    assert "\0" not in see(kind, item | {"id": "a\0b"}).provider_id


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2020-07-21T18:37:44Z", utc(2020, 7, 21, 18, 37, 44)),
        ("2019-09-03T16:34:46.000+00:00", utc(2019, 9, 3, 16, 34, 46)),
        ("2020-03-13T19:20:47.442049222Z", utc(2020, 3, 13, 19, 20, 47, 442049)),
        ("2020-03-13T21:20:47+02:00", utc(2020, 3, 13, 19, 20, 47)),
        ("2020-03-13T19:20:47", utc(2020, 3, 13, 19, 20, 47)),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("", None),
        (None, None),
        ("soon", None),
        (1584127247, None),
    ],
)
def test_times_in_every_spelling(text: Any, time: datetime | None) -> None:
    assert parse_time(text) == time
    kind, item = example("volumes")
    assert see(kind, item | {"created_at": text}).created_at == time
