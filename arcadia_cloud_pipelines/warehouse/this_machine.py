"""What tells a process from any other: its machine, the machine's start, and its own."""

from __future__ import annotations

import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil


@cache
def this_place() -> str:
    """Return the machine and, in containers, the namespace in which process ids count."""
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {namespace}".strip()


def boot_id() -> str:
    """Return what changes when the machine starts again; nothing where it does not say."""
    # Linux alone has it; elsewhere the start of a process tells it from others well enough.
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def start_of(pid: int) -> str | None:
    """Return when a process started, exactly; None for one that does not work any more."""
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return fields[19]  # ticks since the machine's start: no step of a clock changes it
    except psutil.NoSuchProcess:
        return None
    except OSError:
        with suppress(psutil.Error):
            return f"{psutil.Process(pid).create_time():.2f}"
        return None
