"""What is particular to single kinds: paging, identity, columns, noise."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from arcadia_cloud_pipelines.inventory.listing import children_inside
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, Json

from ..support.sql import query
from .helpers import Mirror, client, events, everything, rows, story

# -- node pools: inside the clusters' listing -----------------------------------------------------


def test_pools_cost_no_call_of_their_own(mirror: Mirror) -> None:
    result = mirror.sync("node_pool")
    assert {r.path for r in mirror.server.requests} == {"/v2/account", "/v2/kubernetes/clusters"}
    assert (result.complete, result.api_calls, result.rows_expected) == (True, 2, None)


def test_a_pool_has_the_region_of_its_cluster(mirror: Mirror) -> None:
    mirror.account.create("kubernetes_cluster", region="syd1")
    *_, cluster = mirror.account.ids("kubernetes_cluster")
    made = mirror.account.create("node_pool", parent=cluster, size="s-2vcpu-4gb", tags=["team:a"])
    mirror.sync("node_pool")
    row = rows(mirror.warehouse)[made["id"]]
    assert (row["region"], row["size_slug"], row["status"]) == ("syd1", "s-2vcpu-4gb", None)
    assert row["tags"] == sorted(["k8s", f"k8s:{cluster}", "k8s:worker", "team:a"])
    assert row["attrs"] == {
        "cluster_id": cluster, "auto_scale": False, "count": 0, "min_nodes": 0, "max_nodes": 0,
    }  # fmt: skip


def test_recycled_nodes_are_no_news_and_another_size_is(mirror: Mirror) -> None:
    mirror.sync("node_pool")
    pool = mirror.account.ids("node_pool")[0]
    nodes = mirror.account.get("node_pool", pool)["nodes"]
    mirror.account.update("node_pool", pool, nodes=[{**nodes[0], "id": "other"}, *nodes[1:]])
    mirror.sync("node_pool")
    assert story(mirror.warehouse, pool) == ["discovered"]
    mirror.account.update("node_pool", pool, nodes=nodes[1:], size="s-8vcpu-16gb")
    mirror.sync("node_pool")
    assert events(mirror.warehouse, pool)[-1]["changes"] == {
        "count": {"from": 3, "to": 2},
        "size_slug": {"from": "s-1vcpu-2gb", "to": "s-8vcpu-16gb"},
    }


def test_a_pool_that_its_cluster_lost_is_deleted(mirror: Mirror) -> None:
    mirror.sync("node_pool")
    pool, other = mirror.account.ids("node_pool")
    mirror.account.delete("node_pool", pool)
    for _ in range(3):
        mirror.sync("node_pool")
    assert story(mirror.warehouse, pool) == ["discovered", "deleted"]
    assert story(mirror.warehouse, other) == ["discovered"]


def test_a_cluster_that_goes_between_the_pages_takes_its_pools_along(mirror: Mirror) -> None:
    account = mirror.account
    for _ in range(200):
        account.create("kubernetes_cluster")
    clusters = account.ids("kubernetes_cluster")
    for cluster in clusters[1::50]:
        account.create("node_pool", parent=cluster)
    pools = account.ids("node_pool")
    mirror.sync("node_pool")
    assert rows(mirror.warehouse).keys() == set(pools)
    account.faults.add(
        "/v2/kubernetes/clusters", "hook", page=2,
        call=lambda: account.delete("kubernetes_cluster", clusters[51]),
    )  # fmt: skip
    result = mirror.sync("node_pool")
    # The listing was read once more, and then agreed with its total.
    assert (result.complete, result.rows_seen, result.recorded.struck) == (True, len(pools) - 1, 1)


def test_pools_of_a_listing_that_is_not_whole_are_not_struck(mirror: Mirror) -> None:
    mirror.sync("node_pool")
    mirror.account.delete("node_pool", mirror.account.ids("node_pool")[0])
    mirror.account.faults.add("/v2/kubernetes/clusters", "shift", times=None, by=1)
    result = mirror.sync("node_pool")
    assert (result.complete, result.recorded.struck) == (False, 0)
    assert "read twice" in str(result.error)


@pytest.mark.parametrize("status", [403, 404])
def test_pools_of_clusters_that_may_not_be_seen(mirror: Mirror, status: int) -> None:
    mirror.account.faults.add("/v2/kubernetes/clusters", status, times=None)
    result = mirror.sync("node_pool")
    assert (result.available, result.complete) == (False, False)


def test_a_cluster_without_pools(mirror: Mirror) -> None:
    for pool in mirror.account.ids("node_pool"):
        mirror.account.delete("node_pool", pool)
    result = mirror.sync("node_pool")
    assert (result.complete, result.rows_seen) == (True, 0)


@pytest.mark.parametrize(
    "cluster",
    [{"id": "c", "node_pools": 5}, {"id": "c", "node_pools": ["x"]},
     {"id": "c", "node_pools": [{"name": "no id"}]}],
)  # fmt: skip
def test_what_is_no_pool_costs_its_cluster_alone(cluster: Json) -> None:
    kind = KIND_BY_NAME["node_pool"]
    well = {"id": "well", "node_pools": [{"id": "a"}]}
    listing = children_inside(kind, kind.endpoints[0], [cluster, well])
    assert [pool["id"] for pool in listing.items] == ["a"]
    assert not listing.complete
    assert "whose list could not be read: c: " in str(listing.reason)
    assert "kubernetes_cluster whose 'node_pools' is not a list" in str(listing.reason)


def test_a_child_that_says_for_itself_inherits_nothing() -> None:
    kind = KIND_BY_NAME["node_pool"]
    pools = [{"id": "a"}, {"id": "b", "region": "ams3", "cluster_id": "x"}]
    cluster = {"id": "c", "region": "fra1", "node_pools": pools}
    assert children_inside(kind, kind.endpoints[0], [cluster]).items == [
        {"id": "a", "region": "fra1", "cluster_id": "c"},
        {"id": "b", "region": "ams3", "cluster_id": "x"},
    ]


def test_a_parent_without_its_children_says_nothing_of_them() -> None:
    kind = KIND_BY_NAME["node_pool"]
    clusters: list[Json] = [{"id": "a", "node_pools": [{"id": "1"}]}, {"id": "b"}]
    listing = children_inside(kind, kind.endpoints[0], clusters)
    assert [item["id"] for item in listing.items] == ["1"]
    assert not listing.complete
    assert listing.reason == "kubernetes_cluster b came without 'node_pools'"
    none = children_inside(kind, kind.endpoints[0], [{"id": "c", "node_pools": None}])
    assert (none.items, none.complete) == ([], True)


# -- repositories ---------------------------------------------------------------------------------


def test_repositories_of_one_name_in_two_registries_are_two(mirror: Mirror) -> None:
    mirror.account.create("registry", name="second")
    mirror.account.create("registry_repository", id="second/web", parent="second")
    result = mirror.sync("registry_repository")
    assert result.rows_expected == result.rows_seen == 4
    assert {(i, r["name"], r["attrs"]["registry_name"]) for i, r in rows(
        mirror.warehouse
    ).items()} == {
        ("simulated-images/web", "web", "simulated-images"),
        ("simulated-images/api", "api", "simulated-images"),
        ("simulated-images/team/batch", "team/batch", "simulated-images"),
        ("second/web", "web", "second"),
    }  # fmt: skip


def test_pages_of_repositories_are_asked_for_with_their_tokens(mirror: Mirror) -> None:
    for number in range(400):
        mirror.account.create("registry_repository", id=f"simulated-images/repo-{number}")
    result = mirror.sync("registry_repository")
    assert (result.complete, result.rows_seen) == (True, 403)
    asked = [parse_qs(r.query) for r in mirror.server.requests if "repositoriesV2" in r.path]
    assert [query["page"] for query in asked] == [["1"], ["2"], ["3"]]
    tokens = [query.get("page_token") for query in asked]
    assert tokens[0] is None
    assert None not in tokens[1:]
    assert tokens[1] != tokens[2]


def test_a_push_is_no_news(mirror: Mirror) -> None:
    mirror.sync("registry_repository")
    repository = mirror.account.ids("registry_repository")[0]
    mirror.account.update("registry_repository", repository, tag_count=99, manifest_count=99)
    assert mirror.sync("registry_repository").recorded.updated == 0
    assert rows(mirror.warehouse)[repository]["attrs"] == {"registry_name": "simulated-images"}


# -- MicroVMs -------------------------------------------------------------------------------------


def test_microvms_pause_without_an_event(mirror: Mirror) -> None:
    for number in range(203):
        mirror.account.create("microvm", name=f"sandbox-{number}", region="nyc1")
    mirror.account.create("microvm", id="odd", size={"cpu": 2, "memory": 1024, "disk": 20})
    result = mirror.sync("microvm")
    assert (result.complete, result.rows_seen) == (True, len(mirror.account.ids("microvm")))
    row = rows(mirror.warehouse)["odd"]
    assert (row["status"], row["region"]) == (None, "nyc3")
    assert row["attrs"]["auto_pause"] == {"enabled": True, "idle_timeout": "5m0s"}
    mirror.hours = 5
    mirror.account.update("microvm", "odd", size={"cpu": 4, "memory": 1024, "disk": 20})
    assert mirror.sync("microvm").recorded.updated == 1
    assert events(mirror.warehouse, "odd")[-1]["changes"].keys() == {"size"}


def test_a_microvm_is_in_its_project(mirror: Mirror) -> None:
    account = mirror.account
    account.assign("acme", f"do:microvm:{account.ids('microvm')[0]}")
    sync_projects(
        mirror.warehouse, client(mirror.server.url, mirror.server.token), project_name="acme",
        now=mirror.now,
    )  # fmt: skip
    mirror.sync("microvm")
    found = query(
        mirror.warehouse,
        "SELECT r.provider_id, p.name FROM cloud_resources AS r "
        "JOIN cloud_projects AS p ON p.id = r.project_id WHERE r.kind = 'microvm'",
    )
    assert {row["provider_id"]: row["name"] for row in found} == {
        i: account.get("project", account.project_of(f"do:microvm:{i}", account.now))["name"]
        for i in account.ids("microvm")
    }


def test_an_environment_is_never_stored() -> None:
    from .test_sightings import attrs, see

    kind = KIND_BY_NAME["microvm"]
    seen = see(kind, {"id": "m", "environment": {"PLAIN": "CANARY"}, "tags": ["a"]})
    assert "CANARY" not in repr(seen)
    assert (attrs(seen), seen.tags) == ({}, ("a",))


# -- tags -----------------------------------------------------------------------------------------


def test_tags(mirror: Mirror) -> None:
    names = ["Team:Data", "team:data-2", "k8s:0f", "ünï", *(f"n-{i}" for i in range(199))]
    for name in names:
        mirror.account.create("tag", name=name)
    result = mirror.sync("tag")
    assert (result.complete, result.rows_seen) == (True, len(mirror.account.ids("tag")))
    listed = rows(mirror.warehouse)
    assert listed.keys() >= set(names)
    assert {(i, r["name"], str(r["attrs"])) for i, r in listed.items()} == {
        (i, i, "{}") for i in listed
    }


def test_who_has_a_tag_is_no_news(mirror: Mirror) -> None:
    mirror.sync("tag")
    tag: Any = mirror.account.get("tag", "env:prod")["resources"]["droplets"]["count"]
    mirror.account.create("droplet", tags=["env:prod"])
    assert mirror.account.get("tag", "env:prod")["resources"]["droplets"]["count"] == tag + 1
    assert mirror.sync("tag").recorded.updated == 0
    assert "/v2/droplets/" not in everything(mirror.warehouse)
