"""Keeps one PostgreSQL running for as long as somebody uses it. Started as a script, by path.

It imports nothing but the standard library: it stays as long as the server does, and is small. The
users of the server each hold a shared lock on one file. The kernel takes the lock from a process
that ends, however it ends. So whoever gets the lock for itself alone knows that nobody is left.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_LOOK_SECONDS = 0.5  # between two looks at a server that another process has started
_LINGER_SECONDS = 5.0
# Between the end of the last user and that of the server. Who ends in order stops it at once: this
# is for those that were killed, and may be started again.


def main(given: str) -> int:
    """Run, or look after, the server that `given` describes, until it ends.

    Args:
        given: JSON with `users`, path of the lock file, and either `command`, `folder`, `environ`,
            `user` and `group` of a server to start, or `pid` of one that runs already.

    Returns:
        The exit status: that of the server.
    """
    server: dict[str, Any] = json.loads(given)
    # Ctrl-C is for the program in front, which ends by itself and lets go of the lock.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    stop, wait = _adopt(int(server["pid"])) if "pid" in server else _start(server)
    signal.signal(signal.SIGTERM, lambda *_: stop())
    threading.Thread(target=_stop_when_alone, args=(server["users"], stop), daemon=True).start()
    return wait()


def _start(server: dict[str, Any]) -> tuple[Callable[[], None], Callable[[], int]]:
    process = subprocess.Popen(
        server["command"],
        cwd=server["folder"],
        env=server["environ"],
        user=server["user"],
        group=server["group"],
        extra_groups=[] if server["user"] is not None else None,
        umask=0o077,
        stdin=subprocess.DEVNULL,
    )
    # SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back, nothing is lost.
    return lambda: process.send_signal(signal.SIGINT), process.wait


def _adopt(pid: int) -> tuple[Callable[[], None], Callable[[], int]]:
    def stop() -> None:
        if _runs(pid):
            os.kill(pid, signal.SIGINT)

    def wait() -> int:
        while _runs(pid):
            time.sleep(_LOOK_SECONDS)
        return 0

    return stop, wait


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _stop_when_alone(users: str, stop: Callable[[], None]) -> None:
    """Wait until no process holds the lock for a while; keep it until the server is down."""
    descriptor = os.open(users, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while True:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(_LINGER_SECONDS)
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop()
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
