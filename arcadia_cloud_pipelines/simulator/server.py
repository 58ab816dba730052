"""The simulated API over HTTP: the ASGI application, a server in a thread, one in front."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
import socket
import struct
import sys
import threading
import time
import traceback
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from . import api
from .account import VARIANTS, SimulatedAccount, Token, View
from .faults import OTHER_HOST, Fault
from .limits import GENEROUS, RateLimits, TokenLimits
from .registry import KINDS, ROUTES, Kind, Route

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_PAGING = frozenset({"page", "per_page"})
_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>nginx</body></html>\n"
_LOG_LENGTH = 100_000

_log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """One request as the server's log has it."""

    method: str
    path: str
    query: str
    status: int
    """0: the connection was closed without an answer."""
    token: str
    """The token's name; empty when it was not valid."""


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
        self._singles: list[tuple[re.Pattern[str], Kind]] = [
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
            await self._control_response(request, body)(scope, receive, send)
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
        response = (
            _planned(fault)
            if fault is not None and (fault.status or fault.kind in _PLANNED)
            else None
        )
        if response is None and not broken:
            with self.account.lock:
                response = self._answer(request, token, params, body, fault)
        name = token.name if token is not None else ""
        status = response.status_code if response is not None else 0
        self._log.append(Seen(request.method, path, query, status, name))
        if response is None:
            await _reset(receive, send)
            return
        self._served += 1
        response.headers["x-request-id"] = str(
            uuid.uuid5(uuid.NAMESPACE_OID, f"{self.account.seed}:{self._served}")
        )
        if fault is not None and fault.kind == "truncate":
            await _truncate(response, receive, send)
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
                raise api.unauthorized()
            target, path_params = self._find(request.method, request.scope["path"])
            allowed, headers = self._window(token, target)
            if not allowed:
                raise api.ApiError(429, "too_many_requests", "API rate limit exceeded.")
            if target is None:
                raise api.not_found()
            if not token.can(target.scope):
                raise api.forbidden()
            call = self._call(request, token, params, path_params, body, fault)
            self._check_params(call, target)
            if isinstance(target, Route):
                response = target.handle(call)
            elif "id" in path_params:
                response = api.one_of_kind(call, target, path_params["id"])
            else:
                response = api.list_kind(call, target)
        except api.ApiError as error:
            response = api.error_response(error)
        response.headers.update(headers)
        return response

    def _find(self, method: str, path: str) -> tuple[Kind | Route | None, dict[str, str]]:
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

    def _window(self, token: Token, target: Kind | Route | None) -> tuple[bool, dict[str, str]]:
        real = self._limits.clock == "real"
        now = time.time() if real else self.account.now.timestamp()
        if token.value not in self._windows:
            self._windows[token.value] = TokenLimits(self._limits)
        tight = None
        if isinstance(target, Kind) and target.tight_limit is not None:
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
    ) -> api.Call:
        path = request.scope["path"]
        asked = self._asked[path] = self._asked.get(path, -1) + 1
        base_url = self._public_url or f"{request.url.scheme}://{request.url.netloc}"
        view = View(self.account, self.account.now, token.scopes, asked % VARIANTS, base_url)
        return api.Call(
            self.account, view, token, request.method, path, params, path_params, body, fault,
            self._shifts,
        )  # fmt: skip

    def _check_params(self, call: api.Call, target: Kind | Route) -> None:
        """Unknown parameters are ignored, as in reality, and recorded."""
        known = target.params
        if isinstance(target, Kind):
            if "id" in call.path_params:
                known = frozenset()
            elif target.paged:
                known |= _PAGING
        for name in sorted(set(call.params) - known):
            call.violation(f"unknown query parameter {name!r}")

    # ---- control

    def _control_response(self, request: Request, body: bytes) -> Response:
        client = request.client.host if request.client is not None else ""
        try:
            local = ipaddress.ip_address(client).is_loopback
        except ValueError:
            local = False
        if not self._control or not local:
            return api.error_response(api.not_found())
        kind = request.headers.get("content-type", "").partition(";")[0]
        if request.method == "POST" and kind != "application/json":
            # A page in a browser cannot send this type to us without asking first.
            return api.json_response({"error": "content-type must be application/json"}, 415)
        try:
            arguments = orjson.loads(body) if body else {}
            with self.account.lock:
                result = self._control_result(
                    request.method, request.url.path.removeprefix("/_simulator/"), arguments
                )
        except (KeyError, TypeError, ValueError) as error:
            return api.json_response({"error": f"{type(error).__name__}: {error}"}, 400)
        if result is None:
            return api.error_response(api.not_found())
        return api.json_response(result)

    def _control_result(self, method: str, what: str, arguments: dict[str, Any]) -> Any:
        account = self.account
        match method, what:
            case "GET", "state":
                return {**account.summary(), "requests": len(self._log)}
            case "POST", "advance":
                if "to" in arguments:
                    account.advance_to(datetime.fromisoformat(arguments["to"]))
                else:
                    account.advance(**arguments)
                return account.summary()
            case "GET", "faults":
                return {"pending": [_fault_json(f) for f in account.faults.pending]}
            case "POST", "faults":
                return _fault_json(account.faults.add(**arguments))
            case "DELETE", "faults":
                account.faults.clear()
                return {"pending": []}
            case "GET", "requests":
                return {"requests": [seen._asdict() for seen in self._log]}
            case "GET", "violations":
                return {"violations": account.violations}
            case "POST", "tokens":
                return {"token": account.add_token(**arguments)}
            case "POST", "create" | "update":
                made: Any = getattr(account, what)(**arguments)
                return made
            case "POST", "delete" | "hide" | "show":
                getattr(account, what)(arguments["kind"], arguments["id"])
                return account.summary()
            case "POST", "grow":
                account.grow(**arguments)
                return account.summary()
            case "GET", "billing":
                rows = [invoice.header() for invoice in account.billing.invoices()]
                return {"invoices": rows, "balance": account.billing.balance()}
            case "POST", "billing/amend" | "billing/skew" | "billing/big_invoice":
                act = getattr(account.billing, what.removeprefix("billing/"))
                return act(**arguments).header()
            case "POST", "billing/replace_csv":
                account.billing.replace_csv(arguments["uuid"], arguments["text"].encode())
                return account.billing.find(arguments["uuid"]).header()
            case "POST", "assign":
                account.assign(arguments["project"], arguments["urn"])
                return account.summary()
        return None


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {k: v for k, v in vars(fault).items() if k != "call"}


