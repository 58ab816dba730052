"""The tables of closed months: statements, their lines, and what could be closed."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata

REASON_COMMENT = (
    "Why nobody pays: no_project, unknown_project (a name on the invoice), project_without_tenant, "
    "no_spend (a rule by spend, and nobody spent), not_read (lines of the invoice), or the words "
    "of a rule. Null where a tenant pays."
)
RULE_COMMENT = "Name of the rule that decided."
CHARGE_COMMENT = (
    "usage, credit (discounts, refunds and adjustments too), tax, support, summary (stands only in "
    "the invoice's summary) or not_read."
)
_FROM_INVOICE = "As the invoice line has it, when the month was closed."

cloud_statement_closings = sa.Table(
    "cloud_statement_closings",
    metadata,
    row_id(),
    account(),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month closed."),
    sa.Column("closed_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When it was closed."),
    sa.Column("closed_by", sa.Text, nullable=False, comment="Who closed it."),
    sa.Column("rules_digest", sa.Text, nullable=False,
              comment="The rules that said who pays: cloud_allocation_rules.digest."),
    sa.Column("not_whole", sa.Text,
              comment="Why the month was not whole when it was closed; null when it was."),
    sa.Column("forced_because", sa.Text,
              comment="Why it was closed all the same, in the words of who did; null when it was "
              "whole."),
    sa.Column("based_on", JSONB, nullable=False,
              comment="The invoices that the statements rest on: invoice_uuid, amount, "
              "lines_digest, line_count, ingest_status, ingested_at."),
    sa.Column("amount", sa.Numeric, nullable=False,
              comment="US dollars of the month, of all statements together: its invoices."),
    sa.Column("corrections", sa.Numeric, nullable=False,
              comment="US dollars of corrections to months closed before."),
    sa.UniqueConstraint("account", "period", name="cloud_statement_closings_key"),
    sa.CheckConstraint("(not_whole IS NULL) = (forced_because IS NULL)",
                       name="cloud_statement_closings_forced_check"),
    comment="Months that are closed: who closed them, and what the statements rest on. "
    "Append-only. Written by `arcadia statements close`.",
)  # fmt: skip

cloud_statements = sa.Table(
    "cloud_statements",
    metadata,
    row_id(),
    account(),
    sa.Column("closing_id", sa.BigInteger,
              sa.ForeignKey("cloud_statement_closings.id", name="cloud_statements_closing_id_fkey"),
              nullable=False, comment="The closing: cloud_statement_closings.id."),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month closed."),
    sa.Column("tenant_id", sa.Text, comment="The tenant; null for what nobody pays."),
    sa.Column("closed_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When the month was closed."),
    sa.Column("rules_digest", sa.Text, nullable=False,
              comment="The rules that said who pays: cloud_allocation_rules.digest."),
    sa.Column("is_whole", sa.Boolean, nullable=False,
              comment="True when every invoice of the month was read and added up."),
    sa.Column("line_count", sa.BigInteger, nullable=False, comment="Lines in it."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars of the month."),
    sa.Column("corrections", sa.Numeric, nullable=False,
              comment="US dollars of corrections to months closed before."),
    sa.Column("total", sa.Numeric, nullable=False,
              comment="US dollars: amount plus corrections."),
    sa.Index("cloud_statements_key", "account", "period", sa.text("coalesce(tenant_id, '')"),
             unique=True),
    sa.Index("cloud_statements_tenant_idx", "tenant_id", "id"),
    sa.CheckConstraint("total = amount + corrections", name="cloud_statements_total_check"),
    sa.CheckConstraint("tenant_id <> ''", name="cloud_statements_tenant_check"),
    comment="What a tenant pays for a closed month. Append-only, and so are its lines: what "
    "changes later is a correction on the next one. A tenant sees its own.",
)  # fmt: skip

cloud_statement_lines = sa.Table(
    "cloud_statement_lines",
    metadata,
    row_id(),
    sa.Column("statement_id", sa.BigInteger,
              sa.ForeignKey("cloud_statements.id", name="cloud_statement_lines_statement_id_fkey"),
              nullable=False, comment="The statement: cloud_statements.id."),
    sa.Column("tenant_id", sa.Text, comment="The tenant; null for what nobody pays."),
    sa.Column("position", sa.Integer, nullable=False, comment="Position on the statement, from 1."),
    sa.Column("period", sa.Date, nullable=False,
              comment="First day of the month that the line is about; of a correction another one "
              "than the statement's."),
    sa.Column("is_correction", sa.Boolean, nullable=False,
              comment="True for the difference to what was stated for a month closed before."),
    sa.Column("corrects_statement_id", sa.BigInteger,
              sa.ForeignKey("cloud_statements.id", name="cloud_statement_lines_corrects_fkey"),
              comment="The statement that is corrected: cloud_statements.id. Null for a line of "
              "the month, and where the tenant had no statement for that month."),
    sa.Column("invoice_uuid", sa.Text, nullable=False, comment="DigitalOcean's invoice."),
    sa.Column("rule", sa.Text, nullable=False, comment=RULE_COMMENT),
    sa.Column("reason", sa.Text, comment=REASON_COMMENT),
    sa.Column("charge", sa.Text, nullable=False, comment=CHARGE_COMMENT),
    sa.Column("product", sa.Text, comment=_FROM_INVOICE),
    sa.Column("kind", sa.Text, comment="Kind of resource; null where the line is about none."),
    sa.Column("name", sa.Text, comment="Name of the resource, else the one in the line's text."),
    sa.Column("description", sa.Text, comment=_FROM_INVOICE),
    sa.Column("project_name", sa.Text, comment="The project of the time; null for none."),
    sa.Column("region", sa.Text, comment="Region slug; null for what has none."),
    sa.Column("hours", sa.Numeric, comment="Quantity of the whole line; null for corrections."),
    sa.Column("amount", sa.Numeric, nullable=False,
              comment="US dollars of this tenant's part of the line."),
    sa.UniqueConstraint("statement_id", "position", name="cloud_statement_lines_key"),
    comment="The lines of statements. Append-only. A tenant sees its own.",
)  # fmt: skip

cloud_statement_proposals = sa.Table(
    "cloud_statement_proposals",
    metadata,
    row_id(),
    account(),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month."),
    sa.Column("proposed_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When it was found whole."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars of its invoices."),
    sa.Column("unallocated", sa.Numeric, nullable=False, comment="US dollars that nobody pays."),
    sa.Column("tenants", sa.BigInteger, nullable=False, comment="Tenants that pay."),
    sa.UniqueConstraint("account", "period", name="cloud_statement_proposals_key"),
    comment="Months that are whole and not closed: `arcadia statements close` would close them. "
    "Written by the asset statement_proposals.",
)  # fmt: skip
