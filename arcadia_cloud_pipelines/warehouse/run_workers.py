"""The process that works on a Dagster run, or on a step of it, so that one can tell that it died.

A worker notes itself in Dagster's own database when its run starts, and beats while it works. It is
dead when its process is gone, which its own machine can see; on another machine, when it has not
beaten for a while. A step that has a process of its own (see `operations/celery_executor`) has a
note of its own.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
import sqlalchemy as sa

logger = logging.getLogger(__name__)

BEAT_SECONDS = 20.0
LAPSED_SECONDS = 120.0
"""Time without a beat, or without a note, after which a run has no worker any more."""

_CREATE = """
CREATE TABLE IF NOT EXISTS arcadia_run_workers (
    run_id text NOT NULL,
    place text NOT NULL,
    boot text NOT NULL,
    pid bigint NOT NULL,
    started text NOT NULL,
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- Until 0.1 a run had one note.
ALTER TABLE arcadia_run_workers ADD COLUMN IF NOT EXISTS step_key text NOT NULL DEFAULT '';
ALTER TABLE arcadia_run_workers DROP CONSTRAINT IF EXISTS arcadia_run_workers_pkey;
CREATE UNIQUE INDEX IF NOT EXISTS arcadia_run_workers_key
    ON arcadia_run_workers (run_id, step_key);
"""
_NOTE = sa.text(
    "INSERT INTO arcadia_run_workers (run_id, step_key, place, boot, pid, started)"
    " VALUES (:run_id, :step_key, :place, :boot, :pid, :started)"
    " ON CONFLICT (run_id, step_key) DO UPDATE SET place = excluded.place, boot = excluded.boot,"
    " pid = excluded.pid, started = excluded.started, beat_at = clock_timestamp()"
)
_BEAT = sa.text(
    "UPDATE arcadia_run_workers SET beat_at = clock_timestamp() WHERE (run_id, step_key) IN"
    " (SELECT * FROM unnest(CAST(:run_ids AS text[]), CAST(:step_keys AS text[])))"
)
_READ = sa.text(
    "SELECT run_id, place, boot, pid, started, beat_at::text AS beat"
    " FROM arcadia_run_workers WHERE run_id = :run_id AND step_key = :step_key"
)
# The end of a run is the end of its steps.
_END = sa.text(
    "DELETE FROM arcadia_run_workers"
    " WHERE run_id = :run_id AND (step_key = :step_key OR :step_key = '')"
)
# Another process may have noted itself meanwhile: any worker may try a step again.
_LEAVE = sa.text(
    "DELETE FROM arcadia_run_workers WHERE run_id = :run_id AND step_key = :step_key"
    " AND place = :place AND boot = :boot AND pid = :pid AND started = :started"
)


@dataclass(frozen=True)
class RunWorker:
    """One process that works on a run."""

    run_id: str
    place: str
    """Machine and process namespace: where the process id has a meaning."""
    boot: str
    """Changes when the machine starts again."""
    pid: int
    started: str
    beat: str

    def is_here(self) -> bool:
        """Return whether this process could see the worker's."""
        return self.place == this_place()

    def is_gone(self) -> bool:
        """Return whether the process is proven to have ended; False for one of another place."""
        if not self.is_here():
            return False
        return self.boot != _boot() or _start_of(self.pid) != self.started


class RunWorkers:
    """The notes of all workers, in one database."""

    def __init__(self, engine: sa.Engine) -> None:
        """Use `engine`, which commits each statement."""
        self._engine = engine
        self._lock = threading.Lock()
        self._mine: set[tuple[str, str]] = set()
        self._beating = False

    def begin(self, run_id: str, step_key: str = "") -> None:
        """Note that this process works on a run, or on a step of it, from now on."""
        try:
            self._note(_this_process(run_id, step_key))
        except sa.exc.SQLAlchemyError as error:
            # The run itself is worth more than the note: it is found dead by its absence.
            logger.warning("run %s has no note of its worker: %s", run_id, type(error).__name__)
            return
        with self._lock:
            self._mine.add((run_id, step_key))
            start, self._beating = not self._beating, True
        if start:
            threading.Thread(target=self._beat, name="run worker", daemon=True).start()

    def _read(self, asked: dict[str, str]) -> sa.RowMapping | None:
        with self._engine.connect() as connection:
            return connection.execute(_READ, asked).mappings().one_or_none()

    def _note(self, values: dict[str, object]) -> None:
        try:
            with self._engine.connect() as connection:
                connection.execute(_NOTE, values)
        except sa.exc.ProgrammingError:
            self._create()
            with self._engine.connect() as connection:
                connection.execute(_NOTE, values)

    def _create(self) -> None:
        # Two processes can make it at the same time: one of them is refused.
        refused = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.InternalError)
        with suppress(*refused), self._engine.connect() as connection:
            connection.execute(sa.text(_CREATE))

    def end(self, run_id: str, step_key: str = "") -> None:
        """Forget a run, or a step of one, that is over."""
        with self._lock:
            self._mine.discard((run_id, step_key))
        with suppress(sa.exc.SQLAlchemyError), self._engine.connect() as connection:
            connection.execute(_END, {"run_id": run_id, "step_key": step_key})

    def leave(self, run_id: str, step_key: str) -> None:
        """Forget a step that this process is done with, unless another one works on it now."""
        with self._lock:
            self._mine.discard((run_id, step_key))
        with suppress(sa.exc.SQLAlchemyError), self._engine.connect() as connection:
            connection.execute(_LEAVE, _this_process(run_id, step_key))

    def lapse(self, run_id: str, step_key: str) -> None:
        """Beat no more for what this process gave up; the note stays."""
        with self._lock:
            self._mine.discard((run_id, step_key))

    def find(self, run_id: str, step_key: str = "") -> RunWorker | None:
        """Return who works on a run, or on a step of it; None when nobody has said so."""
        asked = {"run_id": run_id, "step_key": step_key}
        try:
            row = self._read(asked)
        except sa.exc.ProgrammingError:
            self._create()  # No worker of this release has noted itself yet.
            row = self._read(asked)
        return RunWorker(**row) if row is not None else None

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            with self._lock:
                mine = sorted(self._mine)
                self._beating = bool(mine)
            if not mine:
                return
            with suppress(sa.exc.SQLAlchemyError), self._engine.connect() as connection:
                run_ids, step_keys = map(list, zip(*mine, strict=True))
                connection.execute(_BEAT, {"run_ids": run_ids, "step_keys": step_keys})


