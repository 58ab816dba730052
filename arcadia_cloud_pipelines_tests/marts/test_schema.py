"""How the schema comes into the database, and what stays when it is made anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.marts.definitions import ASSET_OF_TABLE, WITHOUT_ASSET
from arcadia_cloud_pipelines.warehouse import described_views, installed_views, views
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import WarehouseError, WarehouseNotMigrated
from arcadia_cloud_pipelines.warehouse.migrate import migrate
from arcadia_cloud_pipelines.warehouse.views import ViewError, read_view_file


def run(warehouse: Warehouse, *statements: str) -> None:
    with warehouse.transaction() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def ask(warehouse: Warehouse, question: str) -> object:
    with warehouse.transaction() as connection:
        return connection.scalar(sa.text(question))


FRESHNESS = "SELECT to_regclass('marts.freshness')::oid"
OTHER_RELEASE = "COMMENT ON SCHEMA marts IS 'Answers. (digest 0123456789abcdef)'"


def test_the_same_files_are_not_brought_twice(warehouse: Warehouse) -> None:
    before = ask(warehouse, FRESHNESS)
    migrate(warehouse)
    assert ask(warehouse, FRESHNESS) == before


def test_views_of_another_release_are_made_anew_by_migrate_alone(warehouse: Warehouse) -> None:
    run(warehouse, OTHER_RELEASE, "CREATE VIEW marts.of_yesterday AS SELECT 1 AS one")
    with pytest.raises(WarehouseNotMigrated, match="arcadia migrate"):
        warehouse.check_migrated()
    before = ask(warehouse, FRESHNESS)
    migrate(warehouse)
    warehouse.check_migrated()
    assert ask(warehouse, FRESHNESS) not in (before, None)
    assert ask(warehouse, "SELECT to_regclass('marts.of_yesterday')") is None


@pytest.mark.needs_server("superuser")
def test_what_people_built_on_it_is_put_back(warehouse: Warehouse) -> None:
    run(
        warehouse,
        "CREATE VIEW public.late AS SELECT source FROM marts.freshness WHERE is_late",
        "CREATE VIEW public.late_too AS SELECT source AS s FROM public.late",
        "CREATE VIEW public.yesterday AS SELECT 1 AS one",
        "DROP VIEW public.yesterday",
        "DROP ROLE IF EXISTS marts_metabase",
        "CREATE ROLE marts_metabase",
        "GRANT SELECT ON marts.freshness TO marts_metabase",
        OTHER_RELEASE,
    )
    try:
        migrate(warehouse)
        assert ask(warehouse, "SELECT count(*) FROM public.late_too") == 0
        assert ask(
            warehouse, "SELECT has_table_privilege('marts_metabase', 'marts.freshness', 'SELECT')"
        )
        assert not ask(
            warehouse, "SELECT has_table_privilege('marts_metabase', 'marts.changes', 'SELECT')"
        )
    finally:
        run(warehouse, "DROP OWNED BY marts_metabase", "DROP ROLE marts_metabase")


@pytest.mark.needs_server("superuser")
def test_views_that_are_put_back_keep_their_owner_their_readers_and_what_is_said_of_them(
    warehouse: Warehouse,
) -> None:
    """Made by whoever migrates, an analyst's view would read what the analyst may not."""
    run(
        warehouse,
        "DROP ROLE IF EXISTS marts_analyst",
        "DROP ROLE IF EXISTS marts_metabase",
        "CREATE ROLE marts_analyst",
        "CREATE ROLE marts_metabase",
        "CREATE SCHEMA mine AUTHORIZATION marts_analyst",
        "GRANT USAGE ON SCHEMA marts TO marts_analyst",
        "GRANT SELECT ON marts.freshness TO marts_analyst",
        "SET LOCAL ROLE marts_analyst",
        "CREATE VIEW mine.late WITH (security_barrier) AS "
        "SELECT source FROM marts.freshness, public.cloud_tenant_logins",
        "GRANT SELECT ON mine.late TO marts_metabase WITH GRANT OPTION",
        "GRANT SELECT (source) ON mine.late TO PUBLIC",
        "COMMENT ON VIEW mine.late IS 'What isn''t fresh, 100%'",
        "COMMENT ON COLUMN mine.late.source IS 'of it'",
        "RESET ROLE",
        OTHER_RELEASE,
    )
    told = (
        "SELECT jsonb_build_array(pg_get_userbyid(c.relowner), c.relacl::text, a.attacl::text,"
        " c.reloptions, obj_description(c.oid, 'pg_class'), col_description(c.oid, 1))::text"
        " FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = 1"
        " WHERE c.oid = to_regclass('mine.late')"
    )
    try:
        before = ask(warehouse, told)
        assert "marts_analyst" in str(before)
        migrate(warehouse)
        assert ask(warehouse, told) == before
        with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
            run(warehouse, "SET LOCAL ROLE marts_analyst", "SELECT * FROM mine.late")
    finally:
        for role in ("marts_metabase", "marts_analyst"):
            run(warehouse, f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")


@pytest.mark.needs_server("superuser")
def test_views_of_someone_whom_the_user_may_not_act_for_are_named_and_nothing_is_dropped(
    warehouse: Warehouse,
) -> None:
    for role in ("marts_analyst", "marts_owner"):
        run(warehouse, f"DROP ROLE IF EXISTS {role}", f"CREATE ROLE {role} LOGIN")
    run(
        warehouse,
        "CREATE SCHEMA mine AUTHORIZATION marts_analyst",
        "CREATE VIEW mine.late AS SELECT source FROM marts.freshness",
        "ALTER VIEW mine.late OWNER TO marts_analyst",
        OTHER_RELEASE,
    )
    owner = Warehouse(warehouse.engine.url.set(username="marts_owner"), embedded=False)
    try:
        with (
            owner.transaction() as connection,
            pytest.raises(ViewError, match=r"mine\.late \(of marts_analyst\) reads .*drop it"),
        ):
            installed_views.drop(connection)
        assert ask(warehouse, "SELECT to_regclass('mine.late')") is not None
    finally:
        owner.engine.dispose()
        run(warehouse, "DROP OWNED BY marts_analyst CASCADE")
        run(warehouse, "DROP ROLE marts_analyst", "DROP ROLE marts_owner")


def test_a_view_that_no_longer_fits_is_named_and_the_rest_goes_on(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    run(
        warehouse,
        "CREATE VIEW marts.of_yesterday AS SELECT 1 AS one",
        "CREATE VIEW public.mine AS SELECT one FROM marts.of_yesterday",
        OTHER_RELEASE,
    )
    migrate(warehouse)
    assert "mine no longer fits" in caplog.text
    warehouse.check_migrated()


def test_what_cannot_be_put_back_is_named_and_nothing_is_dropped(warehouse: Warehouse) -> None:
    run(
        warehouse,
        "CREATE MATERIALIZED VIEW public.kept AS SELECT source FROM marts.freshness",
        OTHER_RELEASE,
    )
    with pytest.raises(WarehouseError, match=r"kept reads the schema marts.*drop it"):
        migrate(warehouse)
    assert ask(warehouse, "SELECT count(*) FROM public.kept") == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("SELECT 1", "has no header"),
        ("/*\ncomment = 'x'\n*/\nSELECT 1", "grain"),
        ("/*\ncomment = 'x\n*/\nSELECT 1", "cannot be used"),
        ("/*\ncomment = 'x'\ngrain = []\nexample = ''\ntypo = 1\n*/\nSELECT 1", "typo"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "broken.sql"
    path.write_text(text)
    with pytest.raises(ViewError, match=rf"broken\.sql.*{what}"):
        read_view_file(path)


def test_a_view_that_reads_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "/*\ncomment = 'x'\ngrain = ['b']\nexample = 'x'\n*/\nSELECT b FROM marts.b -- marts.c"
    )
    with pytest.raises(ViewError, match="reads b, which"):
        views.read_views(tmp_path)


def test_every_table_that_is_read_has_the_asset_that_writes_it() -> None:
    read = {
        name
        for view in described_views.described_columns().values()
        for name in view["reads"]
        if "." not in name
    }
    assert read == {*ASSET_OF_TABLE, *WITHOUT_ASSET}


def test_every_process_makes_the_same_digest() -> None:
    """Sets have another order in each process; the digest must not."""
    program = "from arcadia_cloud_pipelines.warehouse import views; print(views.digest())"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, text=True,
            capture_output=True, check=True, timeout=600,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(digests) == 1
