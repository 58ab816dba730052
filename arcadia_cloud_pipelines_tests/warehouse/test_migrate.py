"""Migrations: once, together, without superuser rights, and never backwards."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from arcadia_cloud_pipelines.inventory.freshness import newest_complete_syncs
from arcadia_cloud_pipelines.warehouse import objects
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import WarehouseError, WarehouseNotMigrated
from arcadia_cloud_pipelines.warehouse.migrate import alembic_config, migrate
from arcadia_cloud_pipelines.warehouse.revision import head_revision

from ..support.processes import run_together

ROLE = "somebody_ordinary"


@pytest.fixture
def bare(empty_database: sa.URL) -> Iterator[Warehouse]:
    made = Warehouse(empty_database, embedded=False)
    yield made
    made.engine.dispose()


def run(warehouse: Warehouse, statement: str) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text(statement))


def test_the_first_time_makes_it_and_the_second_does_nothing(bare: Warehouse) -> None:
    assert migrate(bare) == (None, head_revision())
    run(bare, "INSERT INTO cloud_sync_runs (kind, started_at, ended_at, complete) "
              "VALUES ('droplet', now(), now(), true)")  # fmt: skip
    assert migrate(bare) == (head_revision(), head_revision())
    bare.check_migrated()
    assert newest_complete_syncs(bare).keys() == {"droplet"}


PROCESS = """
import sys
import sqlalchemy as sa
from arcadia_cloud_pipelines.warehouse import objects
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import migrate
print("ready", flush=True)
sys.stdin.readline()
print(migrate(Warehouse(sa.make_url(sys.argv[1]), embedded=False)))
"""


def test_two_processes_at_once_take_turns(bare: Warehouse) -> None:
    url = bare.engine.url.render_as_string(hide_password=False)
    said = sorted(run_together([sys.executable, "-c", PROCESS, url], [{}, {}]))
    head = head_revision()
    assert said == [str((head, head)), str((None, head))]


def test_an_unmigrated_database_is_told_the_command(bare: Warehouse) -> None:
    with pytest.raises(WarehouseNotMigrated, match=r"has schema none.*run `arcadia migrate`"):
        newest_complete_syncs(bare)


def test_a_newer_schema_asks_for_the_newer_release(warehouse: Warehouse) -> None:
    run(warehouse, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        WarehouseNotMigrated, match=r"9999.*newer.*install the release that made it"
    ):
        migrate(warehouse)
    with pytest.raises(WarehouseNotMigrated, match=r"9999"):
        warehouse.check_migrated()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_name_is_refused(
    bare: Warehouse, empty_database: sa.URL, encoding: str
) -> None:
    name = f"{empty_database.database}_{encoding.lower()}"
    admin = sa.create_engine(empty_database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(
            sa.text(f"CREATE DATABASE {name} ENCODING {encoding} TEMPLATE template0 LOCALE 'C'")
        )
    made = Warehouse(empty_database.set(database=name), embedded=False)
    try:
        with pytest.raises(WarehouseError, match=rf"in {encoding}.*createdb -E UTF8.*{name}$"):
            migrate(made)
        with made.transaction() as connection:
            assert sa.inspect(connection).get_table_names() == []
    finally:
        made.engine.dispose()
        with admin.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))


def test_a_migration_that_fails_leaves_nothing(bare: Warehouse) -> None:
    run(bare, "CREATE TABLE cloud_sync_runs (mine int)")
    with pytest.raises(sa.exc.ProgrammingError, match=r"already exists"):
        migrate(bare)
    with bare.transaction() as connection:
        assert sa.inspect(connection).get_table_names() == ["cloud_sync_runs"]
    run(bare, "DROP TABLE cloud_sync_runs")
    migrate(bare)


@pytest.fixture
def ordinary(bare: Warehouse) -> Iterator[Warehouse]:
    """The empty database, given to a role that may create nothing but what is in it."""
    run(
        bare,
        f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
    )
    run(bare, f'ALTER DATABASE "{bare.engine.url.database}" OWNER TO {ROLE}')
    made = Warehouse(bare.engine.url.set(username=ROLE), embedded=False)
    yield made
    made.engine.dispose()


@pytest.mark.needs_server("superuser")
def test_roles_that_exist_are_used_by_an_owner_who_may_create_none(ordinary: Warehouse) -> None:
    assert migrate(ordinary) == (None, head_revision())
    with ordinary.transaction() as connection:
        found = connection.execute(
            sa.text(
                "SELECT current_user, "
                "has_table_privilege('arcadia_reader', 'cloud_resources', 'SELECT')"
            )
        ).one()
    assert tuple(found) == (ROLE, True)


@pytest.mark.needs_server("superuser")
def test_roles_that_are_missing_are_asked_for(
    ordinary: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path.read_text

    def renamed(path: Path, *arguments: Any, **options: Any) -> str:
        """The scripts, about roles that this server does not have: other tests need the others."""
        script = text(path, *arguments, **options)
        return script.replace("arcadia_reader", "arcadia_none").replace(
            "arcadia_tenant", "arcadia_nobody"
        )

    notices: list[str] = []

    @sa.event.listens_for(ordinary.engine, "after_cursor_execute")
    def collect(_connection: Any, cursor: Any, *_: object) -> None:
        notices.extend(cursor.connection.notices)

    monkeypatch.setattr(Path, "read_text", renamed)
    assert migrate(ordinary) == (None, head_revision())
    assert "ask an administrator for CREATE ROLE arcadia_none NOLOGIN" in "".join(notices)
    assert "arcadia_nobody" in "".join(notices)


READABLE = """
SELECT c.oid::regclass::text FROM pg_class AS c
WHERE c.relnamespace IN ('public'::regnamespace, 'marts'::regnamespace) AND c.relkind IN ('r', 'v')
  AND has_table_privilege('{role}', c.oid, 'SELECT')
