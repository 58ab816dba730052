"""The processes of the deployment, one function each: how it starts, and how one knows it works.

`arcadia up` runs all of them on one machine, `arcadia service NAME` one of them in a container.
"""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .child import Child
from .child_environment import for_child
from .home import Home, replace_file
from .liveness import BEATS, answers_grpc
from .ports import answers_http, listens

LOCATION = "arcadia_cloud_pipelines"

_DAY = 86_400
_GIBIBYTE = 2**30

Environ = Mapping[str, str]

_ALARMING = re.compile(
    r"^(?!.*\bArcadia: ).*\b(WARNING|ERROR|CRITICAL|FATAL)\b"
    r"|Arcadia: (error|critical): |worst (error|critical)|^✗ (error|critical) |^Traceback "
)
"""What `alarms` says on the terminal. Mere warnings, as a demo leaves some, are in its log;
a message that could not be sent is told."""

_OF_NO_RUN = re.compile(
    r"^(?!.* - dagster - ).*\b(WARNING|ERROR|CRITICAL|FATAL)\b| - RUN_FAILURE - |^Traceback "
)
"""What the code server says on the terminal: of a run that it failed. Its steps, a line for each
that was skipped too, are on the run's page; `alarms` says why."""


@dataclass(frozen=True)
class CodeServer:
    """The address of the code server: a socket on this machine, or host and port of another."""

    socket: Path | None = None
    host: str = "localhost"
    port: int | None = None

    def workspace(self, home: Home) -> Path:
        """Write the workspace file that daemon and webserver read, and return its path."""
        path = home.dagster / "workspace.yaml"
        where = {"port": self.port} if self.socket is None else {"socket": str(self.socket)}
        server = {**where, "host": self.host, "location_name": LOCATION}
        lines = "".join(f"      {name}: {json.dumps(value)}\n" for name, value in server.items())
        replace_file(path, f"load_from:\n  - grpc_server:\n{lines}")
        return path


def simulator(port: int, environ: Environ) -> Child:
    """Return the simulated DigitalOcean."""
    return Child(
        "simulator",
        _python(f"{LOCATION}.cli.main", "simulate", "--resume", "--port", port),
        environ=for_child("simulator", environ),
        ready=listens(port),
        alive=answers_http(port, "/v2/account"),
    )


def api_process(host: str, port: int, environ: Environ, secret: Path | None = None) -> Child:
    """Return the HTTP API; `secret` is the file of what a demo's tokens are signed with."""
    mine = for_child("api", environ)
    if secret is not None:
        mine |= {"ARCADIA_JWT_SECRET_FILE": str(secret)}
    return Child(
        "api",
        _python(f"{LOCATION}.cli.main", "api", "--host", host, "--port", port),
        environ=mine,
        ready=listens(port, host),
        alive=answers_http(port, "/api/health", host),
        memory_limit=_GIBIBYTE,
    )


def code_server(place: CodeServer, environ: Environ) -> Child:
    """Return the process that holds the definitions and starts the runs."""
    start = _python(
        "dagster", "code-server", "start",
        "--module-name", f"{LOCATION}.definitions", "--location-name", LOCATION,
    )  # fmt: skip
    mine = for_child("code-server", environ)
    if place.socket is None:
        return Child(
            "code-server",
            [*start, "--host", place.host, "--port", str(place.port)],
            environ=mine,
            alive=answers_grpc(host="127.0.0.1", port=place.port),
            loud=_OF_NO_RUN,
        )
    return Child(
        "code-server",
        [*start, "--socket", str(place.socket)],
        # It makes a socket of its own for each process that it starts.
        environ=mine | {"TMPDIR": str(place.socket.parent)},
        ready=_answers(place.socket),
        alive=answers_grpc(socket=str(place.socket)),
        loud=_OF_NO_RUN,
    )


def daemon(workspace: Path, environ: Environ, beats: Callable[[], bool | None] | None) -> Child:
    """Return Dagster's daemon: schedules, sensors, the queue of runs."""
    return Child(
        "daemon",
        _python("dagster._daemon", "run", "--workspace", workspace),
        environ=for_child("daemon", environ),
        alive=beats,
        silence_limit=BEATS,
        # It grows slowly (dagster #32070).
        restart_after=_DAY,
        minds_clock=True,
        memory_limit=_GIBIBYTE,
    )


def celery_worker(
    name: str, pools: Sequence[str], steps: int, environ: Environ, alive: Callable[[], bool]
) -> Child:
    """Return a worker that executes steps of the queues of some pools, for `celery` executors."""
    return Child(
        "worker",
        # Celery itself: what `dagster-celery worker start` starts outlives it.
        _python(
            "celery", "--app", f"{LOCATION}.operations.celery_app", "worker",
            "--hostname", f"{name}@%h", "--queues", ",".join(pools), "--concurrency", steps,
            # Workers need not know each other: Dagster gives out the steps.
            "--loglevel", "INFO", "--without-gossip", "--without-mingle",
        ),
        environ=for_child("worker", environ),
        alive=alive,
    )  # fmt: skip


def alarms_process(environ: Environ, looks: Callable[[], bool | None] | None = None) -> Child:
    """Return what tells people; a process of its own, for the daemon cannot tell of its death."""
    return Child(
        "alarms",
        _python(f"{LOCATION}.cli.main", "alarms", "watch"),
        environ=for_child("alarms", environ),
        alive=looks,
        loud=_ALARMING,
    )


def webserver(
    workspace: Path, host: str, port: int, names: Sequence[str], environ: Environ
) -> Child:
    """Return the Dagster UI behind its guard."""
    return Child(
        "webserver",
        _python(
            f"{LOCATION}.operations.ui", "--workspace", workspace, "--host", host,
            "--port", port, *(word for name in names for word in ("--allow-host", name)),
        ),
        environ=for_child("webserver", environ),
        ready=listens(port),
        alive=answers_http(port, "/server_info", host),
    )  # fmt: skip


def _python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def _answers(path: Path) -> Callable[[], bool]:
    def ask() -> bool:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            client.connect(str(path))
            return True
        return False

    return ask
