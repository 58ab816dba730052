"""What happened on the wire, in words of our own: the text of an exception may hold anything."""

from __future__ import annotations

import socket
import ssl

import requests
import urllib3


def _causes(error: BaseException) -> list[BaseException]:
    """The exception and all it was made from: requests and urllib3 wrap in `args` and `reason`."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            todo += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return found


def network_problem(error: BaseException) -> str:
    """Say what happened in words of our own: the text of the exception may hold anything."""
    causes = _causes(error)

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if has(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return "got no answer: the proxy did not let it through"
    if has(requests.exceptions.SSLError, ssl.SSLError):
        return "got no answer: TLS failed"
    if has(socket.gaierror, urllib3.exceptions.NameResolutionError):
        return "got no answer: the host name was not found"
    if has(ConnectionRefusedError):
        return "got no answer: the connection was refused"
    if has(requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return "got no answer in time"
    if has(ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
        return "got no answer: the connection was reset"
    return "got no answer: the connection failed"