ORDER BY 1
"""


def readable(warehouse: Warehouse, role: str) -> list[str]:
    with warehouse.transaction() as connection:
        return list(connection.execute(sa.text(READABLE.format(role=role))).scalars())


LOST = {
    "REVOKE SELECT ON cloud_invoices, resource_history, marts.freshness FROM arcadia_reader": True,
    "REVOKE ALL ON ALL TABLES IN SCHEMA public, marts FROM arcadia_reader, arcadia_tenant": True,
    "REVOKE USAGE ON SCHEMA marts FROM arcadia_reader": True,
    "REVOKE SELECT ON cloud_statements, cloud_resources FROM arcadia_tenant": True,
    "DROP POLICY tenant ON cloud_projects": False,
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE SELECT ON TABLES FROM arcadia_reader": False,
}
"""A loss, and whether it is told."""


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    # Ours alone: which notices of PostgreSQL's are logged is up to whatever ran before.
    ours = (r for r in caplog.records if r.name.startswith("arcadia_cloud_pipelines"))
    said = [record.getMessage() for record in ours]
    caplog.clear()
    return said


@pytest.mark.parametrize("lost", LOST)
def test_lost_grants_are_given_again(
    bare: Warehouse, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(bare)
    roles = ("arcadia_reader", "arcadia_tenant")
    before = [readable(bare, role) for role in roles]
    assert len(before[0]) > 100
    assert told(caplog) == []
    run(bare, lost)
    migrate(bare)
    assert [readable(bare, role) for role in roles] == before
    run(bare, "SET LOCAL ROLE arcadia_reader; SELECT count(*) FROM marts.freshness")
    run(bare, "CREATE TABLE cloud_of_tomorrow (a int)")
    assert "cloud_of_tomorrow" in readable(bare, "arcadia_reader")
    assert [one.partition(":")[0] for one in told(caplog)] == (
        ["lost grants were given again"] if LOST[lost] else []
    )
    migrate(bare)
    assert told(caplog) == []


@pytest.mark.needs_server("superuser")
def test_an_owner_who_may_create_no_roles_gives_lost_grants_again(
    ordinary: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(ordinary)
    before = readable(ordinary, "arcadia_reader")
    told(caplog)
    run(ordinary, "REVOKE ALL ON ALL TABLES IN SCHEMA public, marts FROM arcadia_reader")
    migrate(ordinary)
    assert readable(ordinary, "arcadia_reader") == before
    assert "SELECT ON public.cloud_invoices" in "".join(told(caplog))


def test_tables_of_other_people_are_left_alone(bare: Warehouse) -> None:
    migrate(bare)
    run(bare, "CREATE TABLE payroll (a int); REVOKE ALL ON payroll FROM arcadia_reader")
    migrate(bare)
    assert "payroll" not in readable(bare, "arcadia_reader")


@pytest.mark.needs_server("superuser")
def test_grants_that_this_user_may_not_give_are_named(
    bare: Warehouse, ordinary: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(bare)
    run(bare, "REVOKE SELECT ON cloud_invoices FROM arcadia_reader")
    run(bare, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {ROLE}")
    assert migrate(ordinary) == (head_revision(), head_revision())
    [said] = [one for one in told(caplog) if "cloud_invoices" in one]
    assert "ask an administrator: GRANT SELECT ON public.cloud_invoices TO arcadia_reader" in said


def test_projects_that_are_classified_already_were_so_by_hand(bare: Warehouse) -> None:
    with bare.transaction() as connection:
        command.upgrade(alembic_config(connection), "0006")
    run(
        bare,
        "INSERT INTO cloud_projects "
        "(account, provider_id, name, tenant_id, purpose, first_seen_at, last_seen_at) "
        "VALUES ('a', '1', 'both', 't', 'p', now(), now()), "
        "('a', '2', 'one', NULL, 'p', now(), now()), "
        "('a', '3', 'none', NULL, NULL, now(), now())",
    )
    migrate(bare)
    with bare.transaction() as connection:
        found = connection.execute(
            sa.text("SELECT name, tenant_id_by, purpose_by FROM cloud_projects ORDER BY id")
        ).all()
    assert [tuple(row) for row in found] == [
        ("both", "hand", "hand"), ("one", None, "hand"), ("none", None, None),
    ]  # fmt: skip


def test_first_projects_that_no_event_names_become_events(bare: Warehouse) -> None:
    with bare.transaction() as connection:
        command.upgrade(alembic_config(connection), "0021")
    run(
        bare,
        "INSERT INTO cloud_projects (id, account, provider_id, name, first_seen_at, last_seen_at) "
        "VALUES (7, 'a', 'p', 'p', now(), now()), (8, 'a', 'q', 'q', now(), now());"
        "INSERT INTO cloud_resources (id, account, kind, provider_id, project_id, attrs, tags, "
        "first_seen_at, last_seen_at) "
        "SELECT n, 'a', 'droplet', CAST(n AS text), nullif(project, 0), '{}', '{}', "
        "'2026-01-02Z', now() "
        "FROM (VALUES (1, 7), (2, 7), (3, 7), (4, 0), (5, 8)) AS r (n, project);"
        "INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes) "
        "SELECT id, 'discovered', first_seen_at, '{}' FROM cloud_resources;"
        "INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes) "
        "VALUES (5, 'updated', '2026-01-05Z', '{\"project_id\": {\"from\": 7, \"to\": 8}}');"
        "INSERT INTO cloud_project_memberships "
        "(account, urn, kind, provider_id, project_id, valid_from) "
        "SELECT 'a', 'u', 'droplet', n, 7, CAST(since AS timestamptz) "
        "FROM (VALUES ('1', '2026-01-03Z'), ('2', '2026-01-01Z')) AS m (n, since)",
    )
    before = "SELECT to_jsonb(r) FROM resources_as_of('2026-01-02 12:00Z') AS r ORDER BY id"
    ranges = "SELECT to_jsonb(h) FROM resource_history AS h ORDER BY resource_id, valid_from"

    def told(sql: str) -> list[Any]:
        with bare.transaction() as connection:
            return list(connection.execute(sa.text(sql)).scalars())

    was = told(before), told(ranges)
    migrate(bare)
    assert (told(before), told(ranges)) == was
    added = told(
        "SELECT jsonb_build_array(resource_id, event, occurred_at AT TIME ZONE 'UTC', changes) "
        'FROM cloud_resource_events WHERE changes @> \'{"project_id": {"from": null}}\' '
        "ORDER BY id"
    )
    first = {"project_id": {"from": None, "to": 7}}
    # Not before it was seen; from the first day of its membership, where one is known.
    assert added == [
        [1, "updated", "2026-01-03T00:00:00", first],
        [2, "updated", "2026-01-02T00:00:00", first],
        [3, "updated", "2026-01-02T00:00:00", first],
    ]


def test_projects_that_only_objects_named_become_dated_stays(bare: Warehouse) -> None:
    with bare.transaction() as connection:
        command.upgrade(alembic_config(connection), "0022")
    told = "jsonb_build_object('project_id', jsonb_build_object('from', NULL, 'to', "
    run(
        bare,
        "INSERT INTO cloud_projects (id, account, provider_id, name, first_seen_at, last_seen_at) "
        "VALUES (7, 'a', 'p', 'p', now(), now()), (8, 'a', 'q', 'q', now(), now());"
        "INSERT INTO cloud_resources (id, account, kind, provider_id, project_id, attrs, tags, "
        "first_seen_at, last_seen_at, deleted_at, content_hash) "
        "SELECT n, 'a', 'app', CAST(n AS text), project, '{}', '{}', '2026-01-01Z', now(), "
        "CASE WHEN n = 2 THEN CAST('2026-01-09Z' AS timestamptz) END, 'x' "
        "FROM (VALUES (1, 8), (2, 7), (3, 7), (4, 7), (5, NULL)) AS r (n, project);"
        "INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes) "
        f"SELECT id, 'discovered', first_seen_at, {told} 7)) FROM cloud_resources WHERE id < 5;"
        "INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes) "
        f"VALUES (1, 'updated', '2026-01-05Z', {told} 8))),"
        f"(1, 'drift_detected', '2026-01-06Z', {told} 7)));"
        # In a project's list: 3 still is, 4 no more.
        "INSERT INTO cloud_project_memberships "
        "(account, urn, kind, provider_id, project_id, valid_from, valid_to) "
        "VALUES ('a', 'u', 'app', '3', 7, '2026-01-02Z', NULL), "
        "('a', 'u', 'app', '4', 7, '2026-01-02Z', '2026-01-04Z')",
    )
    migrate(bare)
    with bare.transaction() as connection:
        stays = connection.execute(
            sa.text(
                "SELECT provider_id, project_id, to_char(valid_from, 'DD'), to_char(valid_to, 'DD')"
                " FROM cloud_project_memberships WHERE listed_by = 'object' AND urn IS NULL "
                "ORDER BY provider_id, valid_from"
            )
        ).all()
        anew = connection.execute(
            sa.text("SELECT id FROM cloud_resources WHERE content_hash IS NULL ORDER BY id")
        ).scalars()
        assert [tuple(row) for row in stays] == [
            ("1", 7, "01", "05"), ("1", 8, "05", None), ("2", 7, "01", "09"),
        ]  # fmt: skip
        # Their objects may name a project that no list has.
        assert list(anew) == [4, 5]


@pytest.mark.needs_server("superuser")
def test_an_owner_who_is_no_superuser_brings_an_older_warehouse_here(ordinary: Warehouse) -> None:
    with ordinary.transaction() as connection:
        command.upgrade(alembic_config(connection), "0039")
    assert migrate(ordinary) == ("0039", head_revision())
    migrate(ordinary)
    run(ordinary, "SELECT count(*) FROM marts.month_to_date, cloud_unmanaged_resources")


def test_functions_that_fail_leave_the_older_warehouse_as_it_was(
    bare: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(bare)
    run(bare, "COMMENT ON SCHEMA marts IS 'Answers. (digest 0123456789abcdef)'")

    def everything() -> list[Any]:
        with bare.transaction() as connection:
            found = connection.execute(
                sa.text(
                    "SELECT oid, xmin::text, proname FROM pg_proc UNION ALL "
                    "SELECT oid, xmin::text, relname FROM pg_class ORDER BY 1, 2, 3"
                )
            )
            return [tuple(row) for row in found]

    before = everything()
    source = objects.read_objects()
    monkeypatch.setattr(objects, "read_objects", lambda: source + "; SELECT 1 / 0")
    with pytest.raises(sa.exc.DataError, match="division by zero"):
        migrate(bare)
    assert everything() == before
    monkeypatch.undo()
    migrate(bare)
    bare.check_migrated()
