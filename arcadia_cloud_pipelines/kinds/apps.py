"""App Platform, functions and add-ons."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Edge, Endpoint, Kind

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
    edges=(Edge("in_vpc", "vpc", "$.vpc.id"),),
    urn_types=("app",),
    dns_names=("domain", "zone"),
    purpose=Purpose.CLOUD_SYNC_FULL,
)  # fmt: skip

FUNCTION_NAMESPACE = Kind(
    name="function_namespace",
    asset="function_namespaces",
    description="Namespaces of serverless functions, without their keys.",
    # Needs function:admin beside function:read.
    endpoints=(Endpoint("/v2/functions/namespaces", "namespaces", paged=False),),
    scope="function:read",
    id_form="name",
    identity="namespace",
    title="label",
    region="region",
    noise=("updated_at",),
    secret=("key",),
)

ADDON = Kind(
    name="addon",
    asset="addons",
    description="Add-ons of other vendors, with their plan and price.",
    endpoints=(Endpoint("/v2/add-ons/saas", "resources", paged=False),),
    scope="addon:read",
    identity="uuid",
    status="state",
    size_slug="plan_slug",
    created_at=None,
    noise=("message",),
    # What the vendor's configuration holds is the vendor's idea.
    secret=("metadata", "sso_url"),
)

APP_DEPLOYMENT = Kind(
    name="app_deployment",
    asset="app_deployments",
    description="What runs of each app: its newest active deployment.",
    endpoints=(Endpoint("/v2/apps", "active_deployment", inside=True, optional=True),),
    scope="app:read",
    free=True,
    part_of=("app", "app_id"),
    # One row an app: its deployments are changes of it.
    identity="app_id",
    title="spec.name",
    status="phase",
    noise=("updated_at", "phase_last_updated_at", "progress", "timing"),
    # The spec is the app's; a cause names who pushed what.
    secret=("spec", "cause"),
    purpose=Purpose.CLOUD_SYNC_FULL,
)

APP_ALERT = Kind(
    name="app_alert",
    asset="app_alerts",
    description="Alerts of apps, without whom they notify.",
    endpoints=(Endpoint("/v2/apps/{parent}/alerts", "alerts", paged=False),),
    scope="app:read",
    free=True,
    part_of=("app", "app_id"),
    title="spec.rule",
    created_at=None,
    noise=("phase", "progress"),
    secret=("emails", "slack_webhooks"),
)

FUNCTION_TRIGGER = Kind(
    name="function_trigger",
    asset="function_triggers",
    description="What starts serverless functions, and when.",
    endpoints=(Endpoint("/v2/functions/namespaces/{parent}/triggers", "triggers", paged=False),),
    scope="function:read",
    free=True,
    id_form="name",
    part_of=("function_namespace", "namespace"),
    identity="namespace/name",
    noise=("updated_at", "scheduled_runs"),
    secret=("scheduled_details.body",),
)

FUNCTION_KEY = Kind(
    name="function_key",
    asset="function_keys",
    description="Access keys of function namespaces by name, never the keys.",
    endpoints=(Endpoint("/v2/functions/namespaces/{parent}/keys", "access_keys", paged=False),),
    scope="function:read",
    free=True,
    id_form="name",
    part_of=("function_namespace", "namespace"),
    identity="namespace/name",
    noise=("updated_at",),
    # Half of the credential.
    secret=("id",),
)
