"""Hosted agents, the action gateway, and the parts of models, of 2026.

Two more ways of paging are here: by a token in the answer, and with an object `pagination`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson
from starlette.responses import Response

from .api_errors import unprocessable
from .call import Call, json_response
from .lives import Life, iso
from .paging import page_of
from .plain import new_name, plain, updated

if TYPE_CHECKING:
    from .view import View

_AGENTS = "agent:read"
_GEN_AI = "genai:read"


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
    new_id=new_name("conn"),
)  # fmt: skip
plain(
    "gateway_toolbelt", "/v2/action-gateway/toolbelts", "toolbelts", "toolbelt", _AGENTS,
    identity="name", created=None, new_id=new_name("toolbelt"), noise=updated,
    list=_with_pagination("gateway_toolbelt", "toolbelts"),
)  # fmt: skip
plain(
    "gateway_mcp_server", "/v2/action-gateway/mcp-servers", "mcpServers", "mcpServer", _AGENTS,
    identity="serverRef", created="createdAt", new_id=new_name("server"), paged=False,
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
        noise=updated if _name != "inference_key" else lambda _view, _life: {},
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
