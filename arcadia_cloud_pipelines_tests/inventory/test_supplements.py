"""What other listings say of droplets: whose workers they are, and how they are backed up."""

from __future__ import annotations

from typing import Any

import pytest

from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, KINDS, Json

from .helpers import Mirror, events, rows, story, syncs

CLUSTERS = "/v2/kubernetes/clusters"
POLICIES = "/v2/droplets/backups/policies"
SUPPLEMENTS = {"kubernetes": CLUSTERS, "backup_policy": POLICIES}
FAULTS: list[tuple[Any, dict[str, Any]]] = [
    (403, {}), (404, {}), (401, {}), (500, {}), (429, {}), ("reset", {}), ("not_json", {}),
    # The total and the items do not agree: not whole.
    ("shift", {"by": 1}),
]  # fmt: skip


def workers(mirror: Mirror) -> dict[str, Json]:
    """What each worker's row should say, from the account."""
    return {
        node["droplet_id"]: {
            "cluster_id": cluster, "node_pool_id": pool["id"], "node_pool": pool["name"],
        }
        for cluster in mirror.account.ids("kubernetes_cluster")
        for pool in mirror.account.get("kubernetes_cluster", cluster)["node_pools"]
        for node in pool["nodes"]
    }  # fmt: skip


def stored(mirror: Mirror, field: str) -> dict[str, Any]:
    return {
        i: row["attrs"][field]
        for i, row in rows(mirror.warehouse, "droplet").items() if field in row["attrs"]
    }  # fmt: skip


def changes(mirror: Mirror) -> list[Json]:
    return [e["changes"] for e in events(mirror.warehouse) if e["event"] != "discovered"]


def test_these_kinds_have_supplements() -> None:
    assert {k.name: [s.field for s in k.supplements] for k in KINDS if k.supplements} == {
        "droplet": ["kubernetes", "backup_policy"]
    }
    paths = {s.field: KIND_BY_NAME[s.kind].endpoints[0].path for s in KIND_BY_NAME[
        "droplet"
    ].supplements}  # fmt: skip
    assert paths == SUPPLEMENTS


def test_workers_are_marked_in_their_own_rows(mirror: Mirror) -> None:
    mirror.sync()
    assert stored(mirror, "kubernetes") == workers(mirror) != {}


def test_backup_settings_without_their_windows(mirror: Mirror) -> None:
    mirror.sync()
    assert stored(mirror, "backup_policy") == {
        str(d): {
            k: v for k, v in mirror.account.get("backup_policy", d).items()
            if k in ("backup_enabled", "backup_policy")
        }
        for d in mirror.account.ids("backup_policy")
    }  # fmt: skip
    enabled = {p["backup_enabled"] for p in stored(mirror, "backup_policy").values()}
    assert enabled == {True, False}


def test_a_worker_stays_linked_when_it_is_deleted(mirror: Mirror) -> None:
    mirror.sync()
    worker, link = min(workers(mirror).items())
    mirror.account.hide("droplet", int(worker))
    for _ in range(3):
        mirror.sync()
    row = rows(mirror.warehouse)[worker]
    assert row["deleted_at"] is not None
    assert row["attrs"]["kubernetes"] == link


def test_a_droplet_that_only_looks_like_a_worker(mirror: Mirror) -> None:
    made = mirror.account.create("droplet", tags=["k8s", "k8s:nobody", "k8s:worker"])
    mirror.sync()
    assert "kubernetes" not in rows(mirror.warehouse)[str(made["id"])]["attrs"]


def test_a_changed_setting_is_an_update(mirror: Mirror) -> None:
    mirror.sync()
    droplet = next(
        d for d in mirror.account.ids("backup_policy")
        if not mirror.account.get("backup_policy", d)["backup_enabled"]
    )  # fmt: skip
    mirror.account.update("backup_policy", droplet, backup_enabled=True)
    mirror.sync()
    assert changes(mirror) == [
        {"backup_policy": {"from": {"backup_enabled": False}, "to": {"backup_enabled": True}}}
    ]


