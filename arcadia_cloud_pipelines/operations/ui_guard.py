"""The guard in front of the Dagster UI, which has no login and trusts every request.

A browser that is open on this machine can be made to send requests here by any page that it shows:
Dagster takes mutations by GET, so one picture was enough to accept drift. The guard lets through
what the UI itself sends, and what a program on this machine sends on purpose.

It is plain ASGI: no import of Dagster, one decision for each request, nothing kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from .ui_checks import (
    GRAPHQL,
    Scope,
    SingleHeaders,
    UiRefused,
    check_form,
    check_origin,
    check_path,
    check_site,
    host_name,
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")

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
        headers = SingleHeaders(scope)
        host = self._host(headers)
        if scope["type"] == "websocket":
            check_origin(headers, host, required=True)
            check_site(scope, headers)
            check_path(scope)
            if scope["path"] != GRAPHQL or scope.get("query_string"):
                raise UiRefused(403, "Only subscriptions of the UI are served here.")
            return
        check_origin(headers, host, required=False)
        check_site(scope, headers)
        check_path(scope)
        check_form(scope, headers)

    def _host(self, headers: SingleHeaders) -> str:
        """Return the authority that was asked for.

        Without this a page could reach us under a name of its own, which it makes resolve to
        127.0.0.1 (DNS rebinding), and would be of the same origin.
        """
        authority = headers.one("host")
        name = host_name(authority)
        if name not in self._hosts:
            raise UiRefused(
                403,
                "The Dagster UI is not served under this name. Open it at http://127.0.0.1 with "
                "its port, or add the name to ARCADIA_UI_HOSTS and start it again.",
            )
        return authority.lower()


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
