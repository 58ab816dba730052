"""How the API's database is: whether it answers, at which schema, and keeps tenants apart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError

from ..common.times import Clock
from ..warehouse.engine import Warehouse
from ..warehouse.errors import WarehouseError
from ..warehouse.revision import current_revision, head_revision

_log = logging.getLogger(__name__)
_CHECK_STATE_EVERY = timedelta(seconds=5)
_STATE_WITHIN = 3.0  # seconds


@dataclass(frozen=True)
class State:
    """The state of the database."""

    database: str
    """ok or unreachable."""
    schema: str | None
    """The revision found; None when there is none, or nothing answers."""
    wanted: str
    tenants: str
    """ok or unavailable: whether tenants can be kept apart."""

    @property
    def ready(self) -> bool:
        """Say if requests can be answered."""
        return self.database == "ok" and self.schema == self.wanted


class Probe:
    """Looks at the database, in a thread of its own: those of the queries may all be waiting."""

    def __init__(
        self, warehouse: Warehouse, secure_tenants: Callable[[], bool], clock: Clock
    ) -> None:
        """Look at nothing yet.

        Args:
            warehouse: where.
            secure_tenants: has the database keep tenants apart, and says whether it does.
            clock: for what is asked again after a while.
        """
        self._warehouse = warehouse
        self._secure_tenants = secure_tenants
        self._clock = clock
        self._state: State | None = None
        self._state_at: datetime | None = None
        self._probe: Future[State] | None = None
        self._prober = ThreadPoolExecutor(1, thread_name_prefix="api-probe")

    def close(self) -> None:
        """Look no more; a look under way is not waited for."""
        self._prober.shutdown(wait=False, cancel_futures=True)

    async def state(self) -> State:
        """Tell how the database is; asked again after a few seconds, and never waited for long."""
        now = self._clock()
        if (
            self._state is not None
            and self._state_at is not None
            and abs(now - self._state_at) < _CHECK_STATE_EVERY
        ):
            return self._state
        if self._probe is None or self._probe.done():
            self._probe = self._prober.submit(self._look)
        try:
            self._state = await asyncio.wait_for(
                # A look goes on when who waits for it gives up: the next request gets its answer.
                asyncio.shield(asyncio.wrap_future(self._probe)),
                _STATE_WITHIN,
            )
        except TimeoutError:
            self._state = State("unreachable", None, head_revision(), "unavailable")
        self._state_at = now
        return self._state

    def _look(self) -> State:
        wanted = head_revision()
        try:
            with self._warehouse.transaction() as connection:
                schema = current_revision(connection)
            well = schema == wanted and self._secure_tenants()
            return State("ok", schema, wanted, "ok" if well else "unavailable")
        except (WarehouseError, DBAPIError) as error:
            _log.error("%s", type(error).__name__ if isinstance(error, DBAPIError) else error)
            return State("unreachable", None, wanted, "unavailable")
