"""`/api/health` and `/api/ready`: that it lives, and that it can answer. Public."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from .access import database
from .answers import JSON
from .database import Database
from .encoding import dump
from .models import Health
from .probe import State

SERVICE = "arcadia-cloud"
VERSION = version("arcadia-cloud-pipelines")

router = APIRouter(prefix="/api", tags=["health"])


def _health(state: State) -> dict[str, Any]:
    return {
        "service": SERVICE,
        "status": "ok",
        "version": VERSION,
        "ready": state.ready,
        "database": state.database,
        "schema": state.schema,
        "schema_wanted": state.wanted,
        "tenants": state.tenants,
    }


@router.get("/health", summary="Whether the service lives", response_model=Health)
async def health(opened: Annotated[Database, Depends(database)]) -> Response:
    """Always 200 while the process answers: do not restart it because the database is away."""
    return Response(dump(_health(await opened.state())), media_type=JSON)


@router.get(
    "/ready",
    summary="Whether it can answer requests",
    response_model=Health,
    responses={503: {"model": Health, "description": "The database is away or not migrated."}},
)
async def ready(opened: Annotated[Database, Depends(database)]) -> Response:
    """200 when the database answers and is migrated, else 503."""
    state = await opened.state()
    return Response(dump(_health(state)), 200 if state.ready else 503, media_type=JSON)
