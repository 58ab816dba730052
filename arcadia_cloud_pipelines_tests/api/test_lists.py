"""Pages, filters, forms: the lists."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.billing.tables import (
    cloud_balance_snapshots,
    cloud_cost_lines,
    cloud_invoices,
)
from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import NOW, Api, serve

INVENTORY = "/api/v1/inventory"
LINES = "/api/v1/billing/cost-lines"
_regions = itertools.count()


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["name"] for row in rows]


def test_a_resource_in_full(api: Api) -> None:
    project = api.project("shop")
    one = api.resource(
        "1", project, name="web", region="fra1", status="active", size_slug="s", tags=["a"],
        attrs={"vcpus": 1, "ratio": 1.5}, created_at=NOW - timedelta(microseconds=1),
    )  # fmt: skip
    event = api.event(one, changes={"vcpus": {"from": 2, "to": 1}}, run_id="r")
    row = {
        "id": one, "provider": "digitalocean", "account": "a", "kind": "droplet",
        "provider_id": "1", "name": "web", "region": "fra1", "status": "active", "size_slug": "s",
        "tags": ["a"], "project_id": project, "project": "shop",
        "attrs": {"vcpus": 1, "ratio": 1.5}, "created_at": "2026-05-04T11:59:59.999999Z",
        "first_seen_at": "2026-05-04T12:00:00Z", "last_seen_at": "2026-05-04T12:00:00Z",
        "deleted_at": None,
    }  # fmt: skip
    assert api.get(INVENTORY).json() == {"data": [row], "next_cursor": None}
    events = [
        {
            "id": event, "resource_id": one, "event": "updated",
            "occurred_at": "2026-05-04T12:00:00Z", "changes": {"vcpus": {"from": 2, "to": 1}},
            "run_id": "r",
        }
    ]  # fmt: skip
    assert api.get(f"{INVENTORY}/{one}").json() == {"data": {**row, "events": events}}
    assert api.rows(f"{INVENTORY}/{one}/events") == events


def test_filters_of_the_inventory(api: Api) -> None:
    shop = api.project("shop")
    api.project("empty")
    api.resource("web-1", shop, region="fra1", status="active", tags=["a", "b"])
    api.resource("Web-2", region="nyc3", status="off", tags=["a"])
    old = api.resource("gone", kind="volume", deleted_at=NOW, region="fra1")
    new = api.resource("%_new", kind="volume")
    api.event(old, occurred_at=NOW - timedelta(hours=2))
    api.event(new, occurred_at=NOW)
    api.event(old, "drift_detected", occurred_at=NOW)

    def found(query: str) -> list[str]:
        return _names(api.rows(f"{INVENTORY}?{query}"))

    assert found("") == ["web-1", "Web-2", "%_new"]
    assert found("include_deleted=true") == ["web-1", "Web-2", "gone", "%_new"]
    assert found("include_deleted=false&kind=volume") == ["%_new"]
    assert found("kind=droplet") == ["web-1", "Web-2"]
    assert found("region=fra1&include_deleted=true") == ["web-1", "gone"]
    assert found("status=off") == ["Web-2"]
    assert found("tag=a") == ["web-1", "Web-2"]
    assert found("tag=a&tag=b") == ["web-1"]
    assert found("project=shop") == found("project=uuid%20of%20shop") == ["web-1"]
    assert found("project=empty") == found("project=nothing") == []
    assert found("name_prefix=WEB") == ["web-1", "Web-2"]
    assert found("name_prefix=%25") == ["%_new"]
    assert found("changed_since=2026-05-04T14:00:00%2B02:00&include_deleted=true") == ["%_new"]
    assert found("changed_since=2026-05-04T10:00:00Z&include_deleted=true") == ["gone", "%_new"]


@settings(max_examples=15)
@given(st.data())
def test_a_walk_shows_each_row_that_was_there_once(api: Api, data: st.DataObject) -> None:
    region = f"r{next(_regions)}"
    size = data.draw(st.integers(0, 12), label="rows")
    there = {api.resource(f"{region}-{n}", region=region) for n in range(size)}
    seen: list[int] = []
    cursor = ""
    while True:
        limit = data.draw(st.integers(1, 5), label="limit")
        body = api.get(f"{INVENTORY}?region={region}&limit={limit}{cursor}").json()
        assert len(body["data"]) <= limit
        seen += [row["id"] for row in body["data"]]
        assert len(seen) < 100, "the walk does not end"
        if body["next_cursor"] is None:
            break
        cursor = f"&cursor={body['next_cursor']}"
        if len(seen) < 40 and data.draw(st.booleans(), label="insert"):
            api.resource(f"{region}-new-{len(seen)}", region=region)
    assert len(seen) == len(set(seen))
    assert set(seen) >= there
    assert seen == sorted(seen)


def test_the_last_page_says_so(api: Api) -> None:
    for n in range(4):
        api.resource(f"{n}")
    first = api.get(f"{INVENTORY}?limit=2").json()
    second = api.get(f"{INVENTORY}?limit=2&cursor={first['next_cursor']}").json()
    assert second["next_cursor"] is None
    assert len(second["data"]) == 2


def test_a_cursor_is_good_for_its_own_list_and_filters(api: Api) -> None:
    for n in range(3):
        api.resource(f"{n}")
    cursor = api.get(f"{INVENTORY}?limit=1&kind=droplet").json()["next_cursor"]
    assert api.get(f"{INVENTORY}?limit=2&kind=droplet&cursor={cursor}").status_code == 200
    for other in (
        f"{INVENTORY}?limit=1&cursor={cursor}",
        f"{INVENTORY}?kind=volume&cursor={cursor}",
        f"/api/v1/drift?cursor={cursor}",
        f"{INVENTORY}?kind=droplet&cursor={cursor[:-1]}",
        f"{INVENTORY}?kind=droplet&cursor={cursor}A",
    ):
        answer = api.get(other)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["parameter"] == "cursor"


def test_large_rows_end_a_page_early(warehouse: Warehouse) -> None:
    for api in serve(warehouse, page_bytes=10_000):
        for n in range(7):
            api.resource(f"{n}", attrs={"x": "y" * 4000})
        body = api.get(INVENTORY).json()
        assert len(body["data"]) == 3
        assert len(api.rows(INVENTORY)) == 7
        answer = api.get(INVENTORY, Accept="text/csv")
        assert len(answer.text.splitlines()) == 8


def test_what_the_client_has_is_not_sent_again(api: Api) -> None:
    one = api.resource("1")
    tag = api.get(INVENTORY).headers["etag"]
    for condition in (tag, f'"x", W/{tag}', "*"):
        answer = api.get(INVENTORY, **{"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    assert api.get(INVENTORY, **{"If-None-Match": '"other"'}).status_code == 200
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_resources SET status = 'off' WHERE id = :id"), {"id": one}
        )
    assert api.get(INVENTORY, **{"If-None-Match": tag}).status_code == 200
    assert api.get(INVENTORY, "a tenant").headers["etag"] != tag


def test_csv_is_the_whole_list(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arcadia_cloud_pipelines.api.listings.LARGEST_LIMIT", 3)
    for n in range(10):
        api.resource(f'{n}, "quoted"\nline', tags=["a", "b"], attrs={"n": n})
    answer = api.get(INVENTORY, Accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    expected = api.rows(INVENTORY)
    assert [int(row["id"]) for row in rows] == [row["id"] for row in expected]
    assert rows[3]["name"] == '3, "quoted"\nline'
    assert (rows[3]["tags"], rows[3]["attrs"]) == ('["a","b"]', '{"n": 3}')
    assert (rows[3]["region"], rows[3]["last_seen_at"]) == ("", "2026-05-04T12:00:00Z")
    assert list(rows[0]) == list(expected[0])


def test_csv_with_a_limit_is_a_page(api: Api) -> None:
    for n in range(5):
        api.resource(f"{n}")
    answer = api.get(f"{INVENTORY}?limit=2", Accept="text/csv")
    assert len(answer.text.splitlines()) == 3
    cursor = answer.headers["x-next-cursor"]
    rest = api.get(f"{INVENTORY}?cursor={cursor}", Accept="text/csv")
    assert len(rest.text.splitlines()) == 4
    assert "x-next-cursor" not in rest.headers


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("text/csv", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/csv;q=0", "application/json"),
        ("*/*", "application/json"),
        ("text/csv;q=x", "application/json"),
    ],
)
def test_the_client_says_which_form(api: Api, accept: str, form: str) -> None:
    assert api.get(INVENTORY, Accept=accept).headers["content-type"].startswith(form)


@pytest.fixture
def bill(api: Api) -> Api:
    """Two invoices of one month, and one of another, with lines."""
    resource = api.resource("web")
    for number, period in enumerate((date(2026, 4, 1), date(2026, 3, 1), date(2026, 4, 1))):
        invoice = api.insert(
            cloud_invoices, account="a", invoice_uuid=f"u{number}", amount=Decimal("10.10"),
            period=period, first_seen_at=NOW,
        )  # fmt: skip
        for line in range(1, 4):
            matched = line == 1
            api.insert(
                cloud_cost_lines, account="a", invoice_id=invoice, line_number=line,
                period=period, kind="droplet" if matched else "volume", amount=Decimal("0.10"),
                project_name=f"p{number}", hours=Decimal("672"),
                resource_id=resource if matched else None,
                match_method="name" if matched else None,
                unmatched_reason=None if matched else "never_seen",
            )  # fmt: skip
    return api


def test_cost_lines_and_their_totals(bill: Api) -> None:
    def keys(query: str) -> list[tuple[int, int]]:
        rows = bill.rows(f"{LINES}?{query}")
        return [(row["invoice_id"], row["line_number"]) for row in rows]

    first, second, third = (row["id"] for row in bill.rows("/api/v1/billing/invoices"))
    every = [(invoice, line) for invoice in (first, second, third) for line in (1, 2, 3)]
    assert keys("") == keys("limit=2") == every
    april = [key for key in every if key[0] != second]
    assert keys("period=2026-04-01&limit=1") == april
    assert keys("period=2025-01-01") == []
    assert keys("kind=droplet") == keys("matched=true") == [(i, 1) for i in (first, second, third)]
    assert keys("matched=false&period=2026-03-01") == [(second, 2), (second, 3)]
    assert keys("project=p1") == [(second, 1), (second, 2), (second, 3)]
    body = bill.get(f"{LINES}?period=2026-04-01&totals=true&limit=1").json()
    assert body["totals"] == {
        "lines": 6, "amount": "0.60", "matched": "0.20", "unmatched": "0.40",
    }  # fmt: skip
    assert body["data"][0]["amount"] == "0.10"
    assert body["data"][0]["hours"] == "672"
    resource = body["data"][0]["resource_id"]
    assert keys(f"resource_id={resource}") == keys("matched=true")
    assert "totals" not in bill.get(LINES).json()
    none = bill.get(f"{LINES}?kind=vpc&totals=true").json()["totals"]
    assert none == {"lines": 0, "amount": "0", "matched": "0", "unmatched": "0"}


def test_invoices(bill: Api) -> None:
    rows = bill.rows("/api/v1/billing/invoices?period=2026-04-01")
    assert [row["invoice_uuid"] for row in rows] == ["u0", "u2"]
    assert (rows[0]["amount"], rows[0]["period"]) == ("10.10", "2026-04-01")
    assert bill.rows("/api/v1/billing/invoices?ingest_status=ingested") == []


def test_the_newest_balance(api: Api) -> None:
    for hours, amount in ((1, "23.44"), (2, "-0.10"), (0, "9")):
        at = NOW + timedelta(hours=hours)
        api.insert(
            cloud_balance_snapshots, account="a", month_to_date_balance=Decimal(amount),
            account_balance=Decimal("1E+2"), month_to_date_usage=Decimal(0), generated_at=at,
            captured_at=at,
        )  # fmt: skip
    body = api.get("/api/v1/billing/balance").json()["data"]
    assert (body["month_to_date_balance"], body["account_balance"]) == ("-0.10", "100")
    assert body["captured_at"] == "2026-05-04T14:00:00Z"


def test_the_newest_sync_of_each_kind(api: Api) -> None:
    for minutes, complete in ((0, True), (5, False)):
        at = NOW + timedelta(minutes=minutes)
        api.insert(
            cloud_sync_runs, account="a", kind="droplet", started_at=at, ended_at=at, rows_seen=3,
            complete=complete, error=None if complete else "cut short",
        )  # fmt: skip
    assert api.get("/api/v1/sync").json() == {
        "data": [
            {
                "id": 2, "kind": "droplet", "account": "a",
                "started_at": "2026-05-04T12:05:00Z",
                "complete": False, "available": True, "rows": 3, "problem": "cut short",
                "complete_at": "2026-05-04T12:00:00Z",
            }
        ],
        "next_cursor": None,
    }  # fmt: skip


def test_times_are_in_utc_whatever_they_were_written_in(api: Api) -> None:
    far = datetime(2026, 1, 1, 3, 30, tzinfo=UTC)
    api.resource("1", created_at=far.astimezone())
    assert api.rows(INVENTORY)[0]["created_at"] == "2026-01-01T03:30:00Z"
