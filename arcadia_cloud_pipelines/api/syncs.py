"""`/api/v1/sync`: how current and how complete each kind is. For platform_admin alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ..operations.status import newest_syncs
from .access import Admin, database
from .database import Database
from .documents import problems
from .listings import json_answer
from .models import ListOf, Sync
from .parameters import Query as NoQuery

router = APIRouter(prefix="/api/v1", tags=["sync"])


@router.get(
    "/sync",
    summary="The newest sync of each kind",
    response_model=ListOf[Sync],
    responses=problems(401, 403, 422),
)
async def list_syncs(
    request: Request,
    caller: Admin,  # noqa: ARG001
    opened: Annotated[Database, Depends(database)],
    query: Annotated[NoQuery, Query()],  # noqa: ARG001
) -> Response:
    """All kinds, by name, on one page."""
    syncs = await opened.run(lambda: newest_syncs(opened.warehouse))
    return json_answer(request, {"data": [asdict(sync) for sync in syncs], "next_cursor": None})
