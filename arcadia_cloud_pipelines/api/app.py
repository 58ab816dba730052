"""The application: what is asked for where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from ..common.times import Clock, utc_now
from ..warehouse.engine import Warehouse
from . import billing, drift, front_page, health, inventory, metrics, problems, statements, syncs
from .auth import Verifier
from .config import ApiConfig
from .database import Database
from .documents import document
from .gate import Gate
from .limits import Shares

_DESCRIPTION = """What DigitalOcean resources there are, what they cost and where they drifted.

Every route under `/api/v1` needs `Authorization: Bearer TOKEN`: HS512, issued by Guardian, only
verified here. `platform_admin` sees everything, a tenant the resources of its own projects. Money
is text, times are RFC 3339 in UTC, errors are `application/problem+json`.
"""


def create_app(warehouse: Warehouse, config: ApiConfig, clock: Clock = utc_now) -> FastAPI:
    """The ASGI application.

    Args:
        warehouse: says where the database is; the application's connections are its own.
        config: secrets and limits.
        clock: for tokens, decisions and what is looked at again after a while.

    Raises:
        SettingsError: a secret is too short.
    """
    verifier = Verifier(config.jwt_secrets, config.jwt_issuer, clock, config.jwt_audience)
    opened = Database(warehouse, config, clock)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        opened.close()

    # The plain one has its documentation page load scripts from another host.
    app = FastAPIOffline(
        title="arcadia-cloud",
        version=health.VERSION,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.verifier = verifier
    app.state.database = opened
    app.state.config = config
    app.state.shares = Shares(config.share)
    app.state.clock = clock
    problems.install_problem_handlers(app)
    app.add_middleware(Gate, config=config)
    for module in (front_page, health, metrics, inventory, billing, drift, statements, syncs):
        app.include_router(module.router)
    app.openapi = partial(document, app)  # type: ignore[method-assign]
    return app
