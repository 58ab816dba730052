"""The tables of what no invoice holds: prices, limits, costs a day, what is paid in advance."""

from __future__ import annotations

import sqlalchemy as sa

from ..warehouse.columns import TIME, account, provider, row_id
from ..warehouse.metadata import metadata

cloud_rates = sa.Table(
    "cloud_rates",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("size_slug", sa.Text, nullable=False, comment="The plan, as droplets carry it."),
    sa.Column("hourly", sa.Numeric, nullable=False,
              comment="US dollars an hour, to five digits; a month is 672 hours at most."),
    sa.Column("monthly", sa.Numeric, nullable=False, comment="US dollars for a whole month."),
    sa.Column("valid_from", TIME, nullable=False,
              comment="First reading that showed this price. It may have been the price before."),
    sa.Column("valid_to", TIME, comment="First reading that showed another; null while it holds."),
    sa.Index("cloud_rates_open_key", "account", "size_slug", unique=True,
             postgresql_where=sa.text("valid_to IS NULL")),
    comment="List prices of the plans in DigitalOcean's catalogue, dated. A plan that left the "
    "catalogue keeps its price. Written by the asset rate_card.",
)  # fmt: skip

cloud_account_facts = sa.Table(
    "cloud_account_facts",
    metadata,
    row_id(),
    provider(),
    account(),
    sa.Column("name", sa.Text, nullable=False,
              comment="droplet_limit and other limits, and status."),
    sa.Column("value", sa.Text, nullable=False,
              comment="A whole number for limits; active, warning or locked for status."),
    sa.Column("valid_from", TIME, nullable=False, comment="First reading that showed it."),
    sa.Column("valid_to", TIME,
              comment="First reading that showed another value or none; null while it holds."),
    sa.Index("cloud_account_facts_open_key", "account", "name", unique=True,
             postgresql_where=sa.text("valid_to IS NULL")),
    comment="What DigitalOcean says of the account itself, dated: limits and state, nothing of a "
    "person. Written by the asset account_facts.",
)  # fmt: skip

cloud_daily_costs = sa.Table(
    "cloud_daily_costs",
    metadata,
    row_id(),
    account(),
    sa.Column("day", sa.Date, nullable=False, comment="The day, in UTC."),
    sa.Column("sku", sa.Text, comment="DigitalOcean's number of what was sold."),
    sa.Column("product", sa.Text,
              comment="Product family by the SKU, in the invoices' word; null for an unknown SKU."),
    sa.Column("kind", sa.Text,
              comment="Kind of the matched resource, else the kind that the product bills."),
    sa.Column("region", sa.Text, comment="Region, as DigitalOcean says it."),
    sa.Column("description", sa.Text, comment="The text, as DigitalOcean has it."),
    sa.Column("group_description", sa.Text,
              comment="Name of the cluster that grouped usage belongs to."),
    sa.Column("resource_name", sa.Text, comment="The resource's name out of the text."),
    sa.Column("amount", sa.Numeric, nullable=False,
              comment="US dollars by which the nightly estimate grew; negative where it shrank."),
    sa.Column("resource_id", sa.BigInteger,
              sa.ForeignKey("cloud_resources.id", name="cloud_daily_costs_resource_id_fkey"),
              comment="The resource; null when unmatched: unmatched_reason says why."),
    sa.Column("match_method", sa.Text, comment="How the resource was found: name or group."),
    sa.Column("unmatched_reason", sa.Text, comment="As cloud_cost_lines.unmatched_reason has it."),
    sa.Column("match_candidates", sa.Integer, nullable=False, server_default="0",
              comment="Resources that it could have meant."),
    sa.Index("cloud_daily_costs_day_idx", "account", "day"),
    sa.Index("cloud_daily_costs_resource_idx", "resource_id"),
    comment="The cost of each day, DigitalOcean's own estimate. A day is replaced whole when it is "
    "said otherwise; cloud_cost_days tells when. Written by the asset daily_costs.",
)  # fmt: skip

cloud_cost_days = sa.Table(
    "cloud_cost_days",
    metadata,
    row_id(),
    account(),
    sa.Column("day", sa.Date, nullable=False, comment="The day, in UTC."),
    sa.Column("row_count", sa.Integer, nullable=False,
              comment="Rows in cloud_daily_costs; 0 when DigitalOcean said nothing of the day."),
    sa.Column("amount", sa.Numeric, nullable=False, comment="US dollars, their sum."),
    sa.Column("amount_before", sa.Numeric,
              comment="US dollars before the newest revision; null without one."),
    sa.Column("revisions", sa.Integer, nullable=False, server_default="0",
              comment="How often the day was said otherwise than before."),
    sa.Column("revised_at", TIME, comment="When that was noticed last."),
    sa.Column("first_seen_at", TIME, nullable=False, comment="When it was read first."),
    sa.Column("last_read_at", TIME, nullable=False,
              comment="When an answer last said something of it."),
    sa.UniqueConstraint("account", "day", name="cloud_cost_days_key"),
    comment="The days whose costs were read, and their revisions. Written by the asset "
    "daily_costs.",
)  # fmt: skip

cloud_prepayments = sa.Table(
    "cloud_prepayments",
    metadata,
    row_id(),
    account(),
    sa.Column("balance", sa.Numeric,
              comment="US dollars that are paid and not used; null where it was not said."),
    sa.Column("spend_limit", sa.Numeric,
              comment="US dollars that a month may cost; null where it was not said."),
    sa.Column("prepay_threshold", sa.Numeric,
              comment="US dollars of balance at which more is charged; null where not said."),
    sa.Column("blocked", sa.Boolean,
              comment="True when usage is stopped; null where it was not said."),
    sa.Column("eligible", sa.Boolean,
              comment="True when the team may pay in advance; null where it was not said."),
    sa.Column("first_read_at", TIME, nullable=False, comment="First reading that said so."),
    sa.Column("last_read_at", TIME, nullable=False, comment="Last reading that said so."),
    sa.Index("cloud_prepayments_account_idx", "account", "id"),
    comment="What is paid in advance, a row for each time that it was another than before. "
    "Accounts of which the API says nothing have none. Written by the asset prepayments.",
)  # fmt: skip

TABLES = (
    cloud_rates,
    cloud_account_facts,
    cloud_daily_costs,
    cloud_cost_days,
    cloud_prepayments,
)
