"""Connections to the warehouse, and the two questions asked before any work.

Is it there, and is its schema the one this code was written for?
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from typing import Any

import psycopg2
import sqlalchemy as sa
from psycopg2.errors import ReadOnlySqlTransaction
from sqlalchemy.exc import DBAPIError, OperationalError

from ..settings import Settings
from . import installed_views, views
from .embedded import embedded_postgres, running_url
from .embedded_server import WAREHOUSE_DATABASE
from .embedded_start import DAGSTER_DATABASE
from .errors import WarehouseError, WarehouseNotMigrated, WarehouseRefused, WarehouseUnreachable
from .idle_connections import try_when_idle
from .revision import current_revision, head_revision
from .sqlstates import meaning, told
from .urls import sqlalchemy_url


def warehouse_url(settings: Settings) -> sa.URL:
    """Return where the warehouse is; start the embedded server when no URL is set."""
    if settings.database_url is not None:
        return sqlalchemy_url(settings.database_url, "ARCADIA_DATABASE_URL")
    return embedded_postgres(settings.home).url(WAREHOUSE_DATABASE)


def dagster_url(settings: Settings) -> sa.URL:
    """Return where Dagster keeps runs and events; start the embedded server when no URL is set."""
    if settings.dagster_database_url is not None:
        return sqlalchemy_url(settings.dagster_database_url, "DAGSTER_POSTGRES_URL")
    return embedded_postgres(settings.home).url(DAGSTER_DATABASE)


def running_warehouse(settings: Settings) -> Warehouse | None:
    """Return the warehouse for one who only looks: an embedded server is not started.

    Returns:
        None when the embedded server does not run.

    Raises:
        EmbeddedPostgresError: its folder is another user's.
    """
    if settings.database_url is not None:
        return open_warehouse(settings)
    url = running_url(settings.home, WAREHOUSE_DATABASE)
    return None if url is None else Warehouse(url, embedded=True)


def running_dagster_url(settings: Settings) -> sa.URL | None:
    """Return where Dagster keeps runs and events, as `running_warehouse` does."""
    if settings.dagster_database_url is not None:
        return dagster_url(settings)
    return running_url(settings.home, DAGSTER_DATABASE)


class Warehouse:
    """The warehouse, as the rest of the code sees it."""

    def __init__(self, url: sa.URL, *, embedded: bool) -> None:
        """Connect to nothing yet.

        Args:
            url: from `warehouse_url`.
            embedded: whether it is the embedded server, which is migrated without being asked.
        """
        self.embedded = embedded
        self.place = _place(url)
        self.engine = sa.create_engine(
            url,
            # A connection that was lost between two transactions costs nobody anything.
            pool_pre_ping=True,
            pool_size=4,
            connect_args=_connect_args(url),
        )

    def __repr__(self) -> str:
        return f"Warehouse({self.place})"

    def outside_transactions(self) -> Warehouse:
        """Return the warehouse with connections of its own, each of whose statements is by itself.

        For many small reads that somebody repeats where one fails: three round trips fewer, and
        each one is a wait for the interpreter's lock.
        """
        other = copy(self)
        other.engine = try_when_idle(
            sa.create_engine(
                self.engine.url,
                pool_size=4,
                connect_args=_connect_args(self.engine.url),
                isolation_level="AUTOCOMMIT",
                skip_autocommit_rollback=True,
            )
        )
        return other

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One transaction: committed at the end, rolled back on any error.

        Raises:
            WarehouseUnreachable: the server is down, went away, or is too busy; nothing was
                written, and trying again may do.
            WarehouseRefused: it will not have what was to be written; nothing was.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        # From COPY, which SQLAlchemy does not wrap.
        except (psycopg2.OperationalError, psycopg2.DataError, ReadOnlySqlTransaction) as error:
            raise self._failure(error) from None
        except OperationalError as error:
            raise self._failure(error.orig) from None
        except DBAPIError as error:
            if error.connection_invalidated or isinstance(error.orig, ReadOnlySqlTransaction):
                raise self._failure(error.orig) from None
            raise

    def now(self) -> datetime:
        """Return the time by the database's clock, which dates all that is stored.

        Raises:
            WarehouseUnreachable: it does not answer.
        """
        with self.transaction() as connection:
            time: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return time

    def _failure(self, error: BaseException | None) -> WarehouseError:
        """Return our own error for one of the driver's, told by what it is."""
        if isinstance(error, ReadOnlySqlTransaction):
            # After a failover the others of the pool lead to the old server, too.
            self.engine.dispose()
        refusal = meaning(error)
        if refusal is None:
            return self._unreachable(error)
        kind = WarehouseUnreachable if refusal.passes else WarehouseRefused
        todo = "run it again" if refusal.passes else "correct that and run it again"
        return kind(
            f"The warehouse {self.place} {refusal.text} ({told(error)}). What was stored before is "
            f"not changed: {todo}, or run `arcadia doctor`."
        )

    def _unreachable(self, error: BaseException | None) -> WarehouseUnreachable:
        # The driver's own text names host and reason, never the password.
        reason = " ".join(str(error).split()) or type(error).__name__
        return WarehouseUnreachable(
            f"The warehouse {self.place} does not answer: {reason}. What was stored before is "
            "not changed: check the server and run it again, or run `arcadia doctor`."
        )

    def check_migrated(self) -> None:
        """Make sure that the schema is the code's own; the embedded one is brought to it.

        Raises:
            WarehouseNotMigrated: a database given by URL has an older, newer or no schema.
            WarehouseUnreachable: it does not answer.
        """
        with self.transaction() as connection:
            current = current_revision(connection)
            installed = installed_views.installed_digest(connection)
        if current == head_revision() and installed == views.digest():
            return
        if self.embedded:
            from .migrate import migrate

            migrate(self)
            return
        if current == head_revision():
            raise WarehouseNotMigrated(
                f"The views of the warehouse {self.place} are from another release: "
                "run `arcadia migrate`."
            )
        raise WarehouseNotMigrated(
            f"The warehouse {self.place} has schema {current or 'none'}, this release needs "
            f"{head_revision()}: run `arcadia migrate`."
        )


def _connect_args(url: sa.URL) -> dict[str, Any]:
    """Return what every connection asks for, unless the URL says otherwise."""
    wanted = {
        "application_name": "arcadia",
        "connect_timeout": 10,
        # Notice a dead peer within a minute instead of TCP's two hours.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
    }
    options = f"{url.query.get('options', '')} -c timezone=UTC".strip()
    return {k: v for k, v in wanted.items() if k not in url.query} | {"options": options}


def _place(url: sa.URL) -> str:
    """Host and database, for messages: no user, no password, no parameters but the host."""
    host = url.host or url.query.get("host") or "localhost"
    name = host if isinstance(host, str) else ",".join(host)
    return f"{name}{f':{url.port}' if url.port else ''}/{url.database or ''}"


_opened: dict[sa.URL, Warehouse] = {}


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of these settings; one object, and so one connection pool, per process."""
    url = warehouse_url(settings)
    if url not in _opened:
        _opened[url] = Warehouse(url, embedded=settings.database_url is None)
    return _opened[url]
