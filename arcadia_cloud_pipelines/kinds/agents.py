"""Hosted agents and what they reach: configurations, sessions, connections, tools."""

from __future__ import annotations

from .kind import Edge, Endpoint, Kind

AGENT_CONFIG = Kind(
    name="agent_config",
    asset="agent_configs",
    description="Configurations that hosted agents are started from.",
    endpoints=(Endpoint("/v2/agents/configs", "configs", cursor=True),),
    scope="agent:read",
    free=True,
    noise=("updated_at",),
    secret=("created_by",),
)

AGENT_TEMPLATE = Kind(
    name="agent_template",
    asset="agent_templates",
    description="Images that hosted agents run in.",
    endpoints=(Endpoint("/v2/agents/templates", "templates", cursor=True),),
    scope="agent:read",
    identity="template_id",
    status="status",
    noise=("updated_at",),
)

AGENT_TRIGGER = Kind(
    name="agent_trigger",
    asset="agent_triggers",
    description="What starts hosted agents, and when, without their prompts.",
    endpoints=(Endpoint("/v2/agents/triggers", "triggers", cursor=True),),
    scope="agent:read",
    free=True,
    identity="trigger_id",
    status="status",
    noise=("updated_at", "cron.next_run_at"),
    # People write prompts; whoever knows the address starts the agent.
    secret=("prompt_template", "session_template", "webhook.webhook_url"),
)

AGENT_SESSION = Kind(
    name="agent_session",
    asset="agent_sessions",
    description="Hosted agents that are there, running or paused.",
    endpoints=(Endpoint("/v2/agents/sessions", "sessions", cursor=True),),
    scope="agent:read",
    identity="session_id",
    # Pauses and resumes by itself. What was destroyed is listed no more.
    noise=("status", "pause_reason", "last_event_at", "sandbox_id"),
    secret=("repo_hint", "openai_environment_id", "openai_session_id", "warnings"),
    edges=(Edge("started_from", "agent_config", "$.config_id"),),
)

GATEWAY_CONNECTION = Kind(
    name="gateway_connection",
    asset="gateway_connections",
    description="Connections of agents to other vendors' services, without whose and with what.",
    endpoints=(Endpoint("/v2/action-gateway/connections", "connections", per_page=100),),
    scope="agent:read",
    free=True,
    id_form="name",
    title="provider_display_name",
    status="status",
    noise=("updated_at", "granted_at", "oauth.granted_at", "scopes"),
    secret=("api_key", "connection_parameters", "owning_user_id", "user_id", "credential_id"),
    edges=(Edge("in_vpc", "vpc", "$.network.vpc.vpc_uuid"),),
)

GATEWAY_TOOLBELT = Kind(
    name="gateway_toolbelt",
    asset="gateway_toolbelts",
    description="Sets of tools that agents may use.",
    endpoints=(Endpoint("/v2/action-gateway/toolbelts", "toolbelts", per_page=100),),
    scope="agent:read",
    free=True,
    id_form="name",
    identity="name",
    status="status",
    created_at=None,
    noise=("updated_at", "reference_latest"),
)

GATEWAY_MCP_SERVER = Kind(
    name="gateway_mcp_server",
    asset="gateway_mcp_servers",
    description="MCP servers that agents may call, without their addresses.",
    endpoints=(Endpoint("/v2/action-gateway/mcp-servers", "mcpServers", paged=False),),
    scope="agent:read",
    free=True,
    id_form="name",
    identity="serverRef",
    title="serverRef",
    created_at="createdAt",
    noise=("syncStatus", "syncError", "toolCount", "lastSyncedAt", "updatedAt"),
    # Addresses of such servers often hold their key.
    secret=("endpoint", "credentialRef", "oauth_authorize_url"),
)
