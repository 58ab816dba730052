"""`arcadia mcp`."""

from __future__ import annotations

import click


@click.command()
def mcp() -> None:
    """Serve the marts to an assistant, by the Model Context Protocol over stdio.

    It reads with the rights of arcadia_reader, or of the login that ARCADIA_DATABASE_URL names, and
    writes nothing. Needs the extra: pip install 'arcadia-cloud-pipelines[mcp]'. docs/connect.md
    says how to name it to an assistant.
    """
    try:
        from ..assistant.server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise click.ClickException(
            "`arcadia mcp` needs the package mcp: pip install 'arcadia-cloud-pipelines[mcp]', or "
            "`uv sync --extra mcp` in a checkout."
        ) from None
    from .surroundings import the_warehouse

    make_server(the_warehouse).run("stdio")
