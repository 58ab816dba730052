"""The embedded server on a port of this machine: only when asked, only for readers, only here."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg2
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.doctor.local import check_folder
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.settings import SettingsError, load_settings
from arcadia_cloud_pipelines.settings.values import EMBEDDED_PORT
from arcadia_cloud_pipelines.warehouse import embedded_port
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.embedded_programs import EmbeddedPostgresError
from arcadia_cloud_pipelines.warehouse.embedded_server import ServerFolder
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import migrate

from ..cli.conftest import Run, arcadia  # noqa: F401 (a fixture)


@pytest.fixture
def home() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="arcadia-port-"))
    yield made / "home"
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
    return number


def refused(port: int, **parameters: str | None) -> str:
    given = {"user": "arcadia_connect", "dbname": "arcadia", "host": "127.0.0.1"} | parameters
    with pytest.raises(psycopg2.OperationalError) as error:
        psycopg2.connect(port=port, connect_timeout=5, **given)
    return str(error.value)


def say(home: Path) -> str:
    environ = {k: v for k, v in os.environ.items() if k == EMBEDDED_PORT}
    settings = load_settings(environ | {"ARCADIA_HOME": str(home)})
    [found] = [f for f in check_folder(settings, Home(home)) if f.subject == "embedded server"]
    return f"{found.state.name}: {found.text}"


def test_open_to_readers_while_it_is_asked_for(
    home: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EMBEDDED_PORT, str(port))
    server = EmbeddedPostgres(home)
    warehouse = Warehouse(server.url("arcadia"), embedded=True)
    migrate(warehouse)
    url = server.address()
    file = embedded_port.password_file(home)
    assert file.stat().st_mode & 0o777 == 0o600
    password = file.read_text().strip()
    assert len(password) > 40
    assert (url.username, url.host, url.port, url.password) == (
        "arcadia_connect", "127.0.0.1", port, password,
    )  # fmt: skip

    reader = sa.create_engine(url)
    with reader.connect() as connection:
        assert connection.scalar(sa.text("SHOW timezone")) == "UTC"
        assert connection.scalar(sa.text("SELECT count(*) FROM marts.freshness")) == 0
        for statement in (
            "DELETE FROM cloud_invoices",
            "SET ROLE postgres",
            "CREATE TABLE public.mine (a int)",
            "SELECT pg_read_file('PG_VERSION')",
        ):
            with pytest.raises(sa.exc.DBAPIError, match="permission denied"):
                connection.execute(sa.text(statement))
            connection.rollback()
    reader.dispose()

    with warehouse.transaction() as connection:
        digest = connection.scalar(
            sa.text("SELECT rolpassword FROM pg_authid WHERE rolname = 'arcadia_connect'")
        )
        assert str(digest).startswith("SCRAM-SHA-256$")
        connection.execute(
            sa.text("CREATE ROLE metabase LOGIN PASSWORD 'own' IN ROLE arcadia_reader")
        )
        connection.execute(sa.text("CREATE ROLE other LOGIN PASSWORD 'own'"))
        connection.execute(sa.text("ALTER ROLE postgres PASSWORD 'own'"))
        connection.execute(sa.text("GRANT arcadia_reader TO postgres"))
    psycopg2.connect(user="metabase", password="own", host="127.0.0.1", port=port,
                     dbname="arcadia").close()  # fmt: skip
    assert "password authentication failed" in refused(port, password="wrong")
    assert "no password supplied" in refused(port)
    for user, database in (
        ("other", "arcadia"),
        ("postgres", "arcadia"),
        ("arcadia_connect", "dagster"),
        ("arcadia_connect", "postgres"),
    ):
        given = password if user == "arcadia_connect" else "own"
        said = refused(port, user=user, dbname=database, password=given)
        assert "pg_hba.conf rejects connection" in said

    pid = ServerFolder(home).pid()
    assert pid is not None
    listening = {
        one.laddr.ip for one in psutil.Process(pid).net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }  # fmt: skip
    assert listening == {"127.0.0.1"}
    assert say(home) == f"WELL: reached 127.0.0.1:{port} as arcadia_connect, password in {file}"
    assert password not in say(home)
    assert password not in (home / "logs" / "postgres.log").read_text()

    # Another password takes effect at the next start, and nothing else changes it.
    file.unlink()
    warehouse.engine.dispose()
    server.close()
    monkeypatch.setenv(EMBEDDED_PORT, str(port))
    server = EmbeddedPostgres(home)
    assert server.address().password not in (None, password)
    assert "password authentication failed" in refused(port, password=password)
    sa.create_engine(server.address(), poolclass=sa.NullPool).connect().close()

    # While it runs, another wish is only told.
    monkeypatch.setenv(EMBEDDED_PORT, "1")
    with pytest.raises(EmbeddedPostgresError, match="does not listen on port 1 yet: stop"):
        server.address()
    assert say(home).startswith(
        f"WRONG: listens on 127.0.0.1:{port}, and {EMBEDDED_PORT} asks for 1"
    )
    monkeypatch.delenv(EMBEDDED_PORT)
    assert say(home).startswith(f"WRONG: listens on 127.0.0.1:{port}")
    server.close()

    # Unset again: closed again.
    server = EmbeddedPostgres(home)
    assert "refused" in refused(port, password=password)
    assert ServerFolder(home).tcp_port() is None
    assert server.address().host is None
    assert say(home) == "WELL: reached by its socket alone"
    server.close()
    assert "arcadia_connect" not in (home / "postgres" / "pg_hba.conf").read_text()


def test_a_port_in_use_is_named_in_one_sentence(
    home: Path,
    port: int,
    arcadia: Run,  # noqa: F811
) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = arcadia("psql", "--url", ARCADIA_EMBEDDED_PORT=str(port), ARCADIA_HOME=str(home))
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: The embedded PostgreSQL cannot listen on port {port} of 127.0.0.1, because "
        f"process {os.getpid()} ({psutil.Process().name()}) uses it: stop what uses it, or set "
        f"{EMBEDDED_PORT} to another.\n"
    )


def test_the_address_is_printed_with_its_password_when_asked_for(
    home: Path,
    port: int,
    arcadia: Run,  # noqa: F811
) -> None:
    done = arcadia("psql", "--url", ARCADIA_EMBEDDED_PORT=str(port), ARCADIA_HOME=str(home))
    assert done.returncode == 0, done.stderr
    password = embedded_port.password_file(home).read_text().strip()
    assert done.stdout == f"postgresql://arcadia_connect:{password}@127.0.0.1:{port}/arcadia\n"


@pytest.mark.parametrize("text", ["0", "65536", "-1", "5432x", "on", "٥٤٣٢"])
def test_what_is_not_a_port_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=f"{EMBEDDED_PORT} must be a port"):
        load_settings({EMBEDDED_PORT: text})


def test_a_password_that_others_may_read_is_refused(home: Path) -> None:
    home.mkdir(parents=True)
    first = embedded_port.read_password(home)
    assert embedded_port.read_password(home) == first
    embedded_port.password_file(home).chmod(0o640)
    with pytest.raises(embedded_port.PortUnusable, match="Other users may read"):
        embedded_port.read_password(home)
    embedded_port.password_file(home).write_text("\n")
    embedded_port.password_file(home).chmod(0o600)
    with pytest.raises(embedded_port.PortUnusable, match="is empty"):
        embedded_port.read_password(home)
    embedded_port.password_file(home).unlink()
    embedded_port.password_file(home).symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic link"):
        embedded_port.read_password(home)
    assert [one.name for one in home.iterdir()] == ["postgres.password"]
