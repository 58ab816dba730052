"""What is kept of invoices: lines made again without asking, and corrections line by line."""

from __future__ import annotations

import gzip
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.billing.ingest import ingest_invoices, packed_lines
from arcadia_cloud_pipelines.billing.invoice_csv import parse_invoice_csv
from arcadia_cloud_pipelines.billing.invoices import sync_invoices
from arcadia_cloud_pipelines.billing.rebuild import NoOriginal, Rebuilt, rebuild
from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.simulator import SimulatedAccount
from arcadia_cloud_pipelines.warehouse.copy import arrow
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..cli.conftest import Run, arcadia  # noqa: F401 (a fixture)
from ..support.sql import query
from .conftest import NOW, stored_lines, sync_inventory

DAY = timedelta(days=1)


@pytest.fixture
def three(warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount) -> list[str]:
    """The three newest invoices, ingested and matched."""
    sync_inventory(warehouse, client)
    sync_invoices(warehouse, client, now=lambda: NOW)
    uuids = [one.uuid for one in account.billing.invoices()[:3]]
    results = ingest_invoices(warehouse, client, uuids, now=lambda: NOW)
    assert [one.error for one in results] == [None] * 3
    return uuids


def run(warehouse: Warehouse, *statements: str, **values: Any) -> None:
    with warehouse.transaction() as connection:
        for statement in statements:
            connection.execute(sa.text(statement), values)


def headers(warehouse: Warehouse) -> list[dict[str, Any]]:
    return query(warehouse, "SELECT * FROM cloud_invoices ORDER BY id")


def test_lines_that_were_lost_or_edited_are_made_again_without_asking(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, three: list[str]
) -> None:
    lines, before = stored_lines(warehouse), headers(warehouse)
    assert any(row["line"]["resource_key"] for row in lines)
    assert any(row["line"]["resource_id"] for row in lines)
    calls = client.calls
    run(
        warehouse,
        "DELETE FROM cloud_cost_lines WHERE period = (SELECT max(period) FROM cloud_cost_lines)",
        "UPDATE cloud_cost_lines SET amount = amount + 1, resource_key = NULL WHERE id % 2 = 0",
    )
    done = rebuild(warehouse)
    assert stored_lines(warehouse) == lines
    assert client.calls == calls
    assert [(one.invoice_uuid, one.note) for one in done] == [(u, None) for u in reversed(three)]
    assert sum(one.total for one in done) == sum(Decimal(str(r["line"]["amount"])) for r in lines)
    assert headers(warehouse) == before, "when it was read stays, and no correction is noticed"
    assert query(warehouse, "SELECT 1 FROM cloud_invoice_revisions") == []
    # Twice changes nothing.
    rebuild(warehouse)
    assert stored_lines(warehouse) == lines


def test_only_what_is_asked_for_is_made_again(
    warehouse: Warehouse,
    three: list[str],
    arcadia: Run,  # noqa: F811
    libpq_url: str,
) -> None:
    (row,) = query(warehouse, "SELECT * FROM cloud_invoices WHERE invoice_uuid = :u", u=three[1])
    run(warehouse, "DELETE FROM cloud_cost_lines")
    done = rebuild(warehouse, period=row["period"])
    of_month = {
        one["invoice_uuid"]
        for one in headers(warehouse)
        if one["period"] == row["period"] and one["invoice_uuid"] in three
    }
    assert {one.invoice_uuid for one in done} == of_month < {*three}
    assert {line["invoice_uuid"] for line in stored_lines(warehouse)} == of_month
    assert [one.invoice_uuid for one in rebuild(warehouse, invoices=[row["invoice_id"]])] == [
        three[1]
    ]
    with pytest.raises(NoOriginal, match="No original of invoice nobody: it was never read"):
        rebuild(warehouse, invoices=["nobody", three[0]])

    url = {"ARCADIA_DATABASE_URL": libpq_url}
    shown = arcadia("costs", "rebuild", "--invoice", three[0], "--csv", **url)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1].split(",")[1] == three[0]
    for wrong, says in (("--period=2026", "such as 2026-10"), ("--invoice=x", "No original of")):
        refused = arcadia("costs", "rebuild", wrong, **url)
        assert refused.returncode != 0
        assert says in refused.stderr


