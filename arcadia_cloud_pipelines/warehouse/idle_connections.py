"""Pooled connections are tried before use, but only those that lay idle.

`pool_pre_ping` asks at every use: a third of the statements of a run, and a sixth of what a request
of the API costs.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg2
import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

IDLE_SECONDS = 0.5
"""Time after which a connection is tried before use. No server restarts faster than that."""


def try_when_idle(engine: sa.Engine) -> sa.Engine:
    """Have an engine try a connection that lay idle before it hands it out; return the engine.

    A restart of the database therefore costs the next caller a new connection, not an error.
    """
    sa.event.listen(engine, "checkin", _note_use)
    sa.event.listen(engine, "checkout", _try_if_idle)
    return engine


def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["used"] = time.monotonic()


def _try_if_idle(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    """Ask a connection that lay idle for an answer; the pool replaces one that gives none.

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
