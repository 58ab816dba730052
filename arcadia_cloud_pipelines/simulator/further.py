"""Kinds of 2026: MicroVMs, and the parts of databases, networks and apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .lives import Facts, Life, iso
from .plain import new_name, plain, updated

if TYPE_CHECKING:
    from .view import View

# ---- computers


def _awake(view: View, life: Life) -> dict[str, Any]:
    return {"state": "running" if view.chance(life.id, 2) else "paused"}


plain(
    "microvm", "/v2/microvms", "microvms", "microvm", "microvm:read", urn="microvm",
    links="empty", noise=_awake, params=frozenset({"region", "name", "tag_name"}),
)  # fmt: skip
plain(
    "microvm_checkpoint", "/v2/microvms/checkpoints", "checkpoints", "checkpoint", "microvm:read",
    params=frozenset({"microvm_id"}),
)  # fmt: skip

# ---- what stands inside its parent's object, too

plain(
    "nfs_access_point", "/v2/nfs/shares/{parent}/access_points", "access_points", "access_point",
    "nfs:list", parent="nfs_share", paged=False,
    noise=lambda view, life: {"share_id": life.facts.get("parent"), **updated(view, life)},
)  # fmt: skip
plain(
    "app_deployment", "/v2/apps/{parent}/deployments", "deployments", "deployment", "app:read",
    parent="app", identity="app_id", as_parent=True,
)  # fmt: skip

# ---- networks

plain(
    "vpc_subnet", "/v2/vpcs/{parent}/subnets", "vpc_subnet", "vpc_subnet", "vpc:read",
    parent="vpc",
    noise=lambda view, life: {
        "urn": f"do:vpc_subnet:{life.id}",
        "meta": {"stats": {"members": view.epoch % 9, "resources": {"droplet": view.epoch % 9}}},
    },
)  # fmt: skip
plain("vpc_route", "/v2/vpcs/{parent}/routes", "routes", "route", "route:read", parent="vpc")
plain(
    "byoip_ip", "/v2/byoip_prefixes/{parent}/ips", "ips", "ip", "byoip_prefix:read",
    parent="byoip_prefix", created="assigned_at",
    new_id=lambda account, rng: account.new_int(rng, 1, 9_999_999),
    noise=lambda _view, life: {"byoip": life.facts.get("parent")},
)  # fmt: skip

# ---- databases


def _of(*engines: str) -> Callable[[Facts], bool]:
    return lambda facts: facts["engine"] in engines


def _database(
    name: str, path: str, envelope: str, engines: tuple[str, ...], **options: Any
) -> None:
    plain(
        name, f"/v2/databases/{{parent}}/{path}", envelope, name, "database:read",
        parent="database", paged=False, of=_of(*engines), **options,
    )  # fmt: skip


_SQL = ("pg", "mysql", "mongodb")
_database(
    "database_pool", "pools", "pools", ("pg",), identity="name", created=None,
    new_id=new_name("pool"), within_parent=True,
)  # fmt: skip
_database(
    "database_user", "users", "users", (*_SQL, "kafka", "opensearch"), identity="name",
    created=None, new_id=new_name("user"), within_parent=True,
)  # fmt: skip
_database(
    "logical_database",
    "dbs",
    "dbs",
    _SQL,
    identity="name",
    created=None,
    new_id=new_name("db"),
    within_parent=True,
)
_database(
    "database_firewall_rule", "firewall", "rules", (*_SQL, "valkey", "kafka", "opensearch"),
    identity="uuid",
    noise=lambda view, life: {
        "cluster_uuid": life.facts.get("parent"),
        "value": str(next(iter(view.account.ids("droplet")), 1)),
    },
)  # fmt: skip
_database(
    "database_topic", "topics", "topics", ("kafka",), identity="name", created=None,
    new_id=new_name("topic"), within_parent=True,
)  # fmt: skip
_database(
    "database_log_sink", "logsink", "sinks", ("pg", "mysql", "valkey", "kafka", "opensearch"),
    identity="sink_id", created=None,
)  # fmt: skip
_database(
    "database_index", "indexes", "indexes", ("opensearch",), identity="index_name",
    created="created_time", new_id=new_name("index"), within_parent=True,
    noise=lambda view, life: {
        "size": view.epoch, "health": "yellow" if view.chance(life.id, 5) else "green",
    },
)  # fmt: skip

# ---- apps and functions

plain(
    "app_alert", "/v2/apps/{parent}/alerts", "alerts", "alert", "app:read", parent="app",
    paged=False, created=None,
    noise=lambda view, life: {"phase": "PENDING" if view.chance(life.id, 4) else "ACTIVE"},
)  # fmt: skip


def _of_namespace(_view: View, life: Life) -> dict[str, Any]:
    return {"namespace": life.facts.get("parent")}


plain(
    "function_trigger", "/v2/functions/namespaces/{parent}/triggers", "triggers", "trigger",
    "function:read", parent="function_namespace", paged=False, identity="name",
    new_id=new_name("trigger"), within_parent=True,
    noise=lambda view, life: {
        **_of_namespace(view, life), **updated(view, life),
        "scheduled_runs": {"last_run_at": iso(view.at), "next_run_at": iso(view.at)},
    },
)  # fmt: skip
plain(
    "function_key", "/v2/functions/namespaces/{parent}/keys", "access_keys", "access_key",
    "function:read", parent="function_namespace", paged=False, identity="name",
    new_id=new_name("key"), within_parent=True, noise=updated,
)  # fmt: skip
