"""`/metrics`: how the deployment is, for Prometheus."""

from __future__ import annotations

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from ..metrics.collect import ORCHESTRATION, WAREHOUSE, exposition
from .access import Scraper, database
from .config import ApiConfig
from .database import Database

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter()


# No part of the API that `/docs` describes: its form is Prometheus' own.
@router.get("/metrics", include_in_schema=False)
async def metrics(
    request: Request,
    caller: Scraper,  # noqa: ARG001
    opened: Annotated[Database, Depends(database)],
) -> Response:
    """Age and completeness by source, runs, limits, drift, alarms, sizes; asked at each scrape."""
    config: ApiConfig = request.app.state.config

    def scrape() -> bytes:
        databases = [("warehouse", WAREHOUSE, opened.warehouse.transaction())]
        if config.dagster_url is None:
            return exposition(databases)
        engine = sa.create_engine(
            config.dagster_url,
            poolclass=sa.NullPool,
            connect_args={
                "connect_timeout": 3,
                "options": f"-c statement_timeout={round(config.statement_seconds * 1000)}",
            },
        )
        return exposition([*databases, ("dagster", ORCHESTRATION, engine.begin())])

    return Response(await opened.run(scrape), media_type=MEDIA_TYPE)
