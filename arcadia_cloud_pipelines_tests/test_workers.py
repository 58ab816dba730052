"""Threads that wait together and hold nobody up."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from arcadia_cloud_pipelines.common.workers import Workers


def test_results_and_errors_reach_whoever_asked() -> None:
    with Workers(2, "test") as workers:
        good = workers.submit(lambda: 1)
        bad = workers.submit(lambda: 1 // 0)
        assert good.result(20) == 1
        with pytest.raises(ZeroDivisionError):
            bad.result(20)


def test_no_more_than_so_many_at_a_time_and_all_of_them() -> None:
    lock = threading.Lock()
    together = threading.Barrier(3)
    now = most = 0

    def work(number: int) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        if number < 3:
            together.wait(20)
        with lock:
            now -= 1
        return number

    with Workers(3, "test") as workers:
        futures = [workers.submit(lambda number=number: work(number)) for number in range(20)]
        assert [future.result(20) for future in futures] == list(range(20))
    assert most == 3


def test_what_has_not_begun_is_cancelled() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return go_on.wait(20)

    workers = Workers(1, "test")
    first = workers.submit(hold)
    second = workers.submit(lambda: None)
    assert begun.wait(20)
    workers.close()
    go_on.set()
    assert first.result(20)
    assert second.cancelled()


def test_a_process_ends_although_a_thread_still_waits() -> None:
    program = """
import threading
from arcadia_cloud_pipelines.common.workers import Workers
Workers(1, "test").submit(threading.Event().wait)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)
