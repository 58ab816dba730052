"""The connections to Dagster's database: a small pool for the three storages of a process.

dagster-postgres opens a connection for every statement, which is most of the cost of a refresh: one
of 160 resources opened 2,215.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg2
import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

POOL_SIZE = 2
"""Connections that a process holds; more are opened while threads need them, and closed again."""

MAX_OVERFLOW = 30

RECYCLE_SECONDS = 600
"""Age at which a connection is replaced, so that no idle one keeps a server's memory for ever."""

IDLE_SECONDS = 0.5
"""Time after which a connection is tried before use. No server restarts faster than that."""

_engines: weakref.WeakValueDictionary[str, sa.Engine] = weakref.WeakValueDictionary()
"""By URL: a worker of Celery makes an instance for each step, and all of them share one."""


def _leave_connections_to_parent() -> None:
    """Forget the pooled connections after a fork, without closing the parent's."""
    for engine in _engines.values():
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_connections_to_parent)


def pooled_engine(url: str) -> sa.Engine:
    """Return an engine that holds connections, and tries an idle one before it hands it out.

    A restart of the database therefore costs the next caller a new connection, not an error.
    """
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
    sa.event.listen(engine, "checkin", _note_use)
    sa.event.listen(engine, "checkout", _try_if_idle)
    _engines[url] = engine
    return engine


def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["used"] = time.monotonic()


def _try_if_idle(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    """Ask a connection that lay idle for an answer; the pool replaces one that gives none.

    `pool_pre_ping` asks at every use, which is a third of the statements of a run.

    Raises:
        DisconnectionError: it is dead; the pool opens another and tries again.
    """
    used = entry.info.get("used")
    if used is None or time.monotonic() - used < IDLE_SECONDS:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise sa.exc.DisconnectionError from error


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
