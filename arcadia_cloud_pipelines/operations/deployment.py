"""The whole deployment on one machine: `arcadia up`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ..settings import Settings
from .errors import OperationsError
from .home import Home, replace_file
from .supervisor import Child, Supervisor, check_port, end_leftovers, free_port, listens

UI_PORT = 3000
LOCATION = "arcadia_cloud_pipelines"

_DAY = 86_400
_GIBIBYTE = 2**30

# The webserver has no login, and takes mutations from any page in a browser: loopback alone.
_HOST = "127.0.0.1"


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
    _stop_on_signals(stop)
    with home.exclusive():
        for name in end_leftovers(home.read_state().get("children", ())):
            say(f"ended {name}, left over from a deployment that was killed")
        home.write_state({"command": "up", "pid": os.getpid()})
        try:
            _run(settings, home, port, say, stop)
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
    say: Callable[[str], None],
    stop: threading.Event,
) -> None:
    from ..api.auth import check_secrets
    from .startup import prepare

    check_secrets(settings.jwt_secrets)
    check_port(port, "the Dagster UI")
    check_port(settings.api_port, "the HTTP API (ARCADIA_API_PORT)", settings.api_host)
    prepared = prepare(settings, home, say)
    kind = "embedded PostgreSQL" if settings.database_url is None else "PostgreSQL"
    done = "" if prepared.before == prepared.after else f", migrated from {prepared.before}"
    say(f"warehouse: {kind} {prepared.place}, schema {prepared.after}{done}")
    simulator_port = None if settings.tokens else free_port()
    environ = environment(settings, home, simulator_port)
    if simulator_port is None:
        say(f"account: DigitalOcean at {settings.api_url}")
    else:
        say("account: no DO_API_TOKEN is set, so this is the simulator, not DigitalOcean")
    supervisor = Supervisor(
        services(
            home,
            ui_port=port,
            code_port=free_port(),
            simulator_port=simulator_port,
            api=(settings.api_host, settings.api_port),
        ),
        environ=environ,
        logs=home.logs,
        say=say,
    )
    url = f"http://{_HOST}:{port}"

    def note() -> None:
        home.write_state(
            {"command": "up", "pid": os.getpid(), "url": url, "children": supervisor.processes()}
        )

    try:
        say("starting Dagster …")
        supervisor.start(stop, started=note)
        if not stop.is_set():
            say(f"Dagster UI: {url}")
            say(f"HTTP API:   http://{settings.api_host}:{settings.api_port}/docs")
            say(f"logs: {home.logs}; Ctrl-C stops everything")
        supervisor.run(stop, changed=note)
    finally:
        say("stopping …")
        supervisor.stop()
        say("stopped")


def environment(settings: Settings, home: Home, simulator_port: int | None) -> dict[str, str]:
    """What the children find in their environment.

    Raises:
        OperationsError: there is no token, and the warehouse mirrors an account that is not the
            simulated one: the two would be mixed.
    """
    environ = {
        **os.environ,
        "ARCADIA_HOME": str(home.path),
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
    }
    if simulator_port is not None:
        from ..warehouse.engine import open_warehouse
        from .simulated import open_account
        from .status import accounts

        account = open_account(home)
        others = accounts(open_warehouse(settings)).keys() - {account.team_uuid}
        if others:
            raise OperationsError(
                f"No DO_API_TOKEN is set, but the warehouse mirrors the account {min(others)}, and "
                "the simulator's would be mixed in: set DO_API_TOKEN, or ARCADIA_HOME to another "
                "folder (and no ARCADIA_DATABASE_URL) to try things with the simulator."
            )
        environ["DO_API_URL"] = f"http://{_HOST}:{simulator_port}"
        environ["DO_API_TOKEN"] = account.token
        # A key pair is a real account's, whose buckets are none of the simulated one's.
        environ = {k: v for k, v in environ.items() if not k.startswith("SPACES_")}
    return environ


def services(
    home: Home,
    *,
    ui_port: int,
    code_port: int,
    simulator_port: int | None = None,
    api: tuple[str, int] | None = None,
) -> list[Child]:
    """The deployment's processes, in the order of starting. A further service is one more entry.

    Args:
        home: where they keep their files.
        ui_port: of the Dagster UI.
        code_port: of the code server; a fresh one each time, because a forgotten server on the
            same port would answer part of the requests with old code.
        simulator_port: of the simulator; None for a real account.
        api: address and port of the HTTP API, which reads them from the environment itself.
    """
    workspace = write_workspace(home, code_port)
    children = []
    if simulator_port is not None:
        children.append(
            Child(
                "simulator",
                _python(f"{LOCATION}.cli.main", "simulate", "--resume", "--port", simulator_port),
                ready=listens(simulator_port),
            )
        )
    if api is not None:
        children.append(
            Child(
                "api",
                _python(f"{LOCATION}.cli.main", "api"),
                ready=listens(api[1], api[0]),
                memory_limit=_GIBIBYTE,
            )
        )
    return [
        *children,
        Child(
            "code-server",
            _python(
                "dagster", "code-server", "start", "--host", _HOST, "--port", code_port,
                "--module-name", f"{LOCATION}.definitions", "--location-name", LOCATION,
            ),
            ready=listens(code_port),
        ),
        Child(
            "daemon",
            _python("dagster._daemon", "run", "--workspace", workspace),
            # It grows slowly (dagster #32070).
            restart_after=_DAY,
            memory_limit=_GIBIBYTE,
        ),
        # Beside the daemon, whose death it tells of.
        Child("alarms", _python(f"{LOCATION}.cli.main", "alarms", "watch")),
        Child(
            "webserver",
            _python(
                "dagster_webserver", "--workspace", workspace, "--host", _HOST, "--port", ui_port,
            ),
            ready=listens(ui_port),
        ),
    ]  # fmt: skip


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def write_workspace(home: Home, code_port: int) -> Path:
    """The workspace file that daemon and webserver read: where the code server is."""
    path = home.dagster / "workspace.yaml"
    server: Mapping[str, object] = {"host": _HOST, "port": code_port, "location_name": LOCATION}
    lines = "".join(f"      {name}: {value}\n" for name, value in server.items())
    replace_file(path, f"load_from:\n  - grpc_server:\n{lines}")
    return path
