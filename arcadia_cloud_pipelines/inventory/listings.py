"""The listings of one run, fetched beside each other while they are recorded one by one.

Most of a refresh is waiting for answers: kinds wait together. What they may spend is the budget's
business, which all threads share.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue

from ..digitalocean.clients import Clients
from .kinds import Kind
from .sync import Fetched, NotFetched, Progress, fetch_kind

logger = logging.getLogger(__name__)

THREADS = 8
"""Listings under way at a time: enough that the slowest one decides how long a refresh takes."""


class _Pending:
    """One listing that was asked for."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.fetched: Future[Fetched | NotFetched] = Future()
        self.messages: SimpleQueue[str | None] = SimpleQueue()
        """Progress, for whoever waits; None at the end."""


class Listings:
    """Fetches listings in threads of its own; each is taken once."""

    def __init__(self, clients: Clients, *, threads: int = THREADS) -> None:
        """Fetch nothing yet.

        Args:
            clients: give each thread its own.
            threads: how many listings at a time.
        """
        self._clients = clients
        self._threads = threads
        self._lock = threading.Lock()
        self._queue: deque[_Pending] = deque()
        self._pending: dict[str, _Pending] | None = None

    def begin(self, kinds: Sequence[Kind]) -> None:
        """Start to fetch these kinds, in this order. Only the first call does anything."""
        with self._lock:
            if self._pending is not None:
                return
            self._pending = {kind.name: _Pending(kind) for kind in kinds}
            # Those with a call for each parent take longest.
            self._queue.extend(
                sorted(
                    self._pending.values(), key=lambda p: all(not e.per for e in p.kind.endpoints)
                )
            )
        for number in range(min(self._threads, len(kinds))):
            # Daemons: a run that is stopped must not wait for a rate limit to pass.
            threading.Thread(target=self._work, name=f"listings-{number}", daemon=True).start()

    def take(self, kind: Kind, progress: Progress | None = None) -> Fetched | NotFetched:
        """The listing of one kind; fetched here and now if `begin` did not name it, or again.

        Raises:
            SettingsError: there is no token for it.
        """
        with self._lock:
            pending = self._pending.pop(kind.name, None) if self._pending else None
        if pending is None:
            return fetch_kind(self._clients.for_purpose(kind.purpose), kind, progress=progress)
        for message in iter(pending.messages.get, None):
            if progress is not None:
                progress(message)
        return pending.fetched.result()

    def close(self) -> None:
        """Start nothing more; what is under way ends by itself."""
        self._queue.clear()

    def _work(self) -> None:
        while True:
            try:
                pending = self._queue.popleft()
            except IndexError:
                return
            try:
                client = self._clients.for_purpose(pending.kind.purpose)
                pending.fetched.set_result(
                    fetch_kind(client, pending.kind, progress=pending.messages.put)
                )
            except BaseException as error:
                pending.fetched.set_exception(error)
            finally:
                pending.messages.put(None)
