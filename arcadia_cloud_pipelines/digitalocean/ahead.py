"""The next page of a list, asked for while something is made of this one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from ..workers import Workers
from .client import DigitalOcean


class Ahead:
    """Asks in a thread of its own, by a twin of the client; neither is made for a single page."""

    def __init__(
        self, client: DigitalOcean, ask: Callable[[DigitalOcean, dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Ask nothing yet; `ask` takes a client and a query."""
        self._client = client
        self._ask = ask
        self._made: tuple[DigitalOcean, Workers] | None = None

    def begin(self, query: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Ask, and return what waits for the answer."""
        if self._made is None:
            self._made = self._client.twin(), Workers(1, "next page")
        twin, workers = self._made
        return workers.submit(partial(self._ask, twin, query)).result

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._made is not None:
            twin, workers = self._made
            workers.close()
            self._client.count(twin.calls)
            twin.close()
