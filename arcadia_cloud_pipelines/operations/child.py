"""One process that the supervisor keeps running: what it is, and what it says while it runs."""

from __future__ import annotations

import logging
import logging.handlers
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from . import json_lines
from .process_groups import created_at

_ASK_SECONDS = 3.0
_LOG_BYTES, _LOG_FILES = 10_000_000, 3
_LOUD = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL)\b|^Traceback ")
_HARMLESS = re.compile(r"No cursor for event type")  # Dagster, on a new instance
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d{4})?")


Say = Callable[[str], None]


def while_heard(say: Say) -> Say:
    """Return `say`, which is no error any more when the terminal or the pipe is gone.

    The deployment goes on, and ends all it started: what happens is in the logs.
    """

    def told(text: str) -> None:
        with suppress(OSError, ValueError):
            say(text)

    return told


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


class Running:
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
            # A group of its own: Ctrl-C reaches the supervisor alone, which stops all in order.
            process_group=0,
        )
        self.created = created_at(self.process.pid)
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
            # A question that fails is no answer, and the thread must go on asking.
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
                # Straight to the file: these are lines of other programs, which no logger filters.
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
