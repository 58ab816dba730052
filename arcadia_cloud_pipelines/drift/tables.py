"""The tables of drift, with the comments that a reader of the database sees.

The migrations carry the same as frozen SQL, and two views beside them (`cloud_unmanaged_resources`,
`cloud_managed_coverage`); a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata
from .spec_tables import (
    cloud_provisioned,
    cloud_provisioned_history,
    cloud_provisioned_sources,
    resource_column,
)

cloud_drift = sa.Table(
    "cloud_drift",
    metadata,
    row_id(),
    resource_column("cloud_drift"),
    sa.Column("field", sa.Text, nullable=False,
              comment="The field that differs; deleted_at when the resource itself is gone."),
    sa.Column("desired", JSONB, comment="What the spec says; null for nothing."),
    sa.Column("actual", JSONB, comment="What was last seen; null for nothing."),
    sa.Column("severity", sa.Text,
              comment="How bad it is: warning (a name, a tag), error (something runs otherwise "
              "than meant) or critical (it is gone, or a door is open). By the rules of its kind "
              "and field. Null for what was closed before anybody judged."),
    sa.Column("status", sa.Text, nullable=False, server_default="open",
              comment="open, accepted (what is live became what is desired), stale (the difference "
              "went away by itself, or its spec did) or reverted (somebody put the live resource "
              "back; this release never does)."),
    sa.Column("detected_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="The sweep that opened it."),
    sa.Column("changed_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="The sweep that last found another desired or actual."),
    sa.Column("resolved_at", TIME, comment="When it was closed; null while open."),
    sa.Column("resolved_by", sa.Text, comment="Who or what closed it: an actor, or sweep."),
    sa.Column("resolution", sa.Text, comment="Why it was closed, in a few words."),
    sa.Column(
        "successor_id", sa.BigInteger,
        sa.ForeignKey("cloud_resources.id", name="cloud_drift_successor_id_fkey"),
        comment="For a resource that is gone: cloud_resources.id of the live one of its kind and "
        "name that came into being after it was last seen, where there is exactly one; accepting "
        "gives that one the spec. Null otherwise.",
    ),
    sa.Column("run_id", sa.Text, comment="The Dagster run that opened it."),
    account(),
    sa.CheckConstraint(
        "severity IN ('warning', 'error', 'critical')", name="cloud_drift_severity_check"
    ),
    sa.CheckConstraint(
        "status IN ('open', 'accepted', 'reverted', 'stale')", name="cloud_drift_status_check"
    ),
    sa.CheckConstraint(
        "(status = 'open') = (resolved_at IS NULL)", name="cloud_drift_resolved_check"
    ),
    sa.Index("cloud_drift_open_key", "resource_id", "field", unique=True,
             postgresql_where=sa.text("status = 'open'")),
    sa.Index("cloud_drift_resource_idx", "resource_id", "detected_at"),
    sa.Index("cloud_drift_account_idx", "account",
             postgresql_where=sa.text("status = 'open'")),
    comment="Each field that was found to differ from its spec, since when, from what to what. "
    "Written by the asset drift_records; resolved rows stay.",
)  # fmt: skip

cloud_drift_decisions = sa.Table(
    "cloud_drift_decisions",
    metadata,
    row_id(),
    sa.Column(
        "drift_id", sa.BigInteger,
        sa.ForeignKey("cloud_drift.id", name="cloud_drift_decisions_drift_id_fkey"),
        nullable=False, comment="The record that was decided on.",
    ),
    resource_column("cloud_drift_decisions"),
    sa.Column("field", sa.Text, nullable=False, comment="Its field."),
    sa.Column("decision", sa.Text, nullable=False, comment="accepted."),
    sa.Column("actor", sa.Text, nullable=False, comment="Who."),
    sa.Column("reason", sa.Text, comment="Why, in their words."),
    sa.Column("decided_at", TIME, nullable=False, comment="When."),
    sa.Column("before", JSONB, comment="The value desired until then."),
    sa.Column("after", JSONB, comment="The value desired from then on."),
    sa.Column("spec_version", sa.Integer, nullable=False, comment="The version that spec became."),
    account(),
    sa.Index("cloud_drift_decisions_drift_idx", "drift_id"),
    comment="What people decided on drift. Append-only: the database refuses anything else.",
)  # fmt: skip

cloud_drift_ignore_rules = sa.Table(
    "cloud_drift_ignore_rules",
    metadata,
    row_id(),
    sa.Column("kind", sa.Text, nullable=False, server_default="*",
              comment="Kinds it holds for, as a pattern: droplet, or * for all."),
    sa.Column("name_pattern", sa.Text, nullable=False, server_default="*",
              comment="Names it holds for, as a pattern with * and ?."),
    sa.Column("field", sa.Text, nullable=False, server_default="*",
              comment="Fields it holds for, as a pattern: tags, or * for all."),
    sa.Column("owner", sa.Text, nullable=False, comment="Who answers for it."),
    sa.Column("reason", sa.Text, nullable=False, comment="Why this is no drift."),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(), comment="When."),
    sa.Column("expires_at", TIME, nullable=False, comment="From then on it ignores nothing."),
    sa.Column("removed_at", TIME, comment="When somebody ended it; null until then."),
    sa.Column("removed_by", sa.Text, comment="Who ended it."),
    sa.Column("account", sa.Text, comment="The team whose differences it keeps out: 40 hex digits "
              "without dashes; null for every team."),
    comment="Differences that nobody wants to hear of, by kind, name and field, until they expire.",
)  # fmt: skip

cloud_drift_sweeps = sa.Table(
    "cloud_drift_sweeps",
    metadata,
    row_id(),
    sa.Column("run_id", sa.Text, comment="The Dagster run it was part of."),
    sa.Column("started_at", TIME, nullable=False, comment="When it began."),
    sa.Column("ended_at", TIME, nullable=False, comment="When its rows were in."),
    sa.Column("kinds_swept", ARRAY(sa.Text), nullable=False,
              comment="Kinds with specs whose inventory was fresh, as account/kind."),
    sa.Column("kinds_skipped", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"),
              comment='Kinds that were left alone, and why: {"account/kind": "reason"}.'),
    sa.Column("specs", sa.Integer, nullable=False, comment="Specs that were compared."),
    sa.Column("opened", sa.Integer, nullable=False, comment="Records that it opened."),
    sa.Column("updated", sa.Integer, nullable=False,
              comment="Open records whose desired or actual moved on."),
    sa.Column("closed", sa.Integer, nullable=False, comment="Records that it closed as stale."),
    sa.Column("open_after", sa.Integer, nullable=False, comment="Open records when it ended."),
    sa.Column("ignored", sa.Integer, nullable=False,
              comment="Differences that an ignore rule kept out."),
    sa.Column("rules_expired", ARRAY(sa.BigInteger), nullable=False,
              comment="Ignore rules that have expired and were not removed."),
    sa.Index("cloud_drift_sweeps_time_idx", "started_at"),
    comment="One row for each sweep for drift: what it looked at and what it came to.",
)  # fmt: skip

TABLES = (
    cloud_provisioned,
    cloud_provisioned_history,
    cloud_provisioned_sources,
    cloud_drift,
    cloud_drift_decisions,
    cloud_drift_ignore_rules,
    cloud_drift_sweeps,
)
