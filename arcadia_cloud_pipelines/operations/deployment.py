"""The whole deployment on one machine: `arcadia up`."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .. import environment_file
from ..api.auth import check_secrets
from ..environment_file import environment
from ..inventory.freshness import synced_accounts
from ..settings import Settings
from ..warehouse.embedded_server import ServerFolder
from ..warehouse.embedded_supervision import supervised
from ..warehouse.engine import open_warehouse
from . import json_lines, processes
from .child import Child, while_heard
from .child_environment import for_child
from .errors import OperationsError
from .home import Home, check_space
from .liveness import Heartbeats
from .local_tokens import make_secret
from .ports import check_port, free_port
from .process_groups import end_leftovers
from .processes import LOCATION, CodeServer
from .reviewed_story import file_variables
from .service_manager import notify
from .simulated import open_account
from .startup import prepare
from .supervisor import Supervisor

UI_PORT = 3000

# The UI has no login: its guard keeps other pages out, loopback keeps other machines out.
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
    check_port(port, "The Dagster UI", other="choose another with `arcadia up --port PORT`")
    check_port(
        settings.api_port, "The HTTP API", settings.api_host,
        other="set ARCADIA_API_PORT or ARCADIA_API_HOST to another",
    )  # fmt: skip
    home.prepare()
    check_space(home.path)
    url = f"http://{_HOST}:{port}"
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


def database_process(home: Home, environ: Mapping[str, str]) -> Child:
    """Return the embedded PostgreSQL as a process to supervise."""
    answers = ServerFolder(home.path).answers
    return Child(
        "postgres",
        [sys.executable, "-m", f"{LOCATION}.warehouse.embedded_supervision", str(home.path)],
        environ=for_child("postgres", environ),
        ready=answers,
        alive=answers,
        # What a client did wrong is the client's to tell.
        loud=re.compile(r"\bPANIC\b|could not|No space left|\bCRITICAL\b|^Error:"),
        last=True,
    )


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
            f"the UI shows it: http://{_HOST}:{port}/runs"
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


def child_environment(settings: Settings, home: Home, simulator_port: int | None) -> dict[str, str]:
    """Return what the children find in their environment.

    Raises:
        OperationsError: there is no token, and the warehouse mirrors an account that is not the
            simulated one: the two would be mixed.
    """
    environ = {
        **environment(),
        # Each finds what it needs in its environment, and reads no secret that it does not need.
        environment_file.VARIABLE: "",
        "ARCADIA_HOME": str(home.path),
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
    }
    if simulator_port is not None:
        account = open_account(home)
        others = synced_accounts(open_warehouse(settings)).keys() - {account.team_uuid}
        if others:
            raise OperationsError(
                f"No DO_API_TOKEN is set, but the warehouse mirrors the account {min(others)}, and "
                "the simulator's would be mixed in: set DO_API_TOKEN, or ARCADIA_HOME to another "
                "folder (and no ARCADIA_DATABASE_URL) to try things with the simulator."
            )
        # Of the demo, where there was one; a file that somebody names goes before.
        environ = {**file_variables(home), **environ}
        environ["DO_API_URL"] = f"http://{_HOST}:{simulator_port}"
        environ["DO_API_TOKEN"] = account.token
        # A key pair is a real account's, whose buckets are none of the simulated one's.
        environ = {k: v for k, v in environ.items() if not k.startswith("SPACES_")}
    return environ


def services(
    home: Home,
    *,
    ui_port: int,
    code_socket: Path,
    ui_hosts: Sequence[str] = (),
    simulator_port: int | None = None,
    api: tuple[str, int] | None = None,
    api_secret: Path | None = None,
    environ: Mapping[str, str] | None = None,
    heartbeats: Callable[[], bool | None] | None = None,
) -> list[Child]:
    """The deployment's processes, in the order of starting. A further service is one more entry.

    Args:
        home: where they keep their files.
        ui_port: of the Dagster UI.
        code_socket: of the code server, in a folder that no other user of the machine can enter.
        ui_hosts: names under which the UI may be asked for, beside those of loopback.
        simulator_port: of the simulator; None for a real account.
        api: address and port of the HTTP API.
        api_secret: file of the secret that a demo's tokens are signed with.
        environ: variables of the deployment; each process gets the secrets that it needs.
        heartbeats: whether the daemon has beaten since it was last asked.
    """
    environ = environ or {}
    code = CodeServer(code_socket)
    workspace = code.workspace(home)
    first = [processes.simulator(simulator_port, environ)] if simulator_port is not None else []
    if api is not None:
        first.append(processes.api_process(*api, environ, secret=api_secret))
    return [
        *first,
        processes.code_server(code, environ),
        processes.daemon(workspace, environ, heartbeats),
        # Beside the daemon, whose death it tells of.
        processes.alarms_process(environ),
        processes.webserver(workspace, _HOST, ui_port, ui_hosts, environ),
    ]
