"""The tables of forecasts, with the comments that a reader of the database sees."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.sql.schema import SchemaItem

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata


def _said() -> list[SchemaItem]:
    """Return the columns that a forecast and one of the past have in common."""
    return [
        sa.Column("period", sa.Date, nullable=False, comment="First day of the month, UTC."),
        sa.Column("method", sa.Text, nullable=False,
                  comment="structure: what runs runs on, line by line. last_invoice: the month "
                  "before again. straight_line: the use so far, by the share of the month."),
        sa.Column("known_until", TIME, nullable=False,
                  comment="It knows the use until then, and nothing later."),
        sa.Column("expected", sa.Numeric, nullable=False,
                  comment="US dollars of the whole month, taxes and credits included."),
        sa.Column("taxes", sa.Numeric, comment="US dollars of taxes in it; null where the method "
                  "does not tell them apart."),
        sa.Column("credits", sa.Numeric, comment="US dollars of credits in it, negative; null "
                  "where the method does not tell them apart."),
    ]  # fmt: skip


cloud_forecasts = sa.Table(
    "cloud_forecasts",
    metadata,
    row_id(),
    account(),
    *_said(),
    sa.Column("made_at", TIME, nullable=False, comment="When it was made."),
    sa.Column("so_far", sa.Numeric, comment="US dollars of use until known_until; null for "
              "last_invoice."),
    sa.Column("invoiced", sa.Numeric, nullable=False, server_default="0",
              comment="US dollars of invoices that the month has already: of charges within it."),
    sa.Column("low", sa.Numeric, comment="US dollars that one of ten past months was below. Null "
              "while fewer than five months could be tested."),
    sa.Column("high", sa.Numeric, comment="US dollars that one of ten past months was above; null "
              "as low is."),
    sa.Column("back_test_error", sa.Numeric,
              comment="Mean error of the method at this day of past months, as a share; null as "
              "low is."),
    sa.Column("whole", sa.Boolean, nullable=False,
              comment="False when the preview or the inventory that it rests on was not whole."),
    sa.Column("note", sa.Text, comment="Why it is not whole."),
    sa.Index("cloud_forecasts_period_idx", "account", "period", "method", "made_at"),
    comment="Each forecast as it was made, so that its error shows later. Append-only: the "
    "database refuses anything else. Written by the asset cost_forecasts.",
)  # fmt: skip

cloud_forecast_tests = sa.Table(
    "cloud_forecast_tests",
    metadata,
    row_id(),
    account(),
    *_said(),
    sa.Column("day", sa.Integer, nullable=False,
              comment="Days of the month that were over: 0, 1, 5, 10 or 20."),
    sa.Column("actual", sa.Numeric, nullable=False, comment="US dollars of the month's invoices."),
    sa.Column("rules", sa.Integer, nullable=False,
              comment="Version of the rules that made it; those of older ones are made anew."),
    sa.Column("lines_read_at", TIME, nullable=False,
              comment="When the lines that it was made from were read; newer ones make it anew."),
    sa.UniqueConstraint("account", "period", "method", "day", name="cloud_forecast_tests_key"),
    comment="What the forecasts of past months would have been, with what was known then, beside "
    "what came. Written by the asset cost_forecasts.",
)  # fmt: skip

cloud_forecast_lines = sa.Table(
    "cloud_forecast_lines",
    metadata,
    row_id(),
    account(),
    sa.Column("period", sa.Date, nullable=False, comment="First day of the month, UTC."),
    sa.Column("class", sa.Text, nullable=False,
              comment="How it goes on, see cloud_charge_class(): run, gpu, backup, counted, fee, "
              "credit, tax."),
    sa.Column("resource_id", sa.BigInteger,
              sa.ForeignKey("cloud_resources.id", name="cloud_forecast_lines_resource_id_fkey"),
              comment="The resource; null for what belongs to none."),
    sa.Column("what", sa.Text, comment="Product and text of the line."),
    sa.Column("so_far", sa.Numeric, nullable=False, comment="US dollars until known_until."),
    sa.Column("expected", sa.Numeric, nullable=False, comment="US dollars of the whole month."),
    sa.Index("cloud_forecast_lines_account_idx", "account", "period"),
    comment="The newest forecast of the open month by structure, line by line; replaced by the "
    "next one. Written by the asset cost_forecasts.",
)  # fmt: skip

cloud_budgets = sa.Table(
    "cloud_budgets",
    metadata,
    row_id(),
    sa.Column("name", sa.Text, nullable=False, comment="What people call it."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars a month."),
    sa.Column("account", sa.Text,
              comment="The team that it is about: 40 hex digits; null for every team."),
    sa.Column("scope", sa.Text, nullable=False,
              comment="account (all of it), project, tenant, kind or tag."),
    sa.Column("scope_value", sa.Text, comment="Which project (name or uuid), tenant, kind or tag "
              "(key:value, or a key); null for account."),
    sa.Column("since", TIME, nullable=False, server_default=sa.func.now(),
              comment="When it was first read as it is."),
    sa.UniqueConstraint("name", name="cloud_budgets_name_key"),
    sa.CheckConstraint("scope IN ('account', 'project', 'tenant', 'kind', 'tag')",
                       name="cloud_budgets_scope_check"),
    sa.CheckConstraint("amount > 0", name="cloud_budgets_amount_check"),
    comment="Budgets of the file that ARCADIA_BUDGETS names. Written by the asset "
    "reviewed_budgets.",
)  # fmt: skip

TABLES = (cloud_forecasts, cloud_forecast_tests, cloud_forecast_lines, cloud_budgets)
