"""`/api/v1/inventory`: resources as they are and as they were, and what happened to them."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from sqlalchemy.dialects.postgresql import ARRAY
from starlette.responses import Response

from ..inventory.tables import cloud_projects, cloud_resource_events, cloud_resources
from .access import AnyCaller, database
from .auth import Caller
from .database import Database
from .documents import problems, with_csv
from .kind_filter import check_kind_parameter
from .listings import ListRoute, answer_list, json_answer, raw_json, row_object
from .models import Event, ListOf, One, Resource, ResourceWithEvents
from .parameters import Flag, Id, Instant, KindName, PageQuery, RouteQuery, Text
from .problems import not_found
from .scope import of_accounts

router = APIRouter(prefix="/api/v1", tags=["inventory"])

EVENTS_SHOWN = 100
_COLUMNS = (
    "id", "provider", "account", "kind", "provider_id", "name", "region", "status", "size_slug",
    "tags", "project_id", "attrs", "created_at", "first_seen_at", "deleted_at",
)  # fmt: skip


class ResourceQuery(PageQuery):
    """Which resources."""

    account: Text | None = Field(default=None, description="The team, by its account.")
    kind: KindName | None = None
    region: Text | None = None
    status: Text | None = None
    tag: list[Text] = Field(default=[], max_length=20, description="Repeated: all of them.")
    project: Text | None = Field(
        default=None, description="A project's uuid at DigitalOcean, or name."
    )
    name_prefix: Text | None = Field(default=None, description="Begin of the name, in any case.")
    changed_since: Instant | None = Field(default=None, description="With an event at or after it.")
    include_deleted: Flag = False
    as_of: Instant | None = Field(default=None, description="The account as it was stored then.")


# Made once: a table's alias costs more to make than its rows to read.
_RESOURCE = cloud_resources.alias("r")
_PROJECT = cloud_projects.alias("p")


def _select(
    source: Any, first_seen: sa.ColumnElement[Any], last_seen: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """Select all columns of a resource, from the table or from what it was."""
    columns: list[sa.ColumnElement[Any]] = []
    for name in _COLUMNS:
        if name == "attrs":
            columns += [_PROJECT.c.name.label("project"), raw_json(source.c.attrs)]
        elif name == "first_seen_at":
            columns.append(first_seen.label(name))
        elif name == "deleted_at":
            columns += [last_seen.label("last_seen_at"), source.c.deleted_at]
        else:
            columns.append(source.c[name])
    return sa.select(*columns).select_from(
        sa.outerjoin(source, _PROJECT, _PROJECT.c.id == source.c.project_id)
    )


_AS_THEY_ARE = _select(_RESOURCE, _RESOURCE.c.first_seen_at, _RESOURCE.c.last_seen_at)
# Since when it is there, a tenant learns from when it was there for the tenant.
_FOR_A_TENANT = _select(
    _RESOURCE,
    sa.func.cloud_tenant_first_seen(_RESOURCE.c.id, _RESOURCE.c.first_seen_at),
    _RESOURCE.c.last_seen_at,
)


def _resources(query: ResourceQuery, caller: Caller) -> sa.Select[Any]:
    """Select the resources wanted, as they are or as they were."""
    r: Any = _RESOURCE.c
    wanted = _AS_THEY_ARE if caller.tenant is None else _FOR_A_TENANT
    if query.as_of is not None:
        then = sa.func.resources_as_of(query.as_of).table_valued(
            *(sa.column(name, cloud_resources.c[name].type) for name in _COLUMNS), name="r"
        )
        r, wanted = then.c, _select(then, then.c.first_seen_at, sa.null())
    wanted = wanted.where(*of_accounts(r.account, caller, query.account))
    for name in ("kind", "region", "status"):
        if (value := getattr(query, name)) is not None:
            wanted = wanted.where(r[name] == value)
    if query.tag:
        wanted = wanted.where(r.tags.contains(sa.cast(query.tag, ARRAY(sa.Text))))
    if query.project is not None:
        wanted = wanted.where(
            r.project_id.in_(
                sa.select(cloud_projects.c.id).where(
                    sa.or_(
                        cloud_projects.c.provider_id == query.project,
                        cloud_projects.c.name == query.project,
                    )
                )
            )
        )
    if query.name_prefix is not None:
        wanted = wanted.where(
            sa.func.starts_with(sa.func.lower(r.name), sa.func.lower(query.name_prefix))
        )
    if query.changed_since is not None:
        wanted = wanted.where(r.id.in_(_changed(query)))
    if not query.include_deleted:
        wanted = wanted.where(r.deleted_at.is_(None))
    return wanted


def _changed(query: ResourceQuery) -> sa.Select[tuple[int]]:
    event = cloud_resource_events.c
    changed = sa.select(event.resource_id).where(
        event.occurred_at >= query.changed_since, event.event != "drift_detected"
    )
    return changed if query.as_of is None else changed.where(event.occurred_at <= query.as_of)


def resource_listing(query: ResourceQuery, caller: Caller) -> ListRoute:
    """Return the list, as the caller may see it."""
    wanted = _resources(query, caller)

    def select(connection: sa.Connection) -> sa.Select[Any]:
        check_kind_parameter(connection, query.kind, cloud_resources.c.kind)
        return wanted

    return ListRoute("inventory", select, (wanted.selected_columns.id,))


@router.get(
    "/inventory",
    summary="Resources, by id",
    response_model=ListOf[Resource],
    responses=with_csv(problems(401, 403, 422)),
)
async def list_resources(
    request: Request,
    caller: AnyCaller,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[ResourceQuery, Query()],
) -> Response:
    """Live resources; those of the tenant's projects for a tenant."""
    return await answer_list(request, opened, caller, resource_listing(query, caller), query)


