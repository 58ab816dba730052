"""The tables that hold what views would take too long to make: see kept.py."""

from __future__ import annotations

from datetime import date

import sqlalchemy as sa

from ..warehouse.columns import TIME, account, row_id
from ..warehouse.metadata import metadata


def _period() -> sa.Column[date]:
    return sa.Column("period", sa.Date, nullable=False, comment="First day of the month billed.")


def _of_kept_month(table: str) -> sa.ForeignKeyConstraint:
    """Return the key by which the rows of a month go when it is no longer kept."""
    return sa.ForeignKeyConstraint(
        ["account", "period"],
        ["cloud_kept_months.account", "cloud_kept_months.period"],
        name=f"{table}_month_fkey",
        ondelete="CASCADE",
    )


cloud_kept_months = sa.Table(
    "cloud_kept_months",
    metadata,
    row_id(),
    account(),
    _period(),
    sa.Column("kept_at", TIME, nullable=False, comment="When the month's sums were made."),
    sa.UniqueConstraint("account", "period", name="cloud_kept_months_key"),
    comment="The months of which cloud_month_costs and cloud_billed_rates have all. A month whose "
    "lines change leaves this table in the same transaction, and views make its sums from its "
    "lines until it is kept again. Written by the asset kept_months.",
)

cloud_month_costs = sa.Table(
    "cloud_month_costs",
    metadata,
    row_id(),
    account(),
    _period(),
    sa.Column("class", sa.Text, nullable=False,
              comment="run, gpu, backup, fee, counted, credit or tax: how such a charge grows."),
    sa.Column("project_id", sa.BigInteger,
              sa.ForeignKey("cloud_projects.id", name="cloud_month_costs_project_id_fkey"),
              comment="The project that the resource was in when the usage ended; null where "
              "nobody saw it in one."),
    sa.Column("invoice_project_name", sa.Text,
              comment="Name of the project on the invoice; null where project_id says it."),
    sa.Column("kind", sa.Text, comment="Kind of the resource; null where the lines have none."),
    sa.Column("product", sa.Text, comment="Product family, as the invoice names it."),
    sa.Column("region", sa.Text, comment="Region slug; null where it is not known."),
    sa.Column("size_slug", sa.Text, comment="The resource's plan of today; null without one."),
    sa.Column("lines", sa.BigInteger, nullable=False, comment="Invoice lines."),
    sa.Column("hours", sa.Numeric, comment="Sum of the quantities, as billed; null without any."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars, credits negative."),
    _of_kept_month("cloud_month_costs"),
    sa.Index("cloud_month_costs_month_idx", "account", "period"),
    comment="The lines of each month, summed by all that cost views ask for: see "
    "marts.cost_months. Written by the asset kept_months.",
)  # fmt: skip

cloud_billed_rates = sa.Table(
    "cloud_billed_rates",
    metadata,
    row_id(),
    account(),
    _period(),
    sa.Column("size_slug", sa.Text, nullable=False, comment="The plan, as invoice lines name it."),
    sa.Column("hourly", sa.Numeric, nullable=False,
              comment="US dollars an hour, to five digits, as most lines of the month have it."),
    _of_kept_month("cloud_billed_rates"),
    sa.UniqueConstraint("account", "period", "size_slug", name="cloud_billed_rates_key"),
    comment="The rate of each plan by the lines of each month: see marts.billed_rates. Written by "
    "the asset kept_months.",
)  # fmt: skip

cloud_kept_resources = sa.Table(
    "cloud_kept_resources",
    metadata,
    sa.Column("resource_id", sa.BigInteger,
              sa.ForeignKey("cloud_resources.id", name="cloud_kept_resources_resource_id_fkey",
                            ondelete="CASCADE"),
              primary_key=True, autoincrement=False, comment="The resource: cloud_resources.id."),
    sa.Column("digest", sa.BigInteger, nullable=False,
              comment="Hash of its kind, region, plan and stays in projects. Another one means "
              "that the months it has lines in are made again."),
    comment="The state of each resource that the kept months rest on. Written by the asset "
    "kept_months.",
)  # fmt: skip

TABLES = (cloud_kept_months, cloud_month_costs, cloud_billed_rates, cloud_kept_resources)
