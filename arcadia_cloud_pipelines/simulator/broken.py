"""Answers that are broken on purpose: an error, a page, half a body, a closed connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import Response

from . import api_errors
from .call import json_response
from .faults import OTHER_HOST, Fault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1><hr>nginx</body></html>\n"
_PLANNED = frozenset({"html", "empty", "redirect", "not_json"})


def planned(fault: Fault | None) -> Response | None:
    """Return the whole answer that a fault is; None for one that spoils another answer."""
    if fault is None or not (fault.status or fault.kind in _PLANNED):
        return None
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
        response = json_response(api_errors.error_body(status), status)
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


async def reset(receive: Receive, send: Send) -> None:
    """Close the connection without an answer, with a TCP reset."""
    transport = _transport(send)
    if transport is None:
        raise ConnectionResetError("simulated reset")
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _until_closed(receive)


async def truncate(response: Response, receive: Receive, send: Send) -> None:
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
