"""Backup and restore: there and back again, and what is not whole is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.backups import BackupError, backup, restore
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.programs import ProgramTooOld, find_program

from ..cli.conftest import Run, arcadia  # noqa: F401 (a fixture)

TABLES = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
STATE = """
SELECT
    (SELECT string_agg(name, ',') FROM cloud_projects),
    has_table_privilege('arcadia_reader', 'public.cloud_resources', 'SELECT'),
    has_table_privilege('arcadia_reader', 'marts.resources', 'SELECT'),
    has_table_privilege('arcadia_reader', 'public.cloud_resources', 'INSERT'),
    has_table_privilege('arcadia_tenant', 'public.cloud_resources', 'SELECT'),
    (SELECT count(*) FROM pg_policies), (SELECT count(*) FROM pg_trigger),
    (SELECT count(*) FROM information_schema.role_table_grants WHERE grantee LIKE 'arcadia_%')
"""


@pytest.fixture
def empty(empty_database: sa.URL) -> Iterator[Warehouse]:
    opened = Warehouse(empty_database, embedded=False)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO cloud_projects"
                " (account, provider_id, name, first_seen_at, last_seen_at)"
                " VALUES ('a', 'p', 'it''s', now(), now())"
            )
        )
    return warehouse


def ask(warehouse: Warehouse, question: str) -> tuple[object, ...]:
    with warehouse.transaction() as connection:
        return tuple(connection.execute(sa.text(question)).one())


def test_there_and_back_again(filled: Warehouse, empty: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "arcadia.dump"
    assert backup(filled, file) == file.stat().st_size
    assert file.stat().st_mode & 0o077 == 0
    restore(empty, file)
    empty.check_migrated()
    state = ask(empty, STATE)
    assert state[:5] == ("it's", True, True, False, True)
    assert state == ask(filled, STATE)
    assert [path.name for path in tmp_path.iterdir()] == ["arcadia.dump"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_short_file_is_refused_and_nothing_is_restored(
    filled: Warehouse, empty: Warehouse, tmp_path: Path, share: float
) -> None:
    file = tmp_path / "short.dump"
    size = backup(filled, file)
    file.write_bytes(file.read_bytes()[: int(size * share)])
    with pytest.raises(BackupError, match=r"short\.dump is not a complete backup"):
        restore(empty, file)
    assert ask(empty, TABLES) == (0,)


def test_a_database_that_is_not_empty_is_refused(filled: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "arcadia.dump"
    backup(filled, file)
    before = ask(filled, STATE)
    with pytest.raises(BackupError, match="is not empty"):
        restore(filled, file)
    assert ask(filled, STATE) == before


def test_a_program_older_than_the_server_is_refused_with_what_to_do() -> None:
    with pytest.raises(ProgramTooOld, match=r"install the client programs of PostgreSQL 99"):
        find_program("pg_dump", 99)


def test_the_commands(arcadia: Run, filled: Warehouse, libpq_url: str, tmp_path: Path) -> None:  # noqa: F811
    url = {"ARCADIA_DATABASE_URL": libpq_url}
    done = arcadia("backup", "a.dump", **url)
    assert done.returncode == 0, done.stderr
    again = arcadia("restore", "a.dump", **url)
    assert (again.returncode, again.stderr[:21]) == (1, "Error: The warehouse ")
    missing = arcadia("restore", "b.dump", **url)
    assert (missing.returncode, missing.stderr) == (
        1,
        "Error: The file b.dump does not exist: check the path.\n",
    )
    nowhere = arcadia("backup", "no/such/folder/a.dump", **url)
    assert (nowhere.returncode, nowhere.stderr) == (
        1,
        "Error: The folder no/such/folder does not exist: make it, or choose another.\n",
    )
