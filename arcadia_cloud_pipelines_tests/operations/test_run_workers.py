"""A run whose worker died is failed, one that somebody works on is not."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.launcher import WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._daemon.monitoring import concurrency
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._time import get_current_datetime

from arcadia_cloud_pipelines.operations import run_launcher
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.startup import fail_orphaned_runs

Status = dg.DagsterRunStatus

WORKER = """
import sys
import dagster as dg

@dg.op
def wait():
    print("working", flush=True)
    sys.stdin.read()

@dg.job
def waiting():
    wait()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    waiting.execute_in_process(instance=instance)
"""


class Terminal:
    """Somebody who executes a run in another process."""

    def __init__(self, home: Home, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WORKER, str(home.dagster)],
            env={**os.environ, "DAGSTER_HOME": str(home.dagster)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "working\n"
        (self.run,) = instance.get_runs(dg.RunsFilter(statuses=[Status.STARTED]))

    def status(self) -> Status:
        run = self._instance.get_run_by_id(self.run.run_id)
        assert run is not None
        return run.status

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def terminal(home: Home, instance: dg.DagsterInstance) -> Iterator[Terminal]:
    made = Terminal(home, instance)
    yield made
    made.process.kill()
    made.process.wait()


def monitor(instance: dg.DagsterInstance) -> None:
    """What Dagster's daemon does every few seconds."""
    context = SimpleNamespace(instance=instance, create_request_context=lambda: None)
    errors = [e for e in execute_run_monitoring_iteration(context, logging.getLogger()) if e]
    assert errors == []


def change(instance: dg.DagsterInstance, values: str) -> None:
    engine = instance.event_log_storage._engine
    with engine.connect() as connection:
        connection.execute(sa.text(f"UPDATE arcadia_run_workers SET {values}"))


def test_a_killed_worker_is_noticed_and_a_working_one_left_alone(
    instance: dg.DagsterInstance, terminal: Terminal
) -> None:
    instance.event_log_storage.set_concurrency_slots("cloud_billing", 1)
    instance.event_log_storage.claim_concurrency_slot("cloud_billing", terminal.run.run_id, "wait")
    assert fail_orphaned_runs(instance) == [], "another terminal works on it"
    monitor(instance)
    assert terminal.status() is Status.STARTED
    terminal.kill()
    monitor(instance)
    assert terminal.status() is Status.FAILURE
    (failure,) = instance.all_logs(terminal.run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert f"process {terminal.process.pid} is gone" in failure.user_message + str(failure)
    assert run_launcher.run_workers(instance).find(terminal.run.run_id) is None


def test_the_slot_of_a_killed_worker_is_freed_by_the_daemon(
    instance: dg.DagsterInstance, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step took the slot at once, and never stood in the line."""
    pools = instance.event_log_storage
    pools.set_concurrency_slots("cloud_billing", 1)
    assert pools.claim_concurrency_slot("cloud_billing", terminal.run.run_id, "wait").is_claimed
    in_a_minute = get_current_datetime() + timedelta(minutes=1)
    monkeypatch.setattr(concurrency, "get_current_datetime", lambda: in_a_minute)

    def free_slots() -> int:
        context = SimpleNamespace(instance=instance)
        list(concurrency.execute_concurrency_slots_iteration(context, logging.getLogger()))
        return 1 - pools.get_concurrency_info("cloud_billing").active_slot_count

    assert free_slots() == 0, "somebody works on it"
    terminal.kill()
    monitor(instance)
    assert free_slots() == 1


def kill_without_its_code(instance: dg.DagsterInstance, terminal: Terminal) -> None:
    """Kill a worker whose run names a code server that nothing listens for."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    instance.add_run_tags(
        terminal.run.run_id, {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": port})}
    )
    terminal.kill()


def test_a_dead_one_is_waited_for_while_its_code_server_is_away(
    instance: dg.DagsterInstance, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster repeats a run at once or never, and needs the code for it."""
    kill_without_its_code(instance, terminal)
    now = 1000.0
    monkeypatch.setattr(run_launcher.time, "monotonic", lambda: now)
    answers = False
    monkeypatch.setattr(run_launcher, "answers_grpc", lambda **_: lambda: answers)
    for _ in range(3):
        monitor(instance)
        assert terminal.status() is Status.STARTED
        now += 19
    answers = True
    monitor(instance)
    assert terminal.status() is Status.FAILURE
    run = instance.get_run_by_id(terminal.run.run_id)
    assert run is not None
    assert run.tags["dagster/will_retry"] == "true"


def test_a_code_server_that_does_not_come_back_is_waited_for_a_minute(
    instance: dg.DagsterInstance, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_without_its_code(instance, terminal)
    now = 1000.0
    monkeypatch.setattr(run_launcher.time, "monotonic", lambda: now)
    monitor(instance)
    now += 59
    monitor(instance)
    assert terminal.status() is Status.STARTED, "nothing listens at that port"
    now += 1
    monitor(instance)
    assert terminal.status() is Status.FAILURE


@pytest.mark.parametrize("tag", [None, "", "no JSON", "[]", "{}", "null", '{"host": null}'])
def test_a_run_that_names_no_code_server_is_not_waited_for(tag: str | None) -> None:
    tags = {} if tag is None else {GRPC_INFO_TAG: tag}
    assert run_launcher.code_answers(dg.DagsterRun(job_name="x", tags=tags))


def test_a_run_that_cannot_begin_without_code_goes_back_to_the_queue(
    instance: dg.DagsterInstance,
) -> None:
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert (queue.max_user_code_failure_retries, queue.user_code_failure_retry_delay) == (8, 15)
    assert queue.max_concurrent_runs == 4


def test_the_next_start_fails_a_dead_one_and_frees_its_pool(
    instance: dg.DagsterInstance, terminal: Terminal
) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("cloud_billing", 1)
    storage.claim_concurrency_slot("cloud_billing", terminal.run.run_id, "wait")
    terminal.kill()
    assert fail_orphaned_runs(instance) == [terminal.run.run_id]
    assert storage.get_concurrency_info("cloud_billing").active_slot_count == 0


def test_a_run_of_before_the_machine_started_again_is_dead(
    instance: dg.DagsterInstance, terminal: Terminal
) -> None:
    change(instance, "boot = 'an earlier one'")
    monitor(instance)
    assert terminal.status() is Status.FAILURE


def test_a_process_that_has_the_number_of_a_worker_is_not_the_worker(
    instance: dg.DagsterInstance, terminal: Terminal
) -> None:
    change(instance, "started = '1'")
    assert fail_orphaned_runs(instance) == [terminal.run.run_id]


def test_another_machines_worker_is_dead_when_it_has_not_beaten_for_two_minutes(
    instance: dg.DagsterInstance, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(run_launcher.time, "monotonic", lambda: now)
    change(instance, "place = 'elsewhere'")
    assert fail_orphaned_runs(instance) == []
    launcher = instance.run_launcher

    def look() -> WorkerStatus:
        return launcher.check_run_worker_health(terminal.run).status

    for seconds in (0, 100, 100, 100):
        now += seconds
        change(instance, "beat_at = beat_at + interval '20 s'")
        assert look() is WorkerStatus.RUNNING
    now += 119
    assert look() is WorkerStatus.RUNNING
    now += 1
    health = launcher.check_run_worker_health(terminal.run)
    assert health.status is WorkerStatus.NOT_FOUND
    assert f"process {terminal.process.pid} of elsewhere" in health.msg
