"""Questions to the deployment's processes that only a working one answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from dagster import DagsterExecutionInterruptedError
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

from ..settings import Settings
from ..warehouse.engine import running_dagster_url

BEATS = 120.0
"""Seconds in which one of the daemon's parts must have beaten; each does every 30."""


def answers_grpc(**address: object) -> Callable[[], bool]:
    """A question to a code server, at `port` and `host`, or at `socket`."""

    def ask() -> bool:
        try:
            client = DagsterGrpcClient(**address)  # type: ignore[arg-type]
            return bool(client.ping("arcadia")["echo"] == "arcadia")
        except (DagsterUserCodeUnreachableError, DagsterExecutionInterruptedError):
            return False

    return ask


class Heartbeats:
    """A question to the daemon: has any part of it beaten since the last time?"""

    def __init__(self, settings: Settings) -> None:
        """Ask nothing yet."""
        self._settings = settings
        self._newest: object = None

    def __call__(self) -> bool | None:
        """Return whether there is a new beat; None when the database cannot be asked."""
        try:
            found = _newest_beat(self._settings)
        except sa.exc.SQLAlchemyError:
            return None
        if found is None:
            return None
        newest = found.at
        beaten, self._newest = newest != self._newest and newest is not None, newest
        return beaten


def beaten_lately(settings: Settings) -> bool:
    """Return whether a part of the daemon has beaten lately.

    Asked once, by a process that has no memory of the last time: the database's clock decides.
    """
    found = _newest_beat(settings)
    return found is not None and found.age is not None and abs(found.age) < BEATS


def _newest_beat(settings: Settings) -> sa.Row[Any] | None:
    """Return the newest beat (`at`, and `age` in seconds by the database's clock).

    Returns:
        Both null where no part ever beat; None when the embedded server does not run.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the database cannot be asked.
    """
    url = running_dagster_url(settings)
    if url is None:
        return None
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        return connection.execute(
            sa.text(
                "SELECT max(timestamp) AS at, "
                "extract(epoch FROM now() AT TIME ZONE 'UTC' - max(timestamp)) AS age "
                "FROM daemon_heartbeats"
            )
        ).one()
