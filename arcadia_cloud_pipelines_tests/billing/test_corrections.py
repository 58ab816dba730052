"""Invoices that say something else later, ids that come later, and what is kept of both."""

from __future__ import annotations

import gzip
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing import items
from arcadia_cloud_pipelines.billing.ingest import ingest_invoices, lines_digest, packed_lines
from arcadia_cloud_pipelines.billing.invoice_csv import parse_invoice_csv
from arcadia_cloud_pipelines.billing.invoices import due_invoices, sync_invoices
from arcadia_cloud_pipelines.billing.report import without_ids
from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.simulator import SimulatedAccount
from arcadia_cloud_pipelines.simulator.billing.csv_files import Dialect
from arcadia_cloud_pipelines.warehouse.copy import arrow
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import HOUR, NOW, stored_lines

DAY = timedelta(days=1)


@pytest.fixture
def newest(warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount) -> str:
    """The newest invoice, ingested."""
    sync_invoices(warehouse, client, now=lambda: NOW)
    uuid = account.billing.invoices()[0].uuid
    read(warehouse, client, uuid)
    return uuid


def read(warehouse: Warehouse, client: DigitalOcean, *names: str, at: Any = NOW) -> None:
    results = ingest_invoices(warehouse, client, names, now=lambda: at)
    assert [r.error for r in results] == [None] * len(results)


def row_of(warehouse: Warehouse, uuid: str) -> dict[str, Any]:
    (row,) = query(warehouse, "SELECT * FROM cloud_invoices WHERE invoice_uuid = :u", u=uuid)
    return row


def served(account: SimulatedAccount, uuid: str) -> list[str]:
    return account.billing.find(uuid).csv(None).decode().splitlines()


def test_other_lines_of_the_same_amount_are_noticed_and_leave_a_trace(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, newest: str
) -> None:
    head, *lines = served(account, newest)
    amount = account.billing.find(newest).amount
    moved = ["Droplets,,new (s-1vcpu-1gb),744,2026-10-01 00:00:00 +0000,"
             "2026-11-01 00:00:00 +0000,$1.00,,iaas",
             "Credits,,Goodwill,,,,-$1.00,,"]  # fmt: skip
    account.billing.replace_csv(newest, "\n".join([head, *lines, *moved, ""]).encode())

    tomorrow = NOW + DAY
    result = sync_invoices(warehouse, client, now=lambda: tomorrow)
    assert result.changed == (newest,)
    assert row_of(warehouse, newest)["ingest_status"] == "pending"
    assert due_invoices(warehouse, now=lambda: tomorrow).count(newest) == 1
    read(warehouse, client, newest, at=tomorrow)

    (trace,) = query(warehouse, "SELECT * FROM cloud_invoice_revisions")
    assert (trace["old_amount"], trace["new_amount"]) == (amount, amount)
    assert (trace["lines_added"], trace["lines_removed"], trace["lines_changed"]) == (2, 0, 0)
    assert (trace["amount_added"], trace["noticed_at"]) == (0, tomorrow)
    assert {d["description"] for d in trace["details"]} == {"new (s-1vcpu-1gb)", "Goodwill"}
    after = row_of(warehouse, newest)
    assert "Corrected, noticed 2026-11-21" in after["status_note"]
    # The note survives the next reading, and one that says the same leaves no trace.
    read(warehouse, client, newest, at=tomorrow)
    assert row_of(warehouse, newest)["status_note"] == after["status_note"]
    assert len(query(warehouse, "SELECT 1 FROM cloud_invoice_revisions")) == 1
    versions = query(warehouse, "SELECT digest FROM cloud_invoice_files WHERE invoice_id = :i",
                     i=after["id"])  # fmt: skip
    assert {v["digest"] for v in versions} == {trace["old_digest"], trace["new_digest"]}
    for statement in ("UPDATE cloud_invoice_revisions SET details = '[]'",
                      "DELETE FROM cloud_invoice_revisions"):  # fmt: skip
        with pytest.raises(sa.exc.IntegrityError), warehouse.transaction() as connection:
            connection.execute(sa.text(statement))


