"""`arcadia psql`: the warehouse's psql, with the password out of sight."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.cli.psql import connection_variables, find_psql
from arcadia_cloud_pipelines.settings import Secret
from arcadia_cloud_pipelines.warehouse.urls import sqlalchemy_url

from .conftest import Run


def test_passes_arguments_on(arcadia: Run, libpq_url: str) -> None:
    done = arcadia("psql", "-At", "-c", "select 6 * 7", ARCADIA_DATABASE_URL=libpq_url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def test_ends_as_psql_ends(arcadia: Run, libpq_url: str) -> None:
    done = arcadia(
        "psql", "-v", "ON_ERROR_STOP=1", "-c", "select nonsense", ARCADIA_DATABASE_URL=libpq_url
    )
    assert done.returncode == 1
    assert "nonsense" in done.stderr


def test_the_password_is_not_an_argument(arcadia: Run, tmp_path: Path) -> None:
    fake = tmp_path / "bin" / "psql"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "args: $*"; echo "password: $PGPASSWORD at $PGHOST"\n')
    fake.chmod(0o755)
    done = arcadia(
        "psql",
        "--help-me",
        ARCADIA_DATABASE_URL="postgresql://me:hunter2@db.example/x",
        PATH=f"{fake.parent}{os.pathsep}{os.environ['PATH']}",
    )
    assert done.stdout == "args: --help-me\npassword: hunter2 at db.example\n"


def variables(url: str) -> dict[str, str]:
    return connection_variables(sqlalchemy_url(Secret(url), "X"))


def test_every_part_of_a_url_becomes_a_variable() -> None:
    assert variables("postgresql://me:p%40ss@db:5433/x?sslmode=verify-full&options=-c%20a%3Db") == {
        "PGUSER": "me",
        "PGPASSWORD": "p@ss",
        "PGHOST": "db",
        "PGPORT": "5433",
        "PGDATABASE": "x",
        "PGSSLMODE": "verify-full",
        "PGOPTIONS": "-c a=b",
    }


def test_sockets_and_several_hosts() -> None:
    assert variables("postgresql:///x?host=/var/run")["PGHOST"] == "/var/run"
    several = variables("postgresql://a:1,b:2/x")
    assert (several["PGHOST"], several["PGPORT"]) == ("a,b", "1,2")


def test_the_shipped_psql_is_there_when_path_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert Path(find_psql()).is_file()
