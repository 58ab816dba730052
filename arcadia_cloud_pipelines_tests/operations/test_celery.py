"""Steps on Celery workers: all that needs no broker. `tools/try_celery.py` tries the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.plan.objects import StepSuccessData
from dagster_celery import core_execution_loop
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG, DAGSTER_CELERY_STEP_PRIORITY_TAG

from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.operations import celery_executor, celery_queues, run_launcher
from arcadia_cloud_pipelines.operations.executors import executor_definition
from arcadia_cloud_pipelines.settings import (
    BROKER_URL,
    Executor,
    SettingsError,
    executor_name,
    load_settings,
)
from arcadia_cloud_pipelines.warehouse.dagster_connections import POOL_SIZE

BROKER = "redis://:of-a-test@127.0.0.1:1/0"

WORKER = """
import sys
import dagster as dg
from arcadia_cloud_pipelines.operations.run_launcher import run_workers

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    run_workers(instance).begin(sys.argv[2], "count")
    print("working", flush=True)
    sys.stdin.read()
"""


@dg.op(pool="cloud_billing")
def count() -> None:
    """One step."""


@dg.job(executor_def=celery_executor.arcadia_celery_executor)
def counting() -> None:
    count()


class Workers:
    """Stands in for broker and workers: each task is killed, or done at once."""

    def __init__(self, instance: dg.DagsterInstance, killed: int) -> None:
        self.instance, self.killed = instance, killed
        self.queues: list[str] = []
        self.messages: list[str] = []

    def __call__(self, app: Any, context: Any, step: Any, queue: str, *more: Any) -> Any:
        self.queues.append(queue)
        if len(self.queues) <= self.killed:
            self._begin_and_die(context.dagster_run.run_id)
        else:
            self._execute(app, context, step, queue, *more)
        return SimpleNamespace(revoke=lambda: None)

    def _begin_and_die(self, run_id: str) -> None:
        command = [sys.executable, "-W", "ignore", "-c", WORKER, self.instance.root_directory]
        with subprocess.Popen(
            [*command, run_id], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "working\n"
            process.send_signal(signal.SIGKILL)

    def _execute(self, app: Any, *given: Any) -> None:
        from arcadia_cloud_pipelines.operations import celery_app

        celery_app.worker_instance.cache_clear()

        def apply_async(signature: Any, **_: Any) -> None:
            self.messages.append(json.dumps(signature.kwargs))
            celery_app.execute_plan.apply(kwargs=signature.kwargs).get(propagate=True)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("celery.canvas.Signature.apply_async", apply_async)
            submit(app, *given)


submit = celery_executor._submit_task


@pytest.fixture
def execute(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Workers, dg.ExecuteJobResult]]:
    """Run the job; the first tasks are killed once they have begun."""
    monkeypatch.setenv(BROKER_URL, BROKER)
    monkeypatch.setenv("DAGSTER_HOME", instance.root_directory)
    monkeypatch.setattr(core_execution_loop, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(celery_executor, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(celery_executor, "READ_SECONDS", 0.0)
    instance.event_log_storage.set_concurrency_slots("cloud_billing", 1)

    def run(killed: int) -> tuple[Workers, dg.ExecuteJobResult]:
        workers = Workers(instance, killed)
        monkeypatch.setattr(celery_executor, "_submit_task", workers)
        return workers, dg.execute_job(dg.reconstructable(counting), instance)

    return run


def engine_events(result: dg.ExecuteJobResult) -> list[str]:
    return [event.message or "" for event in result.all_events if event.is_engine_event]


def test_a_step_is_executed_in_the_queue_of_its_pool(
    instance: dg.DagsterInstance, execute: Callable[..., Any]
) -> None:
    workers, result = execute(killed=0)
    assert result.success
    assert workers.queues == ["cloud_billing"]
    assert run_launcher.run_workers(instance).find(result.run_id, "count") is None
    assert instance.event_log_storage.get_concurrency_info("cloud_billing").active_slot_count == 0


def test_a_step_whose_worker_was_killed_is_given_out_once_more(
    instance: dg.DagsterInstance, execute: Callable[..., Any]
) -> None:
    workers, result = execute(killed=1)
    assert result.success
    assert workers.queues == ["cloud_billing"] * 2
    logs = instance.all_logs(result.run_id)
    (told,) = [x.message for x in logs if "is given out once more" in x.message]
    assert "Nothing is working on the step count any more: process" in told
    starts = [x for x in logs if x.dagster_event_type is dg.DagsterEventType.STEP_START]
    assert len(starts) == 1, "the first worker died before it began"


def test_a_step_whose_worker_was_killed_twice_has_failed_and_frees_its_pool(
    instance: dg.DagsterInstance, execute: Callable[..., Any]
) -> None:
    workers, result = execute(killed=2)
    assert not result.success
    assert len(workers.queues) == 2
    failure = result.failure_data_for_node("count")
    assert failure is not None
    assert "Nothing is working on the step count any more" in failure.error.message
    assert instance.event_log_storage.get_concurrency_info("cloud_billing").active_slot_count == 0


def test_one_read_of_the_event_log_serves_all_steps_that_wait(
    instance: dg.DagsterInstance, execute: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, result = execute(killed=0)
    now = [100.0]
    monkeypatch.setattr(celery_executor, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(celery_executor, "READ_SECONDS", 0.5)
    reads: list[str] = []
    read = instance.get_records_for_run
    monkeypatch.setattr(
        instance, "get_records_for_run", lambda *a, **k: reads.append(a[0]) or read(*a, **k)
    )
    ends = celery_executor.StepEnds(instance, result.run_id)
    assert [ends.since(key, 0) for key in ("count", "another", "a third")] == [True, False, False]
    assert len(reads) == 1
    now[0] += 0.5
    assert not ends.since("count", 10**9), "an end from before it was given out is not its own"
    assert len(reads) == 2


def test_a_worker_that_is_done_leaves_the_note_of_the_one_that_tries_again(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nobody would notice that this one died."""
    monkeypatch.setenv(BROKER_URL, BROKER)
    from arcadia_cloud_pipelines.operations.celery_app import noted

    workers = run_launcher.run_workers(instance)
    with noted(instance, "a", "count"), instance.event_log_storage._connect() as connection:
        connection.execute(sa.text("UPDATE arcadia_run_workers SET pid = 1"))
    found = workers.find("a", "count")
    assert found is not None
    assert found.pid == 1
    with noted(instance, "a", "count"):
        assert workers.find("a", "count").pid == os.getpid()
    assert workers.find("a", "count") is None


