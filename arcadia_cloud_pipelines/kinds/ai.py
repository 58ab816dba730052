"""Agents, knowledge bases, models and inference."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Endpoint, Kind

AGENT = Kind(
    name="agent",
    asset="agents",
    description="AI agents, their model and instruction.",
    endpoints=(Endpoint("/v2/gen-ai/agents", "agents"),),
    scope="genai:read",
    identity="uuid",
    status="deployment.status",
    noise=(
        "deployment.created_at", "deployment.updated_at", "deployment.uuid", "deployment.name",
        "updated_at", "version_hash", "route_created_at",
    ),
    keep=dict.fromkeys(("model", "model_router", "template"), ("uuid", "name")),
    # Addresses of agents answer whoever has a key; people are named by number.
    secret=(
        "url", "deployment.url", "user_id", "route_created_by", "chatbot_identifiers",
        "mcp_servers", "functions",
    ),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)  # fmt: skip

KNOWLEDGE_BASE = Kind(
    name="knowledge_base",
    asset="knowledge_bases",
    description="Knowledge bases of agents, and the database that holds each.",
    endpoints=(Endpoint("/v2/gen-ai/knowledge_bases", "knowledge_bases"),),
    scope="genai:read",
    identity="uuid",
    status=None,
    noise=("last_indexing_job", "updated_at", "added_to_agent_at"),
    secret=("user_id",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

CUSTOM_MODEL = Kind(
    name="custom_model",
    asset="custom_models",
    description="Models of the account's own, with their monthly cost estimate.",
    endpoints=(Endpoint("/v2/gen-ai/custom_models", "models"),),
    scope="genai:read",
    identity="uuid",
    region="storage_region",
    tags="tags.tags",
    noise=("updated_at", "active_deployments", "error_message"),
    secret=("team_id", "config_json"),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

DEDICATED_INFERENCE = Kind(
    name="dedicated_inference",
    asset="dedicated_inferences",
    description="Dedicated inference deployments and their accelerators.",
    endpoints=(Endpoint("/v2/dedicated-inferences", "dedicated_inferences"),),
    scope="dedicated_inference:read",
    title="spec.name",
    tags=None,
    noise=("updated_at",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)
