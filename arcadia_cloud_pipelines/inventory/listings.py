"""The listings of one run, fetched beside each other, each recorded as soon as it is there.

Most of a refresh is waiting for answers: kinds wait together. What they may spend is the budget's
business, which all threads share. An endpoint that hangs holds up its own kind alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from ..common.times import Clock, utc_now
from ..common.workers import Workers
from ..digitalocean import Unreachable
from ..digitalocean.clients import Clients
from ..kinds import Kind
from ..settings import SettingsError
from ..settings.secret import Secret
from .listing import Progress
from .shared_lists import SharedLists
from .sync import Fetched, Lister, NotFetched, fetch_kind

THREADS = 8
"""Listings under way at a time: enough that the slowest one decides how long a refresh takes."""

SILENCE = 600.0
"""Seconds without a sign of life after which a listing is given up. The client gives up sooner;
this is for what it does not see, such as an answer whose headers never end."""

TELL_EVERY = 5.0
"""Seconds between two lines of progress of one listing."""

Then = Callable[[Fetched | NotFetched], Any]
"""Takes a listing when it is there."""


def _as_it_is(fetched: Fetched | NotFetched) -> Fetched | NotFetched:
    return fetched


class _Pending:
    """One listing that was asked for."""

    def __init__(
        self, clients: Clients, kind: Kind, lister: Lister, workers: Workers, now: Clock, then: Then
    ) -> None:
        self._clients = clients
        self._kind = kind
        self._lister = lister
        self._now = now
        self._then = then
        self._messages: SimpleQueue[str | None] = SimpleQueue()
        self._done: Future[Any] = workers.submit(self._fetch)
        self._done.add_done_callback(lambda _: self._messages.put(None))

    def _fetch(self) -> Any:
        client = self._clients.for_purpose(self._kind.purpose)
        return self._then(
            fetch_kind(
                client, self._kind, now=self._now, progress=self._messages.put, lister=self._lister
            )
        )

    def wait(self, progress: Progress | None, silence: float) -> Any:
        """Return what became of the listing; what it says until then goes to `progress`.

        Of what was said meanwhile the newest alone: each line stays in Dagster's log for ever.
        """
        started_at = self._now()
        newest, due = None, 0.0
        while True:
            try:
                message = self._messages.get(timeout=silence)
            except Empty:
                return self._then(self._given_up(started_at, silence))
            over = message is None
            newest = message or newest
            may_tell = over or (self._messages.empty() and monotonic() >= due)
            if progress is not None and newest is not None and may_tell:
                progress(newest)
                newest, due = None, monotonic() + TELL_EVERY
            if over:
                return self._done.result()

    def _given_up(self, started_at: Any, silence: float) -> NotFetched:
        endpoint = f"GET {self._kind.endpoints[0].path}"
        error = Unreachable(endpoint, f"gave no sign of life for {silence:.0f} s")
        return NotFetched(self._kind, None, started_at, self._now(), 0, error)


class Listings:
    """Fetches listings in threads of its own; each is taken once."""

    def __init__(
        self,
        clients: Clients,
        *,
        threads: int = THREADS,
        now: Clock = utc_now,
        silence: float = SILENCE,
    ) -> None:
        """Fetch nothing yet.

        Args:
            clients: give each thread its own.
            threads: how many listings at a time.
            now: the clock that dates the listings.
            silence: seconds without a sign of life after which one is given up.
        """
        self.clients = clients
        self._now = now
        self._silence = silence
        self._workers = Workers(threads, "listings")
        self._lock = threading.Lock()
        self._pending: dict[str, _Pending] | None = None

    def begin(self, kinds: Sequence[Kind], then: Then = _as_it_is) -> None:
        """Start to fetch these kinds. Only the first call does anything.

        Args:
            kinds: of the whole run.
            then: called with each listing as soon as it is there, in the thread that fetched it.
        """
        with self._lock:
            if self._pending is None:
                # Those with a call for each parent take longest.
                first = sorted(kinds, key=lambda kind: all(e.per is None for e in kind.endpoints))
                listers = self._listers(kinds)
                self._pending = {
                    kind.name: _Pending(
                        self.clients, kind, listers[kind.name], self._workers, self._now, then
                    )
                    for kind in first
                }

    def _listers(self, kinds: Sequence[Kind]) -> dict[str, Lister]:
        """Return what lists each kind: those with one token share the lists that they all need."""
        by_token: dict[Secret | None, list[Kind]] = {}
        for kind in kinds:
            by_token.setdefault(self._token(kind), []).append(kind)
        return {
            kind.name: shared.whole
            for of_token in by_token.values()
            for shared in [SharedLists(of_token, self._now)]
            for kind in of_token
        }

    def _token(self, kind: Kind) -> Secret | None:
        try:
            return self.clients.settings.token(kind.purpose)
        except SettingsError:
            return None  # told when it is listed

    def take(self, kind: Kind, progress: Progress | None = None, then: Then = _as_it_is) -> Any:
        """Return what `then` made of the listing of one kind.

        It is fetched here and now if `begin` did not name it, or was asked for it before.

        Raises:
            SettingsError: there is no token for it.
            Exception: what `then` raised.
        """
        with self._lock:
            pending = self._pending.pop(kind.name, None) if self._pending else None
        if pending is not None:
            return pending.wait(progress, self._silence)
        client = self.clients.for_purpose(kind.purpose)
        return then(fetch_kind(client, kind, now=self._now, progress=progress))

    def close(self) -> None:
        """Start nothing more; what is under way ends by itself."""
        self._workers.close()
