"""How a process that serves ends when it is asked to."""

from __future__ import annotations

import signal


def end_normally_when_asked() -> None:
    """Have SIGINT and SIGTERM end this process with 0, and with all that is done at exit.

    uvicorn gives a signal on when it has finished. By default the process would then die of it: at
    once, leaving what it opened, and with a code that whoever watches takes for a crash.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)


def _end(*_: object) -> None:
    raise SystemExit(0)
