"""Steps of a run on several machines: dagster-celery, one queue a pool, and a look at the workers.

dagster-celery waits for the result of each task, and that of a worker that was killed never comes.
Here a step is over when Dagster's event log says so, and one whose worker is gone is given out once
more. No result is kept anywhere else, so a broker is all that is needed beside PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa
from celery import Celery
from celery.result import AsyncResult
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.event_api import EventLogCursor
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.init import InitExecutorContext
from dagster._serdes import serialize_value
from dagster_celery.core_execution_loop import core_celery_execution_loop
from dagster_celery.executor import CeleryExecutor, _submit_task
from dagster_shared.error import SerializableErrorInfo

from ..settings import load_settings
from ..warehouse.run_workers import LAPSED_SECONDS, RunWorker, RunWorkers, Silences
from .celery_queues import routed
from .run_launcher import lost, run_workers

READ_SECONDS = 0.5
"""Between two reads of what is over; dagster-celery asks for every step once a second."""

LOOK_SECONDS = 5.0
"""Between two looks at the worker of a step."""

STEP_ENDS = {
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
}

OPTIONS: Mapping[str, Any] = {
    # A task that a worker holds and has not begun goes to another one when it dies.
    "task_acks_late": True,
    "worker_prefetch_multiplier": 1,
    "task_ignore_result": True,
    "broker_connection_retry_on_startup": True,
    "worker_hijack_root_logger": False,
}


def app_arguments() -> dict[str, Any]:
    """Return what a Celery application of this deployment is made of.

    Raises:
        SettingsError: no broker is set.
    """
    return {
        "broker": load_settings().celery_broker().reveal(),
        "backend": "disabled://",
        "include": [],
        "config_source": dict(OPTIONS),
    }


@dg.executor(name="celery", requirements=multiple_process_executor_requirements())
def arcadia_celery_executor(_context: InitExecutorContext) -> CeleryExecutor:
    """Give each step to a Celery worker, in the queue of its pool."""
    return QueueEachPool(retries=RetryMode.ENABLED, **app_arguments())


class QueueEachPool(CeleryExecutor):
    """dagster-celery's executor; steps wait in the queue of their pool, and are watched."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Give out the steps, in order, until all are over."""
        ends = StepEnds(plan_context.instance, plan_context.dagster_run.run_id)
        events: Iterator[DagsterEvent] = core_celery_execution_loop(
            plan_context, routed(execution_plan), step_execution_fn=partial(StepTask, ends)
        )
        return events


class StepEnds:
    """The steps of a run that are over: one read of the event log for all that wait."""

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        """Read nothing yet."""
        self._instance, self._run_id = instance, run_id
        self._read_at = float("-inf")
        self._newest: dict[str, int] = {}

    def since(self, step_key: str, storage_id: int) -> bool:
        """Return whether the step was over after that event, as known within `READ_SECONDS`."""
        if time.monotonic() - self._read_at >= READ_SECONDS:
            # All of the run again: an event may be seen after one with a higher id.
            found = self._instance.get_records_for_run(self._run_id, of_type=STEP_ENDS).records
            self._newest = {str(r.event_log_entry.step_key): r.storage_id for r in found}
            self._read_at = time.monotonic()
        return self._newest.get(step_key, 0) > storage_id


class StepTask:
    """One step that was given out, as dagster-celery asks for its result."""

    def __init__(
        self,
        ends: StepEnds,
        app: Celery,
        context: PlanOrchestrationContext,
        step: ExecutionStep,
        queue: str,
        priority: int,
        known_state: Any,
    ) -> None:
        """Give it out."""
        self._ends, self._context, self._step = ends, context, step
        self._given = (app, context, step, queue, priority, known_state)
        self._instance = context.instance
        self._run_id = context.dagster_run.run_id
        self._workers = run_workers(self._instance)
        self._silences = Silences()
        self._looked = time.monotonic()
        self._deaths = 0
        newest = self._instance.get_records_for_run(self._run_id, limit=1, ascending=False).records
        self._before = newest[0].storage_id if newest else 0
        self._task: AsyncResult = _submit_task(*self._given)

    def ready(self) -> bool:
        """Return whether the step is over; a worker that is gone is noticed here."""
        try:
            if self._ends.since(self._step.key, self._before):
                return True
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = time.monotonic()
                self._look()
        except sa.exc.SQLAlchemyError:
            pass  # The database is away: the next tick asks again.
        return False

    def get(self) -> list[str]:
        """Return what happened in the step, as its worker said it."""
        return [serialize_value(event) for event in self._events()]

    def revoke(self) -> None:
        """Take the step back; a worker that has begun it goes on."""
        self._task.revoke()

    def _events(self, of_type: set[dg.DagsterEventType] | None = None) -> list[DagsterEvent]:
        found = self._instance.get_records_for_run(
            self._run_id,
            cursor=EventLogCursor.from_storage_id(self._before).to_string(),
            of_type=of_type,
        )
        events = (record.event_log_entry.dagster_event for record in found.records)
        return [event for event in events if event and event.step_key == self._step.key]

    def _look(self) -> None:
        if self._workers is None:
            return
        worker = self._workers.find(self._run_id, self._step.key)
        if worker is None:
            return  # It waits in its queue.
        silent = self._silences.seconds(f"{worker.pid}", worker.beat)
        gone = worker.is_gone() or silent >= LAPSED_SECONDS
        if gone and not self._events(STEP_ENDS):
            self._lost(self._workers, worker)

    def _lost(self, workers: RunWorkers, worker: RunWorker) -> None:
        """Give the step out once more; the second time it has failed."""
        workers.end(self._run_id, self._step.key)
        self._deaths += 1
        told = lost(worker, f"the step {self._step.key}")
        if self._deaths > 1:
            failure = StepFailureData(SerializableErrorInfo(f"{told}\n", [], "WorkerLost"), None)
            DagsterEvent.step_failure_event(self._context.for_step(self._step), failure, told)
            return
        self._instance.report_engine_event(
            f"{told} It is given out once more.",
            self._context.dagster_run,
            EngineEventData({}),
            QueueEachPool,
            step_key=self._step.key,
        )
        self._task = _submit_task(*self._given)
