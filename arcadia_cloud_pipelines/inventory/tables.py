"""The tables of the inventory, with the comments that a reader of the database sees.

The migrations carry the same as frozen SQL; a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB

from ..warehouse.columns import TIME, account, provider, row_id
from ..warehouse.metadata import metadata
from .schema_tables import cloud_schema_event_rows, cloud_schema_events

_STRUCK_AT = "When its newest strike fell, by the database's clock; null while it is seen."

cloud_projects = sa.Table(
    "cloud_projects",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("provider_id", sa.Text, nullable=False, comment="DigitalOcean's project uuid."),
    sa.Column("name", sa.Text, nullable=False, comment="Name, unique within the account."),
    sa.Column("description", sa.Text, comment="Free text that the owner gave it."),
    sa.Column("environment", sa.Text, comment="Development, Staging or Production; may be null."),
    sa.Column(
        "is_default", sa.Boolean, nullable=False, server_default=sa.false(),
        comment="Whether new resources land in it.",
    ),
    sa.Column("tenant_id", sa.Text, comment="The tenant it belongs to: our classification."),
    sa.Column("purpose", sa.Text, comment="What it is for: our classification, never the API's."),
    sa.Column(
        "tenant_id_by", sa.Text,
        comment="Who set tenant_id: hand, rule (of ARCADIA_PROJECT_RULES), or null for nobody. "
        "hand with no tenant: none, whatever rules say.",
    ),
    sa.Column(
        "purpose_by", sa.Text, comment="Who set purpose: hand, rule or null, likewise."
    ),
    sa.Column(
        "attrs", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"),
        comment="What else the API says of it, such as its own purpose text.",
    ),
    sa.Column("first_seen_at", TIME, nullable=False, comment="First listing that held it."),
    sa.Column("last_seen_at", TIME, nullable=False, comment="Newest listing that held it."),
    sa.Column(
        "stale_strike_count", sa.Integer, nullable=False, server_default="0",
        comment="Complete listings in a row without it; the third marks it deleted.",
    ),
    sa.Column("deleted_at", TIME, comment="When the third strike fell; null while it exists."),
    sa.Column("struck_at", TIME, comment=_STRUCK_AT),
    sa.UniqueConstraint("provider", "provider_id", name="cloud_projects_provider_id_key"),
    comment="DigitalOcean projects, live and deleted. Written by the asset projects.",
)  # fmt: skip

cloud_project_tenancies = sa.Table(
    "cloud_project_tenancies",
    metadata,
    row_id(),
    sa.Column(
        "project_id", sa.BigInteger,
        sa.ForeignKey(
            "cloud_projects.id", name="cloud_project_tenancies_project_id_fkey",
            ondelete="CASCADE",
        ),
        nullable=False, comment="The project.",
    ),
    sa.Column("tenant_id", sa.Text, nullable=False, comment="The tenant it belonged to."),
    sa.Column(
        "valid_from", TIME,
        comment="When it was classified as the tenant's, by the database's clock; null when it "
        "was from the beginning.",
    ),
    sa.Column(
        "valid_to", TIME,
        comment="When it was classified otherwise; null while it is the tenant's.",
    ),
    sa.Index(
        "cloud_project_tenancies_open_key", "project_id", unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    ),
    sa.Index("cloud_project_tenancies_project_idx", "project_id"),
    comment=(
        "Which tenant a project belonged to, and from when to when. Written by a trigger whenever "
        "cloud_projects.tenant_id changes."
    ),
)  # fmt: skip

cloud_tenant_logins = sa.Table(
    "cloud_tenant_logins",
    metadata,
    sa.Column("login", sa.Text, primary_key=True, comment="Role that logs in."),
    sa.Column("tenant_id", sa.Text, nullable=False, comment="The tenant whose rows it sees."),
    sa.Column(
        "bound_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was bound."
    ),
    sa.Column(
        "bound_by", sa.Text, nullable=False, server_default=sa.text("SESSION_USER"),
        comment="Role that bound it.",
    ),
    comment=(
        "Which tenant each analyst's login reads for. Written by cloud_bind_tenant_login()."
    ),
)  # fmt: skip

cloud_resources = sa.Table(
    "cloud_resources",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("kind", sa.Text, nullable=False, comment="droplet, volume, database and so on."),
    sa.Column(
        "provider_id", sa.Text, nullable=False,
        comment="The provider's identity of it as text: an id, a uuid, an address or a name.",
    ),
    sa.Column("name", sa.Text, comment="The name people gave it. Not unique."),
    sa.Column(
        "region", sa.Text,
        comment="Region slug as the kind's own API spells it: fra1 for most, fra for apps. Null "
        "for global things, and for what may be in several regions, such as snapshots and "
        "images: see attrs, regions.",
    ),
    sa.Column("status", sa.Text, comment="The provider's word for its state."),
    sa.Column("size_slug", sa.Text, comment="The plan it is billed by, where it has one."),
    sa.Column(
        "tags", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'::text[]"),
        comment="Tags, sorted, each once. Of firewalls and alert policies they are targets: it "
        "applies to the droplets that have one of them.",
    ),
    sa.Column(
        "project_id", sa.BigInteger,
        sa.ForeignKey("cloud_projects.id", name="cloud_resources_project_id_fkey"),
        comment="The project it is in now; null while no project listing has named it.",
    ),
    sa.Column(
        "attrs", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"),
        comment="What is particular to the kind, as the API names it; no noise, no secrets.",
    ),
    sa.Column("created_at", TIME, comment="When the provider made it; null where it never says."),
    sa.Column("first_seen_at", TIME, nullable=False, comment="First listing that held it."),
    sa.Column("last_seen_at", TIME, nullable=False, comment="Newest listing that held it."),
    sa.Column(
        "stale_strike_count", sa.Integer, nullable=False, server_default="0",
        comment="Complete listings in a row without it; the third marks it deleted.",
    ),
    sa.Column("deleted_at", TIME, comment="When the third strike fell; null while it exists."),
    sa.Column(
        "content_hash", BYTEA,
        comment="Digest of what the provider said; null when a row was edited by hand.",
    ),
    sa.Column("struck_at", TIME, comment=_STRUCK_AT),
    sa.UniqueConstraint(
        "provider", "kind", "provider_id", "account", name="cloud_resources_identity_key"
    ),
    sa.Index(
        "cloud_resources_live_idx", "account", "kind",
        postgresql_where=sa.text("deleted_at IS NULL"),
    ),
    sa.Index("cloud_resources_project_idx", "project_id"),
    sa.Index("cloud_resources_tags_idx", "tags", postgresql_using="gin"),
    sa.Index("cloud_resources_name_idx", "kind", sa.text("lower(name)")),
    sa.Index("cloud_resources_created_idx", "created_at"),
    sa.Index(
        "cloud_resources_deleted_idx", "deleted_at",
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    ),
    comment=(
        "Every resource ever seen, live (deleted_at is null) and deleted, one row each. "
        "Written by the ledger alone."
    ),
)  # fmt: skip

cloud_resource_events = sa.Table(
    "cloud_resource_events",
    metadata,
    row_id(),
    sa.Column(
        "resource_id", sa.BigInteger,
        sa.ForeignKey("cloud_resources.id", name="cloud_resource_events_resource_id_fkey"),
        nullable=False, comment="The resource it happened to.",
    ),
    sa.Column(
        "event", sa.Text, nullable=False,
        comment="discovered, updated, tagged, deleted, restored or drift_detected.",
    ),
    sa.Column(
        "occurred_at", TIME, nullable=False,
        comment="Start of the listing that showed it; the change came between it and the last.",
    ),
    sa.Column(
        "changes", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"),
        comment='{"field": {"from": old, "to": new}}; from null for everything when discovered.',
    ),
    sa.Column("run_id", sa.Text, comment="The Dagster run that saw it."),
    account(),
    sa.CheckConstraint(
        "event IN ('discovered', 'updated', 'deleted', 'restored', 'tagged', 'drift_detected')",
        name="cloud_resource_events_event_check",
    ),
    sa.Index("cloud_resource_events_resource_idx", "resource_id", "occurred_at"),
    sa.Index("cloud_resource_events_time_idx", "occurred_at"),
    sa.Index(
        "cloud_resource_events_moves_idx", "resource_id", "id",
        postgresql_where=sa.text("changes ? 'project_id'"),
    ),
    sa.Index(
        "cloud_resource_events_tags_idx", "resource_id", "id",
        postgresql_where=sa.text("changes ? 'tags' AND event <> 'drift_detected'"),
    ),
    comment="What happened to each resource. Append-only: the database refuses anything else.",
)  # fmt: skip

cloud_project_memberships = sa.Table(
    "cloud_project_memberships",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column(
        "urn", sa.Text,
        comment="As the project's list gave it: do:droplet:123; null where only the object "
        "says it.",
    ),
    sa.Column("kind", sa.Text, nullable=False, comment="Kind of the resource."),
    sa.Column("provider_id", sa.Text, nullable=False,
              comment="Identity of the resource, as cloud_resources has it."),
    sa.Column(
        "project_id", sa.BigInteger,
        sa.ForeignKey("cloud_projects.id", name="cloud_project_memberships_project_id_fkey"),
        nullable=False, comment="The project it was in.",
    ),
    sa.Column(
        "assigned_at", TIME,
        comment="When the provider says it was assigned; null where it never says. Join costs on "
        "coalesce(assigned_at, valid_from): usage may be older than the first listing.",
    ),
    sa.Column(
        "valid_from", TIME, nullable=False,
        comment="First listing that showed it there, so when we learnt it: the resource may have "
        "been there long before. For costs see assigned_at.",
    ),
    sa.Column(
        "valid_to", TIME,
        comment="First complete listing without it, or that showed it elsewhere; where only the "
        "object says it, when the resource was deleted or named another project. Null while there.",
    ),
    sa.Column(
        "listed_by", sa.Text, nullable=False, server_default="project",
        comment="project: the project's own list of resources, which is right where both answer. "
        "object: the project_id of the object itself, for kinds that no project's list has.",
    ),
    sa.CheckConstraint(
        "listed_by IN ('project', 'object')", name="cloud_project_memberships_listed_by_check"
    ),
    sa.Index(
        "cloud_project_memberships_resource_idx", "provider", "kind", "provider_id", "valid_from",
        postgresql_include=["valid_to"],
    ),
    sa.Index(
        "cloud_project_memberships_open_key", "provider", "kind", "provider_id", "account",
        unique=True,
        postgresql_where=sa.text("valid_to IS NULL"),
    ),
    sa.Index("cloud_project_memberships_project_idx", "project_id", "valid_from"),
    comment="Which resource was in which project, and from when to when.",
)  # fmt: skip

cloud_sync_runs = sa.Table(
    "cloud_sync_runs",
    metadata,
    row_id(),
    provider(),
    account(nullable=True),
    sa.Column("kind", sa.Text, nullable=False, comment="Kind that was listed, or project."),
    sa.Column("run_id", sa.Text, comment="The Dagster run it was part of."),
    sa.Column("started_at", TIME, nullable=False, comment="When the listing began."),
    sa.Column("ended_at", TIME, nullable=False, comment="When its rows were in, or it failed."),
    sa.Column("rows_seen", sa.Integer, comment="Distinct things listed; null when it failed."),
    sa.Column("rows_expected", sa.Integer, comment="The API's own total; null if it gives none."),
    sa.Column(
        "complete", sa.Boolean, nullable=False,
        comment="Every page was read and the distinct ids agree with the API's total.",
    ),
    sa.Column(
        "available", sa.Boolean, nullable=False, server_default=sa.true(),
        comment="False when the endpoint answered 403, or 404 for a feature never used.",
    ),
    sa.Column("api_calls", sa.Integer, nullable=False, server_default="0",
              comment="HTTP requests it took, retries included."),
    sa.Column("discovered", sa.Integer, nullable=False, server_default="0",
              comment="Rows that are new."),
    sa.Column("updated", sa.Integer, nullable=False, server_default="0",
              comment="Rows with a meaningful change, tags alone included."),
    sa.Column("restored", sa.Integer, nullable=False, server_default="0",
              comment="Deleted rows that were seen again."),
    sa.Column("struck", sa.Integer, nullable=False, server_default="0",
              comment="Live rows missing from the listing that got a strike."),
    sa.Column("deleted", sa.Integer, nullable=False, server_default="0",
              comment="Those of them for which it was the third."),
    sa.Column("missing", sa.Integer, nullable=False, server_default="0",
              comment="Live rows that the listing lacked, struck or not."),
    sa.Column("implausible", sa.Boolean, nullable=False, server_default=sa.false(),
              comment="More was missing than plausibly could, so nothing was struck."),
    sa.Column(
        "withheld", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"),
        comment='Fields that came back empty for all rows at once, and how many had them: '
        '{"tags": 12}. Not recorded as change.',
    ),
    sa.Column("foreign_rows", sa.Integer, nullable=False, server_default="0",
              comment="Listed things whose row belongs to another account; left alone."),
    sa.Column("error", sa.Text, comment="Why it failed or was incomplete; null when all is well."),
    sa.Index("cloud_sync_runs_kind_idx", "kind", "started_at"),
    sa.Index("cloud_sync_runs_started_idx", "started_at"),
    sa.Index("cloud_sync_runs_complete_idx", "kind", "started_at",
             postgresql_where=sa.text("complete")),
    sa.Index("cloud_sync_runs_answer_idx", "kind", "started_at",
             postgresql_where=sa.text("complete OR NOT available")),
    sa.Index("cloud_sync_runs_account_idx", "account", "started_at"),
    sa.Index("cloud_sync_runs_account_kind_idx", "account", "kind", "started_at"),
    sa.Index("cloud_sync_runs_account_complete_idx", "account", "kind", "started_at",
             postgresql_where=sa.text("complete")),
    sa.Index("cloud_sync_runs_account_answer_idx", "account", "kind", "started_at",
             postgresql_where=sa.text("complete OR NOT available")),
    comment="One row for each kind and sync, failed ones too: what freshness rests on.",
)  # fmt: skip

cloud_loss_confirmations = sa.Table(
    "cloud_loss_confirmations",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("kind", sa.Text, nullable=False, comment="Kind whose loss is confirmed as real."),
    sa.Column("confirmed_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When."),
    sa.Column("confirmed_by", sa.Text, nullable=False, comment="By whom."),
    sa.Column("reason", sa.Text, comment="Why, in their words."),
    sa.Column("valid_until", TIME, nullable=False,
              comment="Syncs that start later are guarded again."),
    sa.Index("cloud_loss_confirmations_kind_idx", "kind", "valid_until"),
    comment="People's word that an implausible loss is real: arcadia inventory confirm-loss.",
)  # fmt: skip

cloud_account_retirements = sa.Table(
    "cloud_account_retirements",
    metadata,
    row_id(),
    account(),
    sa.Column("retired_at", TIME, nullable=False, server_default=sa.func.now(), comment="When."),
    sa.Column("retired_by", sa.Text, nullable=False, comment="By whom."),
    sa.Column("reason", sa.Text, comment="Why, in their words."),
    sa.Column("resources", sa.Integer, nullable=False,
              comment="Live resources that were marked as deleted."),
    sa.Column("projects", sa.Integer, nullable=False, comment="Live projects, likewise."),
    comment="People's word that an account is over: arcadia inventory retire-account.",
)  # fmt: skip

cloud_actions = sa.Table(
    "cloud_actions",
    metadata,
    row_id(),
    account(),
    sa.Column("action_id", sa.BigInteger, nullable=False, comment="DigitalOcean's number of it."),
    sa.Column("type", sa.Text, nullable=False,
              comment="What was done: create, resize, power_off, destroy and what else there is."),
    sa.Column("status", sa.Text, nullable=False, comment="completed, in-progress or errored."),
    sa.Column("kind", sa.Text, nullable=False, comment="Kind of the resource it was done to."),
    sa.Column("provider_id", sa.Text,
              comment="DigitalOcean's identity of the resource; null where the log does not say."),
    sa.Column("region", sa.Text, comment="Region slug; null where the log does not say."),
    sa.Column("started_at", TIME, nullable=False, comment="When it began."),
    sa.Column("completed_at", TIME, comment="When it ended; null while it goes on."),
    sa.Column("first_seen_at", TIME, nullable=False, comment="When we first read it."),
    sa.UniqueConstraint("account", "action_id", name="cloud_actions_key"),
    sa.Index("cloud_actions_resource_idx", "account", "kind", "provider_id", "started_at"),
    sa.Index("cloud_actions_time_idx", "account", "started_at"),
    comment="The account's log of actions, from 90 days before the first reading on. It does not "
    "say who acted. Written by the asset actions.",
)  # fmt: skip

TABLES = (
    cloud_actions,
    cloud_projects,
    cloud_project_tenancies,
    cloud_tenant_logins,
    cloud_resources,
    cloud_resource_events,
    cloud_schema_events,
    cloud_schema_event_rows,
    cloud_project_memberships,
    cloud_sync_runs,
    cloud_loss_confirmations,
    cloud_account_retirements,
)