# ---- faults that are whole answers

_PLANNED = frozenset({"html", "empty", "redirect", "not_json"})


def _planned(fault: Fault) -> Response:
    status = fault.status
    if status is None:
        if fault.kind == "redirect":
            return Response(b"", 302, {"location": f"{OTHER_HOST}/v2/account"})
        if fault.kind == "html":
            return Response(_HTML.format("Maintenance"), 200, media_type="text/html")
        content = b"" if fault.kind == "empty" else b'{"droplets": [{"id": 1, NaN'
        return Response(content, 200, media_type="application/json")
    if fault.html:
        response = Response(_HTML.format(f"{status} Error"), status, media_type="text/html")
    else:
        response = api.json_response(api.error_body(status), status)
    if fault.retry_after is not None:
        response.headers["retry-after"] = str(fault.retry_after)
    if status == 429:
        response.headers["ratelimit-remaining"] = "0"
    return response


def _transport(send: Send) -> asyncio.Transport | None:
    # Both of uvicorn's protocols send from an object that knows its connection; ASGI has
    # no word for closing one.
    found: asyncio.Transport | None = getattr(getattr(send, "__self__", None), "transport", None)
    return found


async def _reset(receive: Receive, send: Send) -> None:
    """Close the connection without an answer, with a TCP reset."""
    transport = _transport(send)
    if transport is None:
        raise ConnectionResetError("simulated reset")
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _until_closed(receive)


