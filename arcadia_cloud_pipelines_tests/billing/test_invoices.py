"""Balance, billing history and invoice headers, against the simulated API."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from arcadia_cloud_pipelines.billing.balance import accrual_of_month, snapshot_balance
from arcadia_cloud_pipelines.billing.ingest import partition_key
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.digitalocean import DigitalOcean, Forbidden
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount
from arcadia_cloud_pipelines.simulator.billing import PERSON_PREFIX
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import NOW, NoWait


def test_each_poll_appends_a_snapshot_and_a_repeat_is_marked(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    first = snapshot_balance(warehouse, client, now=lambda: NOW)
    again = snapshot_balance(warehouse, client, now=lambda: NOW)
    account.advance(hours=2)
    later = snapshot_balance(warehouse, client, now=lambda: NOW)

    assert [first.is_repeat, again.is_repeat, later.is_repeat] == [False, True, False]
    said = account.billing.balance()
    assert str(later.month_to_date_usage) == said["month_to_date_usage"]
    stored = query(warehouse, "SELECT * FROM cloud_balance_snapshots ORDER BY id")
    assert len(stored) == 3
    assert all(isinstance(row["account_balance"], Decimal) for row in stored)
    team = client.account().uuid
    accrual = accrual_of_month(warehouse, team, NOW)
    assert accrual == [
        (snapshot.generated_at, snapshot.month_to_date_usage) for snapshot in (first, later)
    ]


def test_every_entry_of_the_history_is_kept_twins_too(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    for _ in range(2):  # Equal in every field, and real.
        account.billing.record("Payment", "Payment (Visa 1234)", "-10.00")
    account.billing.record("Refund", "Refund to jane.doe@example.com", "-1.00")
    sync_invoices(warehouse, client, now=lambda: NOW)

    stored = query(
        warehouse,
        "SELECT amount, description FROM cloud_billing_entries ORDER BY occurred_at, id",
    )
    said = account.billing.history()
    assert len(stored) == len(said)
    assert sum(row["amount"] for row in stored) == sum(entry.amount for entry in said)
    assert sum(row["description"] == "Payment (Visa 1234)" for row in stored) == 2
    assert not [row for row in stored if "@" in row["description"]]

    again = sync_invoices(warehouse, client, now=lambda: NOW)
    assert again.new_entries == 0


def test_headers_carry_period_amounts_and_nothing_personal(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    result = sync_invoices(warehouse, client, now=lambda: NOW)

    said = {invoice.uuid: invoice for invoice in account.billing.invoices()}
    rows = query(warehouse, "SELECT * FROM cloud_invoices")
    assert {row["invoice_uuid"] for row in rows} == set(said)
    for row in rows:
        invoice = said[row["invoice_uuid"]]
        assert row["amount"] == invoice.amount
        assert f"{row['period']:%Y-%m}" == invoice.period
        assert row["issued_at"] is not None
        blocks = ("product_charges", "overages", "taxes", "credits_and_adjustments")
        assert sum(row[block] for block in blocks) == invoice.amount
        assert row["ingest_status"] == "pending"
    assert result.pending == result.discovered == len(said)
    assert list(result.partition_keys) == sorted(
        partition_key(row["period"], row["invoice_id"], row["invoice_uuid"]) for row in rows
    )
    everything = query(
        warehouse,
        "SELECT to_jsonb(i)::text AS row FROM cloud_invoices i "
        "UNION ALL SELECT to_jsonb(e)::text FROM cloud_billing_entries e",
    )
    assert not [row for row in everything if PERSON_PREFIX in row["row"]]


def test_a_second_sync_asks_for_no_summary_again(
    warehouse: Warehouse, client: DigitalOcean, server: RunningSimulator
) -> None:
    sync_invoices(warehouse, client, now=lambda: NOW)
    server.app.forget_requests()
    sync_invoices(warehouse, client, now=lambda: NOW)
    assert not [seen for seen in server.requests if seen.path.endswith("/summary")]


def test_an_invoice_whose_amount_changed_is_pending_again_and_says_so(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    sync_invoices(warehouse, client, now=lambda: NOW)
    with warehouse.transaction() as connection:
        connection.exec_driver_sql("UPDATE cloud_invoices SET ingest_status = 'ingested'")
    invoice = account.billing.invoices()[3]
    before = invoice.amount
    account.billing.amend(invoice.uuid, "2.50")

    result = sync_invoices(warehouse, client, now=lambda: NOW)

    assert result.changed == (invoice.uuid,)
    (row,) = query(warehouse, "SELECT * FROM cloud_invoices WHERE ingest_status = 'pending'")
    assert row["invoice_uuid"] == invoice.uuid
    assert row["amount"] == before + Decimal("2.50")
    assert str(before) in row["status_note"]


def test_a_summary_that_fails_leaves_the_header_and_is_asked_for_again(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    uuid = account.billing.invoices()[0].uuid
    account.faults.add(f"*/{uuid}/summary", 404)
    result = sync_invoices(warehouse, client, now=lambda: NOW)
    assert result.without_summary == (uuid,)
    assert uuid in result.problems[0]
    assert not sync_invoices(warehouse, client, now=lambda: NOW).without_summary


def test_a_failure_in_mid_listing_writes_nothing(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    account.faults.add("/v2/customers/my/invoices", "html", times=None)
    with pytest.raises(Exception, match="/v2/customers/my/invoices"):
        sync_invoices(warehouse, client, now=lambda: NOW)
    assert query(warehouse, "SELECT 1 FROM cloud_billing_entries") == []


def test_when_the_list_was_last_read_whole_outlives_a_list_with_a_gap(
    warehouse: Warehouse, client: DigitalOcean, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = "SELECT read_at, complete, whole_at FROM cloud_invoice_lists"
    get = client.get
    short = True

    def one_is_missing(path: str, *args: Any, **more: Any) -> dict[str, Any]:
        answer = get(path, *args, **more)
        if short and path == "/v2/customers/my/invoices":
            answer["meta"]["total"] += 1
        return answer

    monkeypatch.setattr(client, "get", one_is_missing)
    assert not sync_invoices(warehouse, client, now=lambda: NOW).complete
    assert query(warehouse, kept) == [{"read_at": NOW, "complete": False, "whole_at": None}]
    short, later = False, NOW + timedelta(hours=1)
    assert sync_invoices(warehouse, client, now=lambda: later).complete
    assert query(warehouse, kept) == [{"read_at": later, "complete": True, "whole_at": later}]
    short, last = True, NOW + timedelta(hours=2)
    sync_invoices(warehouse, client, now=lambda: last)
    assert query(warehouse, kept) == [{"read_at": last, "complete": False, "whole_at": later}]


def test_a_token_without_the_scope_says_which_it_needs(
    warehouse: Warehouse, server: RunningSimulator, account: SimulatedAccount
) -> None:
    token = account.add_token("narrow", {"account:read"})
    with (
        DigitalOcean(server.url, Secret(token), clock=NoWait()) as narrow,
        pytest.raises(Forbidden, match="billing:read"),
    ):
        snapshot_balance(warehouse, narrow)


def test_the_history_alone_names_every_invoice_too(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    account.faults.add("/v2/customers/my/invoices", 404, times=None)
    result = sync_invoices(warehouse, client, now=lambda: NOW)
    rows = query(warehouse, "SELECT invoice_uuid, period, amount FROM cloud_invoices")
    assert result.discovered == len(rows)
    assert {(r["invoice_uuid"], f"{r['period']:%Y-%m}", r["amount"]) for r in rows} == {
        (i.uuid, i.period, i.amount) for i in account.billing.invoices()
    }
