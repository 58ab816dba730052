"""Agents, knowledge bases, models and inference."""

from __future__ import annotations

from .kind import Edge, Endpoint, Kind

AGENT = Kind(
    name="agent",
    asset="agents",
    description="AI agents, their model and instruction.",
    endpoints=(Endpoint("/v2/gen-ai/agents", "agents"),),
    scope="genai:read",
    identity="uuid",
    region="region",
    status="deployment.status",
    tags="tags",
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
)  # fmt: skip

KNOWLEDGE_BASE = Kind(
    name="knowledge_base",
    asset="knowledge_bases",
    description="Knowledge bases of agents, and the database that holds each.",
    endpoints=(Endpoint("/v2/gen-ai/knowledge_bases", "knowledge_bases"),),
    scope="genai:read",
    identity="uuid",
    region="region",
    tags="tags",
    noise=("last_indexing_job", "updated_at", "added_to_agent_at"),
    secret=("user_id",),
    edges=(Edge("stored_in", "database", "$.database_id"),),
)

CUSTOM_MODEL = Kind(
    name="custom_model",
    asset="custom_models",
    description="Models of the account's own, with their monthly cost estimate.",
    endpoints=(Endpoint("/v2/gen-ai/custom_models", "models"),),
    scope="genai:read",
    identity="uuid",
    region="storage_region",
    status="status",
    tags="tags.tags",
    noise=("updated_at", "active_deployments", "error_message"),
    secret=("team_id", "config_json"),
)

DEDICATED_INFERENCE = Kind(
    name="dedicated_inference",
    asset="dedicated_inferences",
    description="Dedicated inference deployments and their accelerators.",
    endpoints=(Endpoint("/v2/dedicated-inferences", "dedicated_inferences"),),
    scope="dedicated_inference:read",
    title="spec.name",
    region="region",
    status="status",
    noise=("updated_at",),
)

AGENT_WORKSPACE = Kind(
    name="agent_workspace",
    asset="agent_workspaces",
    description="Workspaces that group agents.",
    endpoints=(Endpoint("/v2/gen-ai/workspaces", "workspaces", paged=False),),
    scope="genai:read",
    free=True,
    identity="uuid",
    noise=("agents", "evaluation_test_cases", "updated_at", "deleted_at"),
    secret=("created_by", "created_by_email"),
)

MODEL_ROUTER = Kind(
    name="model_router",
    asset="model_routers",
    description="Routers that choose a model for each request.",
    endpoints=(Endpoint("/v2/gen-ai/models/routers", "model_routers"),),
    scope="genai:read",
    free=True,
    identity="uuid",
    noise=("updated_at",),
)

INFERENCE_KEY = Kind(
    name="inference_key",
    asset="inference_keys",
    description="Keys to serverless inference by name, never the keys.",
    endpoints=(Endpoint("/v2/gen-ai/models/api_keys", "api_key_infos"),),
    scope="genai:read",
    free=True,
    identity="uuid",
    noise=("deleted_at",),
    secret=("created_by", "secret_key"),
)

OPENAI_KEY = Kind(
    name="openai_key",
    asset="openai_keys",
    description="Keys of OpenAI that the team lent, by name, never the keys.",
    endpoints=(Endpoint("/v2/gen-ai/openai/keys", "api_key_infos"),),
    scope="genai:read",
    free=True,
    identity="uuid",
    noise=("deleted_at", "updated_at", "models"),
    secret=("created_by",),
)

ANTHROPIC_KEY = Kind(
    name="anthropic_key",
    asset="anthropic_keys",
    description="Keys of Anthropic that the team lent, by name, never the keys.",
    endpoints=(Endpoint("/v2/gen-ai/anthropic/keys", "api_key_infos"),),
    scope="genai:read",
    free=True,
    identity="uuid",
    noise=("deleted_at", "updated_at"),
    secret=("created_by",),
)

AGENT_KEY = Kind(
    name="agent_key",
    asset="agent_keys",
    description="Keys that agents answer to, by name, never the keys.",
    endpoints=(Endpoint("/v2/gen-ai/agents/{parent}/api_keys", "api_key_infos"),),
    scope="genai:read",
    free=True,
    part_of=("agent", "agent_uuid"),
    identity="uuid",
    noise=("deleted_at",),
    secret=("created_by", "secret_key"),
)

KNOWLEDGE_BASE_SOURCE = Kind(
    name="knowledge_base_source",
    asset="knowledge_base_sources",
    description="What knowledge bases are made from: buckets, sites, files.",
    endpoints=(
        Endpoint("/v2/gen-ai/knowledge_bases/{parent}/data_sources", "knowledge_base_data_sources"),
    ),
    scope="genai:read",
    free=True,
    part_of=("knowledge_base", "knowledge_base_uuid"),
    identity="uuid",
    title="bucket_name",
    region="region",
    noise=("updated_at", "last_datasource_indexing_job"),
    # Names of people's own files and folders.
    secret=("file_upload_data_source", "google_drive_data_source", "dropbox_data_source"),
    edges=(Edge("reads", "spaces_bucket", "$.spaces_data_source.bucket_name"),),
)

INDEXING_JOB = Kind(
    name="indexing_job",
    asset="indexing_jobs",
    description="Runs that index knowledge bases; tokens are billed.",
    endpoints=(Endpoint("/v2/gen-ai/indexing_jobs", "jobs"),),
    scope="genai:read",
    identity="uuid",
    title="uuid",
    status="status",
    noise=(
        "phase",
        "data_source_jobs",
        "completed_datasources",
        "is_report_available",
        "updated_at",
        "tokens",
    ),
    edges=(Edge("indexes", "knowledge_base", "$.knowledge_base_uuid"),),
)

INFERENCE_TOKEN = Kind(
    name="inference_token",
    asset="inference_tokens",
    description="Tokens of dedicated inference by name, never the tokens.",
    endpoints=(Endpoint("/v2/dedicated-inferences/{parent}/tokens", "tokens"),),
    scope="dedicated_inference:read",
    free=True,
    part_of=("dedicated_inference", "dedicated_inference_id"),
    secret=("value",),
)
