"""Dagster's storage: dagster-postgres on the database that the settings name.

`dagster.yaml` names this class instead of a URL, because an `env:` entry there breaks every command
when the variable is unset, and because only psycopg2 works (see `urls.py`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Self

from dagster._core.storage.base_storage import DagsterStorage
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.run_storage import PostgresRunStorage

from ..settings import load_settings
from .dagster_connections import OnSharedEngine, once_true, pooled_engine
from .dagster_events import EventLog
from .dagster_schedules import SchedulesUntilNow
from .engine import dagster_url
from .run_workers import RunWorkers

BATCH = "1000"
"""Events of what a run plans that are stored at a time. Dagster asks the environment for it."""


class _Runs(OnSharedEngine, PostgresRunStorage):
    has_run_stats_index_cols = once_true(PostgresRunStorage.has_run_stats_index_cols)
    has_backfill_id_column = once_true(PostgresRunStorage.has_backfill_id_column)


class _Schedules(OnSharedEngine, SchedulesUntilNow):
    """Schedules and sensors, without what is dated ahead of now."""


class ArcadiaStorage(DagsterPostgresStorage):
    """PostgreSQL by DAGSTER_POSTGRES_URL, else the embedded server."""

    def __init__(self, postgres_url: str, inst_data: Any = None) -> None:
        """Make Dagster's tables where they are missing."""
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", BATCH)
        self.postgres_url = postgres_url
        self.should_autocreate_tables = True
        self._inst_data = inst_data
        self._event_log_storage = EventLog(postgres_url)
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
