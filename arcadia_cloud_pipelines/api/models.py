"""The shapes of answers, as `/openapi.json` shows them.

Handlers send what PostgreSQL gives without passing it through these; the tests hold the two
together.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ..severity import Severity

Money = Annotated[
    str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="US dollars.", examples=["12.50"])
]
Number = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", examples=["672"])]

Charge = Literal["usage", "credit", "tax", "support", "summary", "not_read"]


class Shape(BaseModel):
    """These members, all of them, and no others."""

    model_config = ConfigDict(extra="forbid")


Item = TypeVar("Item", bound=Shape)


class ListOf(Shape, Generic[Item]):
    """A page of a list."""

    data: list[Item]
    next_cursor: str | None = Field(description="For `cursor`; null when this is the last page.")


class One(Shape, Generic[Item]):
    """A single thing."""

    data: Item


class Resource(Shape):
    """A row of `cloud_resources`."""

    id: int
    provider: str
    account: str
    kind: str
    provider_id: str
    name: str | None
    region: str | None
    status: str | None
    size_slug: str | None
    tags: list[str]
    project_id: int | None
    project: str | None = Field(description="The project's name.")
    attrs: dict[str, Any]
    created_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime | None = Field(description="Null in an answer with `as_of`.")
    deleted_at: datetime | None


class Event(Shape):
    """A row of `cloud_resource_events`."""

    id: int
    resource_id: int
    event: Literal["discovered", "updated", "deleted", "restored", "tagged", "drift_detected"]
    occurred_at: datetime
    changes: dict[str, Any]
    run_id: str | None


class ResourceWithEvents(Resource):
    """A resource and what happened to it lately."""

    events: list[Event] = Field(description="The newest 100, newest first.")


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


class Drift(Shape):
    """A row of `cloud_drift`."""

    id: int
    resource_id: int
    kind: str
    provider_id: str
    name: str | None
    field: str
    desired: Any
    actual: Any
    severity: Severity | None = Field(
        description="How bad it is; null for what was closed before anybody judged."
    )
    status: Literal["open", "accepted", "reverted", "stale"]
    detected_at: datetime
    changed_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


class AcceptedDrift(Shape):
    """What accepting came to."""

    id: int
    resource_id: int
    field: str
    before: Any = Field(description="The value desired until now.")
    after: Any = Field(description="The live value, desired from now on.")
    spec_version: int
    accepted_at: datetime
    accepted_by: str
    successor_id: int | None


class Sync(Shape):
    """How current one kind is."""

    id: int = Field(description="Of the newest sync.")
    kind: str
    account: str | None
    started_at: datetime = Field(description="Of the newest sync.")
    complete: bool
    available: bool
    rows: int | None
    problem: str | None
    complete_at: datetime | None = Field(
        description="What is listed here is at least as new as this; null: never complete."
    )


class Health(Shape):
    """That the service lives, and how the database is."""

    service: Literal["arcadia-cloud"]
    status: Literal["ok"]
    version: str
    ready: bool
    database: Literal["ok", "unreachable"]
    schema_: str | None = Field(alias="schema", description="The revision that was found.")
    schema_wanted: str
    tenants: Literal["ok", "unavailable"]


class BadInput(Shape):
    """A parameter that is wrong."""

    parameter: str
    in_: str = Field(alias="in")
    message: str


class ProblemDetails(Shape):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[BadInput] | None = None
