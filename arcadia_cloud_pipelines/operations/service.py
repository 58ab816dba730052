"""One process of the deployment alone, for containers: `arcadia service NAME`.

Whoever runs containers does what `arcadia up` does on one machine: starts, watches, restarts. Both
use the same processes; here the databases and the code server are elsewhere.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from ..settings import DEFAULT_QUEUE, Purpose, Settings, environment_file, load_settings
from ..settings.environment_file import environment
from . import json_lines, processes
from .child import Child
from .errors import OperationsError
from .home import Home
from .liveness import beaten_lately
from .processes import CodeServer
from .service_clock import end_if_set_back, note_start
from .startup import Prepared, prepare
from .watch import watched_lately

ANYWHERE = "0.0.0.0"  # noqa: S104  a container's own network; what is published decides


@dataclass(frozen=True)
class WorkerPlace:
    """One worker of several, and what it works on."""

    name: str = "worker"
    """Another one on the same host has another name."""
    pools: Sequence[str] = ()
    """Pools whose steps it executes; all of them when empty."""
    steps: int = 2
    """How many at a time."""


@dataclass(frozen=True)
class Addresses:
    """Addresses that the services of one deployment have in common."""

    code: CodeServer
    """Where daemon and webserver find the code server."""
    ui_port: int
    ui_hosts: Sequence[str]
    api_port: int
    worker: WorkerPlace = WorkerPlace()


Made = Callable[[Settings, Home, Addresses], Child]


def _code_server(_settings: Settings, _home: Home, where: Addresses) -> Child:
    return processes.code_server(CodeServer(host=ANYWHERE, port=where.code.port), environment())


def _daemon(settings: Settings, home: Home, where: Addresses) -> Child:
    return processes.daemon(
        where.code.workspace(home), environment(), lambda: beaten_lately(settings)
    )


def _webserver(_settings: Settings, home: Home, where: Addresses) -> Child:
    return processes.webserver(
        where.code.workspace(home), ANYWHERE, where.ui_port, where.ui_hosts, environment()
    )


def _api(_settings: Settings, _home: Home, where: Addresses) -> Child:
    return processes.api_process(ANYWHERE, where.api_port, environment())


def _alarms(settings: Settings, _home: Home, _where: Addresses) -> Child:
    return processes.alarms_process(environment(), lambda: watched_lately(settings))


def _worker(_settings: Settings, _home: Home, where: Addresses) -> Child:
    mine = where.worker
    pools = mine.pools or [*Purpose, DEFAULT_QUEUE]
    return processes.celery_worker(
        mine.name, pools, mine.steps, environment(), lambda: _worker_answers(mine.name)
    )


def _worker_answers(name: str) -> bool:
    from celery import Celery

    with Celery(broker=load_settings().celery_broker().reveal()) as app:
        node = f"{name}@{socket.gethostname()}"
        return bool(app.control.inspect(destination=[node], timeout=5).ping())


_WAREHOUSE, _STORAGE = "ARCADIA_DATABASE_URL", "DAGSTER_POSTGRES_URL"

SERVICES: dict[str, tuple[Made, frozenset[str]]] = {
    "code-server": (_code_server, frozenset({_WAREHOUSE, _STORAGE})),
    "daemon": (_daemon, frozenset({_STORAGE})),
    "webserver": (_webserver, frozenset({_STORAGE})),
    "api": (_api, frozenset({_WAREHOUSE})),
    "alarms": (_alarms, frozenset({_WAREHOUSE, _STORAGE})),
    "worker": (_worker, frozenset({_WAREHOUSE, _STORAGE})),
}
"""Each with the databases that it uses."""


def start(settings: Settings, name: str, where: Addresses) -> NoReturn:
    """Become the process of one service.

    Raises:
        OperationsError: a database is not set, or the folder is another user's.
    """
    home = Home(settings.home)
    _require_databases(settings, SERVICES[name][1])
    home.prepare()
    child = SERVICES[name][0](settings, home, where)
    if child.minds_clock:
        note_start(home, name)
    environ = {
        **child.environ,
        environment_file.VARIABLE: "",
        "ARCADIA_HOME": str(home.path),
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONUNBUFFERED": "1",
    }
    command = list(child.command)
    if json_lines.wanted():
        command = [sys.executable, "-m", json_lines.__name__, name, *command]
    os.execve(command[0], command, environ)  # noqa: S606


def service_answers(settings: Settings, name: str, where: Addresses) -> bool:
    """Return whether the service of this name works, asked once; for health checks.

    Raises:
        OperationsError: a database is not set.
    """
    _require_databases(settings, SERVICES[name][1])
    home = Home(settings.home)
    child = SERVICES[name][0](settings, home, where)
    if child.minds_clock and end_if_set_back(home, name, child.command[2]):
        return False
    return child.alive is not None and child.alive() is True


def prepare_databases(settings: Settings, say: Callable[[str], None]) -> Prepared:
    """Bring both databases to this release, once, before any service starts.

    Raises:
        OperationsError: a database is not set or does not answer.
        WarehouseError: the warehouse is away, or newer than this release.
    """
    _require_databases(settings, frozenset({_WAREHOUSE, _STORAGE}))
    home = Home(settings.home)
    with home.exclusive():
        return prepare(settings, home, say)


def _require_databases(settings: Settings, needed: frozenset[str]) -> None:
    """Refuse to start an embedded server, which each container would have for itself.

    Raises:
        OperationsError: a variable is not set.
    """
    urls = {_WAREHOUSE: settings.database_url, _STORAGE: settings.dagster_database_url}
    missing = sorted(name for name in needed if urls[name] is None)
    if missing:
        raise OperationsError(
            f"{' and '.join(missing)} must be set (or with _FILE): the services of a deployment "
            "share their databases. `arcadia up` runs everything on one machine without them."
        )
