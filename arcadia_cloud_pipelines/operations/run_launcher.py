"""Launches runs as Dagster does, and knows whether a run's worker still works.

Dagster's run monitoring asks every few seconds. It fails a run whose worker is dead, which frees
its pool; `run_retries` repeats it once.
"""

from __future__ import annotations

import json
import time

from dagster import DagsterInstance, DagsterRun
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

from ..warehouse.run_workers import LAPSED_SECONDS, RunWorker, RunWorkers, Silences
from .liveness import answers_grpc

WAIT_FOR_CODE = 60.0
"""Seconds that a run waits for its code server before it is failed."""

_RUNNING = CheckRunHealthResult(WorkerStatus.RUNNING)


class ArcadiaRunLauncher(DefaultRunLauncher):
    """`DefaultRunLauncher`, which cannot tell whether a worker died, and a look at the worker."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Say that `check_run_worker_health` means something."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether the worker of a started run still works."""
        workers = run_workers(self._instance)
        if workers is None:
            return _RUNNING
        worker = workers.find(run.run_id)
        if worker is not None and worker.is_here():
            if worker.is_gone():
                return self._dead(run, WorkerStatus.FAILED, worker)
            return _RUNNING
        silences: Silences = self.__dict__.setdefault("_silences", Silences())
        silent = silences.seconds(run.run_id, worker.beat if worker is not None else None)
        if silent < LAPSED_SECONDS:
            return _RUNNING
        return self._dead(run, WorkerStatus.NOT_FOUND, worker)

    def _dead(
        self, run: DagsterRun, status: WorkerStatus, worker: RunWorker | None
    ) -> CheckRunHealthResult:
        """Say that a worker is dead, once its run can be repeated.

        Workers die with their code server. Dagster repeats a run at once or never, and needs a
        code server for it: until that one is back the run is waited for, a minute at most.
        """
        since: dict[str, float] = self.__dict__.setdefault("_dead_since", {})
        if len(since) > 1000:
            since.clear()
        now = time.monotonic()
        waited = now - since.setdefault(run.run_id, now)
        if waited < WAIT_FOR_CODE and not code_answers(run):
            return _RUNNING
        since.pop(run.run_id, None)
        return CheckRunHealthResult(status, lost(worker))


def code_answers(run: DagsterRun) -> bool:
    """Return whether the code server that a run came from answers; True where none is known."""
    try:
        address = json.loads(run.tags[GRPC_INFO_TAG])
        known = {key: address[key] for key in ("host", "port", "socket") if address.get(key)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return True
    return not known or answers_grpc(**known)()


def run_workers(instance: DagsterInstance) -> RunWorkers | None:
    """Return the notes of workers of an instance; None for a storage that has none."""
    return getattr(instance.event_log_storage, "run_workers", None)


def lost(worker: RunWorker | None, what: str = "this run") -> str:
    """Say who does not work on a run, or a step, any more."""
    if worker is None:
        return f"Nothing is working on {what}: no process has noted that it does."
    where = "" if worker.is_here() else f" of {worker.place.split()[0]}"
    return f"Nothing is working on {what} any more: process {worker.pid}{where} is gone."
