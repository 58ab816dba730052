"""From invoice to lines: against the simulated API and a real database."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing import ingest
from arcadia_cloud_pipelines.billing.ingest import InvoiceNotKnown, ingest_invoices
from arcadia_cloud_pipelines.billing.invoices import due_invoices, sync_invoices
from arcadia_cloud_pipelines.billing.open_month import refresh_open_month
from arcadia_cloud_pipelines.billing.rematch import rematch, unmatched_since
from arcadia_cloud_pipelines.billing.report import mismatches, shares
from arcadia_cloud_pipelines.digitalocean import DigitalOcean, DigitalOceanError
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount
from arcadia_cloud_pipelines.simulator.billing.csv_files import Dialect
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import HOUR, NOW, stored_lines, sync_inventory


@pytest.fixture
def _headers(warehouse: Warehouse, client: DigitalOcean) -> None:
    sync_inventory(warehouse, client)
    sync_invoices(warehouse, client, now=lambda: NOW)


def ingest_all(warehouse: Warehouse, client: DigitalOcean, *uuids: str) -> list[ingest.Ingested]:
    return ingest_invoices(warehouse, client, uuids, now=lambda: NOW)


@pytest.mark.usefixtures("_headers")
def test_every_cent_of_every_invoice_is_in_and_explained(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    results = ingest_all(warehouse, client)

    invoices = account.billing.invoices()
    assert [r.error for r in results] == [None] * len(invoices)
    assert sum(r.total for r in results) == sum(i.amount - i.credit for i in invoices)
    assert mismatches(warehouse) == []
    # A credit that only the summary has is explained, and nothing else differs.
    credits = {i.uuid: i.credit for i in invoices if i.credit}
    assert credits
    for row in query(warehouse, "SELECT * FROM cloud_invoices"):
        credit = credits.get(row["invoice_uuid"], 0)
        assert (row["ingest_status"], row["off_by"], row["unlisted"]) == ("ingested", 0, credit)
        assert row["lines_total"] + credit == row["amount"]
        assert row["line_count"] == len(account.billing.lines(row["invoice_uuid"]))
    unexplained = query(
        warehouse,
        "SELECT 1 FROM cloud_cost_lines "
        "WHERE (resource_id IS NULL) <> (unmatched_reason IS NOT NULL)",
    )
    assert unexplained == []


@pytest.mark.usefixtures("_headers")
def test_no_line_is_given_to_a_resource_it_did_not_pay_for(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    ingest_all(warehouse, client)
    found = query(
        warehouse,
        """
        SELECT i.invoice_uuid, l.line_number, r.kind, r.provider_id
        FROM cloud_cost_lines l
        JOIN cloud_invoices i ON i.id = l.invoice_id
        JOIN cloud_resources r ON r.id = l.resource_id
        """,
    )
    assert len(found) > 100
    for row in found:
        truth = account.billing.lines(row["invoice_uuid"])[row["line_number"] - 1]
        if row["kind"] == "registry":  # The team has one; its overage names none.
            assert truth.product == "Container Registry Subscription"
        else:
            assert str(truth.life_id) == row["provider_id"], truth
    methods = {share.method for share in shares(warehouse)}
    assert {"resource_id", "not_a_resource", "never_seen"} <= methods


@pytest.mark.usefixtures("_headers")
def test_without_the_json_form_lines_are_matched_by_name_and_group_never_wrongly(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    uuids = [invoice.uuid for invoice in account.billing.invoices()]
    for uuid in uuids:
        account.faults.add(f"/v2/customers/my/invoices/{uuid}", 404, times=None)
    ingest_all(warehouse, client)
    methods = {share.method for share in shares(warehouse)}
    assert {"name", "group"} <= methods
    assert "resource_id" not in methods
    for row in query(
        warehouse,
        "SELECT i.invoice_uuid, l.line_number, r.provider_id FROM cloud_cost_lines l "
        "JOIN cloud_invoices i ON i.id = l.invoice_id "
        "JOIN cloud_resources r ON r.id = l.resource_id "
        "WHERE l.kind = 'droplet'",
    ):
        truth = account.billing.lines(row["invoice_uuid"])[row["line_number"] - 1]
        assert str(truth.life_id) == row["provider_id"], truth


@pytest.mark.usefixtures("_headers")
def test_ingesting_again_changes_nothing(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    ingest_all(warehouse, client)
    before = stored_lines(warehouse)
    assert ingest_all(warehouse, client) == []
    ingest_all(warehouse, client, *(i.uuid for i in account.billing.invoices()))
    assert stored_lines(warehouse) == before


BAD_FILES = {
    "html": b"<!DOCTYPE html><html><body>Please sign in</body></html>",
    "empty": b"",
    "cut in mid-row": b"product,description,USD\nDroplets,web (s-1),$1.00\nDroplets,w",
    "no USD column": b"product,description\nDroplets,web (s-1)\n",
    "an amount that is not valid": b"product,description,USD\nDroplets,web (s-1),lots\n",
}


@pytest.mark.usefixtures("_headers")
@pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_bad_file_fails_its_invoice_alone_and_keeps_its_lines(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, bad: bytes
) -> None:
    ingest_all(warehouse, client)
    before = stored_lines(warehouse)
    newest, second, *_ = account.billing.invoices()
    account.billing.replace_csv(newest.uuid, bad)

    results = ingest_all(warehouse, client, newest.uuid, second.uuid)

    assert {r.invoice.invoice_uuid: r.error is None for r in results} == {
        newest.uuid: False,
        second.uuid: True,
    }
    (failed,) = query(warehouse, "SELECT * FROM cloud_invoices WHERE ingest_status = 'failed'")
    assert failed["invoice_uuid"] == newest.uuid
    assert newest.uuid in failed["last_error"]
    assert stored_lines(warehouse) == before

    account.billing.replace_csv(newest.uuid, None)
    ingest_all(warehouse, client, newest.uuid)
    (mended,) = query(
        warehouse, "SELECT * FROM cloud_invoices WHERE invoice_uuid = :u", u=newest.uuid
    )
    assert (mended["ingest_status"], mended["last_error"]) == ("ingested", None)


@pytest.mark.usefixtures("_headers")
def test_an_outage_ends_the_run_and_blames_no_invoice(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    fourth = account.billing.invoices()[-4]
    account.faults.add(f"*/{fourth.uuid}/csv", "reset", times=None)
    with pytest.raises(DigitalOceanError):
        ingest_all(warehouse, client)
    status = query(warehouse, "SELECT ingest_status, count(*) AS n FROM cloud_invoices GROUP BY 1")
    # What was fetched before the outage is in; the rest waits.
    assert {row["ingest_status"]: row["n"] for row in status} == {
        "ingested": 3,
        "pending": len(account.billing.invoices()) - 3,
    }


@pytest.mark.usefixtures("_headers")
def test_an_invoice_that_does_not_add_up_is_in_and_the_difference_is_told(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    invoice = account.billing.invoices()[0]
    account.billing.skew(invoice.uuid, "5.00")
    sync_invoices(warehouse, client, now=lambda: NOW)
    ingest_all(warehouse, client)
    (off,) = mismatches(warehouse)
    assert (off.invoice_uuid, off.off_by) == (invoice.uuid, Decimal("5.00"))


DIALECTS = [
    Dialect(bom=True, newline="\r\n", blank_lines=True),
    Dialect(quote_all=True),
    Dialect(thousands=True),
    Dialect(negative="($1)", dollar=False),
]


@pytest.mark.usefixtures("_headers")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_of_the_csv_changes_a_line(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, dialect: Dialect
) -> None:
    uuids = [invoice.uuid for invoice in account.billing.invoices()[:4]]
    ingest_all(warehouse, client, *uuids)
    before = stored_lines(warehouse)
    account.billing.dialect = dialect
    ingest_all(warehouse, client, *uuids)
    assert stored_lines(warehouse) == before


def test_an_unknown_uuid_is_refused(warehouse: Warehouse, client: DigitalOcean) -> None:
    with pytest.raises(InvoiceNotKnown, match="no-such-invoice"):
        ingest_all(warehouse, client, "no-such-invoice")


def test_lines_are_matched_again_when_the_inventory_has_grown(
    warehouse: Warehouse, client: DigitalOcean, server: RunningSimulator
) -> None:
    sync_invoices(warehouse, client, now=lambda: NOW)
    ingest_all(warehouse, client)
    assert not {"resource_id", "name", "group"} & {s.method for s in shares(warehouse)}
    assert unmatched_since(warehouse, 0) is None
    sync_inventory(warehouse, client)
    newest = unmatched_since(warehouse, 0)
    assert newest is not None

    server.app.forget_requests()
    assert rematch(warehouse) > 100
    assert server.requests == []
    again = stored_lines(warehouse)
    assert rematch(warehouse) == 0
    assert unmatched_since(warehouse, newest) is None
    # The same as if the inventory had been there from the start.
    ingest_all(warehouse, client, *{row["invoice_uuid"] for row in again})
    assert stored_lines(warehouse) == again


@pytest.mark.usefixtures("_headers")
def test_a_failed_invoice_is_due_twice_more_a_day_apart(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    ingest_all(warehouse, client)
    bad = account.billing.invoices()[0].uuid
    account.billing.replace_csv(bad, b"no invoice")
    hours = 0
    due = []
    for _ in range(4):
        ingest_invoices(warehouse, client, [bad], now=lambda at=NOW + hours * HOUR: at)
        for later in (23, 24):
            moment = NOW + (hours + later) * HOUR
            due.append(due_invoices(warehouse, now=lambda moment=moment: moment) == [bad])
        hours += 24
    assert due == [False, True, False, True, False, False, False, False]


@pytest.mark.usefixtures("_headers")
def test_an_attempt_by_a_clock_that_was_ahead_puts_nothing_off(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    bad = account.billing.invoices()[0].uuid
    account.billing.replace_csv(bad, b"no invoice")
    ingest_invoices(warehouse, client, [bad], now=lambda: NOW + 90 * 24 * HOUR)
    assert bad in due_invoices(warehouse, now=lambda: NOW)


@pytest.mark.usefixtures("_headers")
def test_the_open_month_is_provisional_and_gone_when_the_invoice_arrives(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    month = refresh_open_month(warehouse, client, now=lambda: NOW)
    assert f"{month.period:%Y-%m}" == "2026-11"
    assert month.total == account.billing.find("preview").amount
    assert query(warehouse, "SELECT 1 FROM cloud_cost_lines") == []
    again = refresh_open_month(warehouse, client, now=lambda: NOW)
    assert again.lines == month.lines
    (count,) = query(warehouse, "SELECT count(*) AS n FROM cloud_open_month_lines")
    assert count["n"] == month.lines

    account.advance(days=12)
    sync_invoices(warehouse, client, now=lambda: NOW)
    left = query(warehouse, "SELECT DISTINCT period FROM cloud_open_month_lines")
    assert left == []
    december = refresh_open_month(warehouse, client, now=lambda: NOW)
    assert f"{december.period:%Y-%m}" == "2026-12"


KILLED = """
    import os, signal
    from arcadia_cloud_pipelines.billing import ingest
    from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
    from arcadia_cloud_pipelines.settings.secret import Secret
    from arcadia_cloud_pipelines.warehouse.engine import Warehouse
    from arcadia_cloud_pipelines.warehouse.statements import Statements
    import sqlalchemy as sa

    run, seen = Statements.run, []
    def killed(self, connection, name, parameters=None):
        result = run(self, connection, name, parameters)
        seen.append(name)
        if seen.count({statement!r}) == {times}:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    Statements.run = killed
    warehouse = Warehouse(sa.make_url({url!r}), embedded=False)
    client = DigitalOcean({api!r}, Secret({token!r}), budget=CallBudget(limits=()))
    ingest.ingest_invoices(warehouse, client)
