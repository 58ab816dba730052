"""The tables of specs: what resources are meant to be, every version of it, and its source."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata


def resource_column(table: str) -> sa.Column[int]:
    """Return the column of the resource that a row of a table is about."""
    return sa.Column(
        "resource_id", sa.BigInteger,
        sa.ForeignKey("cloud_resources.id", name=f"{table}_resource_id_fkey"),
        nullable=False, comment="The resource it is about.",
    )  # fmt: skip


cloud_provisioned = sa.Table(
    "cloud_provisioned",
    metadata,
    row_id(),
    sa.Column(
        "resource_id", sa.BigInteger,
        sa.ForeignKey("cloud_resources.id", name="cloud_provisioned_resource_id_fkey"),
        nullable=False, comment="The resource whose desired state this is; one spec each.",
    ),
    sa.Column("spec", JSONB, nullable=False,
              comment="Desired values by field, as the resource's columns and attrs name them."),
    sa.Column("spec_version", sa.Integer, nullable=False, server_default="1",
              comment="Starts at 1; one more at each change of spec."),
    sa.Column("provisioned_by", sa.Text, nullable=False, server_default=sa.func.current_user(),
              comment="Who recorded it last; who accepted what is in cloud_drift_decisions."),
    sa.Column("reason", sa.Text, comment="Why it was recorded last, in their words."),
    sa.Column("source", sa.Text, nullable=False, server_default="manual",
              comment="Where it came from: manual, adopted, or terraform/<lineage>."),
    sa.Column(
        "source_spec", JSONB,
        comment="What each source that is read again and again said last, by its name; only what "
        "it changes since then reaches spec, so that an accepted value is not undone.",
    ),
    sa.Column("created_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When it was first recorded."),
    sa.Column("updated_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When spec last changed."),
    account(),
    sa.UniqueConstraint("resource_id", name="cloud_provisioned_resource_id_key"),
    sa.CheckConstraint("jsonb_typeof(spec) = 'object'", name="cloud_provisioned_spec_check"),
    sa.Index("cloud_provisioned_account_idx", "account"),
    comment="What was meant to be: the desired state of each managed resource.",
)  # fmt: skip

cloud_provisioned_history = sa.Table(
    "cloud_provisioned_history",
    metadata,
    row_id(),
    resource_column("cloud_provisioned_history"),
    sa.Column("spec_version", sa.Integer, nullable=False, comment="The version that it became."),
    sa.Column("source", sa.Text, nullable=False,
              comment="manual, adopted, accepted, or terraform/<lineage>."),
    sa.Column("actor", sa.Text, nullable=False, comment="Who."),
    sa.Column("reason", sa.Text, comment="Why, in their words."),
    sa.Column("recorded_at", TIME, nullable=False, comment="When."),
    sa.Column("before", JSONB, comment="The spec it was; null when there was none."),
    sa.Column("after", JSONB, comment="The spec it became; null when it was withdrawn."),
    account(),
    sa.Index("cloud_provisioned_history_resource_idx", "resource_id", "id"),
    comment="Every version of every spec. Append-only: the database refuses anything else.",
)  # fmt: skip

cloud_provisioned_sources = sa.Table(
    "cloud_provisioned_sources",
    metadata,
    row_id(),
    sa.Column("source", sa.Text,
              comment="terraform/<lineage>, with @<path> where states share a lineage; null for a "
              "configured file that could never be read."),
    sa.Column("lineage", sa.Text, comment="The lineage that the state has."),
    sa.Column("path", sa.Text, nullable=False, comment="Where it was last found."),
    sa.Column("serial", sa.BigInteger,
              comment="The newest serial that was recorded; an older one is refused. Null: any."),
    sa.Column("configured", sa.Boolean, nullable=False, server_default="true",
              comment="Whether the configuration ever named it; a file that was only read by hand "
              "is not missed."),
    sa.Column("contents", JSONB,
              comment="What it said last, without secrets: its resources, and what it says of "
              "parts of resources that other states describe."),
    sa.Column("held", JSONB,
              comment="What it said before and, implausibly, says no more: kept until somebody "
              "confirms the withdrawal."),
    sa.Column("read_at", TIME, comment="When it was last recorded."),
    sa.Column("status", sa.Text, nullable=False, server_default="ok",
              comment="ok; unreadable; older or copy (a newer state is known); held (a withdrawal "
              "waits for confirmation); orphaned (no configured file holds it)."),
    sa.Column("problem", sa.Text, comment="What is wrong and what to do; null when ok."),
    sa.Column("problem_since", TIME, comment="The reading that first found it so."),
    sa.UniqueConstraint("source", name="cloud_provisioned_sources_source_key"),
    sa.CheckConstraint(
        "status IN ('ok', 'unreadable', 'older', 'copy', 'held', 'orphaned')",
        name="cloud_provisioned_sources_status_check",
    ),
    sa.Index("cloud_provisioned_sources_path_key", "path", unique=True,
             postgresql_where=sa.text("source IS NULL")),
    comment="The Terraform states that specs come from, and what is wrong with each.",
)  # fmt: skip
