"""The tables of billing, with the comments that a reader of the database sees.

The migrations carry the same as frozen SQL; a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.sql.schema import SchemaItem

from ..warehouse.columns import TIME, account, provider, row_id
from ..warehouse.metadata import metadata

cloud_balance_snapshots = sa.Table(
    "cloud_balance_snapshots",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("month_to_date_balance", sa.Numeric, nullable=False,
              comment="US dollars: account_balance plus month_to_date_usage, as the API adds it."),
    sa.Column("account_balance", sa.Numeric, nullable=False,
              comment="US dollars owed from before this month; negative is credit in hand."),
    sa.Column("month_to_date_usage", sa.Numeric, nullable=False,
              comment="US dollars of usage since the first of the month."),
    sa.Column("generated_at", TIME, nullable=False,
              comment="When DigitalOcean computed the figures."),
    sa.Column("captured_at", TIME, nullable=False, comment="When we asked."),
    sa.Column("is_repeat", sa.Boolean, nullable=False, server_default=sa.false(),
              comment="True when the snapshot before it has the same generated_at: no news."),
    sa.Index("cloud_balance_snapshots_time_idx", "account", "captured_at"),
    comment="The balance at every poll, appended hourly. Written by the asset balance_snapshots.",
)  # fmt: skip

cloud_billing_entries = sa.Table(
    "cloud_billing_entries",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("entry_type", sa.Text, nullable=False,
              comment="Invoice, Payment, Credit, Refund and what else the API calls it."),
    sa.Column("description", sa.Text, nullable=False, comment="The entry's text, mails removed."),
    sa.Column("amount", sa.Numeric, nullable=False,
              comment="US dollars: invoices positive, payments and credits negative."),
    sa.Column("occurred_at", TIME, nullable=False, comment="The entry's date."),
    sa.Column("invoice_uuid", sa.Text,
              comment="The invoice it is about; null for what belongs to none."),
    sa.Column("invoice_id", sa.Text, comment="The number printed on that invoice."),
    sa.Column("occurrence", sa.Integer, nullable=False,
              comment="1, 2, … among entries equal in all else: the API gives them no identity."),
    sa.Column("first_seen_at", TIME, nullable=False, comment="When we first saw it."),
    sa.Index(
        "cloud_billing_entries_key", "account", "occurred_at", "entry_type", "amount",
        "description", sa.text("coalesce(invoice_uuid, '')"), "occurrence", unique=True,
    ),
    comment="The account's billing history: each invoice, payment, credit, refund, adjustment. "
    "Written by the asset invoices.",
)  # fmt: skip

cloud_invoices = sa.Table(
    "cloud_invoices",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("invoice_uuid", sa.Text, nullable=False, comment="DigitalOcean's identity of it."),
    sa.Column("invoice_id", sa.Text, comment="The number printed on the PDF."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars in total, taxes included."),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month billed."),
    sa.Column("issued_at", TIME, comment="Date of its entry in the billing history."),
    sa.Column("product_charges", sa.Numeric, comment="US dollars, from the invoice's summary."),
    sa.Column("overages", sa.Numeric, comment="US dollars, from the invoice's summary."),
    sa.Column("taxes", sa.Numeric, comment="US dollars, from the invoice's summary."),
    sa.Column("credits_and_adjustments", sa.Numeric,
              comment="US dollars, from the invoice's summary, with the summary's sign."),
    sa.Column("ingest_status", sa.Text, nullable=False, server_default="pending",
              comment="pending, ingested or failed: whether its lines are in cloud_cost_lines."),
    sa.Column("ingested_at", TIME, comment="When its lines were last replaced."),
    sa.Column("line_count", sa.Integer, comment="Lines ingested."),
    sa.Column("lines_total", sa.Numeric, comment="US dollars, the sum of the lines ingested."),
    sa.Column("last_error", sa.Text, comment="Why the last attempt failed; null after a good one."),
    sa.Column("failed_attempts", sa.Integer, nullable=False, server_default="0",
              comment="Attempts in a row that failed."),
    sa.Column("last_attempt_at", TIME, comment="When it was last tried."),
    sa.Column("status_note", sa.Text,
              comment="Why it is pending again, such as an amount that changed."),
    sa.Column("match_rules", sa.Integer, nullable=False, server_default="0",
              comment="Version of the rules that matched its lines; older ones are matched again."),
    sa.Column("first_seen_at", TIME, nullable=False, comment="When it was first listed."),
    sa.UniqueConstraint("invoice_uuid", name="cloud_invoices_invoice_uuid_key"),
    sa.CheckConstraint(
        "ingest_status IN ('pending', 'ingested', 'failed')",
        name="cloud_invoices_ingest_status_check",
    ),
    sa.Index("cloud_invoices_period_idx", "period"),
    sa.Index(
        "cloud_invoices_open_idx", "ingest_status",
        postgresql_where=sa.text("ingest_status <> 'ingested'"),
    ),
    comment="Invoice headers, one for each closed month billed, and whether their lines are in. "
    "Written by the assets invoices and cost_lines.",
)  # fmt: skip


def _line_columns() -> list[SchemaItem]:
    """What a line of a closed month and one of the open month have in common."""
    return [
        sa.Column("line_number", sa.Integer, nullable=False,
                  comment="Position in the invoice's CSV, from 1."),
        sa.Column("period", sa.Date, nullable=False, comment="First day of the month billed."),
        sa.Column("product", sa.Text, comment="Product family, as the invoice names it."),
        sa.Column("kind", sa.Text,
                  comment="Kind of the resource it paid for; when unmatched, the kind that the "
                  "product bills, null for an unknown product and for what is no resource."),
        sa.Column("group_description", sa.Text,
                  comment="Name of the cluster that grouped usage belongs to."),
        sa.Column("description", sa.Text, comment="The line's text, as the invoice has it."),
        sa.Column("resource_name", sa.Text, comment="The resource's name out of the text."),
        sa.Column("region", sa.Text, comment="Region slug, where the text has one."),
        sa.Column("hours", sa.Numeric,
                  comment="Billed quantity: hours mostly, number of backups for backups."),
        sa.Column("started_at", TIME, comment="Begin of the usage billed."),
        sa.Column("ended_at", TIME, comment="End of the usage billed."),
        sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars, negative for credit."),
        sa.Column("project_name", sa.Text, comment="Name of its project when it was billed."),
        sa.Column("category", sa.Text, comment="iaas, paas or what else the invoice says."),
        sa.Column("resource_key", sa.Text,
                  comment="The resource's id or uuid, where the JSON invoice carries it; the uuid "
                  "where it carries both."),
        sa.Column("second_key", sa.Text,
                  comment="The other id, where the JSON invoice carries two: mostly a number."),
        sa.Column("match_method", sa.Text,
                  comment="How the resource was found: resource_id, name or group."),
        sa.Column("unmatched_reason", sa.Text,
                  comment="Null when matched. not_a_resource: a tax, credit, fee or team-wide "
                  "charge. never_seen: no resource of ours. ambiguous: several. "
                  "kind_not_synced: its kind was never listed completely. "
                  "unknown_product: products.toml has no rule."),
        sa.Column("match_candidates", sa.Integer, nullable=False, server_default="0",
                  comment="Resources that the line could have meant."),
    ]  # fmt: skip


def _line_checks(table: str) -> list[SchemaItem]:
    return [
        sa.CheckConstraint(
            "match_method IN ('resource_id', 'name', 'group')", name=f"{table}_match_method_check"
        ),
        sa.CheckConstraint(
            "unmatched_reason IN ('not_a_resource', 'never_seen', 'ambiguous', 'kind_not_synced', "
            "'unknown_product')",
            name=f"{table}_unmatched_reason_check",
        ),
        sa.CheckConstraint(
            "(resource_id IS NULL) = (match_method IS NULL) "
            "AND (resource_id IS NULL) = (unmatched_reason IS NOT NULL)",
            name=f"{table}_explained_check",
        ),
    ]


def _resource_ids(table: str) -> list[SchemaItem]:
    return [
        sa.Column(
            "resource_id",
            sa.BigInteger,
            sa.ForeignKey("cloud_resources.id", name=f"{table}_resource_id_fkey"),
            comment="The resource it paid for; null when unmatched: unmatched_reason says why.",
        ),
        sa.Column(
            "conflicting_resource_id",
            sa.BigInteger,
            sa.ForeignKey("cloud_resources.id", name=f"{table}_conflicting_resource_id_fkey"),
            comment="Another resource, which the line's other id names: resource_key and "
            "second_key disagree. Null almost always.",
        ),
    ]


cloud_cost_lines = sa.Table(
    "cloud_cost_lines",
    metadata,
    row_id(),
    account(),
    sa.Column(
        "invoice_id",
        sa.BigInteger,
        sa.ForeignKey("cloud_invoices.id", name="cloud_cost_lines_invoice_id_fkey"),
        nullable=False,
        comment="The invoice it stands on: cloud_invoices.id.",
    ),
    *_line_columns(),
    *_resource_ids("cloud_cost_lines"),
    *_line_checks("cloud_cost_lines"),
    sa.UniqueConstraint("invoice_id", "line_number", name="cloud_cost_lines_line_key"),
    sa.Index("cloud_cost_lines_period_idx", "period", "kind"),
    sa.Index("cloud_cost_lines_resource_idx", "resource_id"),
    sa.Index(
        "cloud_cost_lines_unmatched_idx",
        "unmatched_reason",
        postgresql_where=sa.text("unmatched_reason <> 'not_a_resource'"),
    ),
    comment="Every line of every ingested invoice, matched to the resource it paid for or with "
    "the reason why not. Closed months only. Written by the asset cost_lines.",
)

cloud_open_month_lines = sa.Table(
    "cloud_open_month_lines",
    metadata,
    row_id(),
    account(),
    sa.Column("read_at", TIME, nullable=False, comment="When the invoice preview was read."),
    *_line_columns(),
    *_resource_ids("cloud_open_month_lines"),
    *_line_checks("cloud_open_month_lines"),
    sa.UniqueConstraint("account", "line_number", name="cloud_open_month_lines_line_key"),
    comment="Provisional lines of the month that is not billed yet, replaced whole at each read "
    "and gone when the month's invoice arrives. Written by the asset open_month_lines.",
)

TABLES = (
    cloud_balance_snapshots,
    cloud_billing_entries,
    cloud_invoices,
    cloud_cost_lines,
    cloud_open_month_lines,
)
