"""The connections to Dagster's database: a small pool for the three storages of a process.

dagster-postgres opens a connection for every statement, which is most of the cost of a refresh: one
of 160 resources opened 2,215.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from .idle_connections import try_when_idle

POOL_SIZE = 2
"""Connections that a process holds; more are opened while threads need them, and closed again."""

MAX_OVERFLOW = 30

RECYCLE_SECONDS = 600
"""Age at which a connection is replaced, so that no idle one keeps a server's memory for ever."""

_engines: weakref.WeakValueDictionary[str, sa.Engine] = weakref.WeakValueDictionary()
"""By URL: a worker of Celery makes an instance for each step, and all of them share one."""


def _leave_connections_to_parent() -> None:
    """Forget the pooled connections after a fork, without closing the parent's."""
    for engine in _engines.values():
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_connections_to_parent)


def pooled_engine(url: str) -> sa.Engine:
    """Return an engine that holds connections, and tries an idle one before it hands it out."""
    if (known := _engines.get(url)) is not None:
        return known
    engine = sa.create_engine(
        url,
        # As dagster-postgres makes its own: the storages begin transactions where they need one.
        isolation_level="AUTOCOMMIT",
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_recycle=RECYCLE_SECONDS,
        # The connection used last goes first, so that the others grow old and are closed.
        pool_use_lifo=True,
    )
    _engines[url] = engine
    return try_when_idle(engine)


_Method = TypeVar("_Method", bound=Callable[..., bool])


def once_true(method: _Method) -> _Method:
    """Wrap a question about the catalogue: what exists once is not asked for again.

    Tables and columns of Dagster's storage appear by a migration and never go away.
    """
    attribute = f"_known_{method.__name__}"

    def ask(self: Any, *arguments: Any) -> bool:
        known = self.__dict__.setdefault(attribute, set())
        # A connection is a way to ask, not what is asked about.
        question = tuple(a for a in arguments if isinstance(a, str))
        if question in known:
            return True
        answer = method(self, *arguments)
        if answer:
            known.add(question)
        return answer

    return ask  # type: ignore[return-value]


class OnSharedEngine:
    """Replaces the engine of one storage by the one that all three share."""

    _engine: sa.Engine

    def share(self, engine: sa.Engine) -> None:
        """Use `engine` from now on."""
        self._engine = engine

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Keep the engine: connections are held already, and tried before use.

        dagster-postgres would make one that is not tried: after a restart of the database the
        first request of the UI would be an error.
        """