def test_a_message_names_the_step_and_holds_no_secret(
    execute: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DO_API_TOKEN", "dop_v1_of_a_test")
    workers, result = execute(killed=0)
    (message,) = workers.messages
    assert result.run_id in message, "the control"
    for secret in ("of-a-test", "dop_v1_of_a_test", os.environ["DAGSTER_POSTGRES_URL"]):
        assert secret not in message


def test_a_worker_holds_few_connections_however_many_steps_it_executes(
    instance: dg.DagsterInstance, execute: Callable[..., Any], empty_database: sa.URL
) -> None:
    for _ in range(5):
        execute(killed=0)
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with instance.event_log_storage._connect() as connection:
        assert connection.execute(sa.text(statement)).scalar_one() <= 2 * POOL_SIZE


def test_every_step_waits_in_the_queue_of_its_pool_with_its_priority() -> None:
    job = defs.resolve_job_def("inventory_sync")
    plan = celery_queues.routed(create_execution_plan(job))
    tags = {key: plan.get_step_by_key(key).tags for key in plan.step_keys_to_execute}
    queues = {key: of[DAGSTER_CELERY_QUEUE_TAG] for key, of in tags.items()}
    assert queues["droplets"] == "cloud_sync_fast"
    pools = {key: plan.get_step_by_key(key).pool for key in tags}
    assert queues == {key: pool or "dagster" for key, pool in pools.items()}
    priorities = {key: of[DAGSTER_CELERY_STEP_PRIORITY_TAG] for key, of in tags.items()}
    assert (priorities["droplets"], priorities["spaces_buckets"]) == ("5", "4")


@pytest.mark.parametrize(
    ("status", "begun", "redelivered", "stale"),
    [
        (dg.DagsterRunStatus.STARTED, False, False, False),
        (dg.DagsterRunStatus.STARTED, False, True, False),
        (dg.DagsterRunStatus.STARTED, True, True, True),
        # The run itself gave it out once more, as another task.
        (dg.DagsterRunStatus.STARTED, True, False, False),
        (dg.DagsterRunStatus.FAILURE, False, False, True),
    ],
)
def test_a_task_that_nobody_waits_for_is_left_alone(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch,
    status: dg.DagsterRunStatus, begun: bool, redelivered: bool, stale: bool,
) -> None:  # fmt: skip
    monkeypatch.setenv(BROKER_URL, BROKER)
    from arcadia_cloud_pipelines.operations.celery_app import is_stale

    run = instance.create_run_for_job(counting, status=status)
    if begun:
        run_launcher.run_workers(instance).begin(run.run_id, "count")
    assert is_stale(instance, run.run_id, "count", 0, redelivered) is stale


RETRY, DONE = dg.DagsterEventType.STEP_UP_FOR_RETRY, dg.DagsterEventType.STEP_SUCCESS
START = dg.DagsterEventType.STEP_START


@pytest.mark.parametrize(
    ("happened", "attempts", "stale"),
    [
        ([START, RETRY], 1, False),
        ([START, RETRY], 0, True),
        ([START], 0, False),
        ([START, RETRY, START, DONE], 1, True),
    ],
    ids=["of the retry", "of what is tried again", "given out again", "done"],
)
def test_a_task_that_a_worker_died_with_before_it_began_is_executed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch,
    happened: list[dg.DagsterEventType], attempts: int, stale: bool,
) -> None:  # fmt: skip
    """Nobody else gives it out: the run would wait for it until its time is over."""
    monkeypatch.setenv(BROKER_URL, BROKER)
    from arcadia_cloud_pipelines.operations.celery_app import is_stale

    run = instance.create_run_for_job(counting, status=dg.DagsterRunStatus.STARTED)
    for kind in happened:
        data = StepSuccessData(duration_ms=1.0) if kind is DONE else None
        event = dg.DagsterEvent(
            kind.value, counting.name, step_key="count", event_specific_data=data
        )
        instance.report_dagster_event(event, run.run_id)
    assert is_stale(instance, run.run_id, "count", attempts, True) is stale


