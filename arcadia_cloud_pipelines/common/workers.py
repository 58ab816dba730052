"""Threads for work that is mostly waiting."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Workers:
    """Do what is submitted, first come first served, in threads of their own.

    Unlike those of `concurrent.futures` they never keep a process alive: a run that is stopped
    must not wait until a rate limit passes.
    """

    def __init__(self, threads: int, name: str) -> None:
        """Start no thread yet; each piece of work starts one until there are `threads`."""
        self._most = threads
        self._name = name
        self._lock = threading.Lock()
        self._queue: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running = 0

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have `work` done; the future holds what it returns or raises."""
        future: Future[T] = Future()
        with self._lock:
            self._queue.append((future, work))
            start = self._running < self._most
            self._running += start
        if start:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        return future

    def close(self) -> None:
        """Cancel what has not begun; what is under way ends by itself."""
        with self._lock:
            for future, _ in self._queue:
                future.cancel()
            self._queue.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._running -= 1
                    return
                future, work = self._queue.popleft()
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
