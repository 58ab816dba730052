"""Ports of this machine: free, taken and by whom, answering."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from contextlib import suppress

from ..common.listening import why_not
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


def check_port(
    port: int, what: str, host: str = "127.0.0.1", *, other: str = "choose another with --port"
) -> None:
    """Make sure that a port can be bound.

    Args:
        port: the number.
        what: it is for.
        host: address to listen on.
        other: how to choose another one.

    Raises:
        OperationsError: it cannot; the text names the program that has it, where one may know.
    """
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        raise OperationsError(
            f"{what} cannot listen on port {port} of {host}, because {why_not(host, port, error)}: "
            f"stop what uses it, or {other}."
        ) from None


def answers_http(port: int, path: str, host: str = "127.0.0.1") -> Callable[[], bool]:
    """A question: does a web server there answer? Any answer but an error of its own will do."""
    # What listens on every address is asked at this machine's own.
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
