"""`arcadia service`: one process of the deployment, for containers."""

from __future__ import annotations

import click

from .output import echo

NAMES = ("prepare", "code-server", "daemon", "webserver", "api", "alarms", "worker")


@click.command()
@click.argument("name", type=click.Choice(NAMES))
@click.option("--check", is_flag=True, help="Ask whether it works, and exit with 0 or 1.")
@click.option(
    "--code-host",
    default="code-server",
    show_default=True,
    help="Host of the code server, for daemon and webserver.",
)
@click.option("--code-port", default=4266, show_default=True, help="Its port.")
@click.option("--ui-port", default=3000, show_default=True, help="Port of the Dagster UI.")
@click.option(
    "--worker-name",
    default="worker",
    show_default=True,
    help="Name of the worker, where a host has several.",
)
@click.option(
    "--pool", "pools", multiple=True, help="Pool whose steps the worker executes; all by default."
)
@click.option("--steps", default=2, show_default=True, help="Steps of the worker at a time.")
def service(
    name: str,
    check: bool,
    code_host: str,
    code_port: int,
    ui_port: int,
    worker_name: str,
    pools: tuple[str, ...],
    steps: int,
) -> None:
    """Be one process of the deployment; containers have one each.

    `prepare` brings both databases to this release and ends; start it before the others. `worker`
    executes steps where ARCADIA_EXECUTOR is celery.
    """
    from ..operations.processes import CodeServer
    from ..operations.service import (
        Addresses,
        WorkerPlace,
        prepare_databases,
        service_answers,
        start,
    )
    from ..settings import load_settings

    settings = load_settings()
    if name == "prepare":
        prepared = prepare_databases(settings, echo)
        echo(f"warehouse: {prepared.place}, schema {prepared.after}")
        return
    where = Addresses(
        CodeServer(host=code_host, port=code_port),
        ui_port,
        settings.ui_hosts,
        settings.api_port,
        WorkerPlace(worker_name, pools, steps),
    )
    if not check:
        start(settings, name, where)
    if not service_answers(settings, name, where):
        raise click.ClickException(f"The service {name} does not answer: see its log.")
