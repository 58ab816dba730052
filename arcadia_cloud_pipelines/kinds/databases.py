"""Managed databases, without any of their credentials."""

from __future__ import annotations

from ..common.severity import Severity
from ..settings import Purpose
from .kind import Edge, Endpoint, Kind

DATABASE = Kind(
    name="database",
    asset="databases",
    description="Managed database clusters, without any of their credentials.",
    endpoints=(Endpoint("/v2/databases", "databases", paged=False),),
    scope="database:read",
    adopted=("engine", "version", "num_nodes", "private_network_uuid"),
    billed_alone=True,
    region="region",
    status="status",
    size_slug="size",
    tags="tags",
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
    counter="databases",
    made_of={"firewall_rules": "database_firewall_rule"},
    purpose=Purpose.CLOUD_SYNC_FULL,
    # Who may reach it.
    severities={"firewall_rules": Severity.CRITICAL},
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
    region="region",
    status="status",
    size_slug="size",
    tags="tags",
    keep=dict.fromkeys(("connection", "private_connection"), ("host", "port", "database")),
    edges=(Edge("replica_of", "database", "$.database_id"),),
    goes_by="database",
    # Nothing says that replicas are counted: they may be missing from the count, not from here.
    counter="databases",
)  # fmt: skip

VECTOR_DATABASE = Kind(
    name="vector_database",
    asset="vector_databases",
    description="Managed vector databases.",
    endpoints=(Endpoint("/v2/vector-databases", "vector_dbs"),),
    scope="database:read",
    region="region",
    status="status",
    size_slug="size",
    tags="tags",
    noise=("updated_at",),
    secret=("owner_uuid",),
)