def test_a_note_of_a_step_is_not_the_runs(instance: dg.DagsterInstance) -> None:
    workers = run_launcher.run_workers(instance)
    workers.begin("a", "count")
    assert workers.find("a") is None
    workers.begin("a")
    workers.end("a", "count")
    found = workers.find("a")
    assert found is not None
    assert found.pid == os.getpid()
    workers.begin("a", "count")
    workers.end("a")
    assert workers.find("a", "count") is None, "the end of a run is that of its steps"


def test_what_executes_is_a_setting() -> None:
    assert executor_name({}) is Executor.IN_PROCESS
    assert executor_definition(executor_name({"ARCADIA_EXECUTOR": "celery"})).name == "celery"
    multiprocess = executor_definition(executor_name({"ARCADIA_EXECUTOR": "multiprocess"}))
    assert multiprocess is dg.multiprocess_executor
    assert executor_name({"ARCADIA_EXECUTOR": "sellery"}) is Executor.IN_PROCESS
    with pytest.raises(SettingsError, match="ARCADIA_EXECUTOR must be one of"):
        load_settings({"ARCADIA_EXECUTOR": "sellery"})


def test_without_the_extra_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arcadia_cloud_pipelines.operations.celery_executor", None)
    with pytest.raises(SettingsError, match=r"install arcadia-cloud-pipelines\[celery\]"):
        executor_definition(Executor.CELERY)


@pytest.mark.parametrize("url", ["", "http://host:password1", "redis://", "password1"])
def test_an_address_that_is_no_brokers_is_refused_and_not_shown(url: str) -> None:
    settings = load_settings({BROKER_URL: url})
    with pytest.raises(SettingsError, match=BROKER_URL) as caught:
        settings.celery_broker()
    assert "password1" not in str(caught.value)
    assert BROKER not in repr(load_settings({BROKER_URL: BROKER}))
