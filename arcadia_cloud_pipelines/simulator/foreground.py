"""The simulator as a program of its own, with a clock that may run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import uvicorn

from .account import SimulatedAccount
from .app import Api
from .limits import GENEROUS, RateLimits
from .server import listen, server_config

_log = logging.getLogger(__name__)


def real_clock(account: SimulatedAccount, speed: float = 1.0) -> Callable[[], None]:
    """A function that moves the account's clock as far as the real one went since now."""
    last = time.monotonic()

    def move() -> None:
        # By difference, so that the clock runs on from where somebody else moved it to.
        nonlocal last
        with account.lock:
            now = time.monotonic()
            account.advance_to(account.now + timedelta(seconds=(now - last) * speed))
            last = now

    return move


def run_simulator(
    host: str = "127.0.0.1",
    port: int = 4010,
    droplets: int = 25,
    seed: int = 7,
    live: bool = False,
    *,
    speed: float = 1.0,
    limits: RateLimits = GENEROUS,
    latency_ms: float = 0.0,
    control: bool = True,
    on_ready: Callable[[str, str], None] | None = None,
) -> None:
    """Serve a fresh account in the foreground until SIGINT or SIGTERM.

    Args:
        host: the address to listen on.
        port: the port; 0 for any free one.
        droplets: size of the account.
        seed: what decides everything else.
        live: the account's clock starts at the real time and moves along with it; else it
            stands still until moved over `/_simulator/advance`.
        speed: simulated seconds per real second, when live.
        limits: see `Api`.
        latency_ms: see `Api`.
        control: see `Api`.
        on_ready: called with the URL and the token once the account is made and the port is
            bound. By default the URL alone is logged.
    """
    if live:
        now = datetime.now(UTC).replace(microsecond=0)
        account = SimulatedAccount(seed, droplets, now)
        clock = real_clock(account, speed)
    else:
        account = SimulatedAccount(seed, droplets)
        clock = None
    app = Api(account, limits=limits, latency_ms=latency_ms, control=control, clock=clock)
    with listen(host, port) as sock:
        url = f"http://{host}:{sock.getsockname()[1]}"
        if on_ready is not None:
            on_ready(url, account.token)
        else:
            _log.info("the simulator listens on %s", url)
        uvicorn.Server(server_config(app, host, port)).run(sockets=[sock])
