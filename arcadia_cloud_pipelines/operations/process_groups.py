"""Groups of processes: each child of the supervisor leads one, and what it starts goes with it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

import psutil

GRACE = 8.0
"""Seconds that a process has between TERM and KILL."""


def created_at(pid: int) -> float:
    """Return when a process was made, by the system's clock; 0 where it is gone."""
    with suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return 0.0


def ending_text(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"status {status}"
    with suppress(ValueError):
        return f"by {signal.Signals(-status).name}"
    return f"by signal {-status}"


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to all processes of a group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _members(group: int) -> list[int]:
    """Processes of a group that still do something."""
    found = []
    for process in psutil.process_iter(["status"]):
        with suppress(OSError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def end_group(group: int, grace: float) -> None:
    """KILL what is left of a group when its time is up."""
    deadline = time.monotonic() + grace
    while _members(group):
        if time.monotonic() >= deadline:
            signal_group(group, signal.SIGKILL)
            return
        time.sleep(0.05)


def end_leftovers(
    processes: Iterable[Mapping[str, float | str]], grace: float = GRACE
) -> list[str]:
    """End the children of a supervisor that was killed before it could do so itself.

    Args:
        processes: from `Supervisor.processes`. One whose id belongs to another program by now, as
            its time of creation shows, is left alone.
        grace: seconds between TERM and KILL.

    Returns:
        The names of those that were still there.
    """
    found: dict[str, int] = {}
    for process in processes:
        pid = int(process["pid"])
        if created_at(pid) == process["created"] != 0:
            found[str(process["name"])] = pid
    for group in found.values():
        signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    for group in found.values():
        end_group(group, max(0.0, deadline - time.monotonic()))
    return list(found)
