"""Processes that are started, die, hang, grow old, and are gone in the end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from arcadia_cloud_pipelines.operations.child import Child
from arcadia_cloud_pipelines.operations.errors import OperationsError
from arcadia_cloud_pipelines.operations.ports import check_port, free_port, listens
from arcadia_cloud_pipelines.operations.process_groups import end_leftovers
from arcadia_cloud_pipelines.operations.supervisor import Supervisor

FOREVER = "import signal\nsignal.pause()"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """Makes supervisors, and cleans up after them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.said: list[str] = []
        self.made: list[Supervisor] = []

    def supervise(self, *children: Child, **options: Any) -> Supervisor:
        made = Supervisor(
            children,
            environ={"PATH": "/usr/bin:/bin", "COMMON": "yes"},
            logs=self.folder,
            clock=self.clock,
            **{"say": self.said.append, **options},
        )
        self.made.append(made)
        return made

    def child(self, name: str, code: str, **options: object) -> Child:
        """A child that is ready once it has written its file, after `code`'s first lines."""
        mark = self.folder / f"{name}.ready"
        lines = f"{code.replace('READY', f'open({str(mark)!r}, chr(119)).close()')}"
        return Child(name, [sys.executable, "-c", lines], ready=mark.exists, **options)  # type: ignore[arg-type]

    def forever(self, name: str = "one", prelude: str = "", **options: object) -> Child:
        return self.child(name, f"{prelude}\nREADY\n{FOREVER}", **options)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    for supervisor in made.made:
        supervisor.stop(grace=0)


def pid(supervisor: Supervisor, name: str = "one") -> int:
    return next(int(p["pid"]) for p in supervisor.processes() if p["name"] == name)


def gone(process: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process).status() == psutil.STATUS_ZOMBIE
    return True


def await_death(process: int) -> None:
    """The supervisor's own children stay zombies until it looks."""
    waited = os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert waited is not None


def test_starts_in_a_group_of_its_own_and_stops(bench: Bench) -> None:
    supervisor = bench.supervise(bench.forever("one"), bench.forever("two"))
    supervisor.start()
    pids = [pid(supervisor, name) for name in ("one", "two")]
    assert [os.getpgid(p) for p in pids] == pids
    supervisor.stop()
    assert all(gone(p) for p in pids)


def test_what_does_not_heed_term_is_killed_with_all_it_started(bench: Bench) -> None:
    grandchild = (
        "import subprocess, sys, pathlib\n"
        f"p = subprocess.Popen([sys.executable, '-c', {STUBBORN + FOREVER!r}])\n"
        f"pathlib.Path({str(bench.folder / 'grandchild')!r}).write_text(str(p.pid))\n"
    )
    supervisor = bench.supervise(bench.forever(prelude=STUBBORN + grandchild))
    supervisor.start()
    below = int((bench.folder / "grandchild").read_text())
    supervisor.stop(grace=0.2)
    assert gone(pid(supervisor))
    psutil.wait_procs([psutil.Process(below)] if psutil.pid_exists(below) else [], timeout=10)
    assert gone(below)


def test_a_dead_child_is_restarted_after_a_growing_delay(bench: Bench) -> None:
    supervisor = bench.supervise(bench.forever())
    supervisor.start()
    for delay in (1, 2, 4, 8, 8):
        first = pid(supervisor)
        os.kill(first, signal.SIGKILL)
        await_death(first)
        assert supervisor.look_after() is False
        assert f"one died (by SIGKILL), starting it again in {delay} s" in bench.said[-1]
        bench.clock.now += delay - 0.1
        assert supervisor.look_after() is False
        bench.clock.now += 0.1
        assert supervisor.look_after() is True
        assert bench.said[-1] == "one was started again"
        assert pid(supervisor) != first


def test_one_that_was_steady_starts_with_the_short_delay_again(bench: Bench) -> None:
    supervisor = bench.supervise(bench.forever())
    supervisor.start()
    for _ in range(2):
        os.kill(pid(supervisor), signal.SIGKILL)
        await_death(pid(supervisor))
        bench.clock.now += 1000
        supervisor.look_after()
        assert "again in 1 s" in bench.said[-1]
        bench.clock.now += 1
        supervisor.look_after()


def test_an_old_or_a_large_child_is_replaced(bench: Bench) -> None:
    old = bench.forever("old", restart_after=3600)
    large = bench.forever("large", memory_limit=1)
    supervisor = bench.supervise(old, large)
    supervisor.start()
    before = {name: pid(supervisor, name) for name in ("old", "large")}
    supervisor.look_after()
    assert pid(supervisor, "old") == before["old"]
    assert pid(supervisor, "large") != before["large"]
    assert "MiB of memory" in bench.said[-1]
    bench.clock.now += 3601
    supervisor.look_after()
    assert pid(supervisor, "old") != before["old"]
    assert gone(before["old"])


