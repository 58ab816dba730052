"""Questions to the deployment's processes that only a working one answers."""

from __future__ import annotations

from collections.abc import Callable

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
            url = running_dagster_url(self._settings)
            if url is None:
                return None
            engine = sa.create_engine(
                url, poolclass=sa.NullPool, connect_args={"connect_timeout": 5}
            )
            with engine.connect() as connection:
                newest = connection.execute(
                    sa.text("SELECT max(timestamp) FROM daemon_heartbeats")
                ).scalar()
        except sa.exc.SQLAlchemyError:
            return None
        beaten, self._newest = newest != self._newest and newest is not None, newest
        return beaten


def beaten_lately(settings: Settings) -> bool:
    """Return whether a part of the daemon has beaten lately.

    Asked once, by a process that has no memory of the last time: the database's clock decides.
    """
    url = running_dagster_url(settings)
    if url is None:
        return False
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        age = connection.execute(
            sa.text(
                "SELECT extract(epoch FROM now() AT TIME ZONE 'UTC' - max(timestamp)) "
                "FROM daemon_heartbeats"
            )
        ).scalar()
    return age is not None and abs(age) < BEATS
