"""The simulated API as an ASGI application."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from . import api, api_errors
from .account import SimulatedAccount
from .broken import Receive, Send, planned, reset, truncate
from .call import Call, error_response
from .control import Seen, control_response
from .faults import Fault
from .limits import GENEROUS, RateLimits, TokenLimits
from .registry import KINDS, ROUTES, Route, SimulatedKind
from .view import VARIANTS, Token, View

Scope = MutableMapping[str, Any]

_PAGING = frozenset({"page", "per_page"})
_LOG_LENGTH = 100_000


class Api:
    """The ASGI application.

    Args:
        account: whose API this is.
        limits: rate limits of every token.
        latency_ms: how long each answer is held back, for benchmarks.
        control: whether `/_simulator/` answers (to loopback clients only).
        public_url: scheme and host in links; None: those of the request.
        clock: run before each request, e.g. to move the account's clock.
    """

    def __init__(
        self,
        account: SimulatedAccount,
        *,
        limits: RateLimits = GENEROUS,
        latency_ms: float = 0.0,
        control: bool = False,
        public_url: str | None = None,
        clock: Callable[[], None] | None = None,
    ) -> None:
        self.account = account
        self.latency_ms = latency_ms
        self._limits = limits
        self._control = control
        self._public_url = public_url.rstrip("/") if public_url else None
        self._clock = clock
        self._log: deque[Seen] = deque(maxlen=_LOG_LENGTH)
        self._windows: dict[str, TokenLimits] = {}
        self._asked: dict[str, int] = {}
        self._shifts: dict[Any, int] = {}
        self._served = 0
        self._lists = {kind.path: kind for kind in KINDS.values() if kind.parent is None}
        self._children = [
            (compile_path(kind.path)[0], kind) for kind in KINDS.values() if kind.parent is not None
        ]
        self._routes = [(r.method, compile_path(r.path)[0], r) for r in ROUTES]
        self._singles: list[tuple[re.Pattern[str], SimulatedKind]] = [
            (re.compile(f"{re.escape(kind.path)}/(?P<id>[^/]+)"), kind)
            for kind in KINDS.values()
            if kind.singular is not None and kind.parent is None
        ]

    @property
    def requests(self) -> list[Seen]:
        """The requests so far (the latest 100,000), those to `/_simulator/` left out."""
        return list(self._log)

    def forget_requests(self) -> None:
        """Empty the log."""
        self._log.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError("the simulator speaks HTTP only")
        request = Request(scope, receive)
        body = await request.body()
        if self._clock is not None:
            self._clock()
        if request.url.path.startswith("/_simulator/"):
            answer = (
                control_response(self.account, self._log, request, body)
                if self._control
                else error_response(api_errors.not_found_error())
            )
            await answer(scope, receive, send)
            return
        params = dict(request.query_params)
        query = str(scope.get("query_string", b""), "latin-1")
        path = scope["path"]
        fault = self.account.faults.take(path, params, query)
        if fault is not None:
            if fault.call is not None:
                await asyncio.to_thread(fault.call)
            if fault.seconds > 0:
                await asyncio.sleep(fault.seconds)
        if self.latency_ms > 0:
            await asyncio.sleep(self.latency_ms / 1000)
        token = self._token(request)
        broken = fault is not None and fault.kind == "reset"
        response = planned(fault)
        if response is None and not broken:
            with self.account.lock:
                response = self._answer(request, token, params, body, fault)
        name = token.name if token is not None else ""
        status = response.status_code if response is not None else 0
        self._log.append(Seen(request.method, path, query, status, name))
        if response is None:
            await reset(receive, send)
            return
        self._served += 1
        response.headers["x-request-id"] = str(
            uuid.uuid5(uuid.NAMESPACE_OID, f"{self.account.seed}:{self._served}")
        )
        if fault is not None and fault.kind == "truncate":
            await truncate(response, receive, send)
        else:
            await response(scope, receive, send)

    def _token(self, request: Request) -> Token | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.account.tokens.get(value.strip())

    def _answer(
        self,
        request: Request,
        token: Token | None,
        params: dict[str, str],
        body: bytes,
        fault: Fault | None,
    ) -> Response:
        headers: dict[str, str] = {}
        try:
            if token is None:
                raise api_errors.unauthorized()
            target, path_params = self._find(request.method, request.scope["path"])
            allowed, headers = self._window(token, target)
            if not allowed:
                raise api_errors.ApiError(429, "too_many_requests", "API rate limit exceeded.")
            if target is None:
                raise api_errors.not_found_error()
            if not token.can(target.scope):
                raise api_errors.forbidden()
            call = self._call(request, token, params, path_params, body, fault)
            self._check_params(call, target)
            if isinstance(target, Route):
                response = target.handle(call)
            elif "id" in path_params:
                response = api.one_of_kind(call, target, path_params["id"])
            else:
                response = api.answer_with_list(call, target)
        except api_errors.ApiError as error:
            response = error_response(error)
        response.headers.update(headers)
        return response

    def _find(self, method: str, path: str) -> tuple[SimulatedKind | Route | None, dict[str, str]]:
        if method == "GET" and path in self._lists:
            return self._lists[path], {}
        for route_method, pattern, route in self._routes:
            if route_method == method and (match := pattern.match(path)):
                return route, match.groupdict()
        if method == "GET":
            for pattern, kind in (*self._children, *self._singles):
                if match := pattern.fullmatch(path):
                    return kind, match.groupdict()
        return None, {}

    def _window(
        self, token: Token, target: SimulatedKind | Route | None
    ) -> tuple[bool, dict[str, str]]:
        real = self._limits.clock == "real"
        now = time.time() if real else self.account.now.timestamp()
        if token.value not in self._windows:
            self._windows[token.value] = TokenLimits(self._limits)
        tight = None
        if isinstance(target, SimulatedKind) and target.tight_limit is not None:
            tight = (target.name, target.tight_limit)
        return self._windows[token.value].take(now, tight)

    def _call(
        self,
        request: Request,
        token: Token,
        params: dict[str, str],
        path_params: dict[str, str],
        body: bytes,
        fault: Fault | None,
    ) -> Call:
        path = request.scope["path"]
        asked = self._asked[path] = self._asked.get(path, -1) + 1
        base_url = self._public_url or f"{request.url.scheme}://{request.url.netloc}"
        view = View(self.account, self.account.now, token.scopes, asked % VARIANTS, base_url)
        return Call(
            self.account, view, token, request.method, path, params, path_params, body, fault,
            self._shifts,
        )  # fmt: skip

    def _check_params(self, call: Call, target: SimulatedKind | Route) -> None:
        """Unknown parameters are ignored, as in reality, and recorded."""
        known = target.params
        if isinstance(target, SimulatedKind):
            if "id" in call.path_params:
                known = frozenset()
            elif target.paged:
                known |= _PAGING
        for name in sorted(set(call.params) - known):
            call.violation(f"unknown query parameter {name!r}")