"""


@pytest.mark.usefixtures("_headers")
@pytest.mark.parametrize(
    ("statement", "times"),
    [("delete_lines", 1), ("delete_lines", 3), ("mark_ingested", 2), ("lock_invoice", 5)],
)
def test_a_kill_leaves_each_invoice_wholly_old_or_wholly_new(
    warehouse: Warehouse,
    client: DigitalOcean,
    server: RunningSimulator,
    statement: str,
    times: int,
) -> None:
    url = warehouse.engine.url.render_as_string(hide_password=False)
    script = KILLED.format(
        statement=statement, times=times, url=url, api=server.url, token=server.token
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)])
    assert done.returncode == -9

    rows = query(
        warehouse,
        "SELECT i.ingest_status, i.amount, i.line_count, count(l.id) AS lines, "
        "sum(l.amount) AS sum "
        "FROM cloud_invoices i LEFT JOIN cloud_cost_lines l ON l.invoice_id = i.id GROUP BY i.id",
    )
    for row in rows:
        if row["ingest_status"] == "ingested":
            assert (row["lines"], row["sum"]) == (row["line_count"], row["amount"])
        else:
            assert (row["ingest_status"], row["lines"]) == ("pending", 0)
    assert sum(row["ingest_status"] == "ingested" for row in rows) == times - 1
    ingest_all(warehouse, client)
    assert mismatches(warehouse) == []


@pytest.mark.usefixtures("_headers")
def test_two_ingests_at_once_leave_one_set_of_lines(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    uuid = account.billing.invoices()[0].uuid
    ingest_all(warehouse, client, uuid)
    before = stored_lines(warehouse)
    (row,) = query(warehouse, "SELECT id FROM cloud_invoices WHERE invoice_uuid = :u", u=uuid)
    # One holds the invoice; the other waits for it, then replaces what it finds.
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("SELECT 1 FROM cloud_invoices WHERE id = :id FOR UPDATE"), {"id": row["id"]}
        )
        other = threading.Thread(target=ingest_all, args=(warehouse, client, uuid))
        other.start()
        connection.execute(
            sa.text("DELETE FROM cloud_cost_lines WHERE invoice_id = :id"), {"id": row["id"]}
        )
    other.join(30)
    assert stored_lines(warehouse) == before


@settings(max_examples=8)
@given(data=st.data())
@pytest.mark.usefixtures("_headers")
def test_any_order_of_failures_and_retries_ends_the_same(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, data: st.DataObject
) -> None:
    uuids = [invoice.uuid for invoice in account.billing.invoices()[:5]]
    ingest_all(warehouse, client, *uuids)
    expected = stored_lines(warehouse)
    for _ in range(data.draw(st.integers(1, 4))):
        broken = data.draw(st.sets(st.sampled_from(uuids), max_size=3))
        asked = data.draw(st.lists(st.sampled_from(uuids), unique=True, min_size=1))
        for uuid in broken:
            account.billing.replace_csv(uuid, b"no invoice")
        ingest_all(warehouse, client, *asked)
        for uuid in broken:
            account.billing.replace_csv(uuid, None)
    ingest_all(warehouse, client, *uuids)
    assert stored_lines(warehouse) == expected
