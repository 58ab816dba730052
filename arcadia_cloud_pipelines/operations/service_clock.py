"""Ends a service whose machine's clock was set back: who watches containers starts it again.

In `arcadia up` the supervisor does so, which is there all the time. A health check is a process of
a second, so what it compares with is noted when the service starts.
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress

import psutil

from .home import Home, replace_file
from .supervisor import SET_BACK


def note_start(home: Home, name: str) -> None:
    """Note this process, and how far the wall's clock is ahead of the one that nobody sets."""
    started = {"pid": os.getpid(), "ahead": time.time() - time.monotonic()}
    replace_file(home.path / f"{name}.started", json.dumps(started))


def end_if_set_back(home: Home, name: str, word: str) -> bool:
    """End the service if the clock was set back since it started.

    Args:
        home: where its start is noted.
        name: of the service.
        word: that its command contains; another process with its number is left alone.

    Returns:
        Whether that was so.
    """
    try:
        started = json.loads((home.path / f"{name}.started").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if started["ahead"] - (time.time() - time.monotonic()) <= SET_BACK:
        return False
    with suppress(psutil.Error):
        process = psutil.Process(started["pid"])
        if word in process.cmdline():
            process.send_signal(signal.SIGTERM)
    return True
