"""The schema in the database is the one in the code, commented and append-only where it says so."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from arcadia_cloud_pipelines.schema import metadata
from arcadia_cloud_pipelines.warehouse import objects, views
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import migrate


def test_migrations_and_tables_agree(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


OBJECTS = """
    SELECT 'function ' || CAST(p.oid AS regprocedure) AS name, p.xmin = :mine AS made_now,
        CASE WHEN p.prokind = 'a'
            THEN (SELECT CAST(a AS text) FROM pg_aggregate AS a WHERE a.aggfnoid = p.oid)
            ELSE pg_get_functiondef(p.oid) END AS definition
    FROM pg_proc AS p
    WHERE p.pronamespace = CAST('public' AS regnamespace)
      AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT 'view ' || c.relname, r.xmin = :mine,
        pg_get_viewdef(c.oid) || coalesce(CAST(c.reloptions AS text), '')
    FROM pg_class AS c JOIN pg_rewrite AS r ON r.ev_class = c.oid
    WHERE c.relnamespace = CAST('public' AS regnamespace) AND c.relkind = 'v'
    UNION ALL
    SELECT 'trigger ' || t.tgname, t.xmin = :mine,
        pg_get_triggerdef(t.oid) || CAST(t.tgenabled AS text)
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = CAST('public' AS regnamespace) AND NOT t.tgisinternal
"""


def found_objects(connection: sa.Connection) -> dict[str, tuple[bool, str]]:
    mine = connection.scalar(sa.text("SELECT CAST(CAST(pg_current_xact_id() AS xid) AS text)"))
    rows = connection.execute(sa.text(OBJECTS.replace(":mine", f"CAST('{mine}' AS xid)"))).all()
    return {row.name: (row.made_now, row.definition) for row in rows}


def test_functions_triggers_and_views_have_the_folder_of_objects_as_their_source(
    warehouse: Warehouse,
) -> None:
    with warehouse.transaction() as connection:
        before = found_objects(connection)
        assert len(before) > 50
        assert not any(made_now for made_now, _ in before.values())
        objects.install_objects(connection)
        after = found_objects(connection)
        assert [name for name, (made_now, _) in after.items() if not made_now] == []
        assert {name: text for name, (_, text) in after.items()} == {
            name: text for name, (_, text) in before.items()
        }


def test_another_source_replaces_what_is_there_at_the_next_migration(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stored() -> str:
        with warehouse.transaction() as connection:
            return found_objects(connection)["function cloud_charge_class(text,text)"][1]

    shipped = stored()
    source = objects.read_objects()
    assert "'counted'" in source
    changed = source.replace("'counted'", "'measured'")
    for text, wanted in ((changed, shipped.replace("'counted'", "'measured'")), (source, shipped)):
        for module in (objects, views):
            monkeypatch.setattr(module, "read_objects", lambda text=text: text)
        views.digest.cache_clear()
        migrate(warehouse)
        assert stored() == wanted
    views.digest.cache_clear()


def test_another_rule_for_tenants_replaces_the_policy_at_the_next_migration(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that is there by name is not yet the one of this release."""

    def stored() -> tuple[str, ...]:
        with warehouse.transaction() as connection:
            found = connection.execute(
                sa.text("SELECT tablename || qual FROM pg_policies WHERE policyname = 'tenant'")
            )
            return tuple(found.scalars())

    shipped = stored()
    source = objects.read_objects()
    changed = source.replace("('cloud_tenant_costs', 'tenant_id", "('cloud_tenant_costs', 'kind")
    assert changed != source
    try:
        for text, wanted in (
            (changed, [rule for rule in shipped if rule.startswith("cloud_tenant_costs")]),
            (source, []),
        ):
            for module in (objects, views):
                monkeypatch.setattr(module, "read_objects", lambda text=text: text)
            views.digest.cache_clear()
            migrate(warehouse)
            assert sorted(set(shipped) - set(stored())) == wanted
    finally:
        views.digest.cache_clear()


