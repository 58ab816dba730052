"""Real parts for the tests: one embedded PostgreSQL for the whole run, a database for each test."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import fasteners
import psycopg2
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import migrate
from arcadia_cloud_pipelines.warehouse.urls import sqlalchemy_url

if TYPE_CHECKING:
    import dagster as dg

# Derandomised: a test never depends on chance; more examples with HYPOTHESIS_PROFILE=thorough.
settings.register_profile(
    "default",
    deadline=None,
    derandomize=True,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "thorough", settings.get_profile("default"), derandomize=False, max_examples=1000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

TEMPLATE = "arcadia_template"
_numbers = itertools.count()


HOME = "PYTEST_POSTGRES_HOME"


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of the server that all workers of a run share; it goes with the run.

    Not under pytest's own: another run of root's would take its permissions away from the user
    that PostgreSQL runs as.

    A run in the background of a shell begins with SIGINT ignored. Dagster gives SIGTERM the handler
    of SIGINT, and processes that the tests start inherit what is ignored: none would end.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        os.environ[HOME] = tempfile.mkdtemp(prefix="arcadia-tests-")
        # Registered before the server's own handler, so it runs after the server has stopped.
        atexit.register(shutil.rmtree, os.environ[HOME], ignore_errors=True)


MACHINE = (
    "DO_", "ARCADIA_", "DAGSTER_", "DIGITALOCEAN_", "SPACES_", "AWS_",
    # PostgreSQL's client library reads these before it is told anything.
    "PG",
    # `make test` hands its own options on to each make that a test starts.
    "MAKE", "MFLAGS", "GNUMAKEFLAGS",
)  # fmt: skip
"""What the variables of a machine that the product or its tools read begin with."""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(MACHINE):
            monkeypatch.delenv(name)
    # Nor does the file that a developer's own deployment reads.
    monkeypatch.setenv("ARCADIA_ENV_FILE", "")
    # Syncs of a test follow each other within seconds, and each counts.
    monkeypatch.setenv("ARCADIA_STRIKE_MINUTES", "0")


SERVER = "PYTEST_POSTGRES_URL"
"""Address of another server to test on, any version; its user may make databases. See
`tools/try_postgres.py`."""


class OtherServer:
    """A server that somebody else started."""

    def __init__(self, url: str) -> None:
        self._url = sqlalchemy_url(Secret(url), SERVER)

    def url(self, database: str) -> sa.URL:
        return self._url.set(database=database)


Server = EmbeddedPostgres | OtherServer


LACKS = "PYTEST_POSTGRES_LACKS"
NEEDS = {
    "superuser": "it makes roles, and becomes them without a password",
    "session": "it needs a session that keeps its server process and its settings",
    "statistics": "it needs a server that counts rows at once, as those from 15 on do",
}
"""What a test may need of the server that others lack: `@pytest.mark.needs_server("session")`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs something that the other server is said to lack."""
    lacking = os.environ.get(LACKS, "").split()
    for item in items:
        for marker in item.iter_markers("needs_server"):
            for need in marker.args:
                if need in lacking:
                    item.add_marker(pytest.mark.skip(reason=NEEDS[need]))


@pytest.fixture(scope="session")
def postgres() -> Server:
    """The server that all tests of a run share, with a migrated template database."""
    home = Path(os.environ[HOME])
    with fasteners.InterProcessLock(str(home / "template.lock")):
        other = os.environ.get(SERVER)
        server = OtherServer(other) if other else EmbeddedPostgres(home)
        with _admin(server) as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,))
            if cursor.fetchone() is None:
                if not other:
                    cursor.execute("ALTER SYSTEM SET fsync = off")
                    cursor.execute("ALTER SYSTEM SET full_page_writes = off")
                    cursor.execute("ALTER SYSTEM SET max_connections = 100")
                    cursor.execute("SELECT pg_reload_conf()")
                cursor.execute(f"CREATE DATABASE {TEMPLATE}")
                template = Warehouse(server.url(TEMPLATE), embedded=False)
                migrate(template)
                template.engine.dispose()
    return server


def libpq(url: sa.URL) -> str:
    """The URL as libpq takes it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


class _admin:  # noqa: N801
    """A cursor for statements that no transaction may hold."""

    def __init__(self, server: Server) -> None:
        self._connection = psycopg2.connect(libpq(server.url("postgres")))
        self._connection.autocommit = True

    def __enter__(self) -> psycopg2.extensions.cursor:
        return self._connection.cursor()

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@pytest.fixture
def empty_database(postgres: Server, worker_id: str) -> Iterator[sa.URL]:
    """A database of its own without a schema, dropped after the test."""
    yield from _database(postgres, worker_id, "template1")


@pytest.fixture
def warehouse_url(postgres: Server, worker_id: str) -> Iterator[sa.URL]:
    """A migrated database of its own, dropped after the test."""
    yield from _database(postgres, worker_id, TEMPLATE)


@pytest.fixture
def warehouse(warehouse_url: sa.URL) -> Iterator[Warehouse]:
    """A migrated warehouse of its own."""
    opened = Warehouse(warehouse_url, embedded=False)
    yield opened
    opened.engine.dispose()


def _database(server: Server, worker_id: str, template: str) -> Iterator[sa.URL]:
    name = f"test_{worker_id}_{next(_numbers)}"
    # PostgreSQL 14 knows no other way, nor the word for it.
    how = " STRATEGY FILE_COPY" if isinstance(server, EmbeddedPostgres) else ""
    with _admin(server) as cursor:
        if isinstance(server, OtherServer):
            # A pooler in between keeps sessions on the template, which no copy can be made beside.
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                (template,),
            )
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}{how}")
    yield server.url(name)
    with _admin(server) as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def libpq_url(warehouse_url: sa.URL) -> str:
    """The warehouse's URL as a person would write it for ARCADIA_DATABASE_URL."""
    return libpq(warehouse_url)


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
    # Most tests do without Dagster, and need not wait two seconds for its import.
    from arcadia_cloud_pipelines.operations.startup import open_instance

    monkeypatch.setenv("DAGSTER_POSTGRES_URL", libpq(empty_database))
    with open_instance(home) as opened:
        yield opened
