"""`/api/v1/inventory`: resources as they are and as they were, and what happened to them."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from ..inventory.tables import cloud_resource_events, cloud_resources
from .access import AnyCaller, database
from .answers import json_answer
from .caller import Caller
from .database import Database
from .documents import problems, with_csv
from .encoding import raw_json
from .kind_filter import check_kind_parameter
from .listings import ListRoute, answer_list, row_object
from .models import Event, ListOf, One, Resource, ResourceWithEvents
from .parameters import Id, PageQuery, RouteQuery
from .problems import not_found
from .resource_query import ResourceQuery, select_resources
from .scope import of_accounts

router = APIRouter(prefix="/api/v1", tags=["inventory"])

EVENTS_SHOWN = 100


def resource_listing(query: ResourceQuery, caller: Caller) -> ListRoute:
    """Return the list, as the caller may see it."""
    wanted = select_resources(query, caller)

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
        wanted = select_resources(everything, caller)
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
