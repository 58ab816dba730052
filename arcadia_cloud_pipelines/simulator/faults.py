"""Faults on request: what a network, a gateway or a moving account does to a client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

KINDS = frozenset(
    {
        "reset", "truncate", "html", "empty", "slow", "loop_next", "other_host_next", "redirect",
        "shift", "not_json", "hook",
    }
)  # fmt: skip
"""Kinds besides a status from 400 to 599."""

OTHER_HOST = "https://api.digitalocean.com.evil.example"
"""Where `redirect` and `other_host_next` lead: a token must never go there."""


@dataclass
class Fault:
    """One planned fault; see `Faults.add`."""

    path_glob: str
    kind: str
    times: int | None
    page: int | None
    after: int
    query: str | None
    retry_after: int | None
    html: bool
    by: int
    seconds: float
    call: Callable[[], None] | None
    fired: int = 0

    @property
    def status(self) -> int | None:
        """The HTTP status it answers with, if it is one of those."""
        return int(self.kind) if self.kind.isdigit() else None

    def matches(self, path: str, page: int | None, query: str) -> bool:
        """Say if a request is meant. Times and `after` are counted by `Faults.take`."""
        return (
            fnmatchcase(path, self.path_glob)
            and (self.page is None or page == self.page)
            and (self.query is None or fnmatchcase(query, self.query))
        )


class Faults:
    """The planned faults of an account, first planned first served."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []
        self._lock = threading.Lock()

    def add(
        self,
        path_glob: str,
        kind: str | int,
        times: int | None = 1,
        page: int | None = None,
        after: int = 0,
        *,
        query: str | None = None,
        retry_after: int | None = None,
        html: bool = False,
        by: int = 1,
        seconds: float = 0.0,
        call: Callable[[], None] | None = None,
    ) -> Fault:
        """Plan a fault.

        Args:
            path_glob: the request path without query, `*` and `?` as in a shell.
            kind: a status (429, "503") or one of `KINDS`.
            times: how often; None for ever.
            page: only when this page is asked for (a request without `page` asks for 1).
            after: let so many matching requests through before.
            query: a glob on the query string besides, such as `*type=gpus*`.
            retry_after: the header of a 429 or 503; None: absent.
            html: a status answers with a gateway's HTML page, not JSON.
            by: for `shift`: 1, an item appeared on an earlier page, so one is seen twice; -1,
                one vanished from an earlier page, so one is missed. Lasts until page 1 is asked.
            seconds: for `slow`: how long the answer is held back (really; 0 by default).
            call: for `slow` and `hook`: run before the request is answered, in a thread of its
                own, e.g. to delete something between two pages.

        Raises:
            ValueError: unknown kind.
        """
        name = str(kind)
        if name not in KINDS and not (name.isdigit() and 400 <= int(name) <= 599):
            raise ValueError(f"unknown fault {name!r}: a status or one of {sorted(KINDS)}")
        fault = Fault(
            path_glob, name, times, page, after, query, retry_after, html, by, seconds, call
        )
        with self._lock:
            self._planned.append(fault)
        return fault

    def take(self, path: str, params: Mapping[str, str], query: str) -> Fault | None:
        """The fault that hits this request, counted as fired."""
        if not self._planned:
            return None
        text = params.get("page", "1")
        page = int(text) if text.isdecimal() else None
        with self._lock:
            for fault in self._planned:
                if not fault.matches(path, page, query):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                if fault.times is None or fault.fired < fault.times:
                    fault.fired += 1
                    return fault
        return None

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._planned.clear()

    @property
    def pending(self) -> list[Fault]:
        """Those that can still fire: a test asserts that none is left."""
        with self._lock:
            return [f for f in self._planned if f.times is None or f.fired < f.times]