def test_another_amount_is_a_correction_by_that_much(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, newest: str
) -> None:
    before = account.billing.find(newest).amount
    account.billing.amend(newest, "2.50")
    sync_invoices(warehouse, client, now=lambda: NOW)
    read(warehouse, client)
    (trace,) = query(
        warehouse,
        "SELECT r.* FROM cloud_invoice_revisions r JOIN cloud_invoices i ON i.id = r.invoice_id "
        "WHERE invoice_uuid = :u",
        u=newest,
    )
    assert (trace["old_amount"], trace["new_amount"]) == (before, before + Decimal("2.50"))
    assert (trace["lines_added"], trace["amount_added"]) == (1, Decimal("2.50"))
    assert len(query(warehouse, "SELECT 1 FROM cloud_invoice_revisions")) == 1


def test_a_file_that_says_the_same_in_another_spelling_is_no_correction(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, newest: str
) -> None:
    account.billing.dialect = Dialect(bom=True, newline="\r\n", quote_all=True, thousands=True)
    assert sync_invoices(warehouse, client, now=lambda: NOW + DAY).changed == ()
    # Asked once a day at most.
    assert row_of(warehouse, newest)["checked_at"] == NOW + DAY
    account.billing.replace_csv(newest, b"<html>")
    assert not sync_invoices(warehouse, client, now=lambda: NOW + DAY + HOUR).problems
    result = sync_invoices(warehouse, client, now=lambda: NOW + 2 * DAY)
    assert newest in result.problems[0]
    assert row_of(warehouse, newest)["ingest_status"] == "ingested"


def test_lines_can_be_made_again_from_the_original(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, newest: str
) -> None:
    (file,) = query(warehouse, "SELECT * FROM cloud_invoice_files")
    lines = parse_invoice_csv(gzip.decompress(bytes(file["csv_gzip"])), invoice=newest)
    fetched = parse_invoice_csv(account.billing.find(newest).csv(None), invoice=newest)
    assert lines.equals(fetched)
    assert file["digest"] == lines_digest(lines) == row_of(warehouse, newest)["lines_digest"]


cells = st.text("ab\"',\n ä$-", max_size=6)


@given(
    rows=st.lists(st.tuples(cells, cells, st.integers(-500, 500)), max_size=6), seed=st.randoms()
)
def test_the_digest_is_of_what_the_lines_say(rows: list[Any], seed: Any) -> None:
    def frame(rows: list[Any], pattern: str) -> Any:
        body = "".join(
            f'"{a.replace(chr(34), chr(34) * 2)}","{b.replace(chr(34), chr(34) * 2)}",'
            f"{pattern.format(Decimal(c) / 4)}\n"
            for a, b, c in rows
        )
        text = "product,description,USD\n" + body
        return parse_invoice_csv(text.encode(), invoice="x")

    lines = frame(rows, "{:.2f}")
    mixed = list(rows)
    seed.shuffle(mixed)
    assert lines_digest(frame(mixed, "{:.4f}")) == lines_digest(lines)
    packed = gzip.decompress(packed_lines(arrow(lines, [*lines.columns])))
    assert parse_invoice_csv(packed, invoice="x").equals(lines)
    if rows:
        (a, b, c), *rest = rows
        assert lines_digest(frame([(a, b, c + 1), *rest], "{:.2f}")) != lines_digest(lines)


