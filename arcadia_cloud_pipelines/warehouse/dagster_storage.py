"""Dagster's storage: dagster-postgres on the database that the settings name.

`dagster.yaml` names this class instead of a URL, because an `env:` entry there breaks every command
when the variable is unset, and because only psycopg2 works (see `urls.py`).

dagster-postgres opens a connection for every statement, which is most of the cost of a refresh: one
of 160 resources opened 2,215. Here the three storages of a process share a small pool instead.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

import psycopg2
import sqlalchemy as sa
from dagster import EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, DagsterEventType
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS
from dagster._utils.concurrency import ConcurrencyClaimStatus
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from sqlalchemy.pool import ConnectionPoolEntry

from ..settings import load_settings
from .dagster_marks import WHOLE_ACCOUNT
from .dagster_pools import ShortLines
from .dagster_schedules import SchedulesUntilNow
from .engine import dagster_url
from .run_workers import RunWorkers
from .statements import Statements

logger = logging.getLogger(__name__)

POOL_SIZE = 2
"""Connections that a process holds; more are opened while threads need them, and closed again."""

MAX_OVERFLOW = 30

RECYCLE_SECONDS = 600
"""Age at which a connection is replaced, so that no idle one keeps a server's memory for ever."""

BATCH = "1000"
"""Events of what a run plans that are stored at a time. Dagster asks the environment for it."""

IDLE_SECONDS = 0.5
"""Time after which a connection is tried before use. No server restarts faster than that."""

CLAIM_SECONDS = 3.0
"""After which a step that waits for a slot of its pool asks for it again."""

_engines: weakref.WeakValueDictionary[str, sa.Engine] = weakref.WeakValueDictionary()
"""By URL: a worker of Celery makes an instance for each step, and all of them share one."""


def _leave_connections_to_parent() -> None:
    """Forget the pooled connections after a fork, without closing the parent's."""
    for engine in _engines.values():
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_connections_to_parent)


def pooled_engine(url: str) -> sa.Engine:
    """Return an engine that holds connections, and tries an idle one before it hands it out.

    A restart of the database therefore costs the next caller a new connection, not an error.
    """
    if (known := _engines.get(url)) is not None:
        return known
    engine = sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=POOL_SIZE,
        max_overflow=MAX_OVERFLOW,
        pool_recycle=RECYCLE_SECONDS,
        # The connection used last goes first, so that the others grow old and are closed.
        pool_use_lifo=True,
    )
    sa.event.listen(engine, "checkin", _note_use)
    sa.event.listen(engine, "checkout", _try_if_idle)
    _engines[url] = engine
    return engine


def _note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
    entry.info["used"] = time.monotonic()


def _try_if_idle(connection: Any, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    """Ask a connection that lay idle for an answer; the pool replaces one that gives none.

    `pool_pre_ping` asks at every use, which is a third of the statements of a run.

    Raises:
        DisconnectionError: it is dead; the pool opens another and tries again.
    """
    used = entry.info.get("used")
    if used is None or time.monotonic() - used < IDLE_SECONDS:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise sa.exc.DisconnectionError from error


_Method = TypeVar("_Method", bound=Callable[..., bool])


def _once_true(method: _Method) -> _Method:
    """Wrap a question about the catalogue: what exists once is not asked for again.

    Tables and columns of Dagster's storage appear by a migration and never go away.
    """
    attribute = f"_known_{method.__name__}"

    def ask(self: Any, *arguments: Any) -> bool:
        known = self.__dict__.setdefault(attribute, set())
        # A connection is a way to ask, not what is asked about.
        question = tuple(a for a in arguments if isinstance(a, str))
        if question in known:
            return True
        answer = method(self, *arguments)
        if answer:
            known.add(question)
        return answer

    return ask  # type: ignore[return-value]


class _OnSharedEngine:
    """Replaces the engine of one storage by the one that all three share."""

    _engine: sa.Engine

    def share(self, engine: sa.Engine) -> None:
        """Use `engine` from now on."""
        self._engine = engine

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Keep the engine: connections are held already, and tried before use.

        dagster-postgres would make one that is not tried: after a restart of the database the
        first request of the UI would be an error.
        """


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

_INSERT_EVENT = sa.text(
    "INSERT INTO event_logs"
    " (run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition)"
    " VALUES"
    " (:run_id, :event, :dagster_event_type, :timestamp, :step_key, :asset_key, :partition)"
    " RETURNING id"
)


class _EventLog(_OnSharedEngine, ShortLines, PostgresEventLogStorage):
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

    def claim_concurrency_slot(self, *claim: Any, **more: Any) -> ConcurrencyClaimStatus:
        """Claim a slot of a pool; one that waits for it asks again soon.

        Dagster would have it wait up to 15 s, and a free slot with it.
        """
        status = super().claim_concurrency_slot(*claim, **more)
        return status if status.is_claimed else status.with_sleep_interval(CLAIM_SECONDS)

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
            event_id = connection.execute(_INSERT_EVENT, self._event_to_row(event)).scalar_one()
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

    has_table = _once_true(PostgresEventLogStorage.has_table)
    _has_asset_key_col_on_connection = _once_true(
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


class _Runs(_OnSharedEngine, PostgresRunStorage):
    has_run_stats_index_cols = _once_true(PostgresRunStorage.has_run_stats_index_cols)
    has_backfill_id_column = _once_true(PostgresRunStorage.has_backfill_id_column)


class _Schedules(_OnSharedEngine, SchedulesUntilNow):
    """Schedules and sensors, without what is dated ahead of now."""


class ArcadiaStorage(DagsterPostgresStorage):
    """PostgreSQL by DAGSTER_POSTGRES_URL, else the embedded server."""

    def __init__(self, postgres_url: str, inst_data: Any = None) -> None:
        """Make Dagster's tables where they are missing."""
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", BATCH)
        self.postgres_url = postgres_url
        self.should_autocreate_tables = True
        self._inst_data = inst_data
        self._event_log_storage = _EventLog(postgres_url)
        self._run_storage = _Runs(postgres_url)
        self._schedule_storage = _Schedules(postgres_url)
        self._engine = pooled_engine(postgres_url)
        for storage in (self._event_log_storage, self._run_storage, self._schedule_storage):
            storage.share(self._engine)
        self._event_log_storage.run_workers = RunWorkers(self._engine)
        DagsterStorage.__init__(self)  # type: ignore[no-untyped-call,arg-type]

    @classmethod
    def config_type(cls) -> Any:
        """Nothing to configure: the environment says it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:  # noqa: ARG003
        """Make the storage; starts the embedded server when no URL is set."""
        url = dagster_url(load_settings())
        return cls(postgres_url=url.render_as_string(hide_password=False), inst_data=inst_data)
