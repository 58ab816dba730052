"""The tables of allocation and of statements, with the comments that a reader of them sees.

The migrations carry the same as frozen SQL; a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata

_TENANT = "The tenant that pays. Null: nobody, for the reason in `reason`."
_REASON = (
    "Why nobody pays: no_project, unknown_project (a name on the invoice), project_without_tenant, "
    "no_spend (a rule by spend, and nobody spent), not_read (lines of the invoice), or the words "
    "of a rule. Null where a tenant pays."
)
_RULE = "Name of the rule that decided."
_CHARGE = (
    "usage, credit (discounts, refunds and adjustments too), tax, support, summary (stands only in "
    "the invoice's summary) or not_read."
)

cloud_allocation_rules = sa.Table(
    "cloud_allocation_rules",
    metadata,
    row_id(),
    sa.Column("digest", sa.Text, nullable=False, comment="SHA-256 of what the rules say."),
    sa.Column("rules", JSONB, nullable=False, comment="The rules, as their file has them."),
    sa.Column("first_applied_at", TIME, nullable=False, server_default=sa.func.now(),
              comment="When they were applied first."),
    sa.UniqueConstraint("digest", name="cloud_allocation_rules_digest_key"),
    comment="Every set of allocation rules that was ever applied, so that a digest can be read. "
    "Append-only. Written by the asset cost_allocations.",
)  # fmt: skip

cloud_allocation_months = sa.Table(
    "cloud_allocation_months",
    metadata,
    row_id(),
    account(),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month billed."),
    sa.Column("rules_digest", sa.Text, nullable=False,
              comment="The rules that were applied: cloud_allocation_rules.digest."),
    sa.Column("applied_at", TIME, nullable=False, comment="When they were applied last."),
    sa.Column("changed_at", TIME, nullable=False,
              comment="When the allocation of the month came out differently last."),
    sa.Column("entries", sa.BigInteger, nullable=False,
              comment="Invoice lines, and parts of invoices that no line explains."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars allocated."),
    sa.UniqueConstraint("account", "period", name="cloud_allocation_months_key"),
    comment="By which rules each month was allocated, and when. "
    "Written by the asset cost_allocations.",
)  # fmt: skip

cloud_cost_allocations = sa.Table(
    "cloud_cost_allocations",
    metadata,
    row_id(),
    account(),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month billed."),
    sa.Column("invoice_id", sa.BigInteger, nullable=False,
              comment="The invoice: cloud_invoices.id."),
    sa.Column("line_number", sa.Integer, nullable=False,
              comment="Position on the invoice, from 1; 0 for the part that no line explains."),
    sa.Column("part", sa.Integer, nullable=False,
              comment="1, 2, … of the parts that the line is divided into."),
    sa.Column("tenant_id", sa.Text, comment=_TENANT),
    sa.Column("reason", sa.Text, comment=_REASON),
    sa.Column("rule", sa.Text, nullable=False, comment=_RULE),
    sa.Column("charge", sa.Text, nullable=False, comment=_CHARGE),
    sa.Column("share", sa.Numeric, nullable=False,
              comment="Part of the line, to twelve digits; the shares of a line add up to 1."),
    sa.Column("amount", sa.Numeric, nullable=False,
              comment="US dollars; the amounts of a line's parts add up to the line's."),
    sa.Column("project_id", sa.BigInteger,
              comment="The project of the time: cloud_projects.id; null for none."),
    sa.Column("kind", sa.Text, comment="Kind of resource; null where the line is about none."),
    sa.UniqueConstraint(
        "invoice_id", "line_number", "part", name="cloud_cost_allocations_key"
    ),
    sa.Index("cloud_cost_allocations_period_idx", "account", "period", "tenant_id"),
    sa.CheckConstraint(
        "(tenant_id IS NULL) <> (reason IS NULL)", name="cloud_cost_allocations_reason_check"
    ),
    comment="Who pays for each invoice line: one row a line and tenant. "
    "Written by the asset cost_allocations.",
)  # fmt: skip

cloud_tenant_costs = sa.Table(
    "cloud_tenant_costs",
    metadata,
    row_id(),
    account(),
    sa.Column("key", sa.Text, nullable=False,
              comment="MD5 of what tells the row from others, so that it keeps its id."),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month billed."),
    sa.Column("tenant_id", sa.Text, comment=_TENANT),
    sa.Column("reason", sa.Text, comment=_REASON),
    sa.Column("rule", sa.Text, nullable=False, comment=_RULE),
    sa.Column("charge", sa.Text, nullable=False, comment=_CHARGE),
    sa.Column("project_id", sa.BigInteger,
              comment="The project of the time: cloud_projects.id; null for none."),
    sa.Column("kind", sa.Text, comment="Kind of resource; null where the lines are about none."),
    sa.Column("lines", sa.BigInteger, nullable=False,
              comment="Invoice lines that a part of is in the amount."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars. Credits are negative."),
    sa.UniqueConstraint("key", name="cloud_tenant_costs_key"),
    sa.Index("cloud_tenant_costs_tenant_idx", "tenant_id", "period"),
    sa.Index("cloud_tenant_costs_period_idx", "period"),
    comment="cloud_cost_allocations, summed: what a tenant pays in a month, by project, kind and "
    "rule. A tenant sees its own rows. Written by the asset cost_allocations.",
)  # fmt: skip

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
    sa.Column("rule", sa.Text, nullable=False, comment=_RULE),
    sa.Column("reason", sa.Text, comment=_REASON),
    sa.Column("charge", sa.Text, nullable=False, comment=_CHARGE),
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

TABLES = (
    cloud_allocation_rules, cloud_allocation_months, cloud_cost_allocations, cloud_tenant_costs,
    cloud_statement_closings, cloud_statements, cloud_statement_lines, cloud_statement_proposals,
)  # fmt: skip
