"""A loopback server that plays raw answers, and a clock that only moves when told."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.settings.secret import Secret

TOKEN = "dop_v1_0f3c9a7e51b2d84466"


class FakeClock:
    """Starts at a fixed time; sleeping moves it. `tick` seconds pass at every look."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.slept: list[float] = []
        self.tick = 0.0

    def monotonic(self) -> float:
        self.now += self.tick
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


RESET, CLOSE = b"reset", b"close"


class Hold(bytes):
    """Sent, after which the connection stays open and silent."""


Step = bytes | Callable[[Request], bytes]


def raw(
    status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None, cut: int = 0
) -> bytes:
    """An answer as bytes; `cut` promises that many bytes more than are sent."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body) + cut}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(value: object = None, status: int = 200, **headers: str) -> bytes:
    """A JSON answer; underscores in header names become hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps({} if value is None else value).encode()
    return raw(status, body, {"Content-Type": "application/json"} | named)


def html(status: int = 200) -> bytes:
    return raw(status, b"<!DOCTYPE html><p>nginx</p>", {"Content-Type": "text/html"})


@dataclass
class Server:
    """Answers each request with the next step of `script`, one request per connection."""

    script: list[Step] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.host}"
        self._done = threading.Event()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def play(self, *steps: Step) -> Server:
        self.script = list(steps)
        return self

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with suppress(OSError):  # the client may go away
                if self._one(connection) == RESET:
                    linger = struct.pack("ii", 1, 0)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if connection not in self._held:
                connection.close()

    def _one(self, connection: socket.socket) -> bytes:
        if connection.recv(1, socket.MSG_PEEK) == b"\x16":  # TLS, which is not spoken here
            connection.sendall(raw(400))
            return CLOSE
        with connection.makefile("rb") as stream:
            first = stream.readline().decode("latin-1").split()
            if not first:
                return CLOSE
            headers = {}
            while line := stream.readline().decode("latin-1").strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", 0)))
        request = Request(first[0], first[1], headers, body)
        self.requests.append(request)
        step = self.script.pop(0) if self.script else answer({"id": "script_is_over"}, 418)
        if callable(step):
            step = step(request)
        if isinstance(step, Hold):
            self._held.append(connection)
        if step not in (CLOSE, RESET):
            connection.sendall(step)
        return step

    def close(self) -> None:
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._held:
            connection.close()
        self._thread.join(5)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.close()


@pytest.fixture
def other() -> Iterator[Server]:
    """A server that must never see the token."""
    one = Server()
    yield one
    assert not [r for r in one.requests if "authorization" in r.headers]
    one.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make(server: Server, clock: FakeClock) -> Iterator[Callable[..., DigitalOcean]]:
    made: list[DigitalOcean] = []

    def build(**options: object) -> DigitalOcean:
        settings: dict[str, object] = {
            "clock": clock,
            "jitter": lambda: 1.0,
            "budget": CallBudget(clock=clock),
            "purpose": "cloud_billing",
        }
        url = str(options.pop("url", server.url))
        client = DigitalOcean(url, Secret(TOKEN), **(settings | options))  # type: ignore[arg-type]
        made.append(client)
        return client

    yield build
    for client in made:
        client.close()


@pytest.fixture
def client(make: Callable[..., DigitalOcean]) -> DigitalOcean:
    return make()
