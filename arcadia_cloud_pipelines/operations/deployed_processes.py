"""The processes of a deployment on one machine, and what each finds in its environment."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..inventory.freshness import synced_accounts
from ..settings import Settings, environment_file
from ..settings.environment_file import environment
from ..warehouse.embedded_server import ServerFolder
from ..warehouse.engine import open_warehouse
from . import processes
from .child import Child
from .child_environment import for_child
from .errors import OperationsError
from .home import Home
from .processes import LOCATION, CodeServer
from .reviewed_story import file_variables
from .simulated import open_account

# The UI has no login: its guard keeps other pages out, loopback keeps other machines out.
HOST = "127.0.0.1"


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
        environ["DO_API_URL"] = f"http://{HOST}:{simulator_port}"
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
        processes.webserver(workspace, HOST, ui_port, ui_hosts, environ),
    ]