class EventQuery(PageQuery):
    """Which events."""


def _events(resource_id: int, caller: Caller) -> sa.Select[Any]:
    event = cloud_resource_events.c
    return sa.select(
        event.id, event.resource_id, event.event, event.occurred_at, raw_json(event.changes),
        event.run_id,
    ).where(event.resource_id == resource_id, *of_accounts(event.account, caller))  # fmt: skip


def _exists(connection: sa.Connection, resource_id: int, caller: Caller) -> None:
    """Make sure that the caller can see it.

    Raises:
        Problem: 404.
    """
    found = sa.select(cloud_resources.c.id).where(
        cloud_resources.c.id == resource_id, *of_accounts(cloud_resources.c.account, caller)
    )
    if connection.execute(found).first() is None:
        raise not_found()


@router.get(
    "/inventory/{resource_id}",
    summary="One resource with its newest events",
    response_model=One[ResourceWithEvents],
    responses=problems(401, 403, 404, 422),
)
async def show_resource(
    request: Request,
    caller: AnyCaller,
    opened: Annotated[Database, Depends(database)],
    resource_id: Annotated[Id, Path()],
    query: Annotated[RouteQuery, Query()],  # noqa: ARG001
) -> Response:
    """The resource, deleted or not."""

    def read(connection: sa.Connection) -> dict[str, Any]:
        everything = ResourceQuery.model_construct(include_deleted=True, tag=[])
        wanted = _resources(everything, caller)
        wanted = wanted.where(wanted.selected_columns.id == resource_id)
        row = connection.execute(wanted).mappings().one_or_none()
        if row is None:
            raise not_found()
        newest = _events(resource_id, caller).order_by(
            cloud_resource_events.c.occurred_at.desc(), cloud_resource_events.c.id.desc()
        )
        events = connection.execute(newest.limit(EVENTS_SHOWN)).mappings()
        return {**row_object(row), "events": [row_object(event) for event in events]}

    return json_answer(request, {"data": await opened.read(caller, read)})


@router.get(
    "/inventory/{resource_id}/events",
    summary="All events of one resource, oldest first",
    response_model=ListOf[Event],
    responses=with_csv(problems(401, 403, 404, 422)),
)
async def list_events(
    request: Request,
    caller: AnyCaller,
    opened: Annotated[Database, Depends(database)],
    resource_id: Annotated[Id, Path()],
    query: Annotated[EventQuery, Query()],
) -> Response:
    """List what happened to it, in the order in which it was recorded."""
    wanted = _events(resource_id, caller)

    def select(connection: sa.Connection) -> sa.Select[Any]:
        _exists(connection, resource_id, caller)
        return wanted

    listing = ListRoute(f"events-{resource_id}", select, (cloud_resource_events.c.id,))
    return await answer_list(request, opened, caller, listing, query)