def test_one_that_dies_at_once_is_an_error_with_its_last_words(bench: Bench) -> None:
    code = "import sys\nprint('no such module: nonsense')\nsys.exit(3)"
    supervisor = bench.supervise(bench.child("one", code))
    with pytest.raises(OperationsError, match=r"one ended \(status 3\).*no such module: nonsense"):
        supervisor.start()


def test_one_that_is_never_ready_is_an_error(bench: Bench) -> None:
    def late() -> bool:
        bench.clock.now += 60
        return False

    supervisor = bench.supervise(
        Child("one", [sys.executable, "-c", FOREVER], ready=late, ready_within=100)
    )
    with pytest.raises(OperationsError, match="one was not ready after 100 s"):
        supervisor.start()


def test_output_goes_to_the_log_and_warnings_to_the_terminal(bench: Bench) -> None:
    code = (
        "import os\nprint('COMMON is', os.environ['COMMON'])\n"
        "print('\\x1b[33m2026-01-01 00:00:00 - x - WARNING - look out\\x1b[0m')\n"
        "print('2026-01-01 00:00:30 - x - WARNING - look out')\n"
        "print('2026-01-01 00:00:31 - x - ERROR - too late')\n"
    )
    supervisor = bench.supervise(bench.child("one", f"{code}READY"))
    supervisor.start()
    await_death(pid(supervisor))
    supervisor.stop()
    log = (bench.folder / "one.log").read_text().splitlines()
    assert log[0] == "COMMON is yes"
    assert len(log) == 4
    assert bench.said == [
        "one: 2026-01-01 00:00:00 - x - WARNING - look out",
        "one: 2026-01-01 00:00:31 - x - ERROR - too late",
    ]


def test_stops_waiting_when_told(bench: Bench) -> None:
    stop = threading.Event()

    def ready() -> bool:
        stop.set()
        return False

    never = Child("two", ["/bin/false"])
    first = Child("one", [sys.executable, "-c", FOREVER], ready=ready)
    supervisor = bench.supervise(first, never)
    supervisor.start(stop)
    supervisor.run(stop)
    assert [p["name"] for p in supervisor.processes()] == ["one"]


def test_leftovers_are_ended_and_strangers_left_alone(bench: Bench) -> None:
    supervisor = bench.supervise(bench.forever())
    supervisor.start()
    (mine,) = supervisor.processes()
    stranger = {**mine, "name": "stranger", "created": float(mine["created"]) - 100}
    assert end_leftovers([stranger]) == []
    assert not gone(pid(supervisor))
    assert end_leftovers([mine]) == ["one"]
    await_death(pid(supervisor))  # The signal was sent; dying takes as long as it takes.
    assert gone(pid(supervisor))
    assert end_leftovers([{"name": "nobody", "pid": 2**22 - 1, "created": 1.0}]) == []


def test_children_heed_signals_though_the_parent_was_told_to_ignore_them(tmp_path: Path) -> None:
    """A shell's background job starts with SIGINT ignored, and so would what it starts."""
    code = """
import signal, subprocess, sys, threading
from arcadia_cloud_pipelines.operations.deployment import _stop_on_signals
_stop_on_signals(threading.Event())
child = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
subprocess.run([sys.executable, "-c", child], check=True)
"""

    def ignore() -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    done = subprocess.run(
        [sys.executable, "-c", code], preexec_fn=ignore, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


def test_a_taken_port_is_named_with_the_program_that_has_it() -> None:
    port = free_port()
    ask: Callable[[], bool] = listens(port)
    assert not ask()
    with socket.create_server(("127.0.0.1", port)):
        assert ask()
        with pytest.raises(OperationsError) as error:
            check_port(port, "A test")
    name = psutil.Process().name()
    assert str(error.value) == (
        f"A test cannot listen on port {port} of 127.0.0.1, because process {os.getpid()} ({name}) "
        "uses it: stop what uses it, or choose another with --port."
    )
    check_port(port, "A test")


@pytest.mark.parametrize(
    ("host", "port", "says"),
    [
        ("127.0.0.1", 70_000, "a port is a number from 1 to 65535"),
        ("192.0.2.1", 4005, "this machine has no address 192.0.2.1"),
        ("no such host", 4005, "this machine has no address no such host"),
    ],
)
def test_a_port_or_an_address_that_is_none_is_named(host: str, port: int, says: str) -> None:
    with pytest.raises(OperationsError, match=f"because {says}: .*set X to another"):
        check_port(port, "A test", host, other="set X to another")


def test_what_may_not_be_known_of_another_users_program_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_kind: str) -> list[object]:
        raise psutil.AccessDenied

    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(psutil, "net_connections", refused)
        with pytest.raises(OperationsError, match="a program of another user"):
            check_port(taken.getsockname()[1], "A test")