@pytest.mark.parametrize(("fault", "options"), FAULTS, ids=lambda value: str(value))
@pytest.mark.parametrize("field", SUPPLEMENTS)
def test_a_supplement_that_fails_is_unknown_and_the_listing_complete(
    mirror: Mirror, field: str, fault: Any, options: Json, caplog: pytest.LogCaptureFixture
) -> None:
    mirror.sync()
    before = rows(mirror.warehouse)
    mirror.account.faults.add(SUPPLEMENTS[field], fault, times=None, **options)
    renamed = min(workers(mirror))
    mirror.account.update("droplet", int(renamed), name="renamed")
    caplog.clear()
    result = mirror.sync()
    assert (result.complete, result.available, result.error) == (True, True, None)
    assert result.rows_expected == result.rows_seen == len(before)
    assert result.recorded.withheld == syncs(mirror.warehouse)[-1]["withheld"] == {}
    assert [
        m
        for m in caplog.messages
        if m.startswith(f"droplets: {field} keeps its stored value, because it could not be read: ")
    ]
    assert [c.keys() for c in changes(mirror)] == [{"name"}], "other changes are recorded"
    after = rows(mirror.warehouse)
    assert {i: r["attrs"] for i, r in after.items()} == {i: r["attrs"] for i, r in before.items()}
    # It comes back and says what it said: nothing happened.
    mirror.account.faults.clear()
    mirror.sync()
    assert len(changes(mirror)) == 1
    digests = {i: r["content_hash"] for i, r in rows(mirror.warehouse).items()}
    assert None not in digests.values()
    assert digests.pop(renamed) != before[renamed]["content_hash"]
    assert digests.items() <= {i: r["content_hash"] for i, r in before.items()}.items()


def test_what_changed_while_unknown_is_an_update_when_it_is_known_again(mirror: Mirror) -> None:
    mirror.sync()
    mirror.account.faults.add(POLICIES, 503, times=None)
    droplet = mirror.account.ids("backup_policy")[0]
    policy = mirror.account.get("backup_policy", droplet)
    mirror.account.update("backup_policy", droplet, backup_enabled=not policy["backup_enabled"])
    for _ in range(2):
        mirror.sync()
    assert changes(mirror) == []
    mirror.account.faults.clear()
    mirror.sync()
    assert [c.keys() for c in changes(mirror)] == [{"backup_policy"}]
    assert story(mirror.warehouse, droplet) == ["discovered", "updated"]


def test_droplets_first_seen_while_unknown(mirror: Mirror) -> None:
    mirror.account.faults.add(CLUSTERS, 503, times=None)
    mirror.sync()
    assert stored(mirror, "kubernetes") == {}
    assert story(mirror.warehouse, min(workers(mirror))) == ["discovered"]
    mirror.account.faults.clear()
    mirror.sync()
    assert stored(mirror, "kubernetes") == workers(mirror)
    assert all(c.keys() == {"kubernetes"} for c in changes(mirror))
    assert [c["kubernetes"] for c in changes(mirror) if c["kubernetes"]["from"]] == []
    assert story(mirror.warehouse, min(workers(mirror))) == ["discovered", "updated"]
    # Who is no worker has no event.
    assert len(changes(mirror)) == len(workers(mirror))


def test_a_restored_worker_keeps_its_link_while_unknown(mirror: Mirror) -> None:
    mirror.sync()
    worker, link = min(workers(mirror).items())
    mirror.account.hide("droplet", int(worker))
    for _ in range(3):
        mirror.sync()
    mirror.account.show("droplet", int(worker))
    mirror.account.faults.add(CLUSTERS, 503, times=None)
    mirror.sync()
    assert story(mirror.warehouse, worker) == ["discovered", "deleted", "restored"]
    assert rows(mirror.warehouse)[worker]["attrs"]["kubernetes"] == link


def test_clusters_that_are_no_longer_seen_are_a_loss_to_confirm(mirror: Mirror) -> None:
    """A listing that is whole and empty is known: the guard against blanked fields holds."""
    mirror.sync()
    for cluster in mirror.account.ids("kubernetes_cluster"):
        mirror.account.hide("kubernetes_cluster", cluster)
    result = mirror.sync()
    assert result.recorded.withheld == {"kubernetes": len(workers(mirror))}
    assert stored(mirror, "kubernetes") == workers(mirror)


def test_a_failed_droplet_listing_asks_no_supplement(mirror: Mirror) -> None:
    mirror.account.faults.add("/v2/droplets", 403, times=None)
    assert not mirror.sync().available
    assert {r.path for r in mirror.server.requests} == {"/v2/account", "/v2/droplets"}


@pytest.mark.parametrize(
    "value", [None, 7, "text", [], [7, None, []], {}, [{}], [{"nodes": [{}]}], [{"nodes": {}}]]
)
def test_odd_answers_break_nothing(value: Any) -> None:
    kubernetes, backups = KIND_BY_NAME["droplet"].supplements
    assert kubernetes.facts([{"id": "c", "node_pools": value}]) == {}
    assert kubernetes.facts([{"id": "c", "node_pools": [{"nodes": value}]}]) == {}
    assert backups.facts([{"droplet_id": 1, "backup_policy": value}]) == {
        "1": {"backup_policy": value}
    }


def test_a_node_without_a_droplet_yet() -> None:
    kubernetes, _ = KIND_BY_NAME["droplet"].supplements
    nodes = [{"droplet_id": ""}, {"droplet_id": None}, {"droplet_id": 5}]
    found = kubernetes.facts([{"id": "c", "node_pools": [{"id": "p", "nodes": nodes}]}])
    assert found == {"5": {"cluster_id": "c", "node_pool_id": "p", "node_pool": None}}
