"""Managed databases, without any of their credentials."""

from __future__ import annotations

from ..settings import Purpose
from .kind import Endpoint, Kind

DATABASE = Kind(
    name="database",
    asset="databases",
    description="Managed database clusters, without any of their credentials.",
    endpoints=(Endpoint("/v2/databases", "databases", paged=False),),
    scope="database:read",
    billed_alone=True,
    size_slug="size",
    noise=(
        "maintenance_window.pending", "maintenance_window.description", "semantic_version",
        "metrics_endpoints", "version_end_of_life", "version_end_of_availability",
    ),
    keep=dict.fromkeys(
        (
            "connection", "private_connection", "standby_connection",
            "standby_private_connection", "ui_connection", "schema_registry_connection",
        ),
        ("host", "port", "database", "ssl"),
    ),
    secret=("users",),
    urn_types=("dbaas", "database"),
    purpose=Purpose.CLOUD_SYNC_FULL,
)  # fmt: skip

DATABASE_REPLICA = Kind(
    name="database_replica",
    asset="database_replicas",
    description="Read-only replicas of database clusters, without any credentials.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/replicas", "replicas", paged=False, per="database",
            parent_field="database_id",
        ),
    ),
    scope="database:read",
    billed_alone=True,
    size_slug="size",
    keep=dict.fromkeys(("connection", "private_connection"), ("host", "port", "database")),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)  # fmt: skip

VECTOR_DATABASE = Kind(
    name="vector_database",
    asset="vector_databases",
    description="Managed vector databases.",
    endpoints=(Endpoint("/v2/vector-databases", "vector_dbs"),),
    scope="database:read",
    size_slug="size",
    noise=("updated_at",),
    secret=("owner_uuid",),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)
