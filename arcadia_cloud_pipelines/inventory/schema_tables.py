"""The tables of what the API began to tell of all resources of a kind at once."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ..warehouse.columns import TIME, account, provider
from ..warehouse.metadata import metadata

cloud_schema_events = sa.Table(
    "cloud_schema_events",
    metadata,
    sa.Column(
        "id", sa.BigInteger, primary_key=True, autoincrement=True,
        server_default=sa.text("nextval('cloud_resource_events_id_seq')"),
        comment="Numbered with cloud_resource_events: what was recorded first has "
        "the lower number.",
    ),
    provider(),
    account(),
    sa.Column("kind", sa.Text, nullable=False, comment="The kind whose objects have the field."),
    sa.Column("field", sa.Text, nullable=False, comment="The field, as attrs has it."),
    sa.Column(
        "occurred_at", TIME, nullable=False,
        comment="Start of the listing that showed it first.",
    ),
    sa.Column(
        "rows", sa.BigInteger, nullable=False, comment="Resources that took a value of it then."
    ),
    sa.Column(
        "example_type", sa.Text, nullable=False,
        comment="JSON type of a value: string, number, boolean, object or array.",
    ),
    sa.Column("run_id", sa.Text, comment="The Dagster run that saw it."),
    sa.Index("cloud_schema_events_kind_idx", "kind", "occurred_at"),
    comment=(
        "Fields that the API began to tell of all resources of a kind at once: a change of the "
        "API, not of each resource, so that none has an event. Append-only: the database refuses "
        "anything else."
    ),
)  # fmt: skip

cloud_schema_event_rows = sa.Table(
    "cloud_schema_event_rows",
    metadata,
    sa.Column(
        "schema_event_id", sa.BigInteger,
        sa.ForeignKey(
            "cloud_schema_events.id", name="cloud_schema_event_rows_schema_event_id_fkey"
        ),
        primary_key=True, autoincrement=False, comment="The row in cloud_schema_events.",
    ),
    sa.Column(
        "resource_id", sa.BigInteger,
        sa.ForeignKey("cloud_resources.id", name="cloud_schema_event_rows_resource_id_fkey"),
        primary_key=True, autoincrement=False, comment="The resource that took the value.",
    ),
    sa.Column("value", JSONB, nullable=False, comment="The value that it took."),
    sa.Index("cloud_schema_event_rows_event_idx", "schema_event_id"),
    comment=(
        "The value that each resource took when the API began to tell a field, so that history "
        "before and after stays what it was. Append-only: the database refuses anything else."
    ),
)  # fmt: skip
