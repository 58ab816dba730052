"""Limits of connections: how slowly a request may come, and how many one caller may have."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""In which the head of a request has to be there; a browser needs far less."""
CONNECTIONS = 1024
"""Open at a time; the next one is told 503."""


class PunctualProtocol(HttpToolsProtocol):
    """Closes a connection on which the head of a request does not come to its end."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Begin to wait with the first byte of a further request."""
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._wait()
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """End the wait: how long a body takes is the gate's."""
        self._wait_no_more()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _wait_no_more(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            self.transport.close()


class Shares:
    """Counts the requests under way of each caller."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: Counter[Any] = Counter()

    def take(self, caller: Any) -> bool:
        """Count one more request; False when the caller has its share already."""
        if self._under_way[caller] >= self._most:
            return False
        self._under_way[caller] += 1
        return True

    def give_back(self, caller: Any) -> None:
        """Count one request less."""
        self._under_way[caller] -= 1
        if self._under_way[caller] <= 0:
            del self._under_way[caller]
