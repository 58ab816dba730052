"""`/api/v1/billing`: the balance, invoices and their lines. For platform_admin alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from ..billing.tables import cloud_balance_snapshots, cloud_cost_lines, cloud_invoices
from .access import Admin, database
from .answers import json_answer
from .billing_models import Balance, CostLines, Invoice
from .caller import Caller
from .database import Database
from .documents import problems, with_csv
from .kind_filter import check_kind_parameter
from .listings import ListRoute, answer_list, row_object
from .models import ListOf, One
from .parameters import AccountQuery, Day, Flag, Id, KindName, PageQuery, Text
from .problems import Problem
from .scope import of_accounts

router = APIRouter(prefix="/api/v1/billing", tags=["billing"])


def _columns(table: sa.Table, shape: type[Balance | Invoice]) -> list[sa.Column[Any]]:
    return [table.c[name] for name in shape.model_fields]


@router.get(
    "/balance",
    summary="The newest balance",
    response_model=One[Balance],
    responses=problems(401, 403, 404, 422),
)
async def show_balance(
    request: Request,
    caller: Admin,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[AccountQuery, Query()],
) -> Response:
    """The latest snapshot; where several teams are mirrored, say whose."""
    table = cloud_balance_snapshots
    newest = (
        sa.select(*_columns(table, Balance))
        .where(*of_accounts(table.c.account, caller, query.account))
        .order_by(table.c.captured_at.desc(), table.c.id.desc())
        .limit(1)
    )

    def read(connection: sa.Connection) -> dict[str, Any]:
        row = connection.execute(newest).mappings().one_or_none()
        if row is None:
            raise Problem(
                404, "No balance was read so far: wait for the next run of balance_snapshot."
            )
        return row_object(row)

    return json_answer(request, {"data": await opened.read(caller, read)})


class InvoiceQuery(PageQuery):
    """Which invoices."""

    account: Text | None = Field(default=None, description="The team, by its account.")
    period: Day | None = Field(default=None, description="First day of the month billed.")
    ingest_status: Literal["pending", "ingested", "failed"] | None = None


@router.get(
    "/invoices",
    summary="Invoices, by id",
    response_model=ListOf[Invoice],
    responses=with_csv(problems(401, 403, 422)),
)
async def list_invoices(
    request: Request,
    caller: Admin,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[InvoiceQuery, Query()],
) -> Response:
    """Headers, and whether their lines are in."""
    invoice = cloud_invoices.c
    wanted = sa.select(*_columns(cloud_invoices, Invoice)).where(
        *of_accounts(invoice.account, caller, query.account)
    )
    if query.period is not None:
        wanted = wanted.where(invoice.period == query.period)
    if query.ingest_status is not None:
        wanted = wanted.where(invoice.ingest_status == query.ingest_status)
    listing = ListRoute("invoices", lambda _: wanted, (invoice.id,))
    return await answer_list(request, opened, caller, listing, query)


class CostLineQuery(PageQuery):
    """Which lines."""

    account: Text | None = Field(default=None, description="The team, by its account.")
    period: Day | None = Field(default=None, description="First day of the month billed.")
    kind: KindName | None = None
    project: Text | None = Field(default=None, description="The project's name on the invoice.")
    matched: Flag | None = Field(default=None, description="Whether the resource was found.")
    resource_id: Id | None = None
    totals: Flag = Field(
        default=False, description="Add `totals` over all lines that the filters leave."
    )


def _conditions(query: CostLineQuery, caller: Caller) -> list[sa.ColumnElement[bool]]:
    line = cloud_cost_lines.c
    conditions = of_accounts(line.account, caller, query.account)
    if query.period is not None:
        conditions.append(line.period == query.period)
    if query.kind is not None:
        conditions.append(line.kind == query.kind)
    if query.project is not None:
        conditions.append(line.project_name == query.project)
    if query.matched is not None:
        conditions.append(line.resource_id.is_not(None) == sa.literal(query.matched))
    if query.resource_id is not None:
        conditions.append(line.resource_id == query.resource_id)
    return conditions


_LINE = (
    "id", "account", "invoice_id", "line_number", "period", "product", "kind", "group_description",
    "description", "resource_name", "region", "hours", "started_at", "ended_at", "amount",
    "project_name", "category", "resource_id", "match_method", "unmatched_reason",
)  # fmt: skip
_LINES = sa.select(*(cloud_cost_lines.c[name] for name in _LINE))


def cost_line_listing(query: CostLineQuery, caller: Caller) -> ListRoute:
    """Return the list of the lines wanted."""
    line = cloud_cost_lines.c

    def select(connection: sa.Connection) -> sa.Select[Any]:
        check_kind_parameter(connection, query.kind, line.kind)
        if query.period is None:
            return _LINES.where(*_conditions(query, caller))
        others = _conditions(query.model_copy(update={"period": None}), caller)
        wanted = _LINES.where(*others, line.period.is_not_distinct_from(query.period))
        # The invoices first, and the period as no index has it: so the lines come in order out of
        # the index by invoice, and are not collected and sorted for every page.
        invoices = connection.execute(
            sa.select(cloud_invoices.c.id).where(
                cloud_invoices.c.period == query.period,
                *of_accounts(cloud_invoices.c.account, caller, query.account),
            )
        ).scalars()
        return wanted.where(line.invoice_id.in_(list(invoices)))

    # An invoice that is ingested anew gets new ids, and keeps its line numbers.
    keys = (line.invoice_id, line.line_number)
    return ListRoute("cost-lines", select, keys, ("invoice_id", "line_number"))


@router.get(
    "/cost-lines",
    summary="Lines of invoices, in the invoices' order",
    response_model=CostLines,
    response_model_exclude_unset=True,
    responses=with_csv(problems(401, 403, 422)),
)
async def list_cost_lines(
    request: Request,
    caller: Admin,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[CostLineQuery, Query()],
) -> Response:
    """List what was paid for, line by line."""
    listing = cost_line_listing(query, caller)
    return await answer_list(
        request, opened, caller, listing, query, _totals(query, caller) if query.totals else None
    )


def _totals(query: CostLineQuery, caller: Caller) -> Any:
    line = cloud_cost_lines.c
    matched = sa.func.sum(line.amount).filter(line.resource_id.is_not(None))
    unmatched = sa.func.sum(line.amount).filter(line.resource_id.is_(None))
    summed = sa.select(
        sa.func.count().label("lines"),
        sa.func.coalesce(sa.func.sum(line.amount), 0).label("amount"),
        sa.func.coalesce(matched, 0).label("matched"),
        sa.func.coalesce(unmatched, 0).label("unmatched"),
    ).where(*_conditions(query, caller))

    def read(connection: sa.Connection) -> dict[str, Any]:
        return {"totals": row_object(connection.execute(summed).mappings().one())}

    return read
