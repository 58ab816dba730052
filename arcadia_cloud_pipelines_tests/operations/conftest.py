"""A Dagster instance on a database and in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.startup import open_instance


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A prepared folder, which ARCADIA_HOME names."""
    made = Home(tmp_path / "home")
    made.prepare()
    monkeypatch.setenv("ARCADIA_HOME", str(made.path))
    return made


@pytest.fixture
def instance(
    home: Home, empty_database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """The real thing: the checkout's dagster.yaml, PostgreSQL."""
    url = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    with open_instance(home) as opened:
        yield opened
