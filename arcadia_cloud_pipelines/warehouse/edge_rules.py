"""Brings the pointers between kinds from the registry into the database, for its view of edges."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONPATH

from ..kinds import REGISTRY
from .copy import copy_rows
from .metadata import metadata

cloud_edge_rules = sa.Table(
    "cloud_edge_rules",
    metadata,
    sa.Column("kind", sa.Text, nullable=False, comment="The kind whose objects point."),
    sa.Column("relation", sa.Text, nullable=False,
              comment="As in cloud_resource_edges.relation."),
    sa.Column("by", sa.Text, nullable=False,
              comment="What the pointer holds: id (the identity of the other end), urn, or tag "
              "(all live resources that have it)."),
    sa.Column("to_kind", sa.Text, comment="The kind of the other end; null where its URN says it."),
    sa.Column("path", JSONPATH,
              comment="Where in attrs the pointer stands; null where both ends have one identity."),
    sa.CheckConstraint("by IN ('id', 'urn', 'tag')", name="cloud_edge_rules_by_check"),
    comment="Which fields of which kind point to what. Written by arcadia migrate from the "
    "registry of kinds.",
)  # fmt: skip


def install_edge_rules(connection: sa.Connection) -> None:
    """Make the table as the registry has it. Takes no lock and writes nothing where it is so."""
    connection.execute(sa.text(_WANTED))
    copy_rows(
        connection, "edge_rules", ("kind", "relation", "by", "to_kind", "path"),
        (
            (kind.name, edge.relation, edge.by, edge.to, edge.path)
            for kind in REGISTRY
            for edge in kind.edges
        ),
    )  # fmt: skip
    if connection.scalar(sa.text(_DIFFER)):
        connection.execute(sa.text("DELETE FROM cloud_edge_rules"))
        connection.execute(sa.text("INSERT INTO cloud_edge_rules SELECT * FROM edge_rules"))
        connection.execute(sa.text("ANALYZE cloud_edge_rules"))


_WANTED = "CREATE TEMP TABLE edge_rules (LIKE cloud_edge_rules) ON COMMIT DROP"
# A jsonpath has no equality of its own.
_DIFFER = """
WITH
    wanted AS (SELECT kind, relation, by, to_kind, CAST(path AS text) FROM edge_rules),
    found AS (SELECT kind, relation, by, to_kind, CAST(path AS text) FROM cloud_edge_rules)
SELECT EXISTS (
    (TABLE wanted EXCEPT ALL TABLE found) UNION ALL (TABLE found EXCEPT ALL TABLE wanted)
)
"""
