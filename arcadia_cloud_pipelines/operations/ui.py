"""The process that serves the Dagster UI behind its guard; `arcadia up` starts it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import click

from ..common.ending import end_normally_when_asked
from .ui_guard import UiGuard

_POLL_MILLISECONDS = 2000
_STATEMENT_MILLISECONDS = 15_000
_RECYCLE_SECONDS = 3600
_CONNECTIONS = 20


def serve(workspace: Path, host: str, port: int, hosts: Iterable[str] = ()) -> None:
    """Serve until SIGINT or SIGTERM.

    The same parts as `dagster-webserver`, which has no way to put something in front of itself.

    Args:
        workspace: the file that says where the code server is.
        host: address to listen on.
        port: likewise.
        hosts: names under which it may be asked for, beside those of loopback.
    """
    import uvicorn
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import WorkspaceFileTarget
    from dagster._utils.log import configure_loggers
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    configure_loggers(log_level="INFO")
    end_normally_when_asked()
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(_STATEMENT_MILLISECONDS, _RECYCLE_SECONDS, _CONNECTIONS)
        target = WorkspaceFileTarget([str(workspace)])
        with WorkspaceProcessContext(instance, target, version=__version__) as context:
            app = create_app_from_workspace_process_context(
                context, live_data_poll_rate=_POLL_MILLISECONDS
            )
            logging.getLogger("dagster-webserver").info(
                "Serving the Dagster UI on http://%s:%d", host, port
            )
            uvicorn.run(
                UiGuard(app, hosts), host=host, port=port, log_level="warning", lifespan="off",
                # The guard judges what was really sent.
                proxy_headers=False, server_header=False,
            )  # fmt: skip


@click.command()
@click.option("--workspace", required=True, type=click.Path(path_type=Path))
@click.option("--host", required=True)
@click.option("--port", required=True, type=click.IntRange(1, 65535))
@click.option("--allow-host", "hosts", multiple=True)
def main(workspace: Path, host: str, port: int, hosts: tuple[str, ...]) -> None:
    """Serve the Dagster UI."""
    serve(workspace, host, port, hosts)


if __name__ == "__main__":
    main()
