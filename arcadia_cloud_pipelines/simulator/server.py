"""Servers of the simulated API: one in a thread, one in front."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from .account import SimulatedAccount
from .app import Api
from .control import Seen
from .limits import GENEROUS, RateLimits


class _ThreadServer(uvicorn.Server):
    """A uvicorn server that says when it listens and stops when told, neither by polling.

    uvicorn itself takes 0.2 seconds to stop, most of a test's time.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._stopping = asyncio.Event()
        self._event_loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._event_loop = asyncio.get_running_loop()
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for sock in sockets or []:
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=1)
        await asyncio.sleep(0)

    def stop(self) -> None:
        """Stop, from another thread."""
        self.should_exit = True
        if self._event_loop is not None and not self._event_loop.is_closed():
            self._event_loop.call_soon_threadsafe(self._stopping.set)


@dataclass(frozen=True)
class RunningSimulator:
    """A server in a thread."""

    url: str
    """Scheme, host and port: what `DO_API_URL` takes."""
    token: str
    """A token with every scope."""
    account: SimulatedAccount
    app: Api

    @property
    def requests(self) -> list[Seen]:
        """Return what was asked so far."""
        return self.app.requests


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that asyncio recognises as TCP.

    `socket.create_server` leaves the protocol 0, and then asyncio does not switch Nagle's
    algorithm off: each answer on a kept connection would wait 40 ms for an ACK.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return sock


def server_config(app: Api, host: str, port: int) -> uvicorn.Config:
    """Return how uvicorn is to serve."""
    return uvicorn.Config(
        app, host=host, port=port, lifespan="off", access_log=False, log_level="warning",
        proxy_headers=False, server_header=False, timeout_graceful_shutdown=1, log_config=None,
        # The same loop everywhere, whether or not somebody else brought uvloop along.
        loop="asyncio",
    )  # fmt: skip


@contextmanager
def serve(
    account: SimulatedAccount,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    limits: RateLimits = GENEROUS,
    latency_ms: float = 0.0,
    control: bool = False,
    public_url: str | None = None,
) -> Iterator[RunningSimulator]:
    """Serve an account from a thread of this process.

    Args:
        account: whose API to serve; moving its clock shows at once.
        port: 0 for any free one.
        host: the address to listen on.
        limits: see `Api`.
        latency_ms: see `Api`.
        control: see `Api`.
        public_url: see `Api`.
    """
    app = Api(account, limits=limits, latency_ms=latency_ms, control=control, public_url=public_url)
    sock = listen(host, port)
    config = server_config(app, host, port)
    config.load()  # imports happen here, not in the thread
    server = _ThreadServer(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [sock]}, name="simulator", daemon=True
    )
    thread.start()
    try:
        if not server.ready.wait(10):
            frame = sys._current_frames().get(thread.ident or 0)
            where = "".join(traceback.format_stack(frame)) if frame else "its thread has ended"
            raise RuntimeError(f"the simulator did not start within 10 seconds: {where}")
        bound = sock.getsockname()[1]
        yield RunningSimulator(f"http://{host}:{bound}", account.token, account, app)
    finally:
        server.stop()
        thread.join(10)
        sock.close()