async def _truncate(response: Response, receive: Receive, send: Send) -> None:
    """Promise the whole body, send half of it, close."""
    start = {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }
    await send(start)
    half = bytes(response.body)[: len(response.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    transport = _transport(send)
    if transport is None:
        raise ConnectionResetError("simulated truncation")
    transport.close()
    await _until_closed(receive)


async def _until_closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


# ---- servers


class _ThreadServer(uvicorn.Server):
    """A uvicorn server that says when it listens and stops when told, neither by polling.

    uvicorn itself takes 0.2 seconds to stop, most of a test's time.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._stopping = asyncio.Event()
        self._event_loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._event_loop = asyncio.get_running_loop()
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=1)
        await asyncio.sleep(0)

    def stop(self) -> None:
        """Stop, from another thread."""
        self.should_exit = True
        if self._event_loop is not None and not self._event_loop.is_closed():
            self._event_loop.call_soon_threadsafe(self._stopping.set)


@dataclass(frozen=True)
class RunningSimulator:
    """A server in a thread."""

    url: str
    """Scheme, host and port: what `DO_API_URL` takes."""
    token: str
    """A token with every scope."""
    account: SimulatedAccount
    app: Api

    @property
    def requests(self) -> list[Seen]:
        """Return what was asked so far."""
        return self.app.requests


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket that asyncio recognises as TCP.

    `socket.create_server` leaves the protocol 0, and then asyncio does not switch Nagle's
    algorithm off: each answer on a kept connection would wait 40 ms for an ACK.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def _config(app: Api, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app, host=host, port=port, lifespan="off", access_log=False, log_level="warning",
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=1, log_config=None,
        # The same loop everywhere, whether or not somebody else brought uvloop along.
        loop="asyncio",
    )  # fmt: skip


@contextmanager
def serve(
    account: SimulatedAccount,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    limits: RateLimits = GENEROUS,
    latency_ms: float = 0.0,
    control: bool = False,
    public_url: str | None = None,
) -> Iterator[RunningSimulator]:
    """Serve an account from a thread of this process.

    Args:
        account: whose API to serve; moving its clock shows at once.
        port: 0 for any free one.
        host: the address to listen on.
        limits: see `Api`.
        latency_ms: see `Api`.
        control: see `Api`.
        public_url: see `Api`.
    """
    app = Api(account, limits=limits, latency_ms=latency_ms, control=control, public_url=public_url)
    sock = _listen(host, port)
    config = _config(app, host, port)
    config.load()  # imports happen here, not in the thread
    server = _ThreadServer(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [sock]}, name="simulator", daemon=True
    )
    thread.start()
    try:
        if not server.ready.wait(10):
            frame = sys._current_frames().get(thread.ident or 0)
            where = "".join(traceback.format_stack(frame)) if frame else "its thread has ended"
            raise RuntimeError(f"the simulator did not start within 10 seconds: {where}")
        bound = sock.getsockname()[1]
        yield RunningSimulator(f"http://{host}:{bound}", account.token, account, app)
    finally:
        server.stop()
        thread.join(10)
        sock.close()


def real_clock(account: SimulatedAccount, speed: float = 1.0) -> Callable[[], None]:
    """A function that moves the account's clock as far as the real one went since now."""
    last = time.monotonic()

    def move() -> None:
        # By difference, so that the clock runs on from where somebody else moved it to.
        nonlocal last
        with account.lock:
            now = time.monotonic()
            account.advance_to(account.now + timedelta(seconds=(now - last) * speed))
            last = now

    return move


def run(
    host: str = "127.0.0.1",
    port: int = 4010,
    droplets: int = 25,
    seed: int = 7,
    live: bool = False,
    *,
    speed: float = 1.0,
    limits: RateLimits = GENEROUS,
    latency_ms: float = 0.0,
    control: bool = True,
    on_ready: Callable[[str, str], None] | None = None,
) -> None:
    """Serve a fresh account in the foreground until SIGINT or SIGTERM.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one.
        droplets: size of the account.
        seed: what decides everything else.
        live: the account's clock starts at the real time and moves along with it; else it
            stands still until moved over `/_simulator/advance`.
        speed: simulated seconds per real second, when live.
        limits: see `Api`.
        latency_ms: see `Api`.
        control: see `Api`.
        on_ready: called with the URL and the token once the account is made and the port is
            bound. By default the URL alone is logged.
    """
    if live:
        now = datetime.now(UTC).replace(microsecond=0)
        account = SimulatedAccount(seed, droplets, now)
        clock = real_clock(account, speed)
    else:
        account = SimulatedAccount(seed, droplets)
        clock = None
    app = Api(account, limits=limits, latency_ms=latency_ms, control=control, clock=clock)
    with _listen(host, port) as sock:
        url = f"http://{host}:{sock.getsockname()[1]}"
        if on_ready is not None:
            on_ready(url, account.token)
        else:
            _log.info("the simulator listens on %s", url)
        uvicorn.Server(_config(app, host, port)).run(sockets=[sock])
