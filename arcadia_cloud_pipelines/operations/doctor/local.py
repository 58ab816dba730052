"""The folder, the disk and the deployment of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from ...common.folders import FolderError, check_home
from ...settings import Settings
from ...settings.values import EMBEDDED_PORT
from ...warehouse.embedded_port import HOST, LOGIN, password_file
from ...warehouse.embedded_server import ServerFolder
from ..home import Home
from .findings import Finding, neither, well, wrong

LEAST_FREE = 2**30


def check_folder(settings: Settings, home: Home) -> Iterator[Finding]:
    """The local folder: may it be written, is there room, is Dagster's instance in it?"""
    try:
        check_home(home.path)
    except FolderError as error:
        yield wrong("folder", str(error), "do what this sentence says")
        return
    existing = home.path
    while not existing.exists():
        existing = existing.parent
    if not os.access(existing, os.W_OK):
        yield wrong(
            "folder",
            f"{home.path} cannot be written by this user",
            "make it writable, or set ARCADIA_HOME to a folder that is",
        )
        return
    free = shutil.disk_usage(existing).free
    size = f"{free / 2**30:.1f} GiB free"
    if free < LEAST_FREE:
        yield wrong("folder", f"{home.path}: only {size}", "free some disk space")
    else:
        yield well("folder", f"{home.path}: writable, {size}")
    if settings.database_url is not None and settings.dagster_database_url is not None:
        yield neither("embedded server", "not used: both databases are other servers")
    else:
        yield _embedded(settings)
    instance = home.dagster / "dagster.yaml"
    if not instance.is_file():
        yield neither(
            "DAGSTER_HOME", f"{home.dagster} does not exist yet: the first `arcadia up` makes it"
        )
    elif not os.access(home.dagster, os.W_OK) or not os.access(instance, os.R_OK):
        yield wrong(
            "DAGSTER_HOME",
            f"{home.dagster} cannot be written by this user",
            "run the command as its owner, or change its owner to this user",
        )
    else:
        yield well("DAGSTER_HOME", str(home.dagster))


def _embedded(settings: Settings) -> Finding:
    """Say how the embedded server can be reached, and whether that is as it was asked for."""
    name, server, wanted = "embedded server", ServerFolder(settings.home), settings.embedded_port
    if not server.answers():
        asked = "" if wanted is None else f"; {EMBEDDED_PORT} opens port {wanted} at the next start"
        return neither(name, f"not running{asked}")
    found = server.tcp_port()
    if found == wanted:
        where = (
            f"{HOST}:{found} as {LOGIN}, password in {password_file(settings.home)}"
            if found is not None
            else "by its socket alone"
        )
        return well(name, f"reached {where}")
    return wrong(
        name,
        f"listens on {f'{HOST}:{found}' if found else 'its socket alone'}, and {EMBEDDED_PORT} "
        f"asks for {wanted or 'no port'}",
        "stop `arcadia up` and whatever else uses it, and start again",
    )


def check_deployment(home: Home) -> Finding:
    """Is `arcadia up` at work here?"""
    if not home.in_use():
        return neither("deployment", "not running here (`make up` starts it)")
    state = home.read_state()
    return well(
        "deployment",
        f"arcadia {state.get('command', 'up')}, process {state.get('pid', 'unknown')}"
        + (f", {state['url']}" if state.get("url") else ""),
    )