def test_one_that_does_not_answer_is_replaced(bench: Bench) -> None:
    asked = threading.Event()
    answer: list[bool | None] = [True]

    def alive() -> bool | None:
        asked.set()
        return answer[0]

    supervisor = bench.supervise(bench.forever(prelude=STUBBORN, alive=alive, silence_limit=25))
    supervisor.start()
    first = pid(supervisor)
    assert asked.wait(60)
    os.kill(first, signal.SIGSTOP)
    answer[0] = False
    for silent in (True, False):  # A question under way may still have been answered.
        asked.clear()
        assert asked.wait(60) or silent
    bench.clock.now += 25
    assert supervisor.look_after() is False
    bench.clock.now += 1
    assert supervisor.look_after() is True
    assert "one is restarted: it has not answered for 26 s" in bench.said[-1]
    assert gone(first)


def test_one_that_cannot_be_asked_is_left_alone(bench: Bench) -> None:
    asked = threading.Event()

    def alive() -> None:
        asked.set()

    supervisor = bench.supervise(bench.forever(alive=alive))
    supervisor.start()
    bench.clock.now += 10_000
    for _ in range(2):
        asked.clear()
        assert asked.wait(60)
    assert supervisor.look_after() is False


def test_the_last_is_stopped_after_the_others_and_nobody_is_told_of_their_end(
    bench: Bench,
) -> None:
    end = "import signal, sys, time\ndef end(*_):\n print('ERROR', time.monotonic())\n sys.exit()\n"
    prelude = f"{end}signal.signal(signal.SIGTERM, end)"
    supervisor = bench.supervise(
        bench.forever("base", prelude, last=True), bench.forever("user", prelude)
    )
    supervisor.start()
    supervisor.stop()
    base, user = (
        float((bench.folder / f"{name}.log").read_text().split()[1]) for name in ("base", "user")
    )
    assert base > user
    assert bench.said == []


def test_one_that_freezes_right_after_a_restart_is_not_waited_for_as_for_a_first_start(
    bench: Bench,
) -> None:
    """How long a start takes is known by then."""
    answers: list[bool | None] = [False]
    supervisor = bench.supervise(bench.forever(prelude=STUBBORN, alive=lambda: answers[0]))
    supervisor.start()
    first = pid(supervisor)
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    supervisor.look_after()
    bench.clock.now += 2
    assert supervisor.look_after() is True
    second = pid(supervisor)
    os.kill(second, signal.SIGSTOP)
    bench.clock.now += 55
    assert supervisor.look_after() is False
    bench.clock.now += 1
    assert supervisor.look_after() is True
    assert gone(second)


def test_a_restart_has_twice_the_time_that_the_first_start_took(bench: Bench) -> None:
    child = bench.forever(alive=lambda: False)
    supervisor = bench.supervise(child)
    supervisor.start()
    running = supervisor._running["one"]
    running.first_answer = running.started + 40
    assert supervisor._start_within(child) == 80
    running.first_answer = running.started + 1
    assert supervisor._start_within(child) == 80, "the slowest counts"
    running.first_answer = running.started + 100
    assert supervisor._start_within(child) == child.ready_within


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(5, "Input/output error"), ValueError()]
)
def test_a_terminal_that_is_gone_ends_nothing(bench: Bench, error: Exception) -> None:
    """Its own lines go nowhere then; dead processes are started again, and all end with it."""

    def gone_terminal(_text: str) -> None:
        raise error

    loud = "print('ERROR 1', flush=True)"
    supervisor = bench.supervise(bench.forever(prelude=loud), say=gone_terminal)
    supervisor.start()
    first = pid(supervisor)
    os.kill(first, signal.SIGKILL)
    await_death(first)
    assert supervisor.look_after() is False
    bench.clock.now += 2
    assert supervisor.look_after() is True
    second = pid(supervisor)
    assert second != first
    supervisor.stop()
    assert gone(second)
    assert (bench.folder / "one.log").read_text().count("ERROR 1") >= 1


@pytest.mark.parametrize(("step", "again"), [(-61, True), (-59, False), (0, False), (5e8, False)])
def test_one_that_minds_the_clock_is_replaced_when_it_was_set_back(
    bench: Bench, step: float, again: bool
) -> None:
    """The daemon remembers what it has looked at, and would wait for that time to come again."""
    ahead = 0.0
    supervisor = bench.supervise(
        bench.forever("one", minds_clock=True), bench.forever("two"),
        wall=lambda: 1.8e9 + bench.clock.now + ahead,
    )  # fmt: skip
    supervisor.start()
    first, other = pid(supervisor), pid(supervisor, "two")
    bench.clock.now += 3600
    assert supervisor.look_after() is False
    ahead = step
    assert supervisor.look_after() is again
    assert (pid(supervisor) != first) is again
    assert pid(supervisor, "two") == other
    assert supervisor.look_after() is False, "once"
    if again:
        assert "the clock was set back by 61 s" in bench.said[-1]
