"""Managed databases, without any of their credentials."""

from __future__ import annotations

from ..settings import Purpose
from ..severity import Severity
from .kind import Edge, Endpoint, Kind

_CACHES = ("redis", "valkey")
_BUT_SQL = (*_CACHES, "kafka", "opensearch")
_BUT_PG = (*_BUT_SQL, "mysql", "mongodb")
_BUT_KAFKA = (*_CACHES, "pg", "mysql", "mongodb", "opensearch")
_BUT_OPENSEARCH = (*_CACHES, "pg", "mysql", "mongodb", "kafka")
"""Engines without this or that; one that is new is asked for everything."""

_ADDRESS = dict.fromkeys(
    (
        "connection", "private_connection", "standby_connection", "standby_private_connection",
    ),
    ("host", "port", "database", "ssl"),
)  # fmt: skip

DATABASE = Kind(
    name="database",
    asset="databases",
    description="Managed database clusters, without any of their credentials.",
    endpoints=(Endpoint("/v2/databases", "databases", paged=False),),
    scope="database:read",
    adopted=("engine", "version", "num_nodes", "private_network_uuid"),
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
    size_slug="size",
    keep=dict.fromkeys(("connection", "private_connection"), ("host", "port", "database")),
    edges=(Edge("replica_of", "database", "$.database_id"),),
    goes_by="database",
    # Nothing says that replicas are counted: they may be missing from the count, not from here.
    counter="databases",
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

DATABASE_POOL = Kind(
    name="database_pool",
    asset="database_pools",
    description="Connection pools of PostgreSQL clusters, without any credentials.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/pools",
            "pools",
            paged=False,
            per="database",
            parent_field="database_id",
            unless={"engine": _BUT_PG},
        ),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    region=None,
    status=None,
    tags=None,
    created_at=None,
    keep=_ADDRESS,
    secret=("user",),
    edges=(Edge("part_of", "database", "$.database_id"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

DATABASE_USER = Kind(
    name="database_user",
    asset="database_users",
    description="Users of database clusters by name and rights, never their passwords.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/users",
            "users",
            paged=False,
            per="database",
            parent_field="database_id",
            unless={"engine": _CACHES},
        ),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    region=None,
    status=None,
    tags=None,
    created_at=None,
    secret=("password", "access_cert", "access_key"),
    edges=(Edge("part_of", "database", "$.database_id"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

LOGICAL_DATABASE = Kind(
    name="logical_database",
    asset="logical_databases",
    description="Databases within the clusters.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/dbs",
            "dbs",
            paged=False,
            per="database",
            parent_field="database_id",
            unless={"engine": _BUT_SQL},
        ),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    region=None,
    status=None,
    tags=None,
    created_at=None,
    edges=(Edge("part_of", "database", "$.database_id"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

DATABASE_FIREWALL_RULE = Kind(
    name="database_firewall_rule",
    asset="database_firewall_rules",
    description="Who may reach a database cluster: addresses, droplets, apps, tags.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/firewall",
            "rules",
            paged=False,
            per="database",
            parent_field="cluster_uuid",
        ),
    ),
    scope="database:read",
    free=True,
    part_of=("database", "cluster_uuid"),
    identity="uuid",
    title="value",
    region=None,
    status=None,
    tags=None,
    edges=(Edge("part_of", "database", "$.cluster_uuid"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

DATABASE_TOPIC = Kind(
    name="database_topic",
    asset="database_topics",
    description="Topics of Kafka clusters.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/topics",
            "topics",
            paged=False,
            per="database",
            parent_field="database_id",
            unless={"engine": _BUT_KAFKA},
        ),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    region=None,
    status="state",
    tags=None,
    created_at=None,
    edges=(Edge("part_of", "database", "$.database_id"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

DATABASE_LOG_SINK = Kind(
    name="database_log_sink",
    asset="database_log_sinks",
    description="Where database clusters send their logs, without addresses and credentials.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/logsink",
            "sinks",
            paged=False,
            per="database",
            parent_field="database_id",
            unless={"engine": ("mongodb",)},
        ),
    ),
    scope="database:read",
    free=True,
    part_of=("database", "database_id"),
    identity="sink_id",
    title="sink_name",
    region=None,
    status=None,
    tags=None,
    created_at=None,
    secret=("config",),
    edges=(Edge("part_of", "database", "$.database_id"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)

DATABASE_INDEX = Kind(
    name="database_index",
    asset="database_indexes",
    description="Indexes of OpenSearch clusters.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/indexes",
            "indexes",
            paged=False,
            per="database",
            parent_field="database_id",
            unless={"engine": _BUT_OPENSEARCH},
        ),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/index_name",
    title="index_name",
    region=None,
    tags=None,
    created_at="created_time",
    noise=("size", "health"),
    edges=(Edge("part_of", "database", "$.database_id"),),
    purpose=Purpose.CLOUD_SYNC_SLOW,
)
