"""`arcadia migrate`: twice, at once, and where it may not create roles."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.revision import head_revision

from ..conftest import libpq
from .conftest import Run


def test_says_from_and_to_and_then_that_there_is_nothing_to_do(
    arcadia: Run, empty_database: sa.URL
) -> None:
    first = arcadia("migrate", ARCADIA_DATABASE_URL=libpq(empty_database))
    assert first.returncode == 0, first.stderr
    assert f"schema none → {head_revision()}" in first.stdout
    second = arcadia("migrate", ARCADIA_DATABASE_URL=libpq(empty_database))
    assert second.returncode == 0, second.stderr
    assert f"schema {head_revision()}, nothing to do" in second.stdout


def test_two_at_once_take_turns(arcadia: Run, empty_database: sa.URL) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = list(
            pool.map(
                lambda _: arcadia("migrate", ARCADIA_DATABASE_URL=libpq(empty_database)), range(2)
            )
        )
    assert [one.returncode for one in done] == [0, 0], [one.stderr for one in done]
    said = sorted("→" in one.stdout for one in done)
    assert said == [False, True]


def test_names_the_roles_it_may_not_create(arcadia: Run, tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "server")
    url = server.url("postgres")
    admin = psycopg2.connect(libpq(url.set(database="postgres")))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("CREATE ROLE small LOGIN")
        cursor.execute("CREATE DATABASE of_small OWNER small")
    admin.close()
    own = server.url("of_small").set(username="small")
    done = arcadia("migrate", ARCADIA_DATABASE_URL=libpq(own))
    assert done.returncode == 0, done.stderr
    assert "WARNING" in done.stderr
    assert "arcadia_reader" in done.stderr
    assert "ask an administrator" in done.stderr
    assert "NOTICE" not in done.stderr
    sick = arcadia("doctor", ARCADIA_DATABASE_URL=libpq(own))
    assert sick.returncode == 1
    assert "✗ role: arcadia_reader is missing" in sick.stdout
    assert "CREATE ROLE arcadia_reader NOLOGIN" in sick.stdout


@pytest.mark.parametrize("command", [["inventory", "status"]])
def test_an_unmigrated_database_names_the_command(
    arcadia: Run, empty_database: sa.URL, command: list[str]
) -> None:
    done = arcadia(*command, ARCADIA_DATABASE_URL=libpq(empty_database))
    assert done.returncode == 1
    assert "run `arcadia migrate`" in done.stderr
