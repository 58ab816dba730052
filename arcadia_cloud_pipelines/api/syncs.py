"""`/api/v1/sync`: how current and how complete each kind is. For platform_admin alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ..inventory.status import newest_syncs
from .access import Admin, database
from .answers import json_answer
from .database import Database
from .documents import problems
from .models import ListOf, Sync
from .parameters import AccountQuery

router = APIRouter(prefix="/api/v1", tags=["sync"])


@router.get(
    "/sync",
    summary="The newest sync of each kind",
    response_model=ListOf[Sync],
    responses=problems(401, 403, 422),
)
async def list_syncs(
    request: Request,
    caller: Admin,
    opened: Annotated[Database, Depends(database)],
    query: Annotated[AccountQuery, Query()],
) -> Response:
    """All kinds, by name, on one page; of each account where several are mirrored."""
    syncs = [
        sync
        for sync in await opened.run(lambda: newest_syncs(opened.warehouse))
        if query.account in (None, sync.account)
        and (caller.accounts is None or sync.account in caller.accounts)
    ]
    return json_answer(request, {"data": [asdict(sync) for sync in syncs], "next_cursor": None})
