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

_FIRST_DELAY, _LAST_DELAY = 1.0, 15.0
_LEAST_START = 30.0  # seconds that a restart may take, also where the first start was quick
_STEADY = 300.0  # seconds after which a child's earlier deaths are forgotten
<<<<<<< HEAD
SET_BACK = 60.0  # what NTP mends at once is less
_LOG_BYTES, _LOG_FILES = 10_000_000, 3
_LOUD = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL)\b|^Traceback ")
_HARMLESS = re.compile(r"No cursor for event type")  # Dagster, on a new instance
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d{4})?")


@dataclass(frozen=True)
class Child:
    """One process to keep running."""

    name: str
    """Names its log file, too."""
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    """Variables beside those of the deployment."""
    ready: Callable[[], bool] | None = None
    """Whether it does its work by now; None for what is ready when it runs."""
    ready_within: float = 120
    """Seconds that its first start may take. Later ones may take twice what the first took."""
    alive: Callable[[], bool | None] | None = None
    """A question that it must answer, asked every few seconds; None: it cannot be asked now."""
    silence_limit: float = 25
    """Seconds without an answer after which it is replaced: it hangs."""
    restart_after: float | None = None
    """Seconds after which it is replaced by a fresh one."""
    minds_clock: bool = False
    """Whether it is replaced when the machine's clock was set back: it would wait for times that
    it saw before."""
    memory_limit: int | None = None
    """Bytes of resident memory, its own children's included, above which it is replaced."""
    loud: re.Pattern[str] = _LOUD
    """Lines of its output that are shown at the terminal, beside the log."""
    last: bool = False
    """Whether it is stopped after the others, which use it until their end."""


class _Running:
    """A child that was started: its process, and the thread that reads what it writes."""

    def __init__(
        self,
        child: Child,
        environ: Mapping[str, str],
        logs: Path,
        say: Say,
        clock: Callable[[], float],
        start_within: float,
        wall: Callable[[], float],
        as_json: bool,
    ) -> None:
        now = clock()
        self._wall_ahead = wall() - now
        self._wall = wall
        self._as_json = as_json
        self.child = child
        self._start_within = start_within
        self.started = now
        self.last_lines: deque[str] = deque(maxlen=15)
        self._say = say
        self._shown = ""
        self._log = logging.handlers.RotatingFileHandler(
            logs / f"{child.name}.log", maxBytes=_LOG_BYTES, backupCount=_LOG_FILES, delay=True
        )
        self.process = subprocess.Popen(
            list(child.command),
            env={**environ, **child.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        self.created = _created(self.process.pid)
        self.quiet = False
        self._reader = threading.Thread(target=self._read, name=f"log of {child.name}", daemon=True)
        self._reader.start()
        self.answered = now
        self.first_answer: float | None = None
        self._clock = clock
        if child.alive is not None:
            name = f"pulse of {child.name}"
            threading.Thread(target=self._ask, args=(child.alive,), name=name, daemon=True).start()

    def _ask(self, alive: Callable[[], bool | None]) -> None:
        while self.process.returncode is None:
            answer: bool | None = False
            with suppress(Exception):
                answer = alive()
            if answer is not False:
                self.note_answer(works=answer is True)
            time.sleep(_ASK_SECONDS)

    def note_answer(self, *, works: bool = True) -> None:
        """Note a sign of life, and whether it ends the time that a start may take."""
        self.answered = self._clock()
        if works and self.first_answer is None:
            self.first_answer = self.answered

    def silent_for(self, now: float) -> float:
        """Seconds for which it owes an answer beyond the time that a start may take."""
        if self.child.alive is None:
            return 0.0
        grace = 0.0 if self.first_answer is not None else self._start_within
        return now - self.answered - grace

    def set_back(self) -> float:
        """Seconds by which the machine's clock was set back since the last time this was asked."""
        before, self._wall_ahead = self._wall_ahead, self._wall() - self._clock()
        return before - self._wall_ahead

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101
        with self.process.stdout as output:
            for raw in output:
                line = json_lines.plain_line(raw)
                kept = json_lines.json_line(self.child.name, line) if self._as_json else line
                self._log.emit(logging.LogRecord(self.child.name, 20, "", 0, kept, None, None))
                self.last_lines.append(line)
                if self.child.loud.search(line) and not (self.quiet or _HARMLESS.search(line)):
                    # A warning every few seconds is one warning.
                    text = _TIMES.sub("", line)
                    if text != self._shown:
                        self._say(f"{self.child.name}: {line[:400]}")
                    self._shown = text
        self._log.close()

    def finish_reading(self) -> None:
        """Wait for the last line; a grandchild may hold the pipe open."""
        self._reader.join(2)

    def memory(self) -> int:
        """Bytes resident, children included."""
        total = 0
        with suppress(psutil.Error):
            leader = psutil.Process(self.process.pid)
            for process in (leader, *leader.children(recursive=True)):
                with suppress(psutil.Error):
                    total += process.memory_info().rss
        return total


def _created(pid: int) -> float:
    with suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return 0.0
=======
_SET_BACK = 60.0  # what NTP mends at once is less
>>>>>>> main


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
