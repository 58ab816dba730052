"""The whole deployment on one machine: `arcadia up`."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..api.auth import check_secrets
from ..settings import Settings
from ..warehouse.embedded_supervision import supervised
from . import json_lines
from .child import while_heard
from .deployed_processes import HOST, child_environment, database_process, services
from .errors import OperationsError
from .home import Home, check_space
from .liveness import Heartbeats
from .local_tokens import make_secret
from .ports import check_port, free_port
from .process_groups import end_leftovers
from .service_manager import notify
from .startup import prepare
from .supervisor import Supervisor

UI_PORT = 3000


def up(
    settings: Settings,
    *,
    port: int = UI_PORT,
    say: Callable[[str], None],
    stop: threading.Event | None = None,
) -> None:
    """Run everything until SIGINT or SIGTERM, then leave nothing behind.

    Args:
        settings: read once; the children read the environment themselves.
        port: of the Dagster UI.
        say: shows one line; called from several threads.
        stop: set it to stop, beside the signals.

    Raises:
        OperationsError: it runs already, a port is taken, or a process did not start.
        WarehouseError: the warehouse is away, or newer than this release.
        EmbeddedPostgresError: the embedded server does not start.
    """
    home = Home(settings.home)
    stop = stop or threading.Event()
    say = while_heard(say)
    _stop_on_signals(stop)
    with home.exclusive():
        for name in end_leftovers(home.read_state().get("children", ())):
            say(f"ended {name}, left over from a deployment that was killed")
        home.write_state({"command": "up", "pid": os.getpid()})
        try:
            # 0700 and short: the path of a socket has at most 107 bytes, that of the home may not.
            with tempfile.TemporaryDirectory(prefix="arcadia-") as folder:
                _run(settings, home, port, Path(folder) / "code.sock", say, stop)
        finally:
            home.state.unlink(missing_ok=True)


def _stop_on_signals(stop: threading.Event) -> None:
    """A handler of our own also undoes an inherited "ignore" for the children.

    A shell's background job starts with SIGINT ignored; Dagster's code server would then not heed
    SIGTERM either.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())


def _run(
    settings: Settings,
    home: Home,
    port: int,
    code_socket: Path,
    say: Callable[[str], None],
    stop: threading.Event,
) -> None:
    for problem in settings.unreadable_api_secrets():
        say(f"{problem}; the HTTP API refuses every call that needs it")
    check_secrets(settings.without_unreadable().jwt_secrets)
    if port == settings.api_port:
        raise OperationsError(
            f"The Dagster UI and the HTTP API are both to listen on port {port}: choose another "
            "with `arcadia up --port PORT`, or set ARCADIA_API_PORT to another."
        )
    # Before anything is started, so that nothing has to be stopped again.
    check_port(port, "The Dagster UI", other="choose another with `arcadia up --port PORT`")
    check_port(
        settings.api_port, "The HTTP API", settings.api_host,
        other="set ARCADIA_API_PORT or ARCADIA_API_HOST to another",
    )  # fmt: skip
    home.prepare()
    check_space(home.path)
    url = f"http://{HOST}:{port}"
    base = {**os.environ, "ARCADIA_HOME": str(home.path), "PYTHONUNBUFFERED": "1"}
    supervisor = Supervisor([], environ={}, logs=home.logs, say=say, as_json=json_lines.wanted())

    def note() -> None:
        home.write_state(
            {"command": "up", "pid": os.getpid(), "url": url, "children": supervisor.processes()}
        )

    with _database(settings, home, base, supervisor):
        try:
            supervisor.start(stop, started=note)
            if not stop.is_set():
                _start_services(settings, home, port, code_socket, supervisor, say)
                say("starting Dagster …")
                supervisor.start(stop, started=note)
            if not stop.is_set():
                say(f"Dagster UI: {url}")
                say(f"HTTP API:   http://{settings.api_host}:{settings.api_port}/")
                say(f"logs: {home.logs}; Ctrl-C stops everything")
                notify("READY=1")
            supervisor.run(stop, changed=note, each=lambda: notify("WATCHDOG=1"))
        finally:
            try:
                notify("STOPPING=1")
                say("stopping …")
            finally:
                supervisor.stop()
            say("stopped")


@contextmanager
def _database(
    settings: Settings, home: Home, environ: Mapping[str, str], supervisor: Supervisor
) -> Iterator[None]:
    """Have the embedded server supervised like every other process, where it is used."""
    if settings.database_url is not None and settings.dagster_database_url is not None:
        yield
        return
    with supervised(home.path):
        supervisor.add([database_process(home, environ)])
        yield


def _start_services(
    settings: Settings,
    home: Home,
    port: int,
    code_socket: Path,
    supervisor: Supervisor,
    say: Callable[[str], None],
) -> None:
    """Bring the databases to this release, and have the supervisor know all further processes."""
    prepared = prepare(settings, home, say)
    kind = "embedded PostgreSQL" if settings.database_url is None else "PostgreSQL"
    done = "" if prepared.before == prepared.after else f", migrated from {prepared.before}"
    say(f"warehouse: {kind} {prepared.place}, schema {prepared.after}{done}")
    if prepared.first:
        say(
            "first start: everything is read at once, in a minute or two; the run first_refresh in "
            f"the UI shows it: http://{HOST}:{port}/runs"
        )
    simulator_port = None if settings.has_account else free_port()
    environ = child_environment(settings, home, simulator_port)
    if simulator_port is None:
        say(f"account: DigitalOcean at {settings.api_url}")
    else:
        say("account: no DO_API_TOKEN is set, so this is the simulator, not DigitalOcean")
    api_secret = None if simulator_port is None else make_secret(settings, home)
    supervisor.add(
        services(
            home,
            ui_port=port,
            code_socket=code_socket,
            simulator_port=simulator_port,
            api=(settings.api_host, settings.api_port),
            api_secret=api_secret,
            ui_hosts=settings.ui_hosts,
            environ=environ,
            heartbeats=Heartbeats(settings),
        )
    )
