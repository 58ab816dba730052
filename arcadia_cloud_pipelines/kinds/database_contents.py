"""What clusters of databases contain: pools, users, databases, rules, topics, sinks, indexes."""

from __future__ import annotations

from .kind import Endpoint, Kind

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

DATABASE_POOL = Kind(
    name="database_pool",
    asset="database_pools",
    description="Connection pools of PostgreSQL clusters, without any credentials.",
    endpoints=(
        Endpoint("/v2/databases/{parent}/pools", "pools", paged=False, unless={"engine": _BUT_PG}),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    created_at=None,
    keep=_ADDRESS,
    secret=("user",),
)

DATABASE_USER = Kind(
    name="database_user",
    asset="database_users",
    description="Users of database clusters by name and rights, never their passwords.",
    endpoints=(
        Endpoint("/v2/databases/{parent}/users", "users", paged=False, unless={"engine": _CACHES}),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    created_at=None,
    secret=("password", "access_cert", "access_key"),
)

LOGICAL_DATABASE = Kind(
    name="logical_database",
    asset="logical_databases",
    description="Databases within the clusters.",
    endpoints=(
        Endpoint("/v2/databases/{parent}/dbs", "dbs", paged=False, unless={"engine": _BUT_SQL}),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    created_at=None,
)

DATABASE_FIREWALL_RULE = Kind(
    name="database_firewall_rule",
    asset="database_firewall_rules",
    description="Who may reach a database cluster: addresses, droplets, apps, tags.",
    endpoints=(Endpoint("/v2/databases/{parent}/firewall", "rules", paged=False),),
    scope="database:read",
    free=True,
    part_of=("database", "cluster_uuid"),
    identity="uuid",
    title="value",
)

DATABASE_TOPIC = Kind(
    name="database_topic",
    asset="database_topics",
    description="Topics of Kafka clusters.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/topics", "topics", paged=False, unless={"engine": _BUT_KAFKA}
        ),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/name",
    status="state",
    created_at=None,
)

DATABASE_LOG_SINK = Kind(
    name="database_log_sink",
    asset="database_log_sinks",
    description="Where database clusters send their logs, without addresses and credentials.",
    endpoints=(
        Endpoint(
            "/v2/databases/{parent}/logsink", "sinks", paged=False, unless={"engine": ("mongodb",)}
        ),
    ),
    scope="database:read",
    free=True,
    part_of=("database", "database_id"),
    identity="sink_id",
    title="sink_name",
    created_at=None,
    secret=("config",),
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
            unless={"engine": _BUT_OPENSEARCH},
        ),
    ),
    scope="database:read",
    free=True,
    id_form="name",
    part_of=("database", "database_id"),
    identity="database_id/index_name",
    title="index_name",
    status="status",
    created_at="created_time",
    noise=("size", "health"),
)
