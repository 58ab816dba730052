"""The gate that every request passes: its id, its size, its line in the log, its headers."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException

from .caller import Caller
from .config import ApiConfig
from .problems import Problem, answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ACCESS_LOG = "arcadia_cloud_pipelines.api.access"
_access = logging.getLogger(ACCESS_LOG)
_log = logging.getLogger(__name__)
# Nothing as long as a token of ours fits.
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Swagger's page, and no other, loads scripts: ours, and the one in its HTML that starts them.
_DOCS_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
_POLICIES = {
    "/": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "/docs": _DOCS_POLICY,
}


class Gate:
    """Wraps the application."""

    def __init__(self, app: Application, config: ApiConfig) -> None:
        self._app = app
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        begun = time.perf_counter()
        status = sent = received = 0
        whole = False

        async def counted() -> Message:
            nonlocal received, whole
            if whole:  # What comes now is that the client has gone.
                return await receive()
            message = await self._in_time(receive, begun)
            whole = not message.get("more_body", False)
            received += len(message.get("body", b""))
            if received > self._config.body_bytes:
                # Of this kind, FastAPI lets it pass while it reads a body.
                raise HTTPException(413, _too_large(self._config).detail)
            return message

        async def marked(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                _mark(message, request_id, scope["path"])
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            problem = self._refusal(scope)
            if problem is None:
                await self._app(scope, counted, marked)
            else:
                await answer(problem)(scope, receive, marked)
        except Exception:
            _log.exception("request %s failed", request_id)
            if status:  # Half an answer must not look like a whole one.
                raise
            problem = Problem(
                500,
                f"The server failed: tell its operator the request id {request_id}, which is in "
                "the log.",
            )
            await answer(problem)(scope, receive, marked)
        finally:
            if (give_back := (scope.get("state") or {}).get("share")) is not None:
                give_back()
            _access.info("request", extra={"fields": _line(scope, request_id, status, sent, begun)})

    async def _in_time(self, receive: Receive, begun: float) -> Message:
        """Return the next part of a body that began to come at `begun`.

        Raises:
            HTTPException: 408 when it does not come in time.
        """
        try:
            async with asyncio.timeout(self._config.body_seconds + begun - time.perf_counter()):
                return await receive()
        except TimeoutError:
            raise HTTPException(
                408, "The body did not come in time.", headers={"Connection": "close"}
            ) from None

    def _refusal(self, scope: Scope) -> Problem | None:
        if (
            len(scope.get("raw_path") or b"") + len(scope["query_string"])
            > self._config.target_bytes
        ):
            return Problem(414, f"The address must have at most {self._config.target_bytes} bytes.")
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdecimal() or len(length) > 12 or int(length) > self._config.body_bytes:
            return _too_large(self._config)
        return None


def _too_large(config: ApiConfig) -> Problem:
    return Problem(413, f"The body must have at most {config.body_bytes} bytes.")


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _mark(message: Message, request_id: str, path: str) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-ID"] = request_id
    for name, value in _SECURITY.items():
        headers[name] = value
    headers["Content-Security-Policy"] = _POLICIES.get(path, _POLICY)
    if "cache-control" not in headers:
        headers["Cache-Control"] = "no-store"


def _line(scope: Scope, request_id: str, status: int, sent: int, begun: float) -> dict[str, object]:
    """The request's line. The route's pattern and no address: people paste tokens anywhere."""
    state = scope.get("state") or {}
    caller = state.get("caller")
    client = scope.get("client")
    line: dict[str, object] = {
        "request_id": request_id,
        "method": scope["method"] if len(scope["method"]) < 16 else "?",
        "route": getattr(scope.get("route"), "path", None),
        "status": status,
        "ms": round((time.perf_counter() - begun) * 1000, 2),
        "bytes": sent,
        "client": client[0] if client else None,
    }
    if isinstance(caller, Caller):
        line |= {"subject": caller.subject, "tenant": caller.tenant, "admin": caller.is_admin}
    if "refused" in state:
        line["refused"] = state["refused"]
    return line