@pytest.mark.parametrize("trouble", [404, 500, "html", "short"])
def test_items_read_short_are_told_and_asked_for_again_twice(
    warehouse: Warehouse,
    client: DigitalOcean,
    account: SimulatedAccount,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Any,
) -> None:
    sync_invoices(warehouse, client, now=lambda: NOW)
    uuid = account.billing.invoices()[0].uuid
    if trouble == "short":
        whole = items.read_listing

        def cut(*args: Any, **more: Any) -> Any:
            listing = whole(*args, **more)
            del listing.items[2:]
            return listing

        monkeypatch.setattr(items, "read_listing", cut)
    else:
        account.faults.add(f"/v2/customers/my/invoices/{uuid}", trouble, times=None)

    due = []
    for days in range(4):
        read(warehouse, client, uuid, at=NOW + days * DAY)
        assert row_of(warehouse, uuid)["ids_attempts"] == days + 1
        due += [
            uuid in due_invoices(warehouse, now=lambda at=NOW + days * DAY + hours * HOUR: at)
            for hours in (23, 24)
        ]
    assert due == [False, True, False, True, False, False, False, False]
    ((_, told, why, _),) = without_ids(warehouse)
    assert told == uuid
    assert why.startswith("The JSON form")

    monkeypatch.undo()
    account.faults.clear()
    read(warehouse, client, uuid, at=NOW + 9 * DAY)
    assert without_ids(warehouse) == []
    assert row_of(warehouse, uuid)["ids_attempts"] == 0


def test_ids_once_read_are_not_lost_to_a_short_reading(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, newest: str
) -> None:
    before = stored_lines(warehouse)
    assert any(row["line"]["resource_key"] for row in before)
    account.faults.add(f"/v2/customers/my/invoices/{newest}", 404, times=None)
    read(warehouse, client, newest)
    assert stored_lines(warehouse) == before
    assert without_ids(warehouse) == []


def test_an_invoice_is_named_by_uuid_number_or_partition(
    warehouse: Warehouse, client: DigitalOcean, newest: str
) -> None:
    row = row_of(warehouse, newest)
    for name in (newest, row["invoice_id"], f"{row['period']:%Y-%m}_{row['invoice_id']}"):
        (result,) = ingest_invoices(warehouse, client, [name], now=lambda: NOW)
        assert result.invoice.invoice_uuid == newest


@settings(max_examples=20)
@given(data=st.data())
def test_any_change_of_lines_is_counted_as_it_is(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, data: st.DataObject
) -> None:
    """Removed, added and changed lines against a plain count."""
    if not query(warehouse, "SELECT 1 FROM cloud_invoices"):
        sync_invoices(warehouse, client, now=lambda: NOW)
    uuid = account.billing.invoices()[0].uuid
    # Texts are distinct, so which line became which is beyond doubt.
    amounts = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), max_size=6)
    old, new = data.draw(amounts), data.draw(amounts)
    with warehouse.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE cloud_invoice_revisions DISABLE TRIGGER ALL"))
        connection.execute(sa.text("DELETE FROM cloud_invoice_revisions"))
    for lines in (old, new):
        rows = "".join(f"Droplets,{name},{cents}.00\n" for name, cents in lines.items())
        account.billing.replace_csv(uuid, f"product,description,USD\n{rows}".encode())
        if lines is new:
            with warehouse.transaction() as connection:
                connection.execute(sa.text("DELETE FROM cloud_invoice_revisions"))
        read(warehouse, client, uuid)
    found = query(warehouse, "SELECT * FROM cloud_invoice_revisions")
    changed = {n for n in old.keys() & new.keys() if old[n] != new[n]}
    if old == new:
        assert found == []
        return
    (trace,) = found
    assert (trace["lines_added"], trace["amount_added"]) == (
        len(new.keys() - old), sum(new[n] for n in new.keys() - old),
    )  # fmt: skip
    assert (trace["lines_removed"], trace["amount_removed"]) == (
        len(old.keys() - new), sum(old[n] for n in old.keys() - new),
    )  # fmt: skip
    assert (trace["lines_changed"], trace["amount_changed"]) == (
        len(changed), sum(new[n] - old[n] for n in changed),
    )  # fmt: skip
    assert len(trace["details"]) == len(changed) + len(old.keys() ^ new.keys())
