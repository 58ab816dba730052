"""The listings of one run, fetched beside each other while they are recorded one by one.

Most of a refresh is waiting for answers: kinds wait together. What they may spend is the budget's
business, which all threads share.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from ..digitalocean.clients import Clients
from ..times import Clock, utc_now
from ..workers import Workers
from .kinds import Kind
from .listing import Progress
from .sync import Fetched, NotFetched, fetch_kind

THREADS = 8
"""Listings under way at a time: enough that the slowest one decides how long a refresh takes."""


class _Pending:
    """One listing that was asked for."""

    def __init__(self, clients: Clients, kind: Kind, workers: Workers, now: Clock) -> None:
        self._clients = clients
        self._now = now
        self._kind = kind
        self._messages: SimpleQueue[str | None] = SimpleQueue()
        self._fetched: Future[Fetched | NotFetched] = workers.submit(self._fetch)
        self._fetched.add_done_callback(lambda _: self._messages.put(None))

    def _fetch(self) -> Fetched | NotFetched:
        client = self._clients.for_purpose(self._kind.purpose)
        return fetch_kind(client, self._kind, now=self._now, progress=self._messages.put)

    def wait(self, progress: Progress | None) -> Fetched | NotFetched:
        """The listing, when it is there; what it tells until then goes to `progress`."""
        for message in iter(self._messages.get, None):
            if progress is not None:
                progress(message)
        return self._fetched.result()


class Listings:
    """Fetches listings in threads of its own; each is taken once."""

    def __init__(self, clients: Clients, *, threads: int = THREADS, now: Clock = utc_now) -> None:
        """Fetch nothing yet.

        Args:
            clients: give each thread its own.
            threads: how many listings at a time.
            now: the clock that dates the listings.
        """
        self.clients = clients
        self._now = now
        self._workers = Workers(threads, "listings")
        self._lock = threading.Lock()
        self._pending: dict[str, _Pending] | None = None

    def begin(self, kinds: Sequence[Kind]) -> None:
        """Start to fetch these kinds. Only the first call does anything."""
        with self._lock:
            if self._pending is None:
                # Those with a call for each parent take longest.
                first = sorted(kinds, key=lambda kind: all(e.per is None for e in kind.endpoints))
                self._pending = {
                    kind.name: _Pending(self.clients, kind, self._workers, self._now)
                    for kind in first
                }

    def take(self, kind: Kind, progress: Progress | None = None) -> Fetched | NotFetched:
        """The listing of one kind; fetched here and now if `begin` did not name it, or again.

        Raises:
            SettingsError: there is no token for it.
        """
        with self._lock:
            pending = self._pending.pop(kind.name, None) if self._pending else None
        if pending is not None:
            return pending.wait(progress)
        client = self.clients.for_purpose(kind.purpose)
        return fetch_kind(client, kind, now=self._now, progress=progress)

    def close(self) -> None:
        """Start nothing more; what is under way ends by itself."""
        self._workers.close()