def test_every_table_and_column_has_a_comment(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        bare = connection.execute(
            sa.text("""
                SELECT c.relname, a.attname
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                JOIN pg_attribute a ON a.attrelid = c.oid AND (a.attnum > 0 OR a.attnum = -1)
                WHERE n.nspname = 'public' AND c.relkind IN ('r', 'v', 'm', 'p')
                  AND NOT a.attisdropped
                  AND (
                    (a.attnum > 0 AND col_description(c.oid, a.attnum) IS NULL)
                    OR obj_description(c.oid, 'pg_class') IS NULL
                  )
            """)
        ).all()
    assert bare == []


MEANINGS = {
    "cloud_cost_lines.kind": ("matched resource", "product"),
    "cloud_cost_lines.hours": ("node-hours", "not always hours"),
    "cloud_cost_lines.ended_at": ("droplets the first instant after", "volumes", "last second in"),
    "cloud_resources.region": ("snapshots and images", "spells it"),
    "cloud_resources.tags": ("firewalls and alert policies", "targets"),
    "cloud_project_memberships.valid_from": ("when we learnt it", "assigned_at"),
    "cloud_project_memberships.assigned_at": ("Join costs on", "coalesce(assigned_at, valid_from)"),
    "cloud_project_memberships.valid_to": ("complete listing", "only the object says it"),
    "cloud_drift.successor_id": ("after it was last seen", "exactly one"),
    "cloud_drift.status": ("open", "accepted", "stale", "reverted"),
    "cloud_orphans": ("One row for each reason", "sum no cost"),
    "cloud_invoices.credits_and_adjustments": ("negative", "positive", "sign that fits"),
}
"""Words without which a comment would lead whoever sums or joins by it to a wrong number."""


@pytest.mark.parametrize("name", MEANINGS)
def test_comments_say_what_a_wrong_number_would_come_from(warehouse: Warehouse, name: str) -> None:
    table, _, column = name.partition(".")
    with warehouse.transaction() as connection:
        said = connection.scalar(
            sa.text(
                "SELECT CASE WHEN :column = '' THEN obj_description(CAST(:table AS regclass)) "
                "ELSE (SELECT col_description(attrelid, attnum) FROM pg_attribute "
                "WHERE attrelid = CAST(:table AS regclass) AND attname = :column) END"
            ),
            {"table": table, "column": column},
        )
    assert [words for words in MEANINGS[name] if words not in said] == []


def test_an_account_is_told_as_it_is_written(warehouse: Warehouse) -> None:
    """40 hex digits, not the dashes of a uuid: whoever joins by the wrong form finds nothing."""
    with warehouse.transaction() as connection:
        vague = connection.execute(
            sa.text("""
                SELECT c.relname, col_description(c.oid, a.attnum)
                FROM pg_class AS c
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'account'
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
                  AND col_description(c.oid, a.attnum) NOT LIKE '%40 hex digits%'
            """)
        ).all()
    assert vague == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cloud_resource_events SET event = 'deleted'",
        "DELETE FROM cloud_resource_events",
        "TRUNCATE cloud_resource_events",
        "TRUNCATE cloud_resources CASCADE",
    ],
)
def test_events_are_append_only_in_the_database(warehouse: Warehouse, statement: str) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                WITH r AS (
                    INSERT INTO cloud_resources
                        (account, kind, provider_id, first_seen_at, last_seen_at)
                    VALUES ('a', 'droplet', '1', now(), now()) RETURNING id
                )
                INSERT INTO cloud_resource_events (resource_id, event, occurred_at)
                SELECT id, 'discovered', now() FROM r
            """)
        )
    with (
        pytest.raises(sa.exc.IntegrityError, match="append-only"),
        warehouse.transaction() as connection,
    ):
        connection.execute(sa.text(statement))
    with warehouse.transaction() as connection:
        events = connection.execute(sa.text("SELECT event FROM cloud_resource_events")).scalars()
        assert list(events) == ["discovered"]


@pytest.mark.needs_server("superuser")
def test_append_only_holds_in_a_session_that_replays_changes(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        guards = connection.execute(
            sa.text(
                "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal"
                " AND (tgname LIKE '%append_only' OR tgname LIKE '%no_truncate')"
            )
        ).all()
    assert len(guards) >= 6
    assert {state for _, state in guards} == {"A"}
    with warehouse.engine.connect() as connection:
        connection.execute(sa.text("SET session_replication_role = replica"))
        with pytest.raises(sa.exc.DBAPIError, match="append-only"):
            connection.execute(sa.text("TRUNCATE cloud_resource_events"))
        connection.invalidate()
