"""Keeps Dagster's own storage from growing for ever.

Dagster purges ticks by itself (`retention` in dagster.yaml) and nothing else. Here go the events
of old runs that say nothing about assets, and the folders with their output. What assets exist and
when they were materialised, and the runs themselves, stay.
"""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

logger = logging.getLogger(__name__)

KEEP_EVENTS = timedelta(days=30)
KEEP_OUTPUT = timedelta(days=30)

_RUN_FOLDER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# Walks along the primary key, so that no batch looks again at what an earlier one kept.
_DELETE_BATCH = sa.text(
    """
    WITH batch AS MATERIALIZED (
        SELECT id, dagster_event_type FROM event_logs
        WHERE id > :after AND timestamp < :before ORDER BY id LIMIT :size
    ), gone AS (
        DELETE FROM event_logs USING batch
        WHERE event_logs.id = batch.id
          AND (batch.dagster_event_type IS NULL
               OR (batch.dagster_event_type NOT LIKE 'ASSET\\_%'
                   AND batch.dagster_event_type NOT LIKE 'FRESHNESS%'))
        RETURNING 1
    )
    SELECT max(batch.id), (SELECT count(*) FROM gone) FROM batch
    """
)


@dataclass(frozen=True)
class Forgotten:
    """What was deleted."""

    events: int
    folders: int


def forget_events(engine: sa.Engine, before: datetime, batch: int = 5_000) -> int:
    """Delete events that are older and are not about assets, a batch per transaction.

    Args:
        engine: Dagster's database.
        before: aware.
        batch: most events looked at in one transaction.

    Returns:
        How many were deleted.
    """
    deleted = 0
    after: int | None = 0
    while after is not None:
        with engine.begin() as connection:
            after, gone = connection.execute(
                _DELETE_BATCH,
                # Dagster keeps times without a zone, in UTC.
                {
                    "after": after,
                    "before": before.astimezone(UTC).replace(tzinfo=None),
                    "size": batch,
                },
            ).one()
        deleted += gone
    return deleted


def forget_output(storage: Path, before: datetime) -> int:
    """Delete the folders of runs that nothing was written to since.

    Args:
        storage: `$DAGSTER_HOME/storage`. Only folders named by a run's id are looked at.
        before: aware.

    Returns:
        How many were deleted.
    """
    deleted = 0
    for folder in storage.iterdir() if storage.is_dir() else ():
        if not _RUN_FOLDER.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
            continue
        newest = max((path.lstat().st_mtime for path in (folder, *folder.rglob("*"))), default=0.0)
        if newest < before.timestamp():
            shutil.rmtree(folder, ignore_errors=True)
            deleted += 1
    return deleted


def forget(engine: sa.Engine, storage: Path, now: datetime) -> Forgotten:
    """Delete what is older than it is kept."""
    forgotten = Forgotten(
        events=forget_events(engine, now - KEEP_EVENTS),
        folders=forget_output(storage, now - KEEP_OUTPUT),
    )
    logger.info("deleted %d events and %d folders", forgotten.events, forgotten.folders)
    return forgotten
