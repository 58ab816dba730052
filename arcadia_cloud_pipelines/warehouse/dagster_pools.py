"""Slots of Dagster's pools, taken and given back with one statement each.

Dagster has each step stand in a line, look whether it is its turn, take the slot, and leave both:
fourteen statements a step, and a refresh has 86 of them, in a line of which nobody else is. Here a
step takes a free slot at once where the line is empty, and stands in it otherwise. The rows of the
slots are the lock, here as there.
"""

from __future__ import annotations

from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._utils.concurrency import ConcurrencyClaimStatus, ConcurrencySlotStatus

from .statements import Statements

_SQL = Statements(__file__)

CLAIM_SECONDS = 3.0
"""After which a step that waits for a slot of its pool asks for it again. Dagster would have it
wait up to 15 s, and a free slot with it."""


class ShortLines(SqlEventLogStorage):
    """The pools of a storage on PostgreSQL."""

    def claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> ConcurrencyClaimStatus:
        """Take a free slot if nobody waits for one; else stand in the line, as Dagster has it."""
        if self._take_slot(concurrency_key, run_id, step_key, in_turn=False):
            return ConcurrencyClaimStatus(
                concurrency_key=concurrency_key,
                slot_status=ConcurrencySlotStatus.CLAIMED,
                priority=priority,
            )
        status = super().claim_concurrency_slot(concurrency_key, run_id, step_key, priority)
        if not status.is_assigned:
            # Who leaves calls the next. One that came just then would wait for somebody to leave.
            with self.index_connection() as connection:
                _SQL.run(connection, "call_next", {"pool": concurrency_key})
        return status if status.is_claimed else status.with_sleep_interval(CLAIM_SECONDS)

    def _claim_concurrency_slot(
        self, concurrency_key: str, run_id: str, step_key: str
    ) -> ConcurrencySlotStatus:
        """Take a free slot for a step whose turn it is.

        Dagster looks for it and takes it with two statements: two steps can take the same.
        """
        taken = self._take_slot(concurrency_key, run_id, step_key, in_turn=True)
        return ConcurrencySlotStatus.CLAIMED if taken else ConcurrencySlotStatus.BLOCKED

    def _take_slot(self, pool: str, run_id: str, step_key: str, *, in_turn: bool) -> bool:
        step = {"pool": pool, "run_id": run_id, "step_key": step_key, "in_turn": in_turn}
        with self.index_connection() as connection:
            return _SQL.run(connection, "take_slot", step).rowcount == 1

    def free_concurrency_slot_for_step(self, run_id: str, step_key: str) -> None:
        """Give a slot back, and have the next of the line go on where the step stood in it."""
        step = {"run_id": run_id, "step_key": step_key}
        with self.index_connection() as connection:
            more = _SQL.run(connection, "leave_slot", step).scalar_one()
        if more:
            super().free_concurrency_slot_for_step(run_id, step_key)

    def get_concurrency_run_ids(self) -> set[str]:
        """Return the runs that wait for a slot or hold one: the daemon frees those of ended runs.

        Dagster looks at the line alone, in which every holder stands there.
        """
        with self.index_connection() as connection:
            return set(_SQL.run(connection, "run_ids").scalars())