def test_an_invoice_that_is_to_be_read_again_stays_so(
    warehouse: Warehouse, three: list[str]
) -> None:
    run(warehouse, "UPDATE cloud_invoices SET ingest_status = 'pending' WHERE invoice_uuid = :u",
        u=three[0])  # fmt: skip
    before = headers(warehouse)
    run(warehouse, "DELETE FROM cloud_cost_lines")
    assert len(rebuild(warehouse)) == 3
    assert headers(warehouse) == before


def test_originals_that_were_kept_without_ids_learn_them(
    warehouse: Warehouse, three: list[str]
) -> None:
    lines = stored_lines(warehouse)
    for file in query(warehouse, "SELECT id, csv_gzip FROM cloud_invoice_files"):
        parsed = parse_invoice_csv(gzip.decompress(bytes(file["csv_gzip"])), invoice="x")
        run(warehouse, "UPDATE cloud_invoice_files SET csv_gzip = :b WHERE id = :id",
            b=packed_lines(arrow(parsed, [*parsed.columns])), id=file["id"])  # fmt: skip
    rebuild(warehouse)
    assert stored_lines(warehouse) == lines
    run(warehouse, "DELETE FROM cloud_cost_lines")
    rebuild(warehouse)
    assert stored_lines(warehouse) == lines


@pytest.mark.parametrize("damage", ["left(csv_gzip::text, 0)::bytea", "'\\x1f8b'::bytea",
                                    "substr(csv_gzip, 1, length(csv_gzip) / 2)"])  # fmt: skip
def test_a_damaged_original_is_named_and_costs_itself_alone(
    warehouse: Warehouse, three: list[str], damage: str
) -> None:
    lines = stored_lines(warehouse)
    of_newest = "invoice_id = (SELECT id FROM cloud_invoices WHERE invoice_uuid = :u)"
    run(warehouse, f"UPDATE cloud_invoice_files SET csv_gzip = {damage} WHERE {of_newest}",
        u=three[0])  # fmt: skip
    done = rebuild(warehouse)
    assert [one.note is None for one in done] == [True, True, False]
    assert "its kept original is damaged" in str(done[-1].note)
    assert stored_lines(warehouse) == lines
    run(warehouse, f"DELETE FROM cloud_invoice_files WHERE {of_newest}", u=three[0])
    assert rebuild(warehouse)[-1] == Rebuilt(
        done[-1].period, three[0],
        note="Its original was not kept: materialise `cost_lines` with its uuid.",
    )  # fmt: skip
    assert stored_lines(warehouse) == lines


def test_no_mail_address_is_kept(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, three: list[str]
) -> None:
    text = (
        "product,description,group_description,USD,project_name,billing_email,Company Address\n"
        "Credits,For jane.doe@example.com thanks,a@b.example,-1.00,p@q.example,m@x.org,Road 1\n"
    )
    account.billing.replace_csv(three[0], text.encode())
    ingest_invoices(warehouse, client, [three[0]], now=lambda: NOW)
    (line,) = [r["line"] for r in stored_lines(warehouse) if r["invoice_uuid"] == three[0]]
    assert (line["description"], line["group_description"]) == ("For *** thanks", "***")
    kept = [
        gzip.decompress(bytes(row["csv_gzip"])).decode()
        for row in query(warehouse, "SELECT csv_gzip FROM cloud_invoice_files")
    ]
    assert not any("@" in one or "Road 1" in one for one in kept)
    rebuild(warehouse, invoices=[three[0]])
    (again,) = [r["line"] for r in stored_lines(warehouse) if r["invoice_uuid"] == three[0]]
    assert again == line


