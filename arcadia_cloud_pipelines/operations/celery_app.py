"""The Celery application of the workers: `celery -A` names it, see `arcadia service worker`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import dagster as dg
from celery import Task
from celery.exceptions import Ignore
from dagster._grpc.types import ExecuteStepArgs
from dagster._serdes import unpack_value
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from .celery_executor import STEP_ENDS, app_arguments
from .run_launcher import run_workers

logger = logging.getLogger(__name__)

RETRY_SECONDS = 10
"""After which a task is tried again whose worker could not ask Dagster's database."""


class NotedTask(Task):  # type: ignore[misc]
    """Executes one step, and is noted as its worker meanwhile."""

    def __call__(self, execute_step_args_packed: Any, executable_dict: Any) -> Any:
        """Execute the step, unless nobody waits for it any more."""
        asked = unpack_value(execute_step_args_packed, as_type=ExecuteStepArgs)
        (step_key,) = asked.step_keys_to_execute or ("",)
        again = bool(self.request.delivery_info.get("redelivered"))
        try:
            instance = worker_instance()
            stale = is_stale(instance, asked.run_id, step_key, attempts(asked, step_key), again)
        except Exception as error:
            raise self.retry(exc=error, countdown=RETRY_SECONDS, max_retries=None) from None
        if stale:
            raise Ignore
        with noted(instance, asked.run_id, step_key):
            return self.run(execute_step_args_packed, executable_dict)


@cache
def worker_instance() -> dg.DagsterInstance:
    """Return this worker's own instance, whose connections those of its steps share."""
    return dg.DagsterInstance.get()


@contextmanager
def noted(instance: dg.DagsterInstance, run_id: str, step_key: str) -> Iterator[None]:
    """Note this process as the worker of a step, as long as it takes."""
    workers = run_workers(instance)
    if workers is None:
        yield
        return
    workers.begin(run_id, step_key)
    try:
        yield
    except BaseException:
        # What a step raises is an event of it. This is something else, such as code that does not
        # load: to the run it is a worker that is gone.
        workers.lapse(run_id, step_key)
        raise
    workers.leave(run_id, step_key)


def attempts(asked: ExecuteStepArgs, step_key: str) -> int:
    """Return how often the step of a task had been tried and was to be tried again."""
    state = asked.known_state
    return state.get_retry_state().get_attempt_count(step_key) if state else 0


def is_stale(
    instance: dg.DagsterInstance, run_id: str, step_key: str, tried: int, redelivered: bool
) -> bool:
    """Return whether nobody waits for this task any more: its run or its attempt is over.

    A broker delivers again what a worker that died had not acknowledged. If that one had begun,
    the run itself sees to it: it gives the step out once more, as a task of its own. If it had not,
    nobody else does.

    Args:
        instance: of the deployment.
        run_id: of the step.
        step_key: of the step.
        tried: how often the step had been tried before, as the task says.
        redelivered: as the broker says.
    """
    run = instance.get_run_by_id(run_id)
    if run is None or run.status is not dg.DagsterRunStatus.STARTED:
        logger.warning("a step of run %s is left alone: the run does not work here", run_id)
        return True
    records = instance.get_records_for_run(run_id, of_type=STEP_ENDS).records
    ends = [
        record.event_log_entry.dagster_event_type
        for record in records
        if record.event_log_entry.step_key == step_key
    ]
    again = ends.count(dg.DagsterEventType.STEP_UP_FOR_RETRY)
    if len(ends) > again or again > tried:
        return True
    workers = run_workers(instance)
    return redelivered and workers is not None and workers.find(run_id, step_key) is not None


app = make_app(app_arguments())
execute_plan = create_task(app, base=NotedTask, acks_late=True)
