"""The tables of billing, with the comments that a reader of the database sees.

The migrations carry the same as frozen SQL; a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.schema import SchemaItem

from ..warehouse.columns import TIME, account, provider, row_id
from ..warehouse.metadata import metadata
from . import fact_tables, kept_tables

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
    sa.Column("amount", sa.Numeric, nullable=False,
              comment="US dollars to pay, taxes and credits included: lines_total plus what its "
              "summary has and no line says. Zero or negative where credits are larger."),
    sa.Column("period", sa.Date, nullable=False,
              comment="First day of the month billed. Several invoices may have the same one."),
    sa.Column("period_from", sa.Text,
              comment="How the period is known: list (the list of invoices says it), text (the "
              "entry in the billing history names it), date (that entry's date alone); null for "
              "rows older than this column."),
    sa.Column("issued_at", TIME, comment="Date of its entry in the billing history."),
    sa.Column("product_charges", sa.Numeric, comment="US dollars, from the invoice's summary."),
    sa.Column("overages", sa.Numeric, comment="US dollars, from the invoice's summary."),
    sa.Column("taxes", sa.Numeric, comment="US dollars, from the invoice's summary."),
    sa.Column("credits_and_adjustments", sa.Numeric,
              comment="US dollars, from the invoice's summary, as it stands there: some summaries "
              "say credits as negative figures that are added, some as positive ones that are "
              "subtracted. The sign that fits the amount holds; do not sum over invoices."),
    sa.Column("other_parts", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"),
              comment="Further amounts of the invoice's summary by the summary's own names, US "
              'dollars as text: {"user_charges": "1.50"}.'),
    sa.Column("ingest_status", sa.Text, nullable=False, server_default="pending",
              comment="pending, ingested or failed: whether its lines are in cloud_cost_lines."),
    sa.Column("ingested_at", TIME, comment="When its lines were last replaced."),
    sa.Column("ingested_amount", sa.Numeric,
              comment="US dollars, the invoice's amount when its lines were last replaced."),
    sa.Column("line_count", sa.Integer, comment="Lines ingested."),
    sa.Column("lines_total", sa.Numeric,
              comment="US dollars, the sum of the lines ingested. What the summary alone has "
              "(credits, taxes) is not in it: the check reconciled names it."),
    sa.Column("off_by", sa.Numeric,
              comment="US dollars that neither the lines nor the summary explain, as the check "
              "reconciled has it; 0 when the invoice adds up, null before its lines are read."),
    sa.Column("unlisted", sa.Numeric,
              comment="US dollars of the summary's parts that have no line, negative for credits; "
              "null before the lines are read."),
    sa.Column("lines_digest", sa.Text,
              comment="SHA-256 of the lines ingested, whatever their order and the file's "
              "spelling; the row of cloud_invoice_files that they came from."),
    sa.Column("checked_at", TIME,
              comment="When the invoice's file was last compared with the lines ingested."),
    sa.Column("ids_note", sa.Text,
              comment="Why lines may lack their resource_key: the JSON form was read short or not "
              "at all. Null when it was whole."),
    sa.Column("ids_attempts", sa.Integer, nullable=False, server_default="0",
              comment="Attempts in a row whose JSON form was not whole; asked for again twice."),
    sa.Column("last_error", sa.Text, comment="Why the last attempt failed; null after a good one."),
    sa.Column("failed_attempts", sa.Integer, nullable=False, server_default="0",
              comment="Attempts in a row that failed."),
    sa.Column("last_attempt_at", TIME, comment="When it was last tried."),
    sa.Column("status_note", sa.Text,
              comment="The newest correction: an amount or lines that changed after they were "
              "read. Stays after the next ingest; cloud_invoice_revisions has them all."),
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
    comment="Invoice headers, and whether their lines are in. Mostly one for each closed month; an "
    "account that passes a spending threshold is charged within the month too. "
    "Written by the assets invoices and cost_lines.",
)  # fmt: skip

cloud_invoice_files = sa.Table(
    "cloud_invoice_files",
    metadata,
    row_id(),
    account(),
    sa.Column("invoice_id", sa.BigInteger,
              sa.ForeignKey("cloud_invoices.id", name="cloud_invoice_files_invoice_id_fkey"),
              nullable=False, comment="The invoice: cloud_invoices.id."),
    sa.Column("digest", sa.Text, nullable=False,
              comment="SHA-256 of its lines, whatever their order and the file's spelling."),
    sa.Column("first_read_at", TIME, nullable=False, comment="When it was read first."),
    sa.Column("last_read_at", TIME, nullable=False, comment="When it was read last."),
    sa.Column("line_count", sa.Integer, nullable=False, comment="Lines in it."),
    sa.Column("lines_total", sa.Numeric, nullable=False, comment="US dollars, their sum."),
    sa.Column("amount", sa.Numeric, nullable=False,
              comment="US dollars, the invoice's amount when it was read last."),
    sa.Column("csv_gzip", sa.LargeBinary, nullable=False,
              comment="The lines as CSV, gzip-compressed, UTF-8: the columns that we know, mail "
              "addresses masked, and nothing else of the file; and resource_key and second_key, "
              "which came from its JSON form."),
    sa.Column("summaries", JSONB, nullable=False, server_default=sa.text("'[]'::jsonb"),
              comment="Amounts of the invoice's summary while its lines were these, each version, "
              'the newest last: [{"read_at": …, "amount": "12.30", "parts": {"taxes": "1.00"}}], '
              "US dollars as text."),
    sa.UniqueConstraint("invoice_id", "digest", name="cloud_invoice_files_digest_key"),
    comment="The original of every invoice, and each version of one that was corrected, so that "
    "lines can be made again without asking for them. Written by the asset cost_lines.",
)  # fmt: skip

cloud_invoice_revisions = sa.Table(
    "cloud_invoice_revisions",
    metadata,
    row_id(),
    account(),
    sa.Column("invoice_id", sa.BigInteger,
              sa.ForeignKey("cloud_invoices.id", name="cloud_invoice_revisions_invoice_id_fkey"),
              nullable=False, comment="The invoice: cloud_invoices.id."),
    sa.Column("noticed_at", TIME, nullable=False, comment="When the other lines were stored."),
    sa.Column("old_amount", sa.Numeric,
              comment="US dollars, the invoice's amount before; null if it was not kept then."),
    sa.Column("new_amount", sa.Numeric, nullable=False,
              comment="US dollars, the invoice's amount since."),
    sa.Column("old_digest", sa.Text,
              comment="The version before in cloud_invoice_files; null if it was not kept then."),
    sa.Column("new_digest", sa.Text, nullable=False,
              comment="The version since in cloud_invoice_files."),
    sa.Column("lines_added", sa.Integer, nullable=False, comment="Lines that are new."),
    sa.Column("lines_removed", sa.Integer, nullable=False, comment="Lines that are gone."),
    sa.Column("lines_changed", sa.Integer, nullable=False,
              comment="Lines of the same product, group, text and start that say something else."),
    sa.Column("amount_added", sa.Numeric, nullable=False,
              comment="US dollars, the sum of the lines added."),
    sa.Column("amount_removed", sa.Numeric, nullable=False,
              comment="US dollars, the sum of the lines removed."),
    sa.Column("amount_changed", sa.Numeric, nullable=False,
              comment="US dollars by which the changed lines grew; negative when they shrank. The "
              "lines' sum moved by added less removed plus changed."),
    sa.Column("details", JSONB, nullable=False,
              comment="The largest 5,000 of these lines: product, group_description, description, "
              "started_at, and from and to, the amounts before and since; from is null where a "
              "line is new, to where it is gone. fields has what else changed in a line, each "
              "with from and to. marts.restatements has a row for each."),
    sa.Index("cloud_invoice_revisions_invoice_idx", "invoice_id", "noticed_at"),
    comment="Corrections: invoices whose amount or lines changed after they were ingested. "
    "Append-only. Written by the asset cost_lines.",
)  # fmt: skip


def _line_columns() -> list[SchemaItem]:
    """Return the columns that lines of closed months and of the open month share."""
    return [
        sa.Column("line_number", sa.Integer, nullable=False,
                  comment="Position in the invoice's CSV, from 1."),
        sa.Column("period", sa.Date, nullable=False, comment="First day of the month billed."),
        sa.Column("product", sa.Text, comment="Product family, as the invoice names it."),
        sa.Column("kind", sa.Text,
                  comment="Kind of the matched resource, else the kind that the product bills; "
                  "null when there is neither. An image billed as a snapshot has the kind image."),
        sa.Column("group_description", sa.Text,
                  comment="Name of the cluster that grouped usage belongs to."),
        sa.Column("description", sa.Text, comment="The line's text, as the invoice has it."),
        sa.Column("resource_name", sa.Text, comment="The resource's name out of the text."),
        sa.Column("region", sa.Text, comment="Region slug, where the text has one."),
        sa.Column("hours", sa.Numeric,
                  comment="Billed quantity, not always hours: of a cluster's nodes node-hours (3 "
                  "nodes for 744 hours are 2232), of backups their number. Whole hours, cut off; "
                  "null for taxes, credits and fees. Not ended_at less started_at."),
        sa.Column("started_at", TIME, comment="Begin of the usage billed, in it."),
        sa.Column("ended_at", TIME,
                  comment="End of the usage billed, as the invoice has it: for droplets the first "
                  "instant after it (next 1st, 00:00:00), for volumes and taxes the last second "
                  "in it (last day, 23:59:59)."),
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
    "the reason why not. Of a month that still goes on there are lines where an invoice came "
    "within it. Written by the asset cost_lines.",
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
    "and gone when the month is over and its invoice has arrived. cloud_open_months says as of "
    "when, and whether they are whole. Written by the asset open_month_lines.",
)

cloud_open_months = sa.Table(
    "cloud_open_months",
    metadata,
    row_id(),
    account(),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month."),
    sa.Column("read_at", TIME, nullable=False, comment="When the invoice preview was read."),
    sa.Column("updated_at", TIME,
              comment="When DigitalOcean made the preview, once a day: the lines know the usage "
              "until then. Null when it did not say."),
    sa.Column("amount", sa.Numeric,
              comment="US dollars so far, as the preview's header has it; null when it did not "
              "say."),
    sa.Column("product_charges", sa.Numeric, comment="US dollars, from the preview's summary."),
    sa.Column("overages", sa.Numeric, comment="US dollars, from the preview's summary."),
    sa.Column("taxes", sa.Numeric, comment="US dollars, from the preview's summary."),
    sa.Column("credits_and_adjustments", sa.Numeric,
              comment="US dollars, from the preview's summary, as it stands there; see "
              "cloud_invoices.credits_and_adjustments."),
    sa.Column("other_parts", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb"),
              comment="Further amounts of the preview's summary by the summary's own names."),
    sa.Column("line_count", sa.Integer, nullable=False,
              comment="Lines in cloud_open_month_lines."),
    sa.Column("lines_total", sa.Numeric, nullable=False, comment="US dollars, their sum."),
    sa.Column("note", sa.Text, comment="What may be wrong with it; null when all is well."),
    sa.UniqueConstraint("account", name="cloud_open_months_account_key"),
    comment="The month that is not billed yet, one row for each account: what the invoice preview "
    "says in total, as of when. Written by the asset open_month_lines.",
)  # fmt: skip

cloud_invoice_lists = sa.Table(
    "cloud_invoice_lists",
    metadata,
    row_id(),
    account(),
    sa.Column("read_at", TIME, nullable=False, comment="When list and history were last read."),
    sa.Column("complete", sa.Boolean, nullable=False,
              comment="True when both were read whole."),
    sa.Column("problem", sa.Text, comment="Why they were not; null when they were."),
    sa.Column("whole_at", TIME,
              comment="When both were last read whole; null when they never were."),
    sa.UniqueConstraint("account", name="cloud_invoice_lists_account_key"),
    comment="When the list of invoices and the billing history were last read, one row for each "
    "account. Written by the asset invoices.",
)  # fmt: skip

TABLES = (
    cloud_invoice_lists,
    cloud_balance_snapshots,
    cloud_billing_entries,
    cloud_invoices,
    cloud_invoice_files,
    cloud_invoice_revisions,
    cloud_cost_lines,
    cloud_open_months,
    cloud_open_month_lines,
    *fact_tables.TABLES,
    *kept_tables.TABLES,
)
