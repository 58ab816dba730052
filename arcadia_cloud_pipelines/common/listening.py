"""The reason why a port cannot be listened on, with the program that has it."""

from __future__ import annotations

import errno
import os
from contextlib import suppress


def why_not(host: str, port: int, error: Exception) -> str:
    """Return why listening failed, as a clause: `process 812 (nginx) uses it`."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return f"{_owner(port)} uses it"
    if number in (errno.EACCES, errno.EPERM):
        return "this user may not use it, as a rule because it is below 1024"
    # `socket.create_server` keeps the negative number of a name that is not known, not the type.
    if number == errno.EADDRNOTAVAIL or (number is not None and number < 0):
        return f"this machine has no address {host}"
    if isinstance(error, OverflowError):
        return "a port is a number from 1 to 65535"
    return os.strerror(number) if number else str(error)


def _owner(port: int) -> str:
    import psutil

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("inet"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                process = psutil.Process(connection.pid)
                ours = any("arcadia_cloud_pipelines" in word for word in process.cmdline())
                name = "another arcadia" if ours else process.name()
                return f"process {connection.pid} ({name})"
    return "a program of another user, or on another network address,"
