"""The process that works on a Dagster run, or on a step of it, so that one can tell that it died.

A worker notes itself in Dagster's own database when its run starts, and beats while it works. It is
dead when its process is gone, which its own machine can see; on another machine, when it has not
beaten for a while. A step that has a process of its own (see `operations/celery_executor`) has a
note of its own.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from .statements import Statements
from .this_machine import boot_id, start_of, this_place

logger = logging.getLogger(__name__)

BEAT_SECONDS = 20.0
LAPSED_SECONDS = 120.0
"""Time without a beat, or without a note, after which a run has no worker any more."""

_SQL = Statements(__file__)


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
        return self.boot != boot_id() or start_of(self.pid) != self.started


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
            # A daemon, so that it keeps no process whose run is over.
            threading.Thread(target=self._beat, name="run worker", daemon=True).start()

    def _read(self, asked: dict[str, str]) -> sa.RowMapping | None:
        with self._engine.connect() as connection:
            return _SQL.run(connection, "read", asked).mappings().one_or_none()

    def _note(self, values: dict[str, object]) -> None:
        try:
            with self._engine.connect() as connection:
                _SQL.run(connection, "note", values)
        except sa.exc.ProgrammingError:
            self._create()
            with self._engine.connect() as connection:
                _SQL.run(connection, "note", values)

    def _create(self) -> None:
        # Two processes can make it at the same time: one of them is refused.
        refused = (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.InternalError)
        with suppress(*refused), self._engine.connect() as connection:
            _SQL.run(connection, "create")

    def end(self, run_id: str, step_key: str = "") -> None:
        """Forget a run, or a step of one, that is over."""
        with self._lock:
            self._mine.discard((run_id, step_key))
        with suppress(sa.exc.SQLAlchemyError), self._engine.connect() as connection:
            _SQL.run(connection, "end", {"run_id": run_id, "step_key": step_key})

    def leave(self, run_id: str, step_key: str) -> None:
        """Forget a step that this process is done with, unless another one works on it now."""
        with self._lock:
            self._mine.discard((run_id, step_key))
        with suppress(sa.exc.SQLAlchemyError), self._engine.connect() as connection:
            _SQL.run(connection, "leave", _this_process(run_id, step_key))

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
                _SQL.run(connection, "beat", {"run_ids": run_ids, "step_keys": step_keys})


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
        "boot": boot_id(),
        "pid": os.getpid(),
        "started": start_of(os.getpid()) or "",
    }
