"""The shapes of answers, as `/openapi.json` shows them.

Handlers send what PostgreSQL gives without passing it through these; the tests hold the two
together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ..common.severity import Severity


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
