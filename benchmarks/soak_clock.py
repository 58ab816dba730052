"""One clock that the soak moves: for the product, for its waits, and for the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from unittest import mock

import sqlalchemy as sa

from arcadia_cloud_pipelines.common import times
from arcadia_cloud_pipelines.digitalocean.clock import SYSTEM_CLOCK

DATABASE_CLOCK = """
CREATE SCHEMA soak;
CREATE TABLE soak.moment (at timestamptz NOT NULL, since timestamptz NOT NULL);
INSERT INTO soak.moment VALUES (pg_catalog.now(), pg_catalog.clock_timestamp());
CREATE FUNCTION soak.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT at + (pg_catalog.clock_timestamp() - since) FROM soak.moment';
CREATE FUNCTION soak.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT at + (pg_catalog.statement_timestamp() - since) FROM soak.moment';
CREATE FUNCTION soak.now() RETURNS timestamptz LANGUAGE sql STABLE
    AS 'SELECT at + (pg_catalog.now() - since) FROM soak.moment';
"""
"""Before PostgreSQL's own in the search path, these answer whoever asks for the time."""


class MovedClock:
    """Time as the product sees it: what the soak says, and it goes on from there."""

    def __init__(self, at: datetime) -> None:
        """Begin at an aware time."""
        self._at, self._since = at, time.monotonic()
        self.slept = 0.0

    def set(self, at: datetime) -> None:
        """Be another time from now on."""
        self._at, self._since = at, time.monotonic()

    def now(self) -> datetime:
        """Return the time."""
        return self._at + timedelta(seconds=time.monotonic() - self._since)

    def monotonic(self) -> float:
        """Return seconds for waits: a sleep moves them and takes no time."""
        return time.monotonic() + self.slept

    def time(self) -> float:
        """Return seconds since 1970."""
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept += seconds


@contextmanager
def injected(clock: MovedClock) -> Iterator[None]:
    """Have the product ask `clock` in this process."""

    def now(tz: tzinfo | None = None) -> datetime:
        return clock.now().astimezone(tz or UTC)

    # Functions: a mock would keep each call that was ever made.
    def monotonic(_: object) -> float:
        return clock.monotonic()

    def present(_: object) -> float:
        return clock.time()

    def sleep(_: object, seconds: float) -> None:
        clock.sleep(seconds)

    system = type(SYSTEM_CLOCK)
    with (
        # A stand-in for the class, so that every time is still an ordinary one.
        mock.patch.object(
            times, "datetime", SimpleNamespace(now=now, fromisoformat=datetime.fromisoformat)
        ),
        mock.patch.object(system, "monotonic", monotonic),
        mock.patch.object(system, "time", present),
        mock.patch.object(system, "sleep", sleep),
    ):
        yield


def install(engine: sa.Engine) -> None:
    """Give a new database a clock that can be moved; before it is migrated."""
    with engine.begin() as connection:
        for statement in DATABASE_CLOCK.strip().split(";\n"):
            connection.execute(sa.text(statement))
        name = connection.execute(sa.text("SELECT current_database()")).scalar_one()
        connection.execute(
            sa.text(f'ALTER DATABASE "{name}" SET search_path = public, soak, pg_catalog')
        )
    engine.dispose()


def move(engine: sa.Engine, at: datetime) -> None:
    """Set the database's clock."""
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE soak.moment SET at = :at, since = pg_catalog.clock_timestamp()"),
            {"at": at},
        )
