"""The simulator's objects have the shape of DigitalOcean's own examples."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ..examples import EXAMPLES
from .conftest import Client

# Keys that the example lacks, and why the simulator has them all the same.
EXTRA = {
    "apps[].project_id": "asked for with_projects=true",
    "partner_attachments[].bgp.auth_key": "a canary",
    "certificates[].private_key": "a canary",
    "genai_agents[].api_keys": "a canary",
    "apps[].spec.envs": "a canary",
    "apps[].spec.services[].envs": "a canary",
    "apps[].spec.services[].log_destinations": "a canary",
    "apps[].active_deployment.spec.envs": "a canary",
    "apps[].active_deployment.spec.services[].envs": "a canary",
    "apps[].active_deployment.spec.services[].log_destinations": "a canary",
    "apps[].active_deployment.phase": "in the schema, not in the example",
    "databases[].project_id": "databases carry it (fact sheet, section 4)",
    "load_balancers[].size_unit": "the current size field (fact sheet, 2.1); examples have `size`",
    "droplets[].size.disk_info": "in sizes.json and in droplets_gpu.json, not in droplets.json",
    "reserved_ips[].droplet.disk_info": "in droplets.json",
    "reserved_ips[].droplet.size.disk_info": "in sizes.json",
    "droplets_gpu[].image.error_message": "in droplets.json",
    "sizes[].gpu_info": "in droplets_gpu.json",
    "kubernetes_node_pools[].taints": "in kubernetes_clusters.json",
    "invoice_items[].resource_id": "in the schema, not in the example",
    "invoice_items[].project_name": "in the schema, not in the example",
    "invoice_items[].category": "returned, not in the schema (fact sheet, 5.4)",
}
# Keys that may be missing: true of the real API, too.
OPTIONAL = {
    "apps[].pending_deployment": "only while one is pending",
    **{
        f"tags[].resources{counter}.last_tagged_uri": "absent where nothing carries the tag"
        for counter in ("", ".droplets", ".images", ".volumes", ".volume_snapshots", ".databases")
    },
    "droplets[].disk_info": "newer field, absent on old droplets",
    "reserved_ips[].droplet.disk_info": "newer field, absent on old droplets",
    "load_balancers[].size": "or size_unit",
    "billing_history[].invoice_id": "absent or null for what belongs to no invoice",
    "billing_history[].invoice_uuid": "absent or null for what belongs to no invoice",
    "load_balancers[].sticky_sessions.cookie_name": "only with type cookies",
    "load_balancers[].sticky_sessions.cookie_ttl_seconds": "only with type cookies",
}
# Objects whose keys are data.
FREE = {
    "kubernetes_clusters[].node_pools[].labels",
    "kubernetes_node_pools[].labels",
}

LISTS = [
    ("/v2/droplets", "droplets", "droplets"),
    ("/v2/droplets?type=gpus", "droplets_gpu", "droplets"),
    ("/v2/volumes", "volumes", "volumes"),
    ("/v2/databases", "databases", "databases"),
    ("/v2/kubernetes/clusters", "kubernetes_clusters", "kubernetes_clusters"),
    ("/v2/load_balancers", "load_balancers", "load_balancers"),
    ("/v2/reserved_ips", "reserved_ips", "reserved_ips"),
    ("/v2/domains", "domains", "domains"),
    ("/v2/projects", "projects", "projects"),
    ("/v2/snapshots", "snapshots", "snapshots"),
    ("/v2/images?private=true", "images", "images"),
    ("/v2/registries", "registries", "registries"),
    ("/v2/tags", "tags", "tags"),
    ("/v2/microvms", "microvms", "microvms"),
    ("/v2/microvms/checkpoints", "microvm_checkpoints", "checkpoints"),
    ("/v2/action-gateway/toolbelts", "gateway_toolbelts", "toolbelts"),
    ("/v2/action-gateway/connections", "gateway_connections", "connections"),
    ("/v2/insights/alert-rules", "alert_rules", "alert_rules"),
    ("/v2/insights/notification-channels", "notification_channels", "notification_channels"),
    ("/v2/gen-ai/models/routers", "model_routers", "model_routers"),
    ("/v2/gen-ai/models/api_keys", "inference_keys", "api_key_infos"),
    ("/v2/gen-ai/openai/keys", "openai_keys", "api_key_infos"),
    ("/v2/gen-ai/indexing_jobs", "indexing_jobs", "jobs"),
    ("/v2/security/scans", "security_scans", "scans"),
    ("/v2/vpcs", "vpcs", "vpcs"),
    ("/v2/vpc_peerings", "vpc_peerings", "vpc_peerings"),
    ("/v2/vpc_nat_gateways", "vpc_nat_gateways", "vpc_nat_gateways"),
    ("/v2/firewalls", "firewalls", "firewalls"),
    ("/v2/reserved_ipv6", "reserved_ipv6", "reserved_ipv6s"),
    ("/v2/byoip_prefixes", "byoip_prefixes", "byoip_prefixes"),
    ("/v2/partner_network_connect/attachments", "partner_attachments", "partner_attachments"),
    ("/v2/cdn/endpoints", "cdn_endpoints", "endpoints"),
    ("/v2/certificates", "certificates", "certificates"),
    ("/v2/apps", "apps", "apps"),
    ("/v2/functions/namespaces", "functions_namespaces", "namespaces"),
    ("/v2/spaces/keys", "spaces_keys", "keys"),
    ("/v2/account/keys", "ssh_keys", "ssh_keys"),
    ("/v2/uptime/checks", "uptime_checks", "checks"),
    ("/v2/monitoring/alerts", "monitoring_alerts", "policies"),
    ("/v2/droplets/autoscale", "autoscale_pools", "autoscale_pools"),
    ("/v2/nfs", "nfs_shares", "shares"),
    ("/v2/nfs/snapshots", "nfs_snapshots", "snapshots"),
    ("/v2/gen-ai/agents", "genai_agents", "agents"),
    ("/v2/gen-ai/knowledge_bases", "genai_knowledge_bases", "knowledge_bases"),
    ("/v2/gen-ai/custom_models", "genai_custom_models", "models"),
    ("/v2/dedicated-inferences", "dedicated_inferences", "dedicated_inferences"),
    ("/v2/vector-databases", "vector_databases", "vector_dbs"),
    ("/v2/add-ons/saas", "addons", "resources"),
    ("/v2/customers/my/billing_history", "billing_history", "billing_history"),
    ("/v2/customers/my/invoices", "invoices", "invoices"),
    ("/v2/customers/my/invoices/preview", "invoice_items", "invoice_items"),
    ("/v2/tags", "tags", "tags"),
    ("/v2/regions", "regions", "regions"),
    ("/v2/sizes", "sizes", "sizes"),
]

NUMBER = (int, float)


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def merged(values: list[Any]) -> Any:
    """One example of everything several examples show."""
    objects = [v for v in values if isinstance(v, dict)]
    if objects:
        return {k: merged([o[k] for o in objects if k in o]) for o in objects for k in o}
    lists = [v for v in values if isinstance(v, list)]
    if lists:
        return [x for one in lists for x in one]
    known = [v for v in values if v is not None]
    return known[0] if known else None


def differences(ours: Any, theirs: Any, path: str) -> list[str]:
    if ours is None or theirs is None or path in FREE:
        return []
    if isinstance(theirs, dict):
        if not isinstance(ours, dict):
            return [f"{path}: {type(ours).__name__}, not an object"]
        found = [
            f"{path}.{k}: unknown" for k in ours if k not in theirs and f"{path}.{k}" not in EXTRA
        ]
        found += [
            f"{path}.{k}: missing"
            for k in theirs
            if k not in ours and f"{path}.{k}" not in OPTIONAL
        ]
        for key in ours.keys() & theirs.keys():
            found += differences(ours[key], theirs[key], f"{path}.{key}")
        return found
    if isinstance(theirs, list):
        if not isinstance(ours, list):
            return [f"{path}: {type(ours).__name__}, not a list"]
        return [d for x in ours if theirs for d in unlike(x, theirs, f"{path}[]")]
    same = type(ours) is type(theirs) or (
        isinstance(ours, NUMBER)
        and isinstance(theirs, NUMBER)
        and not isinstance(ours, bool)
        and not isinstance(theirs, bool)
    )
    return [] if same else [f"{path}: {type(ours).__name__}, not {type(theirs).__name__}"]


def unlike(ours: Any, theirs: list[Any], path: str) -> list[str]:
    """How an item differs from those of the example: like one of them, or like all together."""
    if any(not differences(ours, one, path) for one in theirs):
        return []
    return differences(ours, merged(theirs), path)


@pytest.mark.parametrize(("path", "file", "envelope"), LISTS)
def test_lists_have_the_shape_of_the_examples(
    client: Client, path: str, file: str, envelope: str
) -> None:
    template = merged(example(file)[envelope])
    if file == "reserved_ips":
        template["droplet"] = example("reserved_ip_assigned")["reserved_ip"]["droplet"]
    bare, _, query = path.partition("?")
    params = dict([query.split("=")]) if query else {}
    if file not in ("databases", "registries"):
        params["per_page"] = "200"
    rows = client.get(bare, **params).json()[envelope]
    assert rows
    found = {d for row in rows for d in differences(row, template, f"{file}[]")}
    assert not found


CHILDREN = [
    ("/v2/kubernetes/clusters", "id", "node_pools", "kubernetes_node_pools", "node_pools"),
    ("/v2/registries", "name", "repositoriesV2", "registry_repositories", "repositories"),
    ("/v2/databases", "id", "replicas", "database_replicas", "replicas"),
    ("/v2/domains", "name", "records", "domain_records", "domain_records"),
    ("/v2/uptime/checks", "id", "alerts", "uptime_check_alerts", "alerts"),
]


@pytest.mark.parametrize(("parents", "identity", "children", "file", "envelope"), CHILDREN)
def test_lists_of_children_have_the_shape_of_the_examples(
    client: Client, parents: str, identity: str, children: str, file: str, envelope: str
) -> None:
    (held,) = (v for k, v in client.get(parents).json().items() if k not in ("links", "meta"))
    template = merged(example(file)[envelope])
    for parent in held:
        answer = client.get(f"{parents}/{parent[identity]}/{children}").json()
        assert answer.keys() == example(file).keys()
        assert answer[envelope]
        assert {
            d for row in answer[envelope] for d in differences(row, template, f"{file}[]")
        } == set()


def test_backup_policies_are_an_object(client: Client) -> None:
    held = client.get("/v2/droplets/backups/policies", per_page=200).json()["policies"]
    theirs = list(example("droplet_backup_policies")["policies"].values())
    assert {d for row in held.values() for d in unlike(row, theirs, "policies[]")} == set()
    assert {str(row["droplet_id"]) for row in held.values()} == held.keys()
    assert {row["backup_enabled"] for row in held.values()} == {True, False}


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/v2/account", "account"),
        ("/v2/projects/default", "project_default"),
        ("/v2/customers/my/balance", "balance"),
        ("/v2/customers/my/invoices/preview/summary", "invoice_summary"),
    ],
)
def test_single_objects(client: Client, path: str, file: str) -> None:
    assert differences(client.get(path).json(), example(file), file) == []


def test_what_stands_beside_the_invoices(client: Client) -> None:
    answer, template = client.get("/v2/customers/my/invoices").json(), example("invoices")
    assert answer.keys() == template.keys()
    preview = answer["invoice_preview"]
    assert differences(preview, template["invoice_preview"], "invoice_preview") == []


def test_an_invoice_as_csv(client: Client) -> None:
    theirs = (EXAMPLES / "invoice.csv").read_text().splitlines()
    answer = client.get("/v2/customers/my/invoices/preview/csv")
    ours = answer.content.decode().splitlines()
    assert answer.headers["content-type"] == "text/csv"
    assert ours[0] == theirs[0]
    # The shape of a value: digits as 0, so that a row for the same thing is the same text.
    shapes = [re.sub(r"[0-9]+", "0", line) for line in theirs[1:]]
    address = next(re.sub("[0-9]+", "0", line) for line in ours if line.startswith("Floating"))
    assert address.replace("Default", "") == shapes[0]
    tax = next(re.sub("[0-9]+", "0", line) for line in ours if line.startswith("Taxes"))
    assert tax == shapes[1].replace("STATE SALES TAX", "GST India")


def test_project_resources(client: Client) -> None:
    template = merged(example("project_resources")["resources"])
    for project in client.all("/v2/projects", "projects"):
        rows = client.all(f"/v2/projects/{project['id']}/resources", "resources", per_page=200)
        assert {d for r in rows for d in differences(r, template, "r")} <= {"r.links.self: missing"}


def test_single_links_shapes_all_occur(client: Client) -> None:
    def links(path: str) -> Any:
        return client.get(path, per_page=200).json().get("links", "absent")

    assert links("/v2/droplets") == {"pages": {}}
    assert links("/v2/volumes") == {}
    assert links("/v2/kubernetes/clusters") == "absent"
    url = f"{client.server.url}/v2/projects?page=1&per_page=200"
    assert links("/v2/projects") == {"pages": {"first": url, "last": url}}
    assert set(client.get("/v2/databases").json()) == {"databases"}


def test_errors(client: Client) -> None:
    assert client.get("/v2/nothing").json() == example("error_404")
    client.session.headers["Authorization"] = "Bearer wrong"
    answer = client.get("/v2/droplets")
    assert (answer.status_code, answer.json()) == (401, example("error_401"))
