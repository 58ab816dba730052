"""Invoices, preview, history and balance, and the kinds that only billing had missed."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from arcadia_cloud_pipelines.billing.products import ProductRule, product_rules
from arcadia_cloud_pipelines.kinds import KINDS as INVENTORY
from arcadia_cloud_pipelines.simulator import (
    PERSON_PREFIX,
    START_OF_137_INVOICES,
    Dialect,
    RunningSimulator,
    SimulatedAccount,
    UnknownInvoiceError,
    serve,
)
from arcadia_cloud_pipelines.simulator.billing import (
    NINE,
    UNKNOWN_PRODUCT,
    BigLines,
    write_invoice_csv,
)
from arcadia_cloud_pipelines.simulator.billing.services import SERVICES
from arcadia_cloud_pipelines.simulator.registry import KINDS as SIMULATED

from .conftest import Client

MY = "/v2/customers/my"
INVOICES = f"{MY}/invoices"
JUNE = datetime(2021, 6, 1, tzinfo=UTC)
NAMED_OTHERWISE = {"app", "function_namespace", "cdn_endpoint", "byoip_prefix"}


@pytest.fixture(scope="module")
def long_server() -> Iterator[RunningSimulator]:
    """The history of the reference account. Nobody changes it."""
    with serve(SimulatedAccount(history_start=START_OF_137_INVOICES)) as running:
        yield running


@pytest.fixture(scope="module")
def long(long_server: RunningSimulator) -> Client:
    return Client(long_server)


def empty(now: datetime) -> SimulatedAccount:
    return SimulatedAccount(droplets=0, now=now, history_start=now - timedelta(days=1), churn=0)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def money(text: str) -> Decimal:
    return Decimal(text.replace("$", ""))


def as_csv_row(item: dict[str, Any], columns: list[str]) -> dict[str, str]:
    """A JSON item as the CSV would have it, but for the category, which JSON lacks at times."""

    def time(name: str) -> str:
        return re.sub(r"(.*)T(.*)Z", r"\1 \2 +0000", item.get(name, ""))

    row = {
        "product": item["product"],
        "group_description": item.get("group_description", ""),
        "description": item["description"],
        "hours": item["duration"],
        "start": time("start_time"),
        "end": time("end_time"),
        "USD": item["amount"],
        "project_name": item.get("project_name", ""),
        "category": item.get("category", ""),
    }
    return {column: row[column] for column in columns}


# ---- all invoices: of 137 months, and of the first halves of three dear ones

ALL = 137 + 3
CREDIT_PRODUCTS = ("Credits", "Discounts", "Welcome Bonus")


def test_every_invoice_adds_up_and_is_the_same_everywhere(long: Client) -> None:
    headers = long.all(INVOICES, "invoices", per_page=50)
    assert len(headers) == ALL
    entries = {e["invoice_uuid"]: e for e in long.all(f"{MY}/billing_history", "billing_history",
               per_page=200) if e.get("invoice_uuid")}  # fmt: skip
    assert len(entries) == ALL
    unlisted = {}
    for header in headers:
        path = f"{INVOICES}/{header['invoice_uuid']}"
        summary = long.get(f"{path}/summary").json()
        rows = rows_of(long.get(f"{path}/csv").content)
        items = long.all(path, "invoice_items", per_page=200)
        amount = Decimal(header["amount"])
        # The lines and the credits that only the summary has are the amount.
        credited = sum(money(r["USD"]) for r in rows if r["product"] in CREDIT_PRODUCTS)
        only_there = Decimal(summary["credits_and_adjustments"]["amount"]) - credited
        assert sum(money(row["USD"]) for row in rows) + only_there == amount
        unlisted |= {header["invoice_period"]: only_there} if only_there else {}
        charges = summary["product_charges"]
        blocks = [charges, *(summary[b] for b in ("overages", "taxes", "credits_and_adjustments"))]
        assert sum(Decimal(block["amount"]) for block in blocks) == amount
        assert sum(Decimal(i["amount"]) for i in charges["items"]) == Decimal(charges["amount"])
        counts = Counter(row["product"] for row in rows)
        assert {i["name"]: int(i["count"]) for i in charges["items"]} == {
            p: n for p, n in counts.items() if p not in ("Bandwidth", "Taxes", *CREDIT_PRODUCTS)
        }
        assert Decimal(summary["amount"]) == amount
        assert Decimal(entries[header["invoice_uuid"]]["amount"]) == amount
        assert summary["invoice_id"] == header["invoice_id"]
        assert summary["billing_period"] == header["invoice_period"]
        assert len(rows) == len(items)
        for row, item in zip(rows, items, strict=True):
            category = row.get("category")
            columns = [c for c in row if c != "category" or "category" in item]
            seen = {c: row[c] for c in columns}
            assert {**seen, "USD": f"{money(row['USD']):.2f}"} == as_csv_row(item, columns)
            assert category in (None, "iaas", "paas")
    periods = [h["invoice_period"] for h in headers]
    assert periods == sorted(periods, reverse=True)
    # The newest is of a month that is not over.
    assert periods[:5] == ["2026-11", "2026-10", "2026-10", "2026-09", "2026-09"]
    assert unlisted == {"2026-04": Decimal("-4.00"), "2026-10": Decimal("-4.00")}
    ids = {h["invoice_id"] for h in headers} | {h["invoice_uuid"] for h in headers}
    assert len(ids) == 2 * ALL
    assert long.server.account.violations == []


def test_each_line_names_what_it_pays_for(long: Client) -> None:
    account = long.server.account
    seen: Counter[str | None] = Counter()
    carries: Counter[tuple[bool, int]] = Counter()
    for invoice in account.billing.invoices():
        for line in invoice.lines:
            seen[line.kind] += 1
            if line.kind is None:
                assert line.resource_id is line.resource_uuid is None
                continue
            life = account.find(line.kind, line.life_id)
            assert line.start is not None
            assert life.created_at <= line.start
            assert life.deleted_at is None or line.end <= life.deleted_at + timedelta(minutes=3)
            carried = {line.resource_id, line.resource_uuid} - {None}
            own = str(life.id).removeprefix("fn-")
            carries[own in carried, len(carried)] += 1
            if line.kind in ("droplet_snapshot", "image"):
                assert own in carried
            names = {str(v.facts.get("name", life.id)) for v in life.versions}
            if line.kind in NAMED_OTHERWISE:
                names = {v.facts[key] for v in life.versions for key in ("label", "origin",
                         "prefix") if key in v.facts}  # fmt: skip
                names |= {v.facts["spec"]["name"] for v in life.versions if "spec" in v.facts}
            if line.kind != "registry":
                text = f"{line.group} {line.description}"
                assert any(name in text for name in {*names, str(life.id)})
    assert seen.keys() == {
        None, "droplet", "droplet_snapshot", "image", "volume", "volume_snapshot", "database",
        "kubernetes_cluster", "load_balancer", "reserved_ip", "registry",
        *(service.kind for service in SERVICES),
    }  # fmt: skip
    # Its own id alone, or with another; no id; an id that is nobody's.
    assert carries.keys() == {(True, 1), (True, 2), (False, 0), (False, 1)}
    assert carries[True, 1] > carries[False, 0] > carries[False, 1]


def test_workers_are_billed_with_their_cluster_only(long: Client) -> None:
    account = long.server.account
    # Both invoices of the month.
    both = [i for i in account.billing.invoices() if i.period == "2026-10"]
    lines = [line for invoice in both for line in invoice.lines]
    workers = {d.id for d in account.lives["droplet"].values() if "k8s" in d.facts["tags"]}
    assert workers
    assert not workers & {line.life_id for line in lines if line.kind == "droplet"}
    mine = [line for line in lines if line.product == "Kubernetes Clusters"]
    assert {line.group for line in mine} == {"prod-cluster-01"}
    cost: Counter[str] = Counter()
    for line in mine:
        cost[line.description] += line.amount  # type: ignore[assignment]
    assert cost == {
        "3 nodes - 2 GB / 1 vCPU / 50 GB SSD": 3 * 12,
        "2 nodes - 8 GB / 2 vCPU / 25 GB SSD": 2 * 63,
        "High Availability Control Plane": 40,
    }


def test_every_quirk_occurs(long: Client) -> None:
    account = long.server.account
    invoices = account.billing.invoices()
    lines = [(invoice, line) for invoice in invoices for line in invoice.lines]
    products = {line.product for _, line in lines}
    assert products >= {
        "Droplets", "GPU Droplets", "Droplet Backups", "Droplet Snapshots", "Volumes",
        "Volume Snapshots", "Kubernetes Clusters", "Database Clusters", "Load Balancers",
        "Floating IPs", "Spaces Subscription", "Container Registry Subscription", "Bandwidth",
        "Taxes", "Credits", UNKNOWN_PRODUCT,
    }  # fmt: skip
    newest = [line._replace(resource_id=None, life_id=None) for line in invoices[0].lines]
    assert max(Counter(newest).values()) == 2, "two equal rows"
    twins = [line for line in invoices[0].lines if "nightly-export" in line.description]
    assert len({line.resource_id for line in twins}) == 2
    assert any(line.amount == 0 for _, line in lines)
    assert all(line.amount < 0 for _, line in lines if line.product == "Credits")
    assert all(line.hours is None for _, line in lines if line.product in ("Taxes", "Credits"))
    assert any(line.start is None for _, line in lines)
    assert sum(line.product == "Floating IPs" for _, line in lines) > 20
    groups = {line.group for _, line in lines}
    assert "HTTP Load Balancers" in groups
    assert any(re.fullmatch(r"db-postgresql-.* \(PostgreSQL\)", g) for g in groups)
    assert any(re.fullmatch(r"db-mysql-[^() ]*", g) for g in groups)
    spaces = {line.description for _, line in lines if line.product == "Spaces Subscription"}
    assert len(spaces) == 3, "two texts of the subscription, one bucket"
    volumes = [line for _, line in lines if line.product == "Volumes"]
    assert any(line.end.second == 59 for line in volumes)
    stretches = Counter((i.period, x.life_id) for i, x in lines if x.product == "Droplets")
    assert max(stretches.values()) > 1, "resized within a month"
    by_name: dict[str, list[Any]] = {}
    for life in account.lives["droplet"].values():
        by_name.setdefault(life.versions[0].facts["name"], []).append(life)
    pairs = [(a, b) for same in by_name.values() for a in same for b in same if a is not b]
    assert any(a.deleted_at and a.deleted_at < b.created_at for a, b in pairs), "recreated"
    assert any(not a.deleted_at and not b.deleted_at for a, b in pairs), "namesakes"
    latest = {life.id: life.facts["name"] for life in account.alive("droplet")}
    renamed = [x for _, x in lines if x.product == "Droplets" and x.life_id in latest
               and not x.description.startswith(f"{latest[x.life_id]} (")]  # fmt: skip
    assert renamed, "an old name on an old invoice"


def test_every_kind_that_has_a_price_is_billed(long: Client) -> None:
    """So that nothing of the product is tried on invoices that never have it."""
    billed = {line.kind for i in long.server.account.billing.invoices() for line in i.lines}
    priced = {kind.name for kind in INVENTORY if kind.billed_alone}
    priced |= {kind for rule in product_rules().values() for kind in _kinds(rule)}
    assert priced & SIMULATED.keys() <= billed
    # Buckets live behind another protocol; their lines are among those of the team.
    assert priced - SIMULATED.keys() == {"spaces_bucket"}
    assert billed - {None} <= priced


def _kinds(rule: ProductRule) -> set[str]:
    named = {pattern.kind for pattern in rule.patterns}
    return {kind for kind in (rule.kind, *rule.also, *named) if kind is not None}


def test_every_rule_of_the_products_has_its_lines(long: Client) -> None:
    rules = product_rules()
    lines = [line for i in long.server.account.billing.invoices() for line in i.lines]
    used = {rules.find(line.product) for line in lines}
    unused = {rule.products[0] for rule in rules.values()} - {r.products[0] for r in used if r}
    assert unused == set()
    assert {line.product for line in lines if rules.find(line.product) is None} == {
        UNKNOWN_PRODUCT, "Welcome Bonus",
    }  # fmt: skip


def test_what_makes_matching_hard_is_on_the_invoices_of_every_recent_year(long: Client) -> None:
    account = long.server.account
    for year in (2025, 2026):
        lines = [
            line for i in account.billing.invoices() if i.start.year == year for line in i.lines
        ]
        ids = [(line.resource_id, line.resource_uuid) for line in lines if line.kind is not None]
        assert sum(a is not None and b is not None for a, b in ids) > 20, "both ids"
        assert sum(a is b is None for a, b in ids) > 20, "no id"
        negative = {line.product for line in lines if line.amount < 0}
        assert {"Discounts", "Credits", "Welcome Bonus"} <= negative
        texts = [line.description for line in lines]
        assert any("Inference Cloud Trial" in text for text in texts)
        assert any(re.fullmatch(r"[a-z-]+ \([a-z]{3}[0-9]\) \d+GiB", t) for t in texts), "a bucket"
        names: dict[str, set[Any]] = {}
        for line in lines:
            if line.product == "Droplets":
                name = line.description.rpartition(" (")[0]
                names.setdefault(name, set()).add(line.life_id)
        assert any(len(lives) > 1 for lives in names.values()), "namesakes"


def test_eras(long: Client) -> None:
    def header(period: str) -> list[str]:
        uuid = long.server.account.billing.find(period).uuid
        content = long.get(f"{INVOICES}/{uuid}/csv").content
        assert not content.startswith(b"\xef")
        assert b"\r" not in content
        return content.decode().splitlines()[0].split(",")

    assert header("2018-08") == list(NINE[:7])
    assert header("2018-09") == header("2020-06") == list(NINE[:8])
    assert header("2020-07") == header("2026-10") == list(NINE)

    def keys(period: str) -> set[str]:
        uuid = long.server.account.billing.find(period).uuid
        return {k for i in long.all(f"{INVOICES}/{uuid}", "invoice_items") for k in i}

    assert "project_name" not in keys("2017-05")
    assert "category" not in keys("2022-12")
    assert "category" in keys("2023-01")
    first = long.server.account.billing.find("2026-10")
    assert first.item(first.lines[0])["resource_uuid"] == ""
    old = long.server.account.billing.find("2017-05")
    assert "resource_uuid" not in old.item(old.lines[0])


def test_file_names_and_pdf(long: Client) -> None:
    invoice = long.server.account.billing.find("2020-07")
    for extension, media in (("csv", "text/csv"), ("pdf", "application/pdf")):
        answer = long.get(f"{INVOICES}/{invoice.uuid}/{extension}")
        assert answer.headers["content-type"] == media
        assert re.fullmatch(
            rf'attachment; filename="DigitalOcean Invoice 2020 Jul \(\d{{7}}-{invoice.id}\)'
            rf'\.{extension}"',
            answer.headers["content-disposition"],
        )
    pdf = answer.content
    assert pdf.startswith(b"%PDF-")
    start = int(pdf.split(b"startxref\n")[1].split()[0])
    assert pdf[start:].startswith(b"xref")
    for number, at in enumerate(re.findall(rb"(\d{10}) 00000 n", pdf), 1):
        assert pdf[int(at) :].startswith(b"%d 0 obj" % number)


def test_personal_data_is_marked(long: Client) -> None:
    summary = long.get(f"{INVOICES}/preview/summary").json()
    for name in ("user_name", "user_email", "user_company"):
        assert summary[name].startswith(PERSON_PREFIX)
    address = summary["user_billing_address"]
    assert sum(PERSON_PREFIX in text for text in address.values()) == 4
    uuid = long.server.account.billing.find("2026-10").uuid
    for path in (INVOICES, f"{INVOICES}/{uuid}", f"{INVOICES}/{uuid}/csv", f"{MY}/balance"):
        assert PERSON_PREFIX not in long.get(path).text


# ---- paging, scopes, strangers


def test_paging(long: Client) -> None:
    seen = []
    for page in (1, 2, 3):
        answer = long.get(INVOICES, page=page, per_page=60).json()
        assert answer["meta"] == {"total": ALL}
        assert answer["invoice_preview"]["invoice_period"] == "2026-11"
        seen += answer["invoices"]
    assert len({row["invoice_uuid"] for row in seen}) == ALL
    uuid = seen[0]["invoice_uuid"]
    some = long.get(f"{INVOICES}/{uuid}").json()
    assert len(some["invoice_items"]) == 20 < some["meta"]["total"]
    assert f"{INVOICES}/{uuid}?page=2" in some["links"]["pages"]["next"]
    every = long.all(f"{INVOICES}/{uuid}", "invoice_items", per_page=7)
    assert every == long.all(f"{INVOICES}/{uuid}", "invoice_items", per_page=200)
    history = long.all(f"{MY}/billing_history", "billing_history", per_page=30)
    assert len(history) > 2 * ALL
    assert [e["date"] for e in history] == sorted(e["date"] for e in history)


def test_billing_needs_a_scope(long_server: RunningSimulator) -> None:
    server = long_server
    uuid = server.account.billing.find("2026-10").uuid
    one = f"{INVOICES}/{uuid}"
    paths = [f"{MY}/balance", f"{MY}/billing_history", INVOICES, one]
    paths += [f"{one}/{what}" for what in ("summary", "csv", "pdf")]
    narrow = Client(server, server.account.add_token("narrow", {"droplet:read"}))
    only = Client(server, server.account.add_token("only", {"billing:read"}))
    for path in paths:
        answer = narrow.get(path)
        assert (answer.status_code, answer.json()["id"]) == (403, "forbidden")
        assert only.get(path).ok


@pytest.mark.parametrize("what", ["", "/summary", "/csv", "/pdf"])
@pytest.mark.parametrize("uuid", ["nonsense", "2026-10", "22737513-0ea7-4206-8ceb-98a575af7681"])
def test_unknown_invoices_are_404(long: Client, uuid: str, what: str) -> None:
    assert long.get(f"{INVOICES}/{uuid}{what}").status_code == 404


# ---- determinism


def test_equal_seeds_are_billed_equally() -> None:
    def everything(account: SimulatedAccount) -> list[Any]:
        billing = account.billing
        return [
            [(i.header(), i.csv(None), [i.item(x) for x in i.lines]) for i in billing.invoices()],
            billing.preview().header(),
            billing.preview().csv(None),
            [e.as_json() for e in billing.history()],
            billing.balance(),
        ]

    start = datetime(2022, 5, 1, tzinfo=UTC)
    one, many, other = (SimulatedAccount(seed, history_start=start) for seed in (3, 3, 4))
    assert everything(one) == everything(many)
    assert everything(one) != everything(other)
    one.advance(hours=23 * 21)
    for _ in range(23):
        many.advance(hours=21)
        many.billing.preview(), many.billing.balance()  # asking must not change anything
    assert one.now == many.now
    assert one.billing.find("2026-11").period == "2026-11"
    assert everything(one) == everything(many)


# ---- months


def test_the_preview_across_the_end_of_a_month(client: Client) -> None:
    account = client.server.account

    def look() -> tuple[str, str, str]:
        answer = client.get(INVOICES).json()
        preview = answer["invoice_preview"]
        newest = answer["invoices"][0]["invoice_period"]
        return newest, preview["invoice_period"], preview["updated_at"]

    account.advance_to(datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    # The newest invoice is of the same month: it was made within it, and the month goes on.
    assert look() == ("2026-11", "2026-11", "2026-11-30T06:31:50Z")
    (within,) = [i for i in account.billing.invoices() if i.period == "2026-11"]
    before = client.get(f"{INVOICES}/preview/csv").content
    old_uuid = client.get(INVOICES).json()["invoice_preview"]["invoice_uuid"]
    account.create("droplet", name="late")
    assert client.get(f"{INVOICES}/preview/csv").content == before, "not live"
    account.advance_to(datetime(2026, 12, 1, tzinfo=UTC))
    assert look() == ("2026-11", "2026-11", "2026-11-30T06:31:50Z")
    account.advance_to(datetime(2026, 12, 1, 6, 31, 49, tzinfo=UTC))
    assert look() == ("2026-11", "2026-11", "2026-11-30T06:31:50Z")
    assert client.get(f"{INVOICES}/preview/csv").content == before
    account.advance_to(datetime(2026, 12, 1, 6, 31, 50, tzinfo=UTC))
    assert look() == ("2026-11", "2026-12", "2026-12-01T06:31:50Z")
    final = account.billing.find("2026-11")
    assert final.uuid not in (old_uuid, within.uuid)
    assert within in account.billing.invoices()
    assert client.get(f"{INVOICES}/{old_uuid}").status_code == 404
    assert any("late (" in line.description for line in final.lines)
    first = client.get(f"{INVOICES}/preview/csv").content
    account.advance(days=1)
    assert client.get(f"{INVOICES}/preview/csv").content != first
    rows = rows_of(client.get(f"{INVOICES}/preview/csv").content)
    amount = client.get(INVOICES).json()["invoice_preview"]["amount"]
    assert sum(money(row["USD"]) for row in rows) == Decimal(amount)


def test_a_preview_is_the_same_whenever_it_is_asked_for_first() -> None:
    early, late = SimulatedAccount(), SimulatedAccount()
    early.advance(hours=18, minutes=35)
    early.billing.preview()
    early.advance(hours=10)
    late.advance(hours=28, minutes=35)
    assert early.now == late.now
    assert early.billing.preview().csv(None) == late.billing.preview().csv(None)


def test_the_preview_may_keep_its_uuid(account: SimulatedAccount) -> None:
    account.billing.preview_keeps_uuid = True
    preview = account.billing.preview()
    account.advance(days=30)
    assert account.billing.find("2026-11").uuid == preview.uuid


def test_a_closed_month_stays_as_it_is(account: SimulatedAccount) -> None:
    before = account.billing.find("2026-10").csv(None)
    for droplet in account.ids("droplet")[:5]:
        account.update("droplet", droplet, name="renamed")
        account.delete("droplet", droplet)
    account.advance(days=40)
    fresh = SimulatedAccount()
    assert account.billing.find("2026-10").csv(None) == before
    assert fresh.billing.find("2026-10").csv(None) == before


def test_months_without_use_have_no_invoice() -> None:
    account = empty(JUNE)
    with serve(account) as server:
        client = Client(server)
        account.advance(days=40)
        answer = client.get(INVOICES).json()
        assert answer["invoices"] == []
        assert "invoice_preview" not in answer
        assert client.get(f"{INVOICES}/preview").status_code == 404
        droplet = account.create("droplet")["id"]
        account.advance(days=1)
        account.delete("droplet", droplet)
        account.advance(days=90)
        account.create("droplet")
        account.advance(days=31)
        periods = [i["invoice_period"] for i in client.get(INVOICES).json()["invoices"]]
    assert periods == ["2021-10", "2021-07"]


# ---- amounts


def droplet_lines(account: SimulatedAccount, period: str) -> list[tuple[str, int | None, Decimal]]:
    lines = account.billing.lines(period)
    return [(x.description, x.hours, x.amount) for x in lines if x.product == "Droplets"]


def test_a_full_month_costs_the_monthly_price_and_parts_are_by_the_hour() -> None:
    account = empty(JUNE)
    account.create("droplet", name="full", size_slug="s-2vcpu-4gb", features=[])
    part = account.create("droplet", name="part", size_slug="s-2vcpu-4gb", features=[])["id"]
    other = account.create("droplet", name="other", size_slug="s-2vcpu-4gb", features=[])["id"]
    short = account.create("droplet", name="short", size_slug="s-2vcpu-4gb", features=[])["id"]
    account.advance(minutes=2)
    account.delete("droplet", short)
    account.advance(hours=297, minutes=28)
    account.delete("droplet", other)
    account.advance(hours=149)
    account.delete("droplet", part)
    account.advance(days=30)
    assert droplet_lines(account, "2021-06") == [
        ("full (s-2vcpu-4gb)", 720, Decimal("20.00")),
        ("part (s-2vcpu-4gb)", 446, Decimal("13.27")),
        ("other (s-2vcpu-4gb)", 297, Decimal("8.84")),
        ("short (s-2vcpu-4gb)", 0, Decimal("0.03")),
    ]


def test_672_hours_are_the_most_that_a_resource_costs_in_a_month() -> None:
    account = empty(JUNE)
    one = account.create("droplet", name="a", size_slug="s-1vcpu-1gb", features=["backups"])["id"]
    account.advance(hours=336)
    account.update("droplet", one, size_slug="s-2vcpu-4gb", name="b")
    account.advance(hours=370)
    account.update("droplet", one, size_slug="s-4vcpu-8gb")
    account.advance(days=1)
    assert droplet_lines(account, "2021-06") == [
        ("a (s-1vcpu-1gb)", 336, Decimal("2.50")),
        ("b (s-2vcpu-4gb)", 370, Decimal("10.00")),
        ("b (s-4vcpu-8gb)", 14, Decimal("0.00")),
    ]
    (backups,) = [x for x in account.billing.lines("2021-06") if x.product == "Droplet Backups"]
    assert backups.amount == Decimal("2.50"), "a fifth"
    assert backups.hours in (4, 5)
    assert backups.description == "b (Weekly Backup Services)"
    assert backups.resource_id == str(one)


def test_since_2026_droplets_are_billed_by_the_second() -> None:
    account = empty(datetime(2026, 2, 1, tzinfo=UTC))
    full = account.create("droplet", name="full", size_slug="s-2vcpu-4gb", features=[])
    assert full
    one = account.create("droplet", name="x", size_slug="s-1vcpu-1gb", features=[])["id"]
    two = account.create("droplet", name="y", size_slug="s-8vcpu-16gb", features=[])["id"]
    account.advance(minutes=1)
    account.delete("droplet", one)
    account.advance(minutes=89)
    account.delete("droplet", two)
    account.advance(days=28)
    assert droplet_lines(account, "2026-02") == [
        ("full (s-2vcpu-4gb)", 672, Decimal("24.00")),
        ("x (s-1vcpu-1gb)", 0, Decimal("0.01")),
        ("y (s-8vcpu-16gb)", 1, Decimal("0.21")),
    ]


def test_the_parts_of_a_resized_database_and_an_idle_address() -> None:
    account = empty(JUNE)
    database = account.create("database", name="db", size="db-s-1vcpu-1gb", num_nodes=2)["id"]
    droplet = account.create("droplet")["id"]
    address = account.create("reserved_ip", droplet_id=droplet)["ip"]
    account.advance(hours=100)
    account.update("reserved_ip", address, droplet_id=None)
    account.update("database", database, size="db-s-1vcpu-2gb")
    account.advance(hours=84)
    account.update("reserved_ip", address, droplet_id=droplet)
    account.advance(days=30)
    lines = account.billing.lines("2021-06")
    free = [(x.description, x.hours, x.amount) for x in lines if x.product == "Floating IPs"]
    assert free == [(f"Unused Floating IP - {address}", 84, Decimal("0.63"))]
    parts = [(x.description, x.amount) for x in lines if x.product == "Database Clusters"]
    assert [text for text, _ in parts] == [
        "Primary Node (db-s-1vcpu-1gb)", "Standby Node (db-s-1vcpu-1gb)",
        "Primary Node (db-s-1vcpu-2gb)", "Standby Node (db-s-1vcpu-2gb)",
    ]  # fmt: skip
    expected = (Decimal(30) * 100 / 672).quantize(Decimal("0.01"))
    expected += (Decimal(60) * 572 / 672).quantize(Decimal("0.01"))
    assert sum(amount for _, amount in parts) == expected


# ---- an invoice within the month


def test_two_invoices_of_a_month_are_the_month() -> None:
    """However the account changes between them: resized, renamed, deleted and new resources."""
    whole, split = SimulatedAccount(), SimulatedAccount()
    whole.billing.threshold = None
    for account in (whole, split):
        account.advance_to(datetime(2026, 12, 10, tzinfo=UTC))
        account.update("droplet", account.ids("droplet")[0], size_slug="s-4vcpu-8gb")
        account.advance_to(datetime(2026, 12, 20, tzinfo=UTC))
        account.update("droplet", account.ids("droplet")[1], name="renamed")
        account.delete("droplet", account.ids("droplet")[2])
        account.create("droplet", name="new")
        account.advance_to(datetime(2027, 1, 2, tzinfo=UTC))
    (one,) = [i for i in whole.billing.invoices() if i.period == "2026-12"]
    rest, within = (i for i in split.billing.invoices() if i.period == "2026-12")
    assert within.made_at == datetime(2026, 12, 15, tzinfo=UTC)
    assert rest.amount + within.amount == one.amount
    cost: Counter[tuple[str, object]] = Counter()
    for sign, invoice in ((1, one), (-1, rest), (-1, within)):
        for line in invoice.lines:
            cost[line.product, line.life_id] += sign * line.amount  # type: ignore[assignment]
    assert not any(cost.values())
    assert all(line.amount >= 0 for line in rest.lines if line.kind is not None)
    assert all(line.end <= within.made_at for line in within.lines if line.end and line.kind)
    paid = {e.invoice.uuid: e.date for e in split.billing.history() if e.invoice is not None}
    assert paid[within.uuid].day == 15


def test_a_month_below_the_threshold_has_one_invoice(account: SimulatedAccount) -> None:
    account.billing.threshold = Decimal(1_000_000)
    periods = [invoice.period for invoice in account.billing.invoices()]
    assert len(periods) == len(set(periods))
    assert periods[0] == "2026-10"


# ---- history and balance


def test_the_history_has_twins_and_entries_without_an_invoice(long: Client) -> None:
    history = long.all(f"{MY}/billing_history", "billing_history", per_page=200)
    assert {e["type"] for e in history} == {
        "Invoice", "Payment", "Credit", "Refund", "AttemptFailed",
    }  # fmt: skip
    equal = Counter(tuple(sorted(e.items(), key=str)) for e in history)
    assert max(equal.values()) == 2
    assert sum(n == 2 for n in equal.values()) > 3
    without = [e for e in history if e["type"] != "Invoice"]
    assert {e.get("invoice_id", "absent") for e in without} == {None, "absent"}
    assert all(Decimal(e["amount"]) < 0 for e in history if e["type"] in ("Payment", "Credit"))


def test_balance(account: SimulatedAccount) -> None:
    account.advance(minutes=2)
    first = account.billing.balance()
    assert first["generated_at"] == "2026-11-20T12:01:12Z"
    account.advance(minutes=58)
    assert account.billing.balance() == first
    account.advance(minutes=2)
    later = account.billing.balance()
    assert later["generated_at"] == "2026-11-20T13:01:12Z"
    usage, owed = Decimal(later["month_to_date_usage"]), Decimal(later["account_balance"])
    assert usage > Decimal(first["month_to_date_usage"])
    assert usage + owed == Decimal(later["month_to_date_balance"])
    assert owed == sum(e.amount for e in account.billing.history())
    account.billing.record("Payment", "by hand", "-20.00")
    account.advance(hours=1)
    assert Decimal(account.billing.balance()["account_balance"]) == owed - 20


# ---- what a test may do


def test_amending(client: Client) -> None:
    billing = client.server.account.billing
    before = billing.find("2026-09").amount
    uuid = billing.amend("2026-09", "-3.10").uuid
    rows = rows_of(client.get(f"{INVOICES}/{uuid}/csv").content)
    assert rows[-1]["USD"] == "-$3.10"
    assert sum(money(row["USD"]) for row in rows) == before - Decimal("3.10")
    summary = client.get(f"{INVOICES}/{uuid}/summary").json()
    assert Decimal(summary["amount"]) == before - Decimal("3.10")
    assert summary["credits_and_adjustments"]["amount"] == "-3.10"
    billing.amend(uuid, "1.00", line=False)
    rows = client.all(INVOICES, "invoices", per_page=200)
    assert Decimal(next(r for r in rows if r["invoice_uuid"] == uuid)["amount"]) == (
        before - Decimal("2.10")
    )
    mine = [e for e in client.all(f"{MY}/billing_history", "billing_history", per_page=200)
            if e.get("invoice_uuid") == uuid]  # fmt: skip
    assert [(e["type"], Decimal(e["amount"])) for e in mine] == [
        ("Invoice", before), ("Adjustment", Decimal("-3.10")), ("Adjustment", Decimal("1.00")),
    ]  # fmt: skip
    with pytest.raises(UnknownInvoiceError):
        billing.amend("2030-01", "1")


@pytest.mark.parametrize("by", ["0.01", "-0.01", "5.00"])
def test_a_total_that_its_lines_do_not_explain(client: Client, by: str) -> None:
    invoice = client.server.account.billing.skew("2026-08", by)
    path = f"{INVOICES}/{invoice.uuid}"
    lines = sum(money(row["USD"]) for row in rows_of(client.get(f"{path}/csv").content))
    assert Decimal(client.get(f"{path}/summary").json()["amount"]) == lines + Decimal(by)
    history = client.all(f"{MY}/billing_history", "billing_history", per_page=200)
    entry = next(e for e in history if e.get("invoice_uuid") == invoice.uuid)
    assert Decimal(entry["amount"]) == lines + Decimal(by)


def test_dialects(client: Client) -> None:
    account = client.server.account
    billing = account.billing
    invoice = billing.find("2026-10")
    path = f"{INVOICES}/{invoice.uuid}/csv"
    billing.amend("2026-10", "-1234.56")
    plain = rows_of(client.get(path).content)
    billing.dialect = Dialect(
        columns=("USD", "extra", *NINE[:6]), header={"USD": "usd", "product": "Product"}, bom=True,
        newline="\r\n", quote_all=True, thousands=True, negative="($1)", blank_lines=True,
    )  # fmt: skip
    content = client.get(path).content
    assert content.startswith(b'\xef\xbb\xbf"usd","extra","Product"')
    assert content.count(b"\n") == content.count(b"\r\n") == len(plain) + 3
    text = content.decode("utf-8-sig")
    assert '"($1,234.56)"' in text
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["Product"]]
    assert [row["description"] for row in rows] == [row["description"] for row in plain]
    assert {row["extra"] for row in rows} == {""}
    for negative, expected in (("$-1", "$-1234.56"), ("-1", "-1234.56"), ("-$1", "-$1234.56")):
        billing.dialect = Dialect(negative=negative)
        assert rows_of(client.get(path).content)[-1]["USD"] == expected
    billing.dialect = Dialect(dollar=False)
    assert "$" not in rows_of(client.get(path).content)[0]["USD"]
    billing.dialect = None
    assert rows_of(client.get(path).content) == plain


def test_replacing_a_csv_and_faults(client: Client) -> None:
    account = client.server.account
    uuid = account.billing.find("2026-10").uuid
    path = f"{INVOICES}/{uuid}/csv"
    good = client.get(path).content
    account.billing.replace_csv(uuid, good[:-30])
    answer = client.get(path)
    assert (answer.content, answer.headers["content-type"]) == (good[:-30], "text/csv")
    account.billing.replace_csv(uuid, None)
    assert client.get(path).content == good
    for kind in ("html", "empty", "not_json"):
        account.faults.add(f"{INVOICES}/*/csv", kind)
        assert client.get(path).content != good
    account.faults.add(f"{INVOICES}/*/csv", "truncate")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        client.get(path)
    assert client.get(path).content == good


@pytest.mark.parametrize("known", [0.0, 0.5, 1.0])
def test_a_big_invoice(client: Client, known: float) -> None:
    account = client.server.account
    account.create("droplet", name='say "hi", you')
    invoice = account.billing.big_invoice(5000, known=known)
    assert isinstance(invoice.lines, BigLines)
    path = f"{INVOICES}/{invoice.uuid}"
    content = client.get(f"{path}/csv").content
    assert content == write_invoice_csv(list(invoice.lines), Dialect())
    rows = rows_of(content)
    assert len(rows) == 5000
    amount = Decimal(client.get(INVOICES).json()["invoices"][0]["amount"])
    assert sum(money(row["USD"]) for row in rows) == amount
    summary = client.get(f"{path}/summary").json()
    assert Decimal(summary["amount"]) == amount
    assert sum(int(i["count"]) for i in summary["product_charges"]["items"]) >= 4990
    page = client.get(path, per_page=200, page=25).json()
    assert page["meta"] == {"total": 5000}
    assert [i["description"] for i in page["invoice_items"]] == [
        row["description"] for row in rows[-200:]
    ]
    strangers = sum(row["description"].startswith("pool-") for row in rows)
    assert abs(strangers - 5000 * (1 - known)) <= 150
    account.billing.dialect = Dialect(newline="\r\n")
    assert rows_of(client.get(f"{path}/csv").content) == rows
    account.billing.dialect = None
    account.billing.amend(invoice.uuid, "0.07")
    rows = rows_of(client.get(f"{path}/csv").content)
    assert len(rows) == 5001
    assert sum(money(row["USD"]) for row in rows) == amount + Decimal("0.07")


def test_control() -> None:
    account = SimulatedAccount(churn=0)
    with serve(account, control=True) as server:
        client = Client(server)

        def post(what: str, **arguments: object) -> requests.Response:
            return client.request("POST", f"/_simulator/billing/{what}", json=arguments)

        before = Decimal(account.billing.find("2026-10").amount)
        assert Decimal(post("amend", uuid="2026-10", by="-1.00").json()["amount"]) == before - 1
        assert Decimal(post("skew", uuid="2026-10", by="0.01").json()["amount"]) != before - 1
        assert post("big_invoice", lines=500, uuid="2026-09").ok
        assert post("replace_csv", uuid="2026-08", text="nonsense").ok
        assert account.billing.find("2026-08").csv(None) == b"nonsense"
        assert post("amend", uuid="2031-01", by="1").status_code == 400
        state = client.get("/_simulator/billing").json()
        assert len(state["invoices"]) == 152 + 3
        assert state["balance"] == account.billing.balance()


# ---- the kinds


def test_snapshots_are_one_list_with_a_filter(client: Client) -> None:
    account = client.server.account

    def ids(**params: str) -> set[str]:
        return {s["id"] for s in client.all("/v2/snapshots", "snapshots", per_page=3, **params)}

    droplets, volumes = ids(resource_type="droplet"), ids(resource_type="volume")
    assert droplets == set(account.ids("droplet_snapshot"))
    assert volumes == set(account.ids("volume_snapshot"))
    assert droplets
    assert volumes
    assert ids() == droplets | volumes
    assert client.get("/v2/snapshots", resource_type="x").status_code == 422
    for one in (*droplets, *volumes):
        assert client.get(f"/v2/snapshots/{one}").json()["snapshot"]["id"] == one
    assert account.violations == []


def test_a_droplet_snapshot_is_an_image_too(client: Client) -> None:
    account = client.server.account
    droplet = account.ids("droplet")[3]
    made = account.create("droplet_snapshot", name="mine", resource_id=str(droplet))
    number = int(made["id"])
    assert number in account.get("droplet", droplet)["snapshot_ids"]
    private = {i["id"]: i for i in client.all("/v2/images", "images", private="true")}
    assert private[number]["name"] == "mine"
    assert {i["type"] for i in private.values()} == {"snapshot", "custom"}
    assert not any(i["public"] for i in private.values())
    assert len(client.all("/v2/images", "images")) > len(private)
    assert client.get(f"/v2/images/{number}").json()["image"] == private[number]
    account.delete("droplet", droplet)
    assert client.get(f"/v2/snapshots/{number}").ok, "it outlives its droplet"
    account.delete("droplet_snapshot", made["id"])
    assert client.get(f"/v2/images/{number}").status_code == 404
    gone = client.all("/v2/images", "images", private="true")
    assert number not in {i["id"] for i in gone}


def test_snapshots_come_and_go(account: SimulatedAccount) -> None:
    kinds = ("droplet_snapshot", "volume_snapshot")
    before = {kind: set(account.ids(kind)) for kind in kinds}
    account.advance(days=60)
    for kind in kinds:
        assert set(account.ids(kind)) - before[kind]
        assert before[kind] - set(account.ids(kind))
