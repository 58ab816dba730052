"""The guard in front of the Dagster UI, which has no login and trusts every request.

A browser that is open on this machine can be made to send requests here by any page that it shows:
Dagster takes mutations by GET, so one picture was enough to accept drift. The guard lets through
what the UI itself sends, and what a program on this machine sends on purpose.

It is plain ASGI: no import of Dagster, one decision for each request, nothing kept.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_GRAPHQL = "/graphql"
# Files of runs, which no link from elsewhere should download.
_FILES = ("/logs/", "/download_debug/")
# Notebooks are pages with scripts of their own, in the UI's origin. There are none here.
_CLOSED = ("/notebook", "/dagit/notebook")
_OPERATION = re.compile(rb"op=\w*")
_PORTS = {"http": ":80", "https": ":443"}

HEADERS = (
    # In no frame, so that nobody is made to click. Pictures only from here: a name cannot have the
    # browser ask another host.
    (
        b"content-security-policy",
        b"frame-ancestors 'none'; form-action 'self'; img-src 'self' data: blob:",
    ),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)


class UiRefused(Exception):
    """A request that does not pass; the text says why and what to do."""

    def __init__(self, status: int, reason: str) -> None:
        """Keep the HTTP status with the reason."""
        super().__init__(reason)
        self.status = status


class UiGuard:
    """Passes to the UI what comes from the UI, and answers the rest itself."""

    def __init__(self, app: App, hosts: Iterable[str] = ()) -> None:
        """Wrap an application.

        Args:
            app: the UI.
            hosts: names under which it is reached, beside those of loopback.
        """
        self._app = app
        self._hosts = frozenset(host.lower() for host in (*LOOPBACK, *hosts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            self.check(scope)
        except UiRefused as refused:
            await _answer(scope, receive, send, refused)
            return
        await self._app(scope, receive, _with_headers(send))

    def check(self, scope: Scope) -> None:
        """Let a request pass.

        Raises:
            UiRefused: it does not come from the UI, or asks in a way that the UI does not.
        """
        headers = _Headers(scope)
        host = self._host(headers)
        if scope["type"] == "websocket":
            _check_origin(headers, host, required=True)
            _check_site(scope, headers)
            _check_path(scope)
            if scope["path"] != _GRAPHQL or scope.get("query_string"):
                raise UiRefused(403, "Only subscriptions of the UI are served here.")
            return
        _check_origin(headers, host, required=False)
        _check_site(scope, headers)
        _check_path(scope)
        _check_form(scope, headers)

    def _host(self, headers: _Headers) -> str:
        """Return the authority that was asked for.

        Without this a page could reach us under a name of its own, which it makes resolve to
        127.0.0.1 (DNS rebinding), and would be of the same origin.
        """
        authority = headers.one("host")
        name = _host_name(authority)
        if name not in self._hosts:
            raise UiRefused(
                403,
                "The Dagster UI is not served under this name. Open it at http://127.0.0.1 with "
                "its port, or add the name to ARCADIA_UI_HOSTS and start it again.",
            )
        return authority.lower()


class _Headers:
    """The headers of a request, of which those that decide may stand there once."""

    def __init__(self, scope: Scope) -> None:
        self._pairs = [(name.lower(), value) for name, value in scope["headers"]]

    def one(self, name: str) -> str:
        """Return a header's value; "" when it is absent."""
        values = [value for key, value in self._pairs if key == name.encode()]
        if len(values) > 1:
            raise UiRefused(400, f"The header {name} stands there more than once.")
        return values[0].decode("latin-1").strip() if values else ""


def _host_name(authority: str) -> str | None:
    """Return the name in `name:port`, in lower case; None for what is not one."""
    try:
        parts = urlsplit(f"//{authority}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    return name if parts.netloc == authority and "@" not in authority else None


def _check_origin(headers: _Headers, host: str, *, required: bool) -> None:
    """Make sure that the page that asks is ours. Programs send no Origin; browsers do."""
    origin = headers.one("origin").lower()
    if not origin and not required:
        return
    scheme, separator, authority = origin.partition("://")
    port = _PORTS.get(scheme)
    if not separator or port is None:
        raise UiRefused(403, "Requests from other pages are not served: wrong Origin.")
    if authority.removesuffix(port) != host.removesuffix(port):
        raise UiRefused(403, "Requests from other pages are not served: wrong Origin.")


def _check_site(scope: Scope, headers: _Headers) -> None:
    """Look at what a browser says about the page that asks; programs say nothing.

    A link from elsewhere may open a page of the UI, for a page alone changes nothing.
    """
    site = headers.one("sec-fetch-site").lower()
    if site in ("", "same-origin", "none"):
        return
    link = (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and headers.one("sec-fetch-mode") == "navigate"
        and headers.one("sec-fetch-dest") == "document"
        and not scope["path"].startswith((_GRAPHQL, *_FILES))
    )
    if not link:
        raise UiRefused(403, "Requests from other pages are not served.")


def _check_path(scope: Scope) -> None:
    path = scope["path"]
    if ".." in path.replace("\\", "/").split("/") or "\0" in path:
        raise UiRefused(400, "The path leads out of its folder.")
    if path.rstrip("/") in _CLOSED:
        raise UiRefused(404, "Notebooks are not served here.")


def _check_form(scope: Scope, headers: _Headers) -> None:
    """Let through what the UI uses. Another page must ask before it may send JSON."""
    method = scope["method"]
    if method == "POST":
        query = scope.get("query_string", b"")
        # The UI names the operation in the address, which nothing reads but people who debug.
        if query and not (scope["path"] == _GRAPHQL and _OPERATION.fullmatch(query)):
            raise UiRefused(400, "Send what is asked in the body, not in the address.")
        media = headers.one("content-type").partition(";")[0].strip().lower()
        if media != "application/json":
            raise UiRefused(415, "Send the body as application/json.")
    elif method not in ("GET", "HEAD"):
        raise UiRefused(405, f"{method[:20]} is not served here.")
    elif scope["path"].rstrip("/") == _GRAPHQL and (method == "HEAD" or scope.get("query_string")):
        raise UiRefused(405, "GraphQL is served by POST alone, with the query in the body.")


async def _answer(scope: Scope, receive: Receive, send: Send, refused: UiRefused) -> None:
    if scope["type"] == "websocket":
        await receive()
        # Before it was accepted, this is an answer of 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    body = f"{refused}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),  # what is left of a body is not read
        *HEADERS,
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            ours = {name for name, _ in HEADERS} - {b"content-security-policy"}
            theirs = [(k, v) for k, v in message.get("headers", ()) if k.lower() not in ours]
            # A second policy only narrows the first.
            message["headers"] = [*theirs, *HEADERS]
        await send(message)

    return sending
