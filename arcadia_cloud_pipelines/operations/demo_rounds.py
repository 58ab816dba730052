"""One run of everything through Dagster, and what came of each asset."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from .processes import LOCATION

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One asset that finished."""

    name: str
    seconds: float
    rows: int | None
    changes: dict[str, int]
    """Counts of what the asset says it did, zeros left out."""
    error: str | None = None


@dataclass
class Round:
    """One materialisation of everything."""

    number: int
    steps: list[Step] = field(default_factory=list)
    failed_checks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None
    """Why the run as a whole failed, where no step says so."""

    @property
    def ok(self) -> bool:
        """Say if everything in it succeeded."""
        return (
            self.error is None
            and not self.failed_checks
            and all(step.error is None for step in self.steps)
        )


def materialize_everything(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    number: int,
    finished: Callable[[Step], None],
    log: logging.Handler,
) -> Round:
    """One run of all assets and checks, in this process.

    Args:
        instance: where the run is recorded.
        defs: all assets and checks.
        number: of the round.
        finished: called with each asset as it finishes.
        log: gets all that the run says, in place of the terminal.
    """
    result = Round(number)
    handler = _Events(result, finished)

    @dg.logger
    def console(_context: dg.InitLoggerContext) -> logging.Logger:
        # Of its own, not below the root logger, which would show everything twice.
        logger = logging.Logger("dagster.demo", logging.DEBUG)
        logger.addHandler(handler)
        logger.addHandler(log)
        return logger

    # Under the name of the default one, so that the run can be repeated from the UI.
    everything = dg.Definitions.merge(defs, dg.Definitions(loggers={"console": console}))
    job = everything.resolve_implicit_global_asset_job_def()
    started = time.monotonic()
    run = job.execute_in_process(
        instance=instance,
        run_config={"loggers": {"console": {}}},
        raise_on_error=False,
        tags={"arcadia/demo": str(number)},
        # Named, or the UI shows a run without a target.
        asset_selection=sorted(job.asset_layer.executable_asset_keys),
    )
    _give_origin(instance, run.run_id)
    result.seconds = time.monotonic() - started
    if not run.success and result.ok:
        result.error = f"the run {run.run_id} failed; see the log"
    return result


def _give_origin(instance: dg.DagsterInstance, run_id: str) -> None:
    """Have a run belong to the code location of `arcadia up`, whose pages show only its own."""
    run = instance.get_run_by_id(run_id)
    if run is None:
        return
    location = GrpcServerCodeLocationOrigin(host="localhost", location_name=LOCATION)
    repository = RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME)
    instance.run_storage.replace_job_origin(run, RemoteJobOrigin(repository, run.job_name))


class _Events(logging.Handler):
    """Turns Dagster's events into steps and failed checks as they come."""

    def __init__(self, result: Round, finished: Callable[[Step], None]) -> None:
        super().__init__(logging.DEBUG)
        self._result = result
        self._finished = finished
        self._metadata: dict[str, dict[str, object]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        event: dg.DagsterEvent | None = getattr(record, "dagster_event", None)
        if event is None or event.step_key is None:
            return
        step = event.step_key
        match event.event_type:
            case dg.DagsterEventType.ASSET_MATERIALIZATION:
                metadata = event.step_materialization_data.materialization.metadata
                self._metadata[step] = {name: value.value for name, value in metadata.items()}
            case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                check = event.asset_check_evaluation_data
                if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                    self._result.failed_checks.append(
                        f"{check.asset_key.to_user_string()}: {check.check_name}: "
                        f"{check.description or 'failed'}"
                    )
            case dg.DagsterEventType.STEP_SUCCESS:
                self._finish(step, event.step_success_data.duration_ms / 1000)
            case dg.DagsterEventType.STEP_FAILURE:
                error = event.step_failure_data.error
                cause = (error.cause or error) if error is not None else None
                text = cause.message.strip() if cause is not None else "failed"
                self._finish(step, 0.0, text)

    def _finish(self, name: str, seconds: float, error: str | None = None) -> None:
        metadata = self._metadata.pop(name, None)
        if metadata is None and error is None:
            return  # a step of checks
        metadata = metadata or {}
        rows = metadata.pop("dagster/row_count", None)
        words = ("discovered", "updated", "restored", "struck", "deleted")
        changes = {
            word: value
            for word in words
            if isinstance(value := metadata.get(word), int) and value > 0
        }
        step = Step(name, seconds, rows if isinstance(rows, int) else None, changes, error)
        mark = "✓" if error is None else "✗"
        counted = "" if step.rows is None else f"{step.rows:,} rows "
        _log.info("%s %s %sin %.2f s", mark, name, counted, seconds)
        self._result.steps.append(step)
        self._finished(step)
