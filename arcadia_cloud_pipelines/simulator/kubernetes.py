"""Kubernetes clusters and their node pools; the workers are ordinary droplets."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from . import catalog, droplet_facts
from .lives import Facts, Life, Price, iso
from .registry import SimulatedKind, register

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_CONTROL_PLANE = "40"
"""Price of a highly available control plane; the plain one is free, workers are droplets."""

_SWITCHES = [
    "routing_agent", "amd_gpu_device_plugin", "amd_gpu_device_metrics_exporter_plugin",
    "nvidia_gpu_device_plugin", "rdma_shared_dev_plugin", "coredns_autoscaler",
    "p2p_oci_registry_plugin",
]  # fmt: skip


def _facts(name: str, region: str) -> Facts:
    return {
        "name": name,
        "region": region,
        "version": "1.33.1-do.3",
        "cluster_subnet": "10.244.0.0/16",
        "service_subnet": "10.245.0.0/16",
        "tags": ["production"],
        "maintenance_policy": {"start_time": "00:00", "duration": "4h0m0s", "day": "any"},
        "auto_upgrade": False,
        "isolated_workers": False,
        "surge_upgrade": True,
        "registry_enabled": False,
        "registries": [],
        "ha": False,
        "control_plane_firewall": {"enabled": False, "allowed_addresses": []},
    }


def _template(_account: SimulatedAccount, rng: Random) -> Facts:
    return _facts(f"k8s-{rng.randrange(10_000):04d}", rng.choice(list(catalog.REGIONS)))


def _cluster_tags(cluster_id: object) -> list[str]:
    return ["k8s", f"k8s:{cluster_id}"]


def _render(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    state = "upgrading" if view.chance(life.id, 12) else "running"
    hour = iso(datetime.fromtimestamp(view.epoch * 3600, life.created_at.tzinfo))
    account = view.account
    pools = [
        account.render(account.find("node_pool", pool), view)
        for pool in view.order(view.holders("node_pool", "parent").get(life.id, []))
    ]
    return {
        "id": life.id,
        "vpc_uuid": account.vpc_uuid(facts["region"]),
        "ipv4": f"203.0.113.{sum(str(life.id).encode()) % 254 + 1}",
        "endpoint": f"https://{life.id}.k8s.ondigitalocean.example",
        "tags": view.order([*facts["tags"], *_cluster_tags(life.id)]),
        "node_pools": pools,
        "status": {"state": state, "message": "" if state == "running" else state},
        "created_at": iso(life.created_at),
        "updated_at": hour,
        "cluster_autoscaler_configuration": None,
        "sso": None,
        **{switch: {"enabled": False} for switch in _SWITCHES},
    }


def _render_pool(view: View, life: Life, facts: Facts) -> dict[str, Any]:
    hour = iso(datetime.fromtimestamp(view.epoch * 3600, life.created_at.tzinfo))

    def node(made: dict[str, Any]) -> dict[str, Any]:
        state = "provisioning" if view.chance(made["id"], 24) else "running"
        return {**made, "status": {"state": state}, "updated_at": hour}

    return {
        "id": life.id,
        "count": len(facts["nodes"]),
        "tags": view.order([*facts["tags"], *_cluster_tags(facts["parent"]), "k8s:worker"]),
        "nodes": [node(made) for made in view.order(facts["nodes"])],
    }


def _node(
    account: SimulatedAccount, rng: Random, cluster: Life, pool: Facts, at: datetime
) -> Facts:
    """A new worker: a node of the cluster and a droplet."""
    letters = "".join(rng.choice("abcdefghijkmnopqrstuvwxyz3456789") for _ in range(5))
    name = f"{pool['name']}-{letters}"
    tags = [*_cluster_tags(cluster.id), "k8s:worker"]
    facts = droplet_facts.worker_facts(name, cluster.facts["region"], pool["size"], tags)
    number = account.new_int(rng, 100_000_000, 599_999_999)
    account.add_life("droplet", number, facts, at)
    return {
        "id": account.new_uuid(rng), "name": name, "droplet_id": str(number), "created_at": iso(at),
    }  # fmt: skip


def _pool(cluster: object, name: str, size: str, auto: bool) -> Facts:
    return {
        "parent": cluster,
        "name": name,
        "tags": ["production"],
        "size": size,
        "labels": {"service": "backend"} if auto else None,
        "taints": [],
        "auto_scale": auto,
        "min_nodes": 2 if auto else 0,
        "max_nodes": 5 if auto else 0,
        "nodes": [],
    }


def _pool_template(account: SimulatedAccount, rng: Random) -> Facts:
    """An empty one, of the first cluster."""
    name = f"pool-{rng.randrange(10_000):04d}"
    return _pool(account.ids("kubernetes_cluster")[0], name, "s-1vcpu-2gb", auto=False)


def _populate(account: SimulatedAccount, rng: Random) -> None:
    for index in range(droplet_facts.clusters_for(account.droplets)):
        ago = account.now - account.history_start
        at = (account.now - ago * (0.02 + 0.3 * rng.random())).replace(microsecond=0)
        facts = _facts(f"prod-cluster-{index + 1:02d}", rng.choice(["nyc1", "fra1", "sfo3"]))
        facts["ha"] = index % 2 == 0
        cluster = account.add_life("kubernetes_cluster", account.new_uuid(rng), facts, at)
        up = at + timedelta(minutes=4)
        pools = [
            (account.new_uuid(rng), _pool(cluster.id, "frontend-pool", "s-1vcpu-2gb", auto=False)),
            (account.new_uuid(rng), _pool(cluster.id, "backend-pool", "g-2vcpu-8gb", auto=True)),
        ]
        for (number, pool), count in zip(pools, (3, droplet_facts.CLUSTER_NODES - 3), strict=True):
            pool["nodes"] = [_node(account, rng, cluster, pool, up) for _ in range(count)]
            account.add_life("node_pool", number, pool, up)


def _live(account: SimulatedAccount, rng: Random, hour: datetime) -> None:
    """Workers are recycled: the old droplet goes, one of another name and id comes."""
    for _ in range(account.count(rng, account.droplets / 100)):
        pool = account.pick(rng, "node_pool", lambda pool: bool(pool.facts["nodes"]))
        if pool is None:
            continue
        at = account.moment(rng, hour, pool)
        cluster = account.find("kubernetes_cluster", pool.facts["parent"])
        first, *others = pool.facts["nodes"]
        old = account.find("droplet", int(first["droplet_id"]))
        at = max(at, old.versions[-1].valid_from)
        nodes = [*others, _node(account, rng, cluster, pool.facts, at)]
        account.change_life(pool, at, nodes=nodes)
        if old.deleted_at is None:
            account.end_life(old, at)


def _price(facts: Facts, _at: datetime) -> Price | None:
    return catalog.monthly_price(_CONTROL_PLANE) if facts["ha"] else None


KUBERNETES_CLUSTER = register(
    SimulatedKind(
        name="kubernetes_cluster",
        path="/v2/kubernetes/clusters",
        envelope="kubernetes_clusters",
        singular="kubernetes_cluster",
        scope="kubernetes:read",
        urn="kubernetes",
        links="absent",
        template=_template,
        render=_render,
        consumed=frozenset({"tags"}),
        blanks={"tags": ("tag:read", []), "vpc_uuid": ("vpc:read", "")},
        populate=_populate,
        live=_live,
        price=_price,
    )
)

# After the clusters, whose history makes them.
NODE_POOL = register(
    SimulatedKind(
        name="node_pool",
        path="/v2/kubernetes/clusters/{parent}/node_pools",
        envelope="node_pools",
        scope="kubernetes:read",
        parent="kubernetes_cluster",
        paged=False,
        template=_pool_template,
        render=_render_pool,
        consumed=frozenset({"parent", "tags", "nodes"}),
    )
)
