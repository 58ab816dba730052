"""Keeps a few processes running, and leaves none behind.

Plain Python about processes: what they do, and in which order they start, others say. Each child is
the leader of a process group of its own, so that what it starts goes when it goes.
"""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .child import Child, Running, Say, while_heard
from .errors import OperationsError
from .process_groups import GRACE, end_group, ending_text, signal_group

_FIRST_DELAY, _LAST_DELAY = 1.0, 8.0
_LEAST_START = 30.0  # seconds that a restart may take, also where the first start was quick
_STEADY = 300.0  # seconds after which a child's earlier deaths are forgotten
SET_BACK = 60.0  # what NTP mends at once is less


class Supervisor:
    """Starts children in order, restarts what dies, and stops everything."""

    def __init__(
        self,
        children: Iterable[Child],
        *,
        environ: Mapping[str, str],
        logs: Path,
        say: Say,
        clock: Callable[[], float] = time.monotonic,
        first_delay: float = _FIRST_DELAY,
        wall: Callable[[], float] = time.time,
        as_json: bool = False,
    ) -> None:
        """Start nothing yet.

        Args:
            children: in the order of starting.
            environ: the variables that all of them get.
            logs: folder of the log files.
            say: shows one line to the person at the terminal; called from several threads.
            clock: seconds, for backoff and ages; replaceable for tests.
            first_delay: seconds before the first restart; doubles with every further one.
            wall: the machine's clock, which somebody can set.
            as_json: whether the log files have a line of JSON for each line that is printed.
        """
        self._children = list(children)
        self._environ = dict(environ)
        self._logs = logs
        self._say = while_heard(say)
        self._clock = clock
        self._first_delay = first_delay
        self._wall = wall
        self._as_json = as_json
        self._running: dict[str, Running] = {}
        self._deaths: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._launches = 0
        self._usual: dict[str, float] = {}
        """Seconds that the longest start of each took until it answered."""

    def add(self, children: Iterable[Child]) -> None:
        """Have further children, which the next `start` starts."""
        self._children.extend(children)

    def processes(self) -> list[dict[str, float | str]]:
        """Name, id and time of creation of each: what `end_leftovers` takes."""
        return [
            {"name": name, "pid": running.process.pid, "created": running.created}
            for name, running in self._running.items()
        ]

    def start(
        self, stop: threading.Event | None = None, started: Callable[[], None] | None = None
    ) -> None:
        """Start each and wait until it is ready.

        Args:
            stop: give up waiting when it is set.
            started: called after each start.

        Raises:
            OperationsError: one died, or was not ready in time; call `stop` then.
        """
        stop = stop or threading.Event()
        for child in self._children:
            if stop.is_set():
                return
            if child.name in self._running:
                continue
            running = self._launch(child)
            if started is not None:
                started()
            deadline = self._clock() + child.ready_within
            while child.ready is not None and not child.ready() and not stop.is_set():
                if running.process.poll() is not None:
                    running.finish_reading()
                    raise OperationsError(
                        f"{child.name} ended ({ending_text(running.process.returncode)}) before it "
                        f"was ready: see its log. {self._tail(running)}"
                    )
                if self._clock() > deadline:
                    raise OperationsError(
                        f"{child.name} was not ready after {child.ready_within:.0f} s: see its "
                        f"log. {self._tail(running)}"
                    )
                stop.wait(0.1)
            if child.ready is not None and not stop.is_set():
                running.note_answer()

    def _tail(self, running: Running) -> str:
        log = self._logs / f"{running.child.name}.log"
        lines = [line for line in running.last_lines if line.strip()][-4:]
        return f"see {log}. It said last: {' | '.join(lines) or 'nothing'}"

    def _launch(self, child: Child) -> Running:
        running = Running(
            child, self._environ, self._logs, self._say, self._clock, self._start_within(child),
            self._wall, self._as_json,
        )  # fmt: skip
        self._running[child.name] = running
        self._launches += 1
        return running

    def _start_within(self, child: Child) -> float:
        """Return how long a start may take: less once it is known how long one takes here.

        A service that freezes right after a restart would else be waited for as for a first start.
        """
        before = self._running.get(child.name)
        if before is not None and before.first_answer is not None:
            took = before.first_answer - before.started
            self._usual[child.name] = max(took, self._usual.get(child.name, 0.0))
        if child.name not in self._usual:
            return child.ready_within
        return min(child.ready_within, max(_LEAST_START, 2 * self._usual[child.name]))

    def run(
        self,
        stop: threading.Event,
        changed: Callable[[], None] | None = None,
        every: float = 1.0,
        each: Callable[[], None] = lambda: None,
    ) -> None:
        """Look after the children until told to stop.

        Args:
            stop: the sign to stop.
            changed: called after a restart.
            every: seconds between two looks.
            each: called before each look.
        """
        while not stop.wait(every):
            each()
            if self.look_after() and changed is not None:
                changed()

    def look_after(self) -> bool:
        """One round: restart what died and is due, replace what is too old or too large.

        Returns:
            Whether a process was started.
        """
        now = self._clock()
        before = self._launches
        for child in self._children:
            running = self._running[child.name]
            if child.name in self._due:
                if now >= self._due[child.name]:
                    del self._due[child.name]
                    self._launch(child)
                    self._say(f"{child.name} was started again")
                continue
            status = running.process.poll()
            if status is not None:
                end_group(running.process.pid, 0)
                # One that ran for a while starts anew: its delay does not grow over weeks.
                if now - running.started > _STEADY:
                    self._deaths[child.name] = 0
                deaths = self._deaths[child.name] = self._deaths.get(child.name, 0) + 1
                delay = min(_LAST_DELAY, self._first_delay * 2 ** (deaths - 1))
                self._due[child.name] = now + delay
                running.finish_reading()
                self._say(
                    f"{child.name} died ({ending_text(status)}), starting it again in "
                    f"{delay:.0f} s; {self._tail(running)}"
                )
                continue
            reason = self._overdue(running, now)
            if reason is not None:
                self._say(f"{child.name} is restarted: {reason}")
                self._end([running], 0 if self._hangs(running, now) else GRACE)
                self._launch(child)
        return self._launches != before

    def _overdue(self, running: Running, now: float) -> str | None:
        child = running.child
        if self._hangs(running, now):
            return f"it has not answered for {running.silent_for(now):.0f} s"
        back = running.set_back()
        if child.minds_clock and back > SET_BACK:
            return f"the clock was set back by {back:.0f} s"
        if child.restart_after is not None and now - running.started > child.restart_after:
            return f"it has run for {(now - running.started) / 3600:.0f} hours"
        if child.memory_limit is not None and (memory := running.memory()) > child.memory_limit:
            return f"it uses {memory / 2**20:.0f} MiB of memory"
        return None

    @staticmethod
    def _hangs(running: Running, now: float) -> bool:
        return running.silent_for(now) > running.child.silence_limit

    def stop(self, grace: float = GRACE) -> None:
        """End every child and all they started: TERM, a while to finish, KILL.

        What they say about their end is in the logs: nobody at the terminal needs it.
        """
        for running in self._running.values():
            running.quiet = True
        for last in (False, True):
            self._end([one for one in self._running.values() if one.child.last is last], grace)

    def _end(self, running: Sequence[Running], grace: float) -> None:
        groups = [one.process.pid for one in running]
        for group in groups:
            signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + grace
        for one in running:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, deadline - time.monotonic()))
        for group in groups:
            end_group(group, max(0.0, deadline - time.monotonic()))
        for one in running:
            one.process.wait()
            one.finish_reading()
