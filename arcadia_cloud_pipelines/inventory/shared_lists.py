"""Lists that several kinds of one run need, each read once: by the kind, its children, and others.

Of nine kinds the databases are the parents, for example; without this, ten lists of them are read.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace

from ..common.times import Clock
from ..digitalocean import DigitalOcean, DigitalOceanError
from ..kinds import KIND_BY_NAME, Kind
from .listing import KindListing, Progress, Supplements, list_kind, list_whole

PATIENCE = 60.0
"""Seconds that one waits for a list that another reads; then it reads the list itself. An endpoint
that hangs holds up its own kind alone."""


@dataclass
class _Shared:
    """One list: read by the first who needs it, kept for as many as need it."""

    left: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    found: KindListing | DigitalOceanError | None = None


class SharedLists:
    """The lists of one run and one token. Safe to share between threads."""

    def __init__(self, kinds: Iterable[Kind], now: Clock, patience: float = PATIENCE) -> None:
        """Read nothing yet.

        Args:
            kinds: that will be listed.
            now: the clock that dates a list.
            patience: seconds that one waits for a list that another reads.
        """
        uses = Counter(name for kind in kinds for name in _needed(kind))
        self._shared = {name: _Shared(count) for name, count in uses.items() if count > 1}
        self._now = now
        self._patience = patience

    def whole(self, client: DigitalOcean, kind: Kind, progress: Progress | None) -> KindListing:
        """List a kind with all that is said of it anywhere, as `list_whole` does."""
        if kind.name not in self._shared:
            return list_whole(client, kind, progress, self.read)
        others = Supplements(client, kind, self.read)
        listing = self.read(client, kind, progress)
        others.complete(listing.items)
        return others.noted_in(listing)

    def read(
        self, client: DigitalOcean, kind: Kind, progress: Progress | None = None
    ) -> KindListing:
        """Return the list of a kind, with when it was begun; each caller has objects of its own.

        A list that failed failed for all who need it: asking ten times is no more of an answer.

        Raises:
            DigitalOceanError: it could not be read.
        """
        shared = self._shared.get(kind.name)
        if shared is None or not shared.lock.acquire(timeout=self._patience):
            return list_kind(client, kind, progress, self.read)
        try:
            if shared.found is None:
                shared.found = self._read(client, kind, progress)
            found = shared.found
            shared.left -= 1
            if shared.left == 0:
                shared.found = None
        finally:
            shared.lock.release()
        if isinstance(found, DigitalOceanError):
            raise copy(found)
        # Whoever takes it writes into it: a child the name of its parent, for example.
        return replace(found, items=deepcopy(found.items))

    def _read(
        self, client: DigitalOcean, kind: Kind, progress: Progress | None
    ) -> KindListing | DigitalOceanError:
        begun = self._now()
        try:
            listing = list_kind(client, kind, progress, self.read)
        except DigitalOceanError as error:
            return error
        return replace(listing, started_at=min(begun, listing.started_at or begun))


def _needed(kind: Kind) -> Iterator[str]:
    """Yield the kinds whose lists a listing of this kind reads."""
    yield kind.name
    for endpoint in kind.endpoints:
        if endpoint.per is not None:
            yield KIND_BY_NAME[endpoint.per].name
    for supplement in kind.supplements:
        yield supplement.kind
