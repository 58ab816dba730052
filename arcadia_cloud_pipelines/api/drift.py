"""`/api/v1/drift`: the inbox of differences, and accepting them. For platform_admin alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from ..common.severity import Severity
from ..common.times import Clock
from ..drift.accept import SHOWN, AcceptError, AlreadyResolved, Moved, UnknownDrift, accept
from ..drift.tables import cloud_drift
from ..inventory.tables import cloud_resources
from .access import Admin, Decider, database
from .answers import json_answer
from .caller import Caller
from .database import Database
from .documents import problems, with_csv
from .encoding import raw_json
from .kind_filter import check_kind_parameter
from .listings import ListRoute, answer_list
from .models import AcceptedDrift, Drift, ListOf, One, Shape
from .parameters import Id, JsonValue, KindName, PageQuery, RouteQuery, Text
from .problems import BadParameter, Problem, not_found
from .scope import of_accounts

router = APIRouter(prefix="/api/v1/drift", tags=["drift"])


class DriftQuery(PageQuery):
    """Which records."""

    status: Literal["open", "accepted", "reverted", "stale"] = "open"
    account: Text | None = Field(default=None, description="The team, by its account.")
    kind: KindName | None = Field(default=None, description="The resource's kind.")
    field: Text | None = None
    severity: Severity | None = None
    resource_id: Id | None = None


@router.get(
    "",
    summary="Drift records, by id",
    response_model=ListOf[Drift],
    responses=with_csv(problems(401, 403, 422)),
)
async def list_drift(
    request: Request,
    caller: Admin,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[DriftQuery, Query()],
) -> Response:
    """The open inbox, unless another status is asked for."""
    d, r = cloud_drift.c, cloud_resources.c
    wanted = (
        sa.select(
            d.id, d.resource_id, r.kind, r.provider_id, r.name, d.field, raw_json(d.desired),
            raw_json(d.actual), d.severity, d.status, d.detected_at, d.changed_at, d.resolved_at,
            d.resolved_by, d.resolution,
        )
        .select_from(sa.join(cloud_drift, cloud_resources, d.resource_id == r.id))
        .where(d.status == query.status, *of_accounts(d.account, caller, query.account))
    )  # fmt: skip
    if query.kind is not None:
        wanted = wanted.where(r.kind == query.kind)
    if query.field is not None:
        wanted = wanted.where(d.field == query.field)
    if query.severity is not None:
        wanted = wanted.where(d.severity == query.severity)
    if query.resource_id is not None:
        wanted = wanted.where(d.resource_id == query.resource_id)

    def select(connection: sa.Connection) -> sa.Select[Any]:
        check_kind_parameter(connection, query.kind, r.kind)
        return wanted

    listing = ListRoute("drift", select, (d.id,))
    return await answer_list(request, opened, caller, listing, query)


class Decision(Shape):
    """Why, and what was seen."""

    reason: Annotated[Text, Field(max_length=2000)] | None = None
    actual: JsonValue = Field(
        default=None,
        description="The live value that was seen: 409 when it has moved on. Left out: the "
        "record's own.",
    )


async def _require_own(request: Request, opened: Database, drift_id: int) -> None:
    """Make sure that the record is of an account that the caller's token is about.

    Raises:
        Problem: 404.
    """
    caller: Caller = request.state.caller
    if caller.accounts is None:
        return
    d = cloud_drift.c
    own = sa.select(d.id).where(d.id == drift_id, *of_accounts(d.account, caller))
    if await opened.read(caller, lambda connection: connection.execute(own).first()) is None:
        raise not_found()


@router.post(
    "/{drift_id}/accept",
    summary="Make the live value the desired one",
    response_model=One[AcceptedDrift],
    responses=problems(401, 403, 404, 409, 413, 422),
)
async def accept_drift(
    request: Request,
    actor: Decider,
    opened: Annotated[Database, Depends(database)],
    drift_id: Annotated[Id, Path()],
    query: Annotated[RouteQuery, Query()],  # noqa: ARG001
    decision: Decision | None = None,
) -> Response:
    """Adopt the live value; the actor is the token's subject."""
    decided = decision or Decision()
    seen: Any = decided.actual if "actual" in decided.model_fields_set else SHOWN
    clock: Clock = request.app.state.clock
    await _require_own(request, opened, drift_id)
    try:
        accepted = await opened.run(
            lambda: accept(
                opened.warehouse,
                drift_id,
                actor=actor,
                reason=decided.reason,
                expected_actual=seen,
                now=clock,
            )
        )
    except UnknownDrift:
        raise not_found() from None
    except (AlreadyResolved, Moved) as error:
        raise Problem(409, str(error)) from None
    except AcceptError as error:
        raise BadParameter("reason", str(error), "body") from None
    return json_answer(request, {"data": asdict(accepted)})
