"""Dagster's log of events, as dagster-postgres has it, but with fewer statements and rows.

It also repairs what a reader of the log gets wrong: assets that an outage left as they were, and
runs whose end is stored before it is true.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from dagster import EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, DagsterEventType
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy.pool import ConnectionPoolEntry

from .dagster_connections import OnSharedEngine, once_true
from .dagster_marks import WHOLE_ACCOUNT
from .dagster_pools import ShortLines
from .run_workers import RunWorkers
from .statements import Statements

logger = logging.getLogger(__name__)

_RUN_ENDS = {
    DagsterEventType.RUN_SUCCESS,
    DagsterEventType.RUN_FAILURE,
    DagsterEventType.RUN_CANCELED,
}

_PLANNED = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}

_SQL = Statements(__file__)


class EventLog(OnSharedEngine, ShortLines, PostgresEventLogStorage):
    """The storage of events, which also notes which worker each run has."""

    run_workers: RunWorkers

    def __init__(self, postgres_url: str) -> None:
        super().__init__(postgres_url)
        self._outputs: dict[tuple[str, str | None], EventLogEntry] = {}

    def optimize_for_webserver(
        self,
        statement_timeout: int,
        pool_recycle: int,  # noqa: ARG002
        max_overflow: int,  # noqa: ARG002
    ) -> None:
        """Set the statement timeout on the shared engine, once for all three storages."""

        def set_timeout(connection: Any, _entry: ConnectionPoolEntry) -> None:
            with connection, connection.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = {int(statement_timeout)}")

        sa.event.listen(self._engine, "connect", set_timeout)
        self._engine.dispose()

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event, and what the UI reads of assets and checks.

        As dagster-postgres does it, but for the notification of listeners that no release has had
        for years, and for building the statement anew each time. Left out of the log is what nobody
        reads there: that a check is planned, and the empty output of one that gates nothing.
        """
        if event.dagster_event_type is DagsterEventType.RUN_START:
            self.run_workers.begin(event.run_id)  # It is the worker that says so.
        elif event.dagster_event_type in _RUN_ENDS:
            self.run_workers.end(event.run_id)
        if event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            self._plan_checks([event])
            return
        held = self._outputs.pop((event.run_id, event.step_key), None)
        if held is not None and not _is_output_of_check(held, event):
            self._store(held)
        if event.dagster_event_type is DagsterEventType.STEP_OUTPUT:
            # Until the next event of the step says if it is a check's, which says it all again. A
            # step that dies in between is repeated whole.
            self._outputs[event.run_id, event.step_key] = event
            return
        self._store(event)

    def _store(self, event: EventLogEntry) -> None:
        with self._connect() as connection:
            event_id = _SQL.run(connection, "insert", self._event_to_row(event)).scalar_one()
        if not event.is_dagster_event:
            return
        kind = event.dagster_event_type
        if kind is DagsterEventType.RUN_FAILURE:
            self._leave_what_was_skipped(event.run_id)
        if kind in ASSET_EVENTS and event.get_dagster_event().asset_key:
            with self.index_transaction() as connection:
                self._store_asset_event_tags(connection, [event], [event_id])
                self._store_asset_event(connection, event, event_id)
        elif kind in ASSET_CHECK_EVENTS:
            self.store_asset_check_event(event, event_id)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store what a run plans in two statements: a refresh plans 86 assets and 251 checks."""
        if not self._are_plans(events):
            super().store_event_batch(events)
            return
        check = DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
        checks = [event for event in events if event.dagster_event_type is check]
        assets = [event for event in events if event.dagster_event_type is not check]
        self._store_columns("plan_assets", [self._event_to_row(event) for event in assets])
        self._plan_checks(checks)

    def _are_plans(self, events: Sequence[EventLogEntry]) -> bool:
        return all(event.dagster_event_type in _PLANNED for event in events) and (
            self.has_secondary_index(ASSET_KEY_INDEX_COLS)
        )

    def _plan_checks(self, events: Sequence[EventLogEntry]) -> None:
        """Store that checks are to be evaluated, for each partition of the run.

        The log of events has no row of it: nobody reads it there, and a refresh has 251.
        """
        rows = [
            {
                **self._event_to_row(event),
                "asset_key": plan.asset_key.to_string(),
                "check_name": plan.check_name,
                "partition": partition,
            }
            for event in events
            for plan in [event.get_dagster_event().asset_check_planned_data]
            for subset in [plan.partitions_subset]
            for partition in (subset.get_partition_keys() if subset else [None])
        ]
        self._store_columns("plan_checks", rows)

    def _store_columns(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement that takes each column of the rows as an array; none for no rows."""
        if not rows:
            return
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        with self.index_connection() as connection:
            _SQL.run(connection, statement, columns)

    def _leave_what_was_skipped(self, run_id: str) -> None:
        """Have assets and checks stay as they were where the whole account did not answer.

        Dagster takes all that a failed run did not fill for failed. In an outage that is all:
        a hundred assets and their checks, where one step says what is wrong.
        """
        asked = {"run_id": run_id, "mark": f'"{WHOLE_ACCOUNT}"'}
        try:
            with self.index_transaction() as connection:
                if _SQL.run(connection, "failed_for", asked).first() is not None:
                    _SQL.run(connection, "leave_assets", asked)
                    _SQL.run(connection, "leave_checks", asked)
        except sa.exc.SQLAlchemyError as error:
            # Such as a deadlock. That the run has failed is noted after this.
            logger.warning("run %s left no asset as it was: %s", run_id, type(error).__name__)

    def get_logs_for_all_runs_by_log_id(
        self, *arguments: Any, **more: Any
    ) -> Mapping[int, EventLogEntry]:
        """Read events of all runs, up to the first end of a run that is not over yet.

        Dagster stores that a run failed and then makes it failed. The daemon that repeats runs
        whose worker died looks at each such event once: a run seen in between was never repeated.
        """
        found = super().get_logs_for_all_runs_by_log_id(*arguments, **more)
        ends: dict[str, int] = {}
        for number, entry in found.items():
            if entry.dagster_event_type in _RUN_ENDS:
                ends.setdefault(entry.run_id, number)
        if not ends:
            return found
        with self.index_connection() as connection:
            early = _SQL.run(connection, "not_over", {"run_ids": [*ends]}).scalars()
            first = min((ends[run_id] for run_id in early), default=None)
        return {number: entry for number, entry in found.items() if first is None or number < first}

    has_table = once_true(PostgresEventLogStorage.has_table)
    _has_asset_key_col_on_connection = once_true(
        PostgresEventLogStorage._has_asset_key_col_on_connection
    )


def _is_output_of_check(output: EventLogEntry, following: EventLogEntry) -> bool:
    """Return true where an output is the empty one of a check that no step waits for."""
    if following.dagster_event_type is not DagsterEventType.ASSET_CHECK_EVALUATION:
        return False
    evaluation: Any = following.get_dagster_event().event_specific_data
    name = output.get_dagster_event().step_output_data.output_name
    key = evaluation.asset_check_key
    return not evaluation.blocking and name == f"{key.asset_key.to_python_identifier()}_{key.name}"
