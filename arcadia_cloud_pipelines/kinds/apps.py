"""App Platform, functions and add-ons."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Endpoint, Kind

APP = Kind(
    name="app",
    asset="apps",
    description="Apps of App Platform: what was asked for, without environment and secrets.",
    # Without the parameter apps have no project_id.
    endpoints=(Endpoint("/v2/apps", "apps", {"with_projects": "true"}),),
    scope="app:read",
    title="spec.name",
    region="region.slug",
    status="active_deployment.phase",
    tags=None,
    # Apps redeploy all the time; what somebody decided is the spec.
    noise=(
        "region", "updated_at", "active_deployment", "pending_deployment", "pinned_deployment",
        "in_progress_deployment", "last_deployment_active_at", "last_deployment_created_at",
        "progress", "cause", "domains.progress",
    ),
    # Commands and repository addresses are written by hand, and hold what hands put there.
    secret=(
        "owner_uuid", "*.envs", "*.log_destinations", "*.destinations", "*.notifications",
        "*.run_command", "*.build_command", "*.repo_clone_url", "*.db_user", "*.validations",
    ),
    urn_types=("app",),
    purpose=Purpose.CLOUD_SYNC_FULL,
)  # fmt: skip

FUNCTION_NAMESPACE = Kind(
    name="function_namespace",
    asset="function_namespaces",
    description="Namespaces of serverless functions, without their keys.",
    # Needs function:admin beside function:read.
    endpoints=(Endpoint("/v2/functions/namespaces", "namespaces", paged=False),),
    scope="function:read",
    identity="namespace",
    title="label",
    status=None,
    tags=None,
    noise=("updated_at",),
    secret=("key",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

ADDON = Kind(
    name="addon",
    asset="addons",
    description="Add-ons of other vendors, with their plan and price.",
    endpoints=(Endpoint("/v2/add-ons/saas", "resources", paged=False),),
    scope="addon:read",
    identity="uuid",
    region=None,
    status="state",
    size_slug="plan_slug",
    tags=None,
    created_at=None,
    noise=("message",),
    # What the vendor's configuration holds is the vendor's idea.
    secret=("metadata", "sso_url"),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)
