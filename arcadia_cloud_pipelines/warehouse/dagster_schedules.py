"""Schedules and sensors of Dagster's, without what is dated ahead of now.

Dagster goes on from the newest tick that there is. After a clock was ahead for a minute, no
schedule and no sensor would be looked at until that time comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, TickStatus
from dagster._time import get_current_timestamp
from dagster_postgres.schedule_storage import PostgresScheduleStorage

from ..common.late import CLOCK_TOLERANCE


class SchedulesUntilNow(PostgresScheduleStorage):
    """The storage of schedules and sensors, which leaves out what is dated ahead of now."""

    def all_instigator_state(self, *arguments: Any, **more: Any) -> Sequence[InstigatorState]:
        """Return the states, without times that are still to come."""
        states = super().all_instigator_state(*arguments, **more)
        return [without_times_to_come(state) for state in states]

    def get_instigator_state(self, *arguments: Any, **more: Any) -> InstigatorState | None:
        """Return one state, without times that are still to come."""
        state = super().get_instigator_state(*arguments, **more)
        return None if state is None else without_times_to_come(state)

    def get_ticks(
        self,
        origin_id: str,
        selector_id: str,
        before: float | None = None,
        after: float | None = None,
        limit: int | None = None,
        statuses: Sequence[TickStatus] | None = None,
    ) -> Sequence[InstigatorTick]:
        """Return the newest ticks that are not still to come."""
        last = _present() if before is None else min(before, _present())
        return super().get_ticks(origin_id, selector_id, last, after, limit, statuses)


def _present() -> float:
    return get_current_timestamp() + CLOCK_TOLERANCE.total_seconds()


def without_times_to_come(state: InstigatorState) -> InstigatorState:
    """Return the state of a schedule or sensor as it was before a clock was ahead."""
    data, present = state.instigator_data, _present()
    if data is None:
        return state
    ahead: dict[str, Any] = {
        name: None
        for name, value in data._asdict().items()
        if name.endswith("timestamp") and value is not None and value > present
    }
    if not ahead:
        return state
    if "start_timestamp" in ahead:
        # Ticks from then on count. An hour ago, or it would never be older than a tick.
        ahead["start_timestamp"] = get_current_timestamp() - 3600
    return state.with_data(data._replace(**ahead))
