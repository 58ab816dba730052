"""`arcadia psql`: the warehouse's psql, with the password out of sight."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.programs import connection_variables, find_psql, service_file
from arcadia_cloud_pipelines.warehouse.urls import sqlalchemy_url

from .conftest import Run


def test_passes_arguments_on(arcadia: Run, libpq_url: str) -> None:
    done = arcadia("psql", "-At", "-c", "select 6 * 7", ARCADIA_DATABASE_URL=libpq_url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def test_the_address_is_printed_for_other_programs(arcadia: Run) -> None:
    given = "postgresql://me:p%40ss@db.example:5433/x?sslmode=require"
    done = arcadia("psql", "--url", ARCADIA_DATABASE_URL=given)
    assert (done.returncode, done.stdout) == (0, f"{given}\n")


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


def test_no_parameter_of_the_connection_is_lost() -> None:
    tls = {
        "sslmode": "verify-full", "sslrootcert": "/etc/ca.pem", "channel_binding": "require",
        "sslcertmode": "disable", "ssl_min_protocol_version": "TLSv1.3", "sslnegotiation": "direct",
        "sslcrldir": "/etc/crl", "sslsni": "0", "gsslib": "x", "require_auth": "scram-sha-256",
    }  # fmt: skip
    rest = {"sslpassword": "sesame", "keepalives_idle": "30"}
    query = "&".join(f"{name}={value}" for name, value in (tls | rest).items())
    url = sqlalchemy_url(Secret(f"postgresql://me@db/x?{query}"), "X")
    assert set(tls.values()) <= set(connection_variables(url).values())
    with service_file(url) as more:
        file = Path(more["PGSERVICEFILE"])
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text() == "[arcadia]\nsslpassword=sesame\nkeepalives_idle=30\n"
    assert not file.exists()


def test_parameters_without_a_variable_reach_psql(arcadia: Run, libpq_url: str) -> None:
    url = f"{libpq_url}&keepalives_idle=30&tcp_user_timeout=1000&sslmode=prefer"
    done = arcadia("psql", "-At", "-c", "select 42", ARCADIA_DATABASE_URL=url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")


def test_sockets_and_several_hosts() -> None:
    assert variables("postgresql:///x?host=/var/run")["PGHOST"] == "/var/run"
    several = variables("postgresql://a:1,b:2/x")
    assert (several["PGHOST"], several["PGPORT"]) == ("a,b", "1,2")


def test_the_shipped_psql_is_there_when_path_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert Path(find_psql()).is_file()
