"""No view says that it is whole or new when nothing below it is, and no tenant reads one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from .test_views import VIEWS, connection  # noqa: F401

MORE = (
    # What the mirrored account has none of: a plan and its drift, waste, something that is gone.
    "UPDATE cloud_resources SET status = 'off'"
    " WHERE id = (SELECT min(id) FROM cloud_resources WHERE kind = 'droplet')",
    """UPDATE cloud_resources SET attrs = attrs || '{"droplet_ids": []}' WHERE kind = 'volume'""",
    "UPDATE cloud_resources SET deleted_at = now()"
    " WHERE id = (SELECT max(resource_id) FROM cloud_cost_lines WHERE kind = 'droplet')",
    "INSERT INTO cloud_provisioned (resource_id, spec, spec_version, provisioned_by, source,"
    " created_at, updated_at) SELECT id, '{}', 1, 'ann', 'manual', now(), now()"
    " FROM cloud_resources WHERE kind = 'droplet'",
    "INSERT INTO cloud_drift (resource_id, field, desired, actual, status, detected_at, changed_at)"
    """ SELECT min(id), 'name', '"a"', '"b"', 'open', now(), now() FROM cloud_resources"""
    " WHERE kind = 'droplet'",
    "INSERT INTO cloud_drift_sweeps (started_at, ended_at, kinds_swept, specs, opened, updated,"
    " closed, open_after, ignored, rules_expired, kinds_skipped)"
    " VALUES (now(), now(), '{}', 0, 0, 0, 0, 0, 0, '{}', '{}')",
)

NOTHING_WHOLE = (
    "INSERT INTO cloud_sync_runs (account, kind, started_at, ended_at, complete, error)"
    " SELECT DISTINCT account, kind, now(), now(), false, 'page 2 failed' FROM cloud_sync_runs",
    "UPDATE cloud_invoices SET ingest_status = 'failed', last_error = 'no header'",
    "UPDATE cloud_invoice_lists SET complete = false, problem = 'page 2 failed'",
    "UPDATE cloud_open_months SET note = 'page 2 failed'",
    "UPDATE cloud_cost_days SET last_read_at = day",
    "UPDATE cloud_prepayments SET last_read_at = now() - interval '9 days'",
    "UPDATE cloud_provisioned_sources SET status = 'unreadable', problem = 'empty'",
    "INSERT INTO cloud_forecasts (account, period, method, known_until, expected, made_at, whole,"
    " note) SELECT account, period, method, known_until, expected, clock_timestamp(), false, 'late'"
    " FROM cloud_forecasts",
    "INSERT INTO cloud_drift_sweeps (started_at, ended_at, kinds_swept, specs, opened, updated,"
    " closed, open_after, ignored, rules_expired, kinds_skipped)"
    " SELECT now(), now(), '{}', 0, 0, 0, 0, 0, 0, '{}', jsonb_object_agg(account || '/' || kind,"
    " 'late') FROM (SELECT DISTINCT account, kind FROM cloud_resources) AS k",
)

WHOLE_ALL_THE_SAME = {
    # Our own count of calls, a list price, and what is one answer or none at all.
    "limits": "kind IS NULL",
    "rates": "source = 'catalogue'",
    "freshness": "source IN ('balance', 'daily_costs', 'prepayment', 'forecast')",
}

LONG_AGO = {
    "cloud_sync_runs": ("started_at", "ended_at"),
    "cloud_invoice_lists": ("read_at",),
    "cloud_invoices": ("first_seen_at", "ingested_at"),
    "cloud_balance_snapshots": ("generated_at", "captured_at"),
    "cloud_open_months": ("read_at", "updated_at"),
    "cloud_forecasts": ("known_until", "made_at"),
    "cloud_forecast_tests": ("lines_read_at",),
    "cloud_cost_days": ("last_read_at",),
    "cloud_prepayments": ("last_read_at",),
    "cloud_resources": ("last_seen_at",),
    "cloud_resource_events": ("occurred_at",),
    "cloud_projects": ("last_seen_at",),
    "cloud_project_memberships": ("valid_from",),
    "cloud_drift_sweeps": ("started_at",),
    "cloud_provisioned_sources": ("read_at",),
    "cloud_rates": ("valid_from",),
}

EMPTY = frozenset(
    {
        "allocation_gaps", "anomalies", "decisions", "left_behind", "missing_resources",
        "monthly_amounts", "past_names", "restatements", "tenant_spans", "unbilled_resources",
    }
)  # fmt: skip
"""Views without a row in the mirrored account, or with none when nothing is whole."""


@pytest.fixture
def mirrored(connection: sa.Connection) -> Iterator[sa.Connection]:  # noqa: F811
    """The mirrored account with some more rows; nothing stays."""
    with connection.begin_nested() as point:
        run(connection, *MORE)
        yield connection
        point.rollback()


def run(connection: sa.Connection, *statements: str) -> None:  # noqa: F811
    for statement in statements:
        connection.exec_driver_sql(statement.replace("%", "%%"))


def asked(connection: sa.Connection, question: str) -> dict[str, Any]:  # noqa: F811
    """Ask all views one question, in which {complete} and {as_of} are their columns."""
    found = {}
    for name in VIEWS:
        standard = name.startswith("focus_1_")
        columns = {"complete": '"x_Complete"', "as_of": '"x_AsOf"'} if standard else {
            "complete": "complete", "as_of": "as_of",
        }  # fmt: skip
        found[name] = connection.execute(
            sa.text(f"SELECT {question.format(**columns)} FROM marts.{name} AS v")
        ).one()
    return found


def test_where_nothing_was_read_whole_no_view_says_so(mirrored: sa.Connection) -> None:
    run(mirrored, *NOTHING_WHOLE)
    always = {
        name for name, view in VIEWS.items()
        if (view.comment_of("complete") or "").startswith("Always true")
    }  # fmt: skip
    found = asked(mirrored, "count(*), count(*) FILTER (WHERE {complete})")
    assert {name for name, (rows, _) in found.items() if not rows} <= EMPTY
    said = {name for name, (_, whole) in found.items() if whole} - always
    assert said <= WHOLE_ALL_THE_SAME.keys()
    for name, rows in WHOLE_ALL_THE_SAME.items():
        assert mirrored.scalar(
            sa.text(f"SELECT count(*) FROM marts.{name} WHERE complete AND NOT ({rows})")
        ) == 0  # fmt: skip


def test_where_all_was_read_long_ago_no_view_is_newer(mirrored: sa.Connection) -> None:
    for table, columns in LONG_AGO.items():
        moved = ", ".join(f"{column} = {column} - interval '4000 days'" for column in columns)
        run(mirrored, f"ALTER TABLE {table} DISABLE TRIGGER USER", f"UPDATE {table} SET {moved}",
            f"ALTER TABLE {table} ENABLE TRIGGER USER")  # fmt: skip
    found = asked(mirrored, "max({as_of}) > now() - interval '1000 days'")
    # Of our own calls we know at once.
    assert {name for name, (newer,) in found.items() if newer} == {"limits"}


def test_no_tenant_reads_a_view(mirrored: sa.Connection) -> None:
    """Views hold every tenant's rows: a tenant's login has the tables, where each row is asked."""
    assert not mirrored.scalar(
        sa.text("SELECT has_schema_privilege('arcadia_tenant', 'marts', 'USAGE')")
    )
    for name in VIEWS:
        assert not mirrored.scalar(
            sa.text("SELECT has_table_privilege('arcadia_tenant', :view, 'SELECT')"),
            {"view": f"marts.{name}"},
        ), name
