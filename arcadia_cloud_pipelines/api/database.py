"""The API's own way to the database: few connections, short queries, tenants under their role.

Handlers run in one event loop; what talks to PostgreSQL runs in as many threads as there are
connections, first come, first served.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar

import psycopg2.errors
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from ..common.times import Clock
from ..warehouse.engine import Warehouse
from ..warehouse.errors import WarehouseError, WarehouseUnreachable
from ..warehouse.revision import head_revision
from .caller import Caller
from .config import ApiConfig
from .probe import Probe, State
from .problems import Problem

Result = TypeVar("Result")

_log = logging.getLogger(__name__)
_CHECK_TENANTS_EVERY = timedelta(minutes=1)
# SET LOCAL ROLE and SET LOCAL in one round trip.
_BECOME = sa.text(
    "SELECT set_config('arcadia.tenant_id', :tenant, true), "
    "set_config('role', 'arcadia_tenant', true)"
)
_NOT_OURS = (
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedColumn,
    psycopg2.errors.UndefinedFunction,
)


class Database:
    """Runs what handlers ask for."""

    def __init__(self, warehouse: Warehouse, config: ApiConfig, clock: Clock) -> None:
        """Connect to nothing yet.

        Args:
            warehouse: says where; the connections are the API's own.
            config: how many, and for how long.
            clock: for what is asked again after a while.
        """
        url = warehouse.engine.url
        milliseconds = round(config.statement_seconds * 1000)
        options = (
            f"{url.query.get('options', '')} -c statement_timeout={milliseconds} "
            f"-c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout=30000"
        )
        # No secret is in there: update_query_dict keeps the password where it is.
        self.warehouse = Warehouse(
            url.update_query_dict({"options": options.strip(), "application_name": "arcadia-api"}),
            embedded=warehouse.embedded,
        )
        self._outside = self.warehouse.outside_transactions()
        self._config = config
        self._clock = clock
        # As many threads as connections: who waits, waits here, in order, and not for a connection.
        self._threads = ThreadPoolExecutor(config.connections, thread_name_prefix="api-query")
        self._under_way = 0
        self._tenants_checked: datetime | None = None
        self._tenants_problem: str | None = None
        self._probe = Probe(self.warehouse, self._secure_tenants, clock)

    def close(self) -> None:
        """Let what is under way finish, and give the connections back."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._probe.close()
        self.warehouse.engine.dispose()
        self._outside.engine.dispose()

    async def read(self, caller: Caller, work: Callable[[sa.Connection], Result]) -> Result:
        """Run `work`, which only reads, seeing what the caller may see.

        Raises:
            Problem: 503, when the database is away, too slow or not ready for it.
        """

        def job() -> Result:
            if caller.tenant is None:
                with self._outside.transaction() as connection:
                    return work(connection)
            self._require_tenants()
            with self.warehouse.transaction() as connection:
                connection.execute(_BECOME, {"tenant": caller.tenant})
                return work(connection)

        return await self.run(job)

    async def run(self, job: Callable[[], Result]) -> Result:
        """Run a function that uses `warehouse`, in a thread.

        Raises:
            Problem: 503, when the database is away, too slow or too many wait already.
        """
        if self._under_way >= self._config.connections + self._config.waiting:
            raise _unavailable("Too many requests are waiting.", 1)
        self._under_way += 1
        try:
            return await asyncio.wrap_future(self._threads.submit(job))
        except WarehouseUnreachable as error:
            if _was_too_slow(error):
                raise _unavailable(
                    f"The query took longer than {self._config.statement_seconds:g} s and was "
                    "given up: narrow the filters.", 1,
                ) from None  # fmt: skip
            _log.error("%s", error)
            raise _unavailable("The database does not answer.", 5) from None
        except WarehouseError as error:
            _log.error("%s", error)
            raise _unavailable("The database is not ready.", 30) from None
        except DBAPIError as error:
            if not isinstance(error.orig, _NOT_OURS):
                raise
            _log.error("the database is not at schema %s: run `arcadia migrate`", head_revision())
            raise _unavailable("The database is not ready.", 30) from None
        finally:
            self._under_way -= 1

    def _require_tenants(self) -> None:
        """Make sure that the database itself keeps tenants apart, before one is let in.

        Raises:
            Problem: 503; the log says what an administrator has to do.
        """
        now = self._clock()
        checked = self._tenants_checked
        if checked is None or abs(now - checked) >= _CHECK_TENANTS_EVERY:
            self._secure_tenants()
        if self._tenants_problem is not None:
            raise _unavailable("Tenants cannot be answered now.", 60)

    def _secure_tenants(self) -> bool:
        """Have the database keep tenants apart, and return whether it does."""
        with self.warehouse.transaction() as connection:
            self._tenants_problem = connection.execute(
                sa.text("SELECT cloud_secure_tenants()")
            ).scalar_one()
        if self._tenants_problem is not None:
            _log.error("tenants get 503: %s", self._tenants_problem)
        self._tenants_checked = self._clock()
        return self._tenants_problem is None

    async def state(self) -> State:
        """Tell how the database is; asked again after a few seconds, and never waited for long."""
        return await self._probe.state()


def _unavailable(detail: str, seconds: int) -> Problem:
    return Problem(503, detail, headers={"Retry-After": str(seconds)})


def _was_too_slow(error: BaseException) -> bool:
    """Say if the server gave the query up, which reaches us as if it were away."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(
            cause, (psycopg2.errors.QueryCanceled, psycopg2.errors.LockNotAvailable)
        ) or isinstance(
            getattr(cause, "orig", None),
            (psycopg2.errors.QueryCanceled, psycopg2.errors.LockNotAvailable),
        ):
            return True
        cause = cause.__context__
    return False