class Silences:
    """Seconds for which notes did not change, by this process's own clock: no clock is compared."""

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self._seen: dict[str, tuple[str | None, float]] = {}

    def seconds(self, name: str, beat: str | None) -> float:
        """Return how long a note has been `beat` already, as far as this process has seen."""
        now = time.monotonic()
        before = self._seen.get(name)
        if before is None or before[0] != beat:
            if len(self._seen) > 1000:
                self._seen.clear()
            self._seen[name] = (beat, now)
            return 0.0
        return now - before[1]


def _this_process(run_id: str, step_key: str) -> dict[str, object]:
    """Return the note of this process for a run or a step."""
    return {
        "run_id": run_id,
        "step_key": step_key,
        "place": this_place(),
        "boot": _boot(),
        "pid": os.getpid(),
        "started": _start_of(os.getpid()) or "",
    }


@cache
def this_place() -> str:
    """Return the machine and, in containers, the namespace in which process ids count."""
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {namespace}".strip()


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _start_of(pid: int) -> str | None:
    """Return when a process started, exactly; None for one that does not work any more."""
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return fields[19]  # ticks since the machine's start: no step of a clock changes it
    except psutil.NoSuchProcess:
        return None
    except OSError:
        with suppress(psutil.Error):
            return f"{psutil.Process(pid).create_time():.2f}"
        return None
