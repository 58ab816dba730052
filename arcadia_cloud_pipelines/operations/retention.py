"""Keeps Dagster's own storage from growing for ever.

Dagster purges ticks by itself (`retention` in dagster.yaml) and nothing else. Here go old events,
check results, runs and snapshots, and the folders with the output of runs. The newest event of each
asset and partition, the newest result of each check and the newest run of each job stay, however
old, so that the UI says the same as before. Each night reads on from where the last one stopped.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from ..warehouse.statements import Statements

logger = logging.getLogger(__name__)

KEEP_EVENTS = timedelta(days=30)
"""For check results, too."""
KEEP_RUNS = timedelta(days=90)
KEEP_OUTPUT = timedelta(days=30)
NEWEST_SNAPSHOTS = 200

_RUN_FOLDER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LAST = 2**62

_SQL = Statements(__file__)


@dataclass(frozen=True)
class Forgotten:
    """Numbers of what was deleted."""

    events: int
    checks: int
    runs: int
    snapshots: int
    folders: int


def forget_checks(engine: sa.Engine, before: datetime, batch: int = 5_000) -> int:
    """Delete older results of checks, a batch a transaction; the newest of each check stays.

    Returns:
        How many were deleted.
    """
    return _walk(engine, "check", before, batch, {})


def forget_events(engine: sa.Engine, before: datetime, batch: int = 5_000) -> int:
    """Delete older events, a batch a transaction; the newest of each asset and partition stays.

    Args:
        engine: Dagster's database.
        before: aware.
        batch: most events looked at in one transaction.

    Returns:
        How many were deleted.
    """
    return _walk(engine, "event", before, batch, {"checks": _runs_of_old_checks(engine, before)})


def _walk(
    engine: sa.Engine, what: str, before: datetime, batch: int, more: Mapping[str, object]
) -> int:
    """Walk along the primary key, from where the last walk stopped up to what is young."""
    key = f"arcadia/retention/{what}s"
    # Dagster keeps the times of events without a zone, in UTC.
    moment = before.astimezone(UTC)
    cut = {"before": moment.replace(tzinfo=None) if what == "event" else moment}
    with engine.begin() as connection:
        after: int = _SQL.run(connection, "mark", {"key": key}).scalar() or 0
        young = _SQL.run(connection, f"first_young_{what}", {**cut, "after": after}).scalar()
    until = _LAST if young is None else young
    deleted = 0
    while True:
        with engine.begin() as connection:
            last, gone = _SQL.run(
                connection, f"forget_{what}s",
                {**more, "after": after, "until": until, "size": batch},
            ).one()  # fmt: skip
            if last is None:
                return deleted
            _SQL.run(connection, "set_mark", {"key": key, "value": last})
        after = last
        deleted += gone


def _runs_of_old_checks(engine: sa.Engine, before: datetime) -> list[str]:
    """Return the runs whose check results stay although they are old."""
    with engine.connect() as connection:
        return list(_SQL.run(connection, "runs_of_old_checks", {"before": before}).scalars())


def forget_runs(engine: sa.Engine, before: datetime, batch: int = 500) -> int:
    """Delete older runs of which no event is left; the newest of each job stays."""
    values = {"before": before, "size": batch, "checks": _runs_of_old_checks(engine, before)}
    deleted = 0
    while True:
        with engine.begin() as connection:
            gone = _SQL.run(connection, "forget_runs", values).rowcount
        deleted += gone
        if gone < batch:
            return deleted


def forget_snapshots(engine: sa.Engine, newest: int = NEWEST_SNAPSHOTS) -> int:
    """Delete snapshots of jobs and plans that no run names, the `newest` apart."""
    with engine.begin() as connection:
        return _SQL.run(connection, "forget_snapshots", {"newest": newest}).rowcount


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
    # Checks first: what is left of them says which of their events stay.
    checks = forget_checks(engine, now - KEEP_EVENTS)
    forgotten = Forgotten(
        events=forget_events(engine, now - KEEP_EVENTS),
        checks=checks,
        runs=forget_runs(engine, now - KEEP_RUNS),
        snapshots=forget_snapshots(engine),
        folders=forget_output(storage, now - KEEP_OUTPUT),
    )
    logger.info("deleted %s", forgotten)
    return forgotten
