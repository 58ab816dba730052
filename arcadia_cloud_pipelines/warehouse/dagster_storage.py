"""Dagster's storage: dagster-postgres on the database that the settings name.

`dagster.yaml` names this class instead of a URL, because an `env:` entry there breaks every command
when the variable is unset, and because only psycopg2 works (see `urls.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from dagster_postgres import DagsterPostgresStorage

from ..settings import load_settings
from .engine import dagster_url


class ArcadiaStorage(DagsterPostgresStorage):
    """PostgreSQL by DAGSTER_POSTGRES_URL, else the embedded server."""

    @classmethod
    def config_type(cls) -> Any:
        """Nothing to configure: the environment says it all."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:  # noqa: ARG003
        """Make the storage; starts the embedded server when no URL is set."""
        url = dagster_url(load_settings())
        return cls(postgres_url=url.render_as_string(hide_password=False), inst_data=inst_data)
