"""The process that serves the API: `arcadia api`."""

from __future__ import annotations

import logging
import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import uvicorn

from ..common.ending import end_normally_when_asked
from ..common.listening import why_not
from ..settings import Settings
from ..warehouse.engine import dagster_url, open_warehouse
from .app import create_app
from .auth import check_secrets
from .config import ApiConfig
from .limits import CONNECTIONS, PunctualProtocol

GRACE = 6
"""Seconds that requests under way have to finish; less than the supervisor waits."""
_IDLE = 30  # seconds that a connection may be silent
_SWITCH = 0.0005  # seconds; Python's own 0.005 is what most of a page's time would be

_log = logging.getLogger(__name__)


class ApiStartError(Exception):
    """The API cannot be served; the text says why."""


class JsonLines(logging.Formatter):
    """Each record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, with what `extra={"fields": …}` adds."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode()


def run_api(settings: Settings, host: str | None = None, port: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are finished.

    Args:
        settings: the database, the secrets.
        host: address to listen on; that of the settings when None.
        port: likewise.

    Raises:
        ApiStartError: the address cannot be listened on.
        SettingsError: a secret is too short.
        WarehouseError: the embedded database does not answer. One given by URL may come later:
            until then `/api/ready` says so.
        EmbeddedPostgresError: the embedded server does not start.
    """
    log_as_json()
    for problem in settings.unreadable_api_secrets():
        _log.error(problem)
    settings = settings.without_unreadable()
    check_secrets(settings.jwt_secrets)
    end_normally_when_asked()
    warehouse = open_warehouse(settings)
    config = ApiConfig.from_settings(settings)
    if settings.metrics_token is not None:
        config = replace(config, dagster_url=dagster_url(settings))
    app = create_app(warehouse, config)
    if warehouse.embedded:
        warehouse.check_migrated()
    if not settings.jwt_secrets:
        _log.warning(
            "ARCADIA_JWT_SECRET is not set: every authenticated call gets 401. Set it to the "
            "secret that the token issuer signs with (64 bytes or more)."
        )
    # A thread that has its rows waits this long for the interpreter while others compute.
    sys.setswitchinterval(_SWITCH)
    listener = _listen(host or settings.api_host, port or settings.api_port)
    served = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=GRACE,
        backlog=512,
        http=PunctualProtocol,
        limit_concurrency=CONNECTIONS,
    )
    name, number = listener.getsockname()[:2]
    _log.info("the API listens on http://%s:%d", name, number)
    with listener:
        uvicorn.Server(served).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that is bound already, so that a port that is taken is one clear sentence."""
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address[:2], family=family, backlog=512)
    except OSError as error:
        raise ApiStartError(
            f"The HTTP API cannot listen on port {port} of {host}, because "
            f"{why_not(host, port, error)}: stop what uses it, or set ARCADIA_API_HOST or "
            "ARCADIA_API_PORT to another."
        ) from None


def log_as_json() -> None:
    """Send every record of this process to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # Alembic tells of every look at the schema.
    logging.getLogger("alembic").setLevel(logging.WARNING)
