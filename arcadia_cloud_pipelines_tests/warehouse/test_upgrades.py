"""A warehouse of every past release becomes one of this release, and keeps its rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.migrate import alembic_config, migrate
from arcadia_cloud_pipelines.warehouse.revision import current_revision, head_revision

# What a release of that schema had written, by the migration that made the tables.
ROWS = {
    "0001": """
        INSERT INTO cloud_projects (id, account, provider_id, name, is_default, first_seen_at,
            last_seen_at)
        VALUES (1, 'a', 'p-1', 'web', true, '2025-01-01Z', '2025-06-01Z'),
            (2, 'a', 'p-2', 'ünï "code"', false, '2025-01-01Z', '2025-06-01Z');
        INSERT INTO cloud_resources (id, account, kind, provider_id, name, region, size_slug, tags,
            project_id, attrs, created_at, first_seen_at, last_seen_at, deleted_at, content_hash)
        VALUES
            (1, 'a', 'droplet', '101', 'web-1', 'fra1', 's-1vcpu-1gb', '{prod,web}', 1,
                '{"vcpus": 1, "vpc_uuid": "v-1"}', '2024-12-01Z', '2025-01-01Z', '2025-06-01Z',
                NULL, '\\x00'),
            (2, 'a', 'droplet', '102', 'old', 'fra1', 's-1vcpu-1gb', '{}', 2, '{}', '2024-12-01Z',
                '2025-01-01Z', '2025-02-01Z', '2025-02-01Z', NULL),
            (3, 'a', 'volume', 'v-3', 'data', 'fra1', NULL, '{}', NULL,
                '{"droplet_ids": [101], "size_gigabytes": 10}', '2024-12-01Z', '2025-01-01Z',
                '2025-06-01Z', NULL, NULL),
            (4, 'a', 'vpc', 'v-1', 'default', 'fra1', NULL, '{}', NULL, '{}', '2024-12-01Z',
                '2025-01-01Z', '2025-06-01Z', NULL, NULL);
        INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)
        VALUES
            (1, 'discovered', '2025-01-01Z', '{"name": {"from": null, "to": "web-1"},
                "region": {"from": null, "to": "fra1"},
                "size_slug": {"from": null, "to": "s-1vcpu-1gb"},
                "tags": {"from": null, "to": ["prod"]}}'),
            (1, 'tagged', '2025-03-01Z', '{"tags": {"from": ["prod"], "to": ["prod", "web"]}}'),
            (2, 'discovered', '2025-01-01Z', '{"name": {"from": null, "to": "old"}}'),
            (2, 'deleted', '2025-02-01Z', '{"deleted_at": {"from": null, "to": "2025-02-01Z"}}'),
            (3, 'discovered', '2025-01-01Z', '{"name": {"from": null, "to": "data"}}'),
            (4, 'discovered', '2025-01-01Z', '{"name": {"from": null, "to": "default"}}');
        INSERT INTO cloud_project_memberships (account, urn, kind, provider_id, project_id,
            valid_from, valid_to)
        VALUES ('a', 'do:droplet:101', 'droplet', '101', 2, '2025-01-01Z', '2025-02-01Z'),
            ('a', 'do:droplet:101', 'droplet', '101', 1, '2025-02-01Z', NULL);
        INSERT INTO cloud_sync_runs (account, kind, started_at, ended_at, rows_seen, complete)
        VALUES ('a', 'droplet', '2025-06-01Z', '2025-06-01Z', 1, true),
            ('a', 'volume', '2025-06-01Z', '2025-06-01Z', 1, true),
            (NULL, 'vpc', '2025-06-01Z', '2025-06-01Z', NULL, false);
    """,
    "0002": """
        INSERT INTO cloud_balance_snapshots (account, month_to_date_balance, account_balance,
            month_to_date_usage, generated_at, captured_at)
        VALUES ('a', 12.34, 0, 12.34, '2025-06-01Z', '2025-06-01Z');
        INSERT INTO cloud_billing_entries (account, entry_type, description, amount, occurred_at,
            invoice_uuid, occurrence, first_seen_at)
        VALUES ('a', 'Invoice', 'Invoice for May 2025', 20.10, '2025-06-01Z', 'i-1', 1,
            '2025-06-01Z');
        INSERT INTO cloud_invoices (id, account, invoice_uuid, amount, period, ingest_status,
            ingested_at, line_count, lines_total, first_seen_at)
        VALUES (1, 'a', 'i-1', 20.10, '2025-05-01', 'ingested', '2025-06-01Z', 2, 20.10,
                '2025-06-01Z'),
            (2, 'a', 'i-2', 7.00, '2025-04-01', 'pending', NULL, NULL, NULL, '2025-06-01Z');
        INSERT INTO cloud_cost_lines (account, invoice_id, line_number, period, product, kind,
            description, amount, match_method, unmatched_reason, resource_id)
        VALUES ('a', 1, 1, '2025-05-01', 'Droplets', 'droplet', 'web-1 (s-1vcpu-1gb)', 6.00,
                'name', NULL, 1),
            ('a', 1, 2, '2025-05-01', 'Support', NULL, 'Support', 14.10, NULL, 'not_a_resource',
                NULL);
    """,
    "0003": """
        INSERT INTO cloud_provisioned (id, resource_id, spec, provisioned_by)
        VALUES (1, 1, '{"size_slug": "s-2vcpu-2gb"}', 'kim');
        INSERT INTO cloud_provisioned_history (resource_id, spec_version, source, actor,
            recorded_at, after)
        VALUES (1, 1, 'manual', 'kim', '2025-03-01Z', '{"size_slug": "s-2vcpu-2gb"}');
        INSERT INTO cloud_drift (id, resource_id, field, desired, actual)
        VALUES (1, 1, 'size_slug', '"s-2vcpu-2gb"', '"s-1vcpu-1gb"');
        INSERT INTO cloud_drift_sweeps (started_at, ended_at, kinds_swept, specs, opened, updated,
            closed, open_after, ignored, rules_expired)
        VALUES ('2025-06-01Z', '2025-06-01Z', '{droplet}', 1, 1, 0, 0, 1, 0, '{}');
    """,
}
TABLES = (
    "cloud_projects", "cloud_resources", "cloud_project_memberships", "cloud_sync_runs",
    "cloud_balance_snapshots", "cloud_billing_entries", "cloud_invoices", "cloud_cost_lines",
    "cloud_provisioned", "cloud_provisioned_history", "cloud_drift", "cloud_drift_sweeps",
)  # fmt: skip

PAST = sorted(
    script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()
)[:-1]


@pytest.fixture
def bare(empty_database: sa.URL) -> Iterator[Warehouse]:
    made = Warehouse(empty_database, embedded=False)
    yield made
    made.engine.dispose()


def counts(connection: sa.Connection) -> dict[str, int]:
    """Rows of each table of `TABLES` that is there."""
    there = set(sa.inspect(connection).get_table_names())
    return {
        table: connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
        for table in TABLES
        if table in there
    }


def amounts(connection: sa.Connection) -> list[tuple[object, ...]]:
    """The money, by invoice."""
    if "cloud_cost_lines" not in sa.inspect(connection).get_table_names():
        return []
    statement = """
        SELECT i.invoice_uuid, i.amount, i.lines_total, sum(l.amount)
        FROM cloud_invoices AS i LEFT JOIN cloud_cost_lines AS l ON l.invoice_id = i.id
        GROUP BY i.id ORDER BY i.id
    """
    return [tuple(row) for row in connection.execute(sa.text(statement))]


@pytest.mark.parametrize("revision", PAST)
def test_a_release_of_the_past_becomes_this_one(bare: Warehouse, revision: str) -> None:
    with bare.transaction() as connection:
        command.upgrade(alembic_config(connection), revision)
        for since, statements in ROWS.items():
            if since <= revision:
                connection.exec_driver_sql(statements)
        rows, money = counts(connection), amounts(connection)
        newest = "SELECT max(id) FROM cloud_resource_events"
        last_event = connection.execute(sa.text(newest)).scalar_one()
    assert migrate(bare) == (revision, head_revision())
    with bare.transaction() as connection:
        assert current_revision(connection) == head_revision()
        after = counts(connection)
        # Memberships that only objects named become rows.
        assert {table: after[table] for table in rows if after[table] < rows[table]} == {}
        assert after["cloud_resources"] == rows["cloud_resources"]
        assert amounts(connection)[: len(money)] == money
        # What was recorded stays; a migration may tell what was known and nobody had written.
        kept = connection.execute(
            sa.text(
                "SELECT event, occurred_at::date::text FROM cloud_resource_events "
                "WHERE id <= :last ORDER BY id"
            ),
            {"last": last_event},
        ).all()
        assert [tuple(row) for row in kept][:2] == [
            ("discovered", "2025-01-01"), ("tagged", "2025-03-01"),
        ]  # fmt: skip
        assert len(kept) == 6
        tags = sa.text(
            "SELECT tags FROM resources_as_of('2025-02-15Z') WHERE kind = 'droplet' "
            "AND deleted_at IS NULL"
        )
        assert connection.execute(tags).scalars().all() == [["prod"]]
        for view in sa.inspect(connection).get_view_names("marts"):
            connection.execute(sa.text(f"SELECT count(*) FROM marts.{view}"))
    assert migrate(bare) == (head_revision(), head_revision())


ACCOUNT_ADDED = (
    "cloud_resource_events", "cloud_provisioned", "cloud_provisioned_history", "cloud_drift",
)  # fmt: skip


def versions(connection: sa.Connection) -> dict[str, list[tuple[object, ...]]]:
    """Where each row lies and who wrote it: both change when a row is written again."""
    return {
        table: [
            tuple(row)
            for row in connection.execute(
                sa.text(f"SELECT ctid::text, xmin::text FROM {table} ORDER BY id")
            )
        ]
        for table in ACCOUNT_ADDED
    }


def test_giving_rows_their_account_writes_none_of_them_where_there_is_one(bare: Warehouse) -> None:
    """Events are by the million, and a migration holds everybody up."""
    with bare.transaction() as connection:
        command.upgrade(alembic_config(connection), "0038")
        for statements in ROWS.values():
            connection.exec_driver_sql(statements)
        before = versions(connection)
    with bare.transaction() as connection:
        command.upgrade(alembic_config(connection), "0039")
        assert versions(connection) == before
        for table in ACCOUNT_ADDED:
            found = connection.execute(sa.text(f"SELECT DISTINCT account FROM {table}")).scalars()
            assert found.all() == ["a"]


def test_rows_of_several_accounts_get_their_own(bare: Warehouse) -> None:
    with bare.transaction() as connection:
        command.upgrade(alembic_config(connection), "0038")
        for statements in ROWS.values():
            connection.exec_driver_sql(statements)
        # The volume is another team's; the VPC was, until it moved here.
        connection.exec_driver_sql(
            """
            UPDATE cloud_resources SET account = 'b' WHERE id = 3;
            INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)
            VALUES (4, 'restored', '2025-03-01Z', '{"account": {"from": "b", "to": "a"}}'),
                (4, 'updated', '2025-04-01Z', '{"name": {"from": "x", "to": "default"}}');
            """
        )
        command.upgrade(alembic_config(connection), "0039")
        found = connection.execute(
            sa.text("SELECT resource_id, string_agg(account, '' ORDER BY id) "
                    "FROM cloud_resource_events GROUP BY resource_id ORDER BY resource_id")
        )  # fmt: skip
        assert dict(found.tuples().all()) == {1: "aa", 2: "aa", 3: "b", 4: "baa"}
        # Nothing is written without its account from now on.
        connection.exec_driver_sql(
            "INSERT INTO cloud_resource_events (resource_id, event, occurred_at) "
            "VALUES (3, 'updated', now())"
        )
        newest = "SELECT account FROM cloud_resource_events ORDER BY id DESC LIMIT 1"
        assert connection.execute(sa.text(newest)).scalar_one() == "b"