def test_each_version_of_a_summary_is_kept_beside_its_lines(
    warehouse: Warehouse, client: DigitalOcean, three: list[str]
) -> None:
    def kept() -> list[dict[str, Any]]:
        (row,) = query(
            warehouse,
            "SELECT f.summaries FROM cloud_invoice_files f JOIN cloud_invoices i"
            " ON i.id = f.invoice_id WHERE invoice_uuid = :u",
            u=three[0],
        )
        found: list[dict[str, Any]] = row["summaries"]
        return found

    (first,) = kept()
    (row,) = query(warehouse, "SELECT * FROM cloud_invoices WHERE invoice_uuid = :u", u=three[0])
    assert Decimal(first["amount"]) == row["amount"]
    assert Decimal(first["parts"]["product_charges"]) == row["product_charges"]
    assert first["read_at"]
    sync_invoices(warehouse, client, now=lambda: NOW)
    assert kept() == [first]
    run(warehouse, "UPDATE cloud_invoices SET taxes = coalesce(taxes, 0) + 1"
                   " WHERE invoice_uuid = :u", u=three[0])  # fmt: skip
    sync_invoices(warehouse, client, now=lambda: NOW)
    old, new = kept()
    assert old == first
    assert Decimal(new["parts"]["taxes"]) == Decimal(first["parts"].get("taxes", "0")) + 1


RESTATED = "SELECT * FROM marts.restatements ORDER BY revision_id, position"
HEAD = "product,description,group_description,start,USD,hours,project_name\n"
START = "2026-10-01 00:00:00 +0000"


def test_a_correction_is_shown_line_by_line(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount, three: list[str]
) -> None:
    versions = (
        ("stays", 5, 10, "web"), ("goes", 3, 10, "web"), ("grows", 1, 10, "web"),
        ("moves", 2, 10, "web"),
    ), (
        ("stays", 5, 10, "web"), ("comes", 7, 10, "web"), ("grows", 4, 40, "web"),
        ("moves", 2, 10, "lab"),
    )  # fmt: skip
    for version in versions:
        body = "".join(
            f"Droplets,{text},,{START},${amount}.00,{hours},{project}\n"
            for text, amount, hours, project in version
        )
        account.billing.replace_csv(three[0], (HEAD + body).encode())
        run(warehouse, "ALTER TABLE cloud_invoice_revisions DISABLE TRIGGER ALL",
            "DELETE FROM cloud_invoice_revisions")  # fmt: skip
        ingest_invoices(warehouse, client, [three[0]], now=lambda: NOW + DAY)
    found = query(warehouse, RESTATED)
    shown = {
        row["description"]: (row["change"], row["was"], row["is"], row["difference"], row["fields"])
        for row in found
    }
    assert shown == {
        "comes": ("came", None, 7, 7, None),
        "goes": ("went", 3, None, -3, None),
        "grows": ("changed", 1, 4, 3, {"hours": {"from": "10", "to": "40"}}),
        "moves": ("changed", 2, 2, 0, {"project_name": {"from": "web", "to": "lab"}}),
    }
    assert [row["position"] for row in found] == [1, 2, 3, 4]
    assert found[0]["description"] == "comes"
    assert {row["invoice_uuid"] for row in found} == {three[0]}
    assert all(row["complete"] and row["as_of"] == NOW + DAY for row in found)
    assert found[0]["started_at"].isoformat() == "2026-10-01T00:00:00+00:00"
    # The sum of the differences is what the lines' sum moved by.
    assert sum(row["difference"] for row in found) == 18 - 11


def test_the_rest_of_a_long_correction_and_an_amount_alone_are_rows_too(
    warehouse: Warehouse, three: list[str]
) -> None:
    run(
        warehouse,
        """
        INSERT INTO cloud_invoice_revisions (
            account, invoice_id, noticed_at, old_amount, new_amount, new_digest, lines_added,
            lines_removed, lines_changed, amount_added, amount_removed, amount_changed, details
        )
        SELECT account, id, now(), 10, 12, lines_digest, added, 0, 0, moved, 0, 0, details
        FROM cloud_invoices CROSS JOIN (VALUES
            (2, 9.5, jsonb '[{"product": "P", "description": "d", "from": null, "to": 9.25}]'),
            (0, 0, jsonb '[]')
        ) AS r (added, moved, details)
        WHERE invoice_uuid = :u
        """,
        u=three[0],
    )
    rows = [
        (row["position"], row["change"], row["difference"], row["complete"])
        for row in query(warehouse, RESTATED)
    ]
    assert rows == [
        (1, "came", Decimal("9.25"), False),
        (2, "further", Decimal("0.25"), False),
        (0, "amount", 0, True),
    ]
