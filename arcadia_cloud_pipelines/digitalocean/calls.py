"""The calls of one token, counted in the warehouse: one budget for every run and process."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..settings.secret import Secret
from ..warehouse.engine import Warehouse
from ..warehouse.errors import WarehouseError
from ..warehouse.statements import Statements
from .clock import SYSTEM_CLOCK, Clock
from .rate_limits import HOURLY, Limit

T = TypeVar("T")

_log = logging.getLogger(__name__)
_SQL = Statements(__file__)

_RETRY_AFTER = 60.0  # seconds; a warehouse that is away must not slow every call down


class SharedCalls:
    """Counts calls where all processes see them. Safe to share between threads.

    A help and not a condition: while the warehouse is away or not migrated, each process counts
    for itself, as `Budget` does anyway.
    """

    def __init__(self, warehouse: Warehouse, token: Secret, clock: Clock = SYSTEM_CLOCK) -> None:
        """Ask nothing yet.

        Args:
            warehouse: where; its clock dates the calls.
            token: whose calls; a digest of it is stored, from which it cannot be found.
            clock: for the pause after a failure.
        """
        self._warehouse = warehouse
        self._token = hashlib.sha256(token.reveal().encode()).hexdigest()[:32]
        self._clock = clock
        self._lock = threading.Lock()
        self._away_until = float("-inf")

    def take(self, limits: Sequence[Limit], now: datetime | None = None) -> float:
        """Count one call in each of these limits, or say how long it must wait.

        Args:
            limits: those that cover the call's path.
            now: the database's clock when None.

        Returns:
            Seconds; 0 when it was counted, or cannot be.
        """
        if not limits:
            return 0.0
        values = {
            "token": self._token,
            "now": now,
            "paths": [limit.path for limit in limits],
            "requests": [limit.requests for limit in limits],
            "seconds": [limit.seconds for limit in limits],
        }

        def count(connection: sa.Connection) -> float:
            _SQL.run(connection, "lock", values)
            return float(_SQL.run(connection, "take", values).scalar_one())

        return self._try(count) or 0.0

    def grant(self, hourly: int, now: datetime | None = None) -> None:
        """Note for all processes that the account was granted more than is usual.

        Args:
            hourly: requests an hour.
            now: the database's clock when None.
        """
        values = {"token": self._token, "factor": hourly / HOURLY, "now": now}
        self._try(lambda connection: _SQL.run(connection, "grant", values))

    def _try(self, work: Callable[[sa.Connection], T]) -> T | None:
        """Return what `work` returns, in its own transaction; None if the warehouse is away."""
        # One connection of the pool is enough for this, however many threads call.
        with self._lock:
            if self._clock.monotonic() < self._away_until:
                return None
            try:
                with self._warehouse.transaction() as connection:
                    return work(connection)
            except (WarehouseError, SQLAlchemyError) as error:
                self._away_until = self._clock.monotonic() + _RETRY_AFTER
                _log.warning(
                    "calls are not counted in the warehouse for %.0f s, each process counts its "
                    "own: %s", _RETRY_AFTER, type(error).__name__,
                )  # fmt: skip
                return None

    def last_hour(self) -> int:
        """Count the token's calls of the last hour, those that other processes made too.

        Raises:
            WarehouseError: the warehouse is away.
        """
        with self._warehouse.transaction() as connection:
            calls: int = _SQL.run(connection, "last_hour", {"token": self._token}).scalar_one()
        return calls
