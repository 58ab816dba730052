"""The shapes of answers about costs: balance, invoices, lines, and what tenants pay."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from .models import ListOf, Shape

Money = Annotated[
    str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="US dollars.", examples=["12.50"])
]
Number = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["672"])]

Charge = Literal["usage", "credit", "tax", "support", "summary", "not_read"]


class Balance(Shape):
    """A row of `cloud_balance_snapshots`."""

    account: str
    month_to_date_balance: Money
    account_balance: Money
    month_to_date_usage: Money
    generated_at: datetime
    captured_at: datetime


class Invoice(Shape):
    """A row of `cloud_invoices`."""

    id: int
    account: str
    invoice_uuid: str
    invoice_id: str | None
    period: date
    amount: Money
    issued_at: datetime | None
    product_charges: Money | None
    overages: Money | None
    taxes: Money | None
    credits_and_adjustments: Money | None
    ingest_status: Literal["pending", "ingested", "failed"]
    ingested_at: datetime | None
    line_count: int | None
    lines_total: Money | None
    last_error: str | None


class CostLine(Shape):
    """A row of `cloud_cost_lines`."""

    id: int
    account: str
    invoice_id: int
    line_number: int
    period: date
    product: str | None
    kind: str | None
    group_description: str | None
    description: str | None
    resource_name: str | None
    region: str | None
    hours: Number | None
    started_at: datetime | None
    ended_at: datetime | None
    amount: Money
    project_name: str | None
    category: str | None
    resource_id: int | None
    match_method: Literal["resource_id", "name", "group"] | None
    unmatched_reason: (
        Literal["not_a_resource", "never_seen", "ambiguous", "kind_not_synced", "unknown_product"]
        | None
    )


class Totals(Shape):
    """Sums over all lines that the filters leave, not of the page alone."""

    lines: int
    amount: Money
    matched: Money
    unmatched: Money


class CostLines(ListOf[CostLine]):
    """A page of cost lines, with `totals` when asked for."""

    totals: Totals | None = None


class Cost(Shape):
    """What a tenant pays for a month, by project, kind and rule."""

    id: int
    account: str
    period: date
    tenant_id: str | None = Field(description="Null: nobody pays, for the reason in `reason`.")
    reason: str | None
    rule: str
    charge: Charge
    project_id: int | None
    kind: str | None
    lines: int
    amount: Money


class Statement(Shape):
    """What a tenant pays for a closed month."""

    id: int
    account: str
    period: date
    tenant_id: str | None = Field(description="Null: what nobody pays.")
    closed_at: datetime
    rules_digest: str
    is_whole: bool = Field(description="False: closed by force, before all invoices were in.")
    line_count: int
    amount: Money
    corrections: Money
    total: Money


class StatementLine(Shape):
    """A line of a statement."""

    position: int
    period: date
    is_correction: bool
    corrects_statement_id: int | None
    invoice_uuid: str
    rule: str
    reason: str | None
    charge: Charge
    product: str | None
    kind: str | None
    name: str | None
    description: str | None
    project_name: str | None
    region: str | None
    hours: Number | None
    amount: Money
