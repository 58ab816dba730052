"""The tables of allocation and of statements, with the comments that a reader of them sees.

The migrations carry the same as frozen SQL; a test compares the two.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata
from .statement_tables import (
    CHARGE_COMMENT,
    REASON_COMMENT,
    RULE_COMMENT,
    cloud_statement_closings,
    cloud_statement_lines,
    cloud_statement_proposals,
    cloud_statements,
)

_TENANT = "The tenant that pays. Null: nobody, for the reason in `reason`."

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
    sa.Column("reason", sa.Text, comment=REASON_COMMENT),
    sa.Column("rule", sa.Text, nullable=False, comment=RULE_COMMENT),
    sa.Column("charge", sa.Text, nullable=False, comment=CHARGE_COMMENT),
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
    sa.Column("reason", sa.Text, comment=REASON_COMMENT),
    sa.Column("rule", sa.Text, nullable=False, comment=RULE_COMMENT),
    sa.Column("charge", sa.Text, nullable=False, comment=CHARGE_COMMENT),
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

TABLES = (
    cloud_allocation_rules, cloud_allocation_months, cloud_cost_allocations, cloud_tenant_costs,
    cloud_statement_closings, cloud_statements, cloud_statement_lines, cloud_statement_proposals,
)  # fmt: skip
