"""How much of the dollars found its resource, and lines that older rules matched."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from arcadia_cloud_pipelines.billing import checks
from arcadia_cloud_pipelines.billing.matching import RULES_VERSION
from arcadia_cloud_pipelines.billing.rematch import rematch, unmatched_since
from arcadia_cloud_pipelines.billing.report import MatchedMonth, matched_months
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query

ACCOUNT = "a" * 40


def store(warehouse: Warehouse, *lines: dict[str, Any], synced: str = "2026-01-01") -> None:
    """Store one droplet, web-1, synced on a day, and an invoice of August 2026."""
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text(
                """
                INSERT INTO cloud_resources
                    (account, kind, provider_id, name, region, attrs, created_at, first_seen_at,
                     last_seen_at)
                VALUES (:account, 'droplet', '7', 'web-1', 'fra1', '{}', '2025-01-01', :at, :at),
                    (:account, 'image', '60000077', 'golden', NULL, '{"regions": ["fra1"]}',
                     '2025-01-01', :at, :at);
                INSERT INTO cloud_sync_runs
                    (account, kind, started_at, ended_at, rows_seen, complete)
                VALUES (:account, 'droplet', :at, :at, 1, true),
                    (:account, 'droplet_snapshot', :at, :at, 0, true);
                INSERT INTO cloud_invoices
                    (account, invoice_uuid, amount, period, ingest_status, ingested_at,
                     first_seen_at, match_rules)
                VALUES (:account, 'i', 0, '2026-08-01', 'ingested', :at, :at, 1)
                """
            ),
            {"account": ACCOUNT, "at": f"{synced} 12:00:00+00"},
        )
        for number, line in enumerate(lines, 1):
            values = {
                "account": ACCOUNT,
                "line_number": number,
                "period": date(2026, 8, 1),
                "started_at": "2026-08-01 00:00:00+00",
                "ended_at": "2026-09-01 00:00:00+00",
                "unmatched_reason": "never_seen",
            } | line
            columns = ", ".join(values)
            connection.execute(
                sa.text(
                    f"INSERT INTO cloud_cost_lines (invoice_id, {columns}) "
                    f"SELECT id, {', '.join(f':{name}' for name in values)} FROM cloud_invoices"
                ),
                values,
            )


KNOWN = {"product": "Droplets", "description": "web-1 (s-1vcpu-1gb)", "amount": 10}
UNSEEN = {"product": "Droplets", "description": "unseen (s-1vcpu-1gb)", "amount": 10}
TRIAL = {"product": "Inference Cloud Trial", "description": "Trial", "amount": Decimal("-9.90")}


def share(warehouse: Warehouse) -> Any:
    return checks.matched(warehouse)


def test_credits_do_not_bend_the_share(warehouse: Warehouse) -> None:
    store(warehouse, KNOWN, UNSEEN, TRIAL)
    rematch(warehouse)
    result = share(warehouse)
    assert not result.passed
    assert result.metadata["share"].value == 0.5
    assert "(50.0%)" in result.description


def test_a_credit_that_is_matched_does_not_count_either(warehouse: Warehouse) -> None:
    store(warehouse, KNOWN, KNOWN | {"amount": -9}, UNSEEN)
    rematch(warehouse)
    assert share(warehouse).metadata["share"].value == 0.5


def test_usage_that_ended_before_the_first_sync_is_explained(warehouse: Warehouse) -> None:
    store(warehouse, KNOWN, UNSEEN, synced="2026-10-01")
    rematch(warehouse)
    assert matched_months(warehouse) == [
        MatchedMonth(date(2026, 8, 1), Decimal(10), Decimal(0), Decimal(10))
    ]
    result = share(warehouse)
    assert result.passed
    assert "ended before the first sync" in result.description


def test_only_recent_months_count(warehouse: Warehouse) -> None:
    old = [UNSEEN | {"period": date(2026, month, 1)} for month in (4, 5)]
    store(warehouse, *old, *(KNOWN | {"period": date(2026, month, 1)} for month in (6, 7, 8)))
    rematch(warehouse)
    assert [month.period.month for month in matched_months(warehouse)] == [8, 7, 6]


def test_unknown_products_are_listed_with_lines_and_dollars(warehouse: Warehouse) -> None:
    store(warehouse, {"product": "Quantum Vault", "amount": 3}, {"product": "Taxes", "amount": 1})
    rematch(warehouse)
    result = checks.products_known(warehouse)
    assert not result.passed
    assert "Quantum Vault ($3)" in (result.description or "")


def test_lines_that_older_rules_matched_are_put_right_once(warehouse: Warehouse) -> None:
    line = {
        "product": "Droplet Snapshots",
        "description": "golden (fra1) 4.71GB Droplet Snapshot",
        "resource_key": "60000077",
        "amount": 1,
    }
    store(warehouse, line)
    assert unmatched_since(warehouse, 10**9) is not None
    assert rematch(warehouse) == 1
    assert query(warehouse, "SELECT kind, match_method FROM cloud_cost_lines") == [
        {"kind": "image", "match_method": "resource_id"}
    ]
    assert query(warehouse, "SELECT match_rules FROM cloud_invoices") == [
        {"match_rules": RULES_VERSION}
    ]
    assert unmatched_since(warehouse, 10**9) is None
    assert rematch(warehouse) == 0
