"""Kinds of 2026: MicroVMs, hosted agents, and the parts of databases, networks, apps and models.

Two more ways of paging are here: by a token in the answer, and with an object `pagination`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from .api import Call, json_response, page_of, unprocessable
from .lives import Facts, Life, ResourceId, iso
from .plain import plain, updated

if TYPE_CHECKING:
    from .account import SimulatedAccount
    from .view import View

_AGENTS = "agent:read"
_GEN_AI = "genai:read"


def _named(word: str) -> Callable[[SimulatedAccount, Random], ResourceId]:
    """Return what makes identities that are names."""
    return lambda account, rng: f"{word}-{account.new_int(rng, 1, 9_999_999):07d}"


def _still(_view: View, _life: Life) -> dict[str, Any]:
    return {}


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
    new_id=_named("pool"), within_parent=True,
)  # fmt: skip
_database(
    "database_user", "users", "users", (*_SQL, "kafka", "opensearch"), identity="name",
    created=None, new_id=_named("user"), within_parent=True,
)  # fmt: skip
_database(
    "logical_database",
    "dbs",
    "dbs",
    _SQL,
    identity="name",
    created=None,
    new_id=_named("db"),
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
    new_id=_named("topic"), within_parent=True,
)  # fmt: skip
_database(
    "database_log_sink", "logsink", "sinks", ("pg", "mysql", "valkey", "kafka", "opensearch"),
    identity="sink_id", created=None,
)  # fmt: skip
_database(
    "database_index", "indexes", "indexes", ("opensearch",), identity="index_name",
    created="created_time", new_id=_named("index"), within_parent=True,
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
    new_id=_named("trigger"), within_parent=True,
    noise=lambda view, life: {
        **_of_namespace(view, life), **updated(view, life),
        "scheduled_runs": {"last_run_at": iso(view.at), "next_run_at": iso(view.at)},
    },
)  # fmt: skip
plain(
    "function_key", "/v2/functions/namespaces/{parent}/keys", "access_keys", "access_key",
    "function:read", parent="function_namespace", paged=False, identity="name",
    new_id=_named("key"), within_parent=True, noise=updated,
)  # fmt: skip

# ---- hosted agents: pages by token


def _by_token(name: str, envelope: str) -> Callable[[Call], Response]:
    """Return what answers a list whose next page is a token, which nobody should make himself."""

    def answer(call: Call) -> Response:
        rows = call.account.listing(name)
        size = int(call.params.get("page_size", 20))
        if not 1 <= size <= 200:
            raise unprocessable("page_size must be a number from 1 to 200")
        try:
            begin = int(base64.b64decode(call.params.get("page_token", "")) or 0)
        except ValueError:
            raise unprocessable("page_token is not one of ours") from None
        chosen = [call.account.render(life, call.view) for life in rows[begin : begin + size]]
        more = begin + size < len(rows)
        token = base64.b64encode(str(begin + size).encode()).decode() if more else ""
        return json_response({envelope: chosen, "next_page_token": token})

    return answer


def _agents(
    name: str, path: str, envelope: str, identity: str, noise: Callable[..., dict[str, Any]]
) -> None:
    plain(
        name, f"/v2/agents/{path}", envelope, name, _AGENTS, identity=identity, noise=noise,
        list=_by_token(name, envelope), params=frozenset({"page_size", "page_token", "status"}),
    )  # fmt: skip


def _session(view: View, life: Life) -> dict[str, Any]:
    ready = view.chance(life.id, 2)
    return {
        "status": "SESSION_STATUS_READY" if ready else "SESSION_STATUS_PAUSED",
        "last_event_at": iso(view.at),
    }


_agents("agent_config", "configs", "configs", "id", updated)
_agents("agent_template", "templates", "templates", "template_id", updated)
_agents("agent_session", "sessions", "sessions", "session_id", _session)
_agents("agent_trigger", "triggers", "triggers", "trigger_id", updated)

# ---- the action gateway: `pagination` beside the items


def _with_pagination(name: str, envelope: str) -> Callable[[Call], Response]:
    def answer(call: Call) -> Response:
        # The gateway caps what is asked for instead of refusing it.
        size = min(int(call.params.get("per_page", 20)), 100)
        params: Mapping[str, str] = {**call.params, "per_page": str(size)}
        call.params = params
        rows = call.account.listing(name)
        page = page_of(call, envelope, rows, lambda life: call.account.render(life, call.view))
        made = orjson.loads(page.body)
        number = int(call.params.get("page", 1))
        pagination = {"page": number, "per_page": size, "total": made["meta"]["total"]}
        return json_response({envelope: made[envelope], "pagination": pagination})

    return answer


plain(
    "gateway_connection", "/v2/action-gateway/connections", "connections", "connection", _AGENTS,
    noise=updated, list=_with_pagination("gateway_connection", "connections"),
    new_id=_named("conn"),
)  # fmt: skip
plain(
    "gateway_toolbelt", "/v2/action-gateway/toolbelts", "toolbelts", "toolbelt", _AGENTS,
    identity="name", created=None, new_id=_named("toolbelt"), noise=updated,
    list=_with_pagination("gateway_toolbelt", "toolbelts"),
)  # fmt: skip
plain(
    "gateway_mcp_server", "/v2/action-gateway/mcp-servers", "mcpServers", "mcpServer", _AGENTS,
    identity="serverRef", created="createdAt", new_id=_named("server"), paged=False,
    noise=lambda view, _life: {"lastSyncedAt": iso(view.at), "toolCount": view.epoch % 9},
)  # fmt: skip

# ---- models and knowledge

plain(
    "agent_workspace", "/v2/gen-ai/workspaces", "workspaces", "workspace", _GEN_AI,
    identity="uuid", paged=False, noise=updated,
)  # fmt: skip
for _name, _path, _envelope in (
    ("model_router", "models/routers", "model_routers"),
    ("inference_key", "models/api_keys", "api_key_infos"),
    ("openai_key", "openai/keys", "api_key_infos"),
    ("anthropic_key", "anthropic/keys", "api_key_infos"),
    ("indexing_job", "indexing_jobs", "jobs"),
):
    plain(
        _name, f"/v2/gen-ai/{_path}", _envelope, _name, _GEN_AI, identity="uuid",
        noise=_still if _name == "inference_key" else updated,
    )  # fmt: skip
plain(
    "agent_key", "/v2/gen-ai/agents/{parent}/api_keys", "api_key_infos", "api_key_info", _GEN_AI,
    parent="agent", identity="uuid",
)  # fmt: skip
plain(
    "knowledge_base_source", "/v2/gen-ai/knowledge_bases/{parent}/data_sources",
    "knowledge_base_data_sources", "data_source", _GEN_AI, parent="knowledge_base",
    identity="uuid", noise=updated,
)  # fmt: skip
plain(
    "inference_token", "/v2/dedicated-inferences/{parent}/tokens", "tokens", "token",
    "dedicated_inference:read", parent="dedicated_inference",
)  # fmt: skip

# ---- watching, and the organisation

plain(
    "notification_channel", "/v2/insights/notification-channels", "notification_channels",
    "notification_channel", "insights:read", noise=updated,
)  # fmt: skip
plain(
    "alert_rule", "/v2/insights/alert-rules", "alert_rules", "alert_rule", "insights:read",
    noise=updated, params=frozenset({"resource_urn"}),
)  # fmt: skip
plain(
    "log_destination", "/v2/monitoring/sinks/destinations", "destinations", "destination",
    "monitoring:read", paged=False, created=None,
)  # fmt: skip
plain(
    "team", "/v2/organizations/teams", "teams", "team", "organization:read", identity="uuid",
    paged=False, created="joined_organization_at",
    noise=lambda view, _life: {"member_count": view.epoch % 7},
)  # fmt: skip
plain("security_scan", "/v2/security/scans", "scans", "scan", "security:read")
