"""Ports of this machine: free, taken and by whom, answering."""

from __future__ import annotations

import http.client
import os
import socket
from collections.abc import Callable
from contextlib import suppress

import psutil

from .errors import OperationsError

_ANSWER_SECONDS = 10


def listens(port: int, host: str = "127.0.0.1") -> Callable[[], bool]:
    """A question: does anything accept connections there?"""

    def ask() -> bool:
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            return True
        return False

    return ask


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing uses now."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def check_port(port: int, what: str, host: str = "127.0.0.1") -> None:
    """Make sure that a port can be bound.

    Raises:
        OperationsError: it cannot; the text names the program that has it, where one may know.
    """
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise OperationsError(
            f"Port {port} of {host}, wanted for {what}, cannot be used ({reason}){_owner(port)}: "
            "stop what uses it, or choose another with --port."
        ) from None


def _owner(port: int) -> str:
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("inet"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr
                and connection.laddr.port == port
                and connection.pid
            ):
                return (
                    f"; process {connection.pid} ({psutil.Process(connection.pid).name()}) has it"
                )
    return ""


def answers_http(port: int, path: str, host: str = "127.0.0.1") -> Callable[[], bool]:
    """A question: does a web server there answer? Any answer but an error of its own will do."""
    asked = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104

    def ask() -> bool:
        connection = http.client.HTTPConnection(asked, port, timeout=_ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask
