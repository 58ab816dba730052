"""`/api/v1/billing/statements` and `/costs`: what tenants pay. Each tenant sees its own."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from ..allocation.statement_tables import cloud_statement_lines, cloud_statements
from ..allocation.tables import cloud_tenant_costs
from .access import AnyCaller, database
from .answers import json_answer
from .billing_models import Cost, Statement, StatementLine
from .caller import Caller
from .database import Database
from .documents import problems, with_csv
from .kind_filter import check_kind_parameter
from .listings import ListRoute, answer_list, row_object
from .models import ListOf, One
from .parameters import Day, Flag, Id, KindName, PageQuery, RouteQuery, Text
from .problems import Problem
from .scope import of_accounts

router = APIRouter(prefix="/api/v1/billing", tags=["billing"])


class PayerQuery(PageQuery):
    """Of whom, and of which month."""

    period: Day | None = Field(default=None, description="First day of the month billed.")
    account: Text | None = Field(default=None, description="The team, by its account.")
    tenant_id: Text | None = None
    unallocated: Flag | None = Field(
        default=None, description="Only what nobody pays (true), or what tenants pay (false)."
    )


class CostQuery(PayerQuery):
    """Which costs."""

    project_id: Id | None = None
    kind: KindName | None = None


def _conditions(
    table: sa.FromClause, query: PayerQuery, caller: Caller
) -> list[sa.ColumnElement[bool]]:
    conditions = of_accounts(table.c.account, caller, query.account)
    if query.period is not None:
        conditions.append(table.c.period == query.period)
    if query.tenant_id is not None:
        conditions.append(table.c.tenant_id == query.tenant_id)
    if query.unallocated is not None:
        conditions.append(table.c.tenant_id.is_(None) == sa.literal(query.unallocated))
    return conditions


@router.get(
    "/costs",
    summary="What tenants pay, by month, project, kind and rule",
    response_model=ListOf[Cost],
    responses=with_csv(problems(401, 403, 422)),
)
async def list_costs(
    request: Request,
    caller: AnyCaller,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[CostQuery, Query()],
) -> Response:
    """List the newest allocation; of closed months `/statements` is what counts."""
    cost = cloud_tenant_costs.c
    wanted = sa.select(*(cost[name] for name in Cost.model_fields)).where(
        *_conditions(cloud_tenant_costs, query, caller)
    )
    if query.project_id is not None:
        wanted = wanted.where(cost.project_id == query.project_id)
    if query.kind is not None:
        wanted = wanted.where(cost.kind == query.kind)

    def select(connection: sa.Connection) -> sa.Select[Any]:
        check_kind_parameter(connection, query.kind, cost.kind)
        return wanted

    return await answer_list(request, opened, caller, ListRoute("costs", select, (cost.id,)), query)


@router.get(
    "/statements",
    summary="Statements of closed months, oldest first",
    response_model=ListOf[Statement],
    responses=with_csv(problems(401, 403, 422)),
)
async def list_statements(
    request: Request,
    caller: AnyCaller,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[PayerQuery, Query()],
) -> Response:
    """List what never changes: corrections are on the next statement."""
    wanted = _STATEMENTS.where(*_conditions(cloud_statements, query, caller))
    listing = ListRoute("statements", lambda _: wanted, (cloud_statements.c.id,))
    return await answer_list(request, opened, caller, listing, query)


_STATEMENTS = sa.select(*(cloud_statements.c[name] for name in Statement.model_fields))
_LINES = sa.select(*(cloud_statement_lines.c[name] for name in StatementLine.model_fields))


def _one(statement_id: int, caller: Caller) -> sa.Select[Any]:
    return _STATEMENTS.where(
        cloud_statements.c.id == statement_id, *of_accounts(cloud_statements.c.account, caller)
    )


def _not_found() -> Problem:
    return Problem(
        404, "There is no statement with this number that you may see: take an id from the list."
    )


@router.get(
    "/statements/{statement_id}",
    summary="One statement",
    response_model=One[Statement],
    responses=problems(401, 403, 404, 422),
)
async def show_statement(
    request: Request,
    caller: AnyCaller,
    opened: Annotated[Database, Depends(database)],
    statement_id: Annotated[Id, Path()],
    query: Annotated[RouteQuery, Query()],  # noqa: ARG001
) -> Response:
    """Show what it comes to; its lines are a list of their own."""

    def read(connection: sa.Connection) -> dict[str, Any]:
        row = connection.execute(_one(statement_id, caller)).mappings().one_or_none()
        if row is None:
            raise _not_found()
        return row_object(row)

    return json_answer(request, {"data": await opened.read(caller, read)})


@router.get(
    "/statements/{statement_id}/lines",
    summary="The lines of one statement, in its order",
    response_model=ListOf[StatementLine],
    responses=with_csv(problems(401, 403, 404, 422)),
)
async def list_statement_lines(
    request: Request,
    caller: AnyCaller,
    opened: Annotated[Database, Depends(database)],
    statement_id: Annotated[Id, Path()],
    query: Annotated[PageQuery, Query()],
) -> Response:
    """List what is paid for, corrections last."""
    line = cloud_statement_lines.c
    wanted = _LINES.where(line.statement_id == statement_id)

    def select(connection: sa.Connection) -> sa.Select[Any]:
        if connection.execute(_one(statement_id, caller)).first() is None:
            raise _not_found()
        return wanted

    listing = ListRoute(f"statement-{statement_id}-lines", select, (line.position,), ("position",))
    return await answer_list(request, opened, caller, listing, query)
