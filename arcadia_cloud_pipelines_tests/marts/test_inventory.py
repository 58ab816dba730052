"""Answers about what runs, what is wasted and what drifted: right rows written down by hand."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from .conftest import TEAM, Account, Ask


def names(rows: list[dict[str, object]]) -> list[object]:
    return [row["name"] for row in rows]


def test_freshness_is_of_the_newest_complete_listing(account: Account, ask: Ask) -> None:
    account.project("p")
    account.listing("droplet", 30)
    account.listing("droplet", 10, complete=False, error="page 2 failed", rows_seen=None)
    account.listing("volume", 10)
    account.listing("domain", 60 * 5)
    account.listing("vpc", -120)
    account.listing("app", 10, complete=False, available=False, error="403")
    account.insert("cloud_invoice_lists", account=TEAM, complete=True,
                   read_at=account.now - timedelta(hours=30))  # fmt: skip
    rows = ask("freshness", "source", "source_group", "complete", "is_late", "error")
    assert [tuple(row.values()) for row in rows] == [
        ("app", "inventory", False, True, "403"),
        ("domain", "inventory", True, True, None),
        ("droplet", "inventory", False, False, "page 2 failed"),
        ("invoice_list", "billing", True, False, None),
        ("volume", "inventory", True, False, None),
        # From the future: a clock was wrong.
        ("vpc", "inventory", True, True, None),
    ]
    assert ask("freshness", "as_of", where="source = 'droplet'") == [
        {"as_of": account.now - timedelta(minutes=30)}
    ]


def test_sources_that_are_no_kind_are_as_fresh_as_their_tables(account: Account, ask: Ask) -> None:
    account.project("p")
    account.insert(
        "cloud_balance_snapshots", account=TEAM, month_to_date_balance=0, account_balance=0,
        month_to_date_usage=0, generated_at=account.now, captured_at=account.now,
    )  # fmt: skip
    account.invoice("a", "1.00", ingest_status="failed", last_error="no header")
    account.insert("cloud_open_months", account=TEAM, period=account.month(0), lines_total=0,
                   line_count=0, read_at=account.now - timedelta(days=4))  # fmt: skip
    account.insert("cloud_drift_sweeps", started_at=account.now - timedelta(hours=1),
                   ended_at=account.now, kinds_swept=[], specs=0, opened=0, updated=0, closed=0,
                   open_after=0, ignored=0, rules_expired=[],
                   kinds_skipped={f"{TEAM}/volume": "late", "other/droplet": "late"})  # fmt: skip
    for path, hours, values in (
        ("a", 1, {}), ("b", 5, {"status": "unreadable", "problem": "b is empty."}),
        ("by hand", 90, {"configured": False}),
    ):  # fmt: skip
        account.insert("cloud_provisioned_sources", path=path, source=f"terraform/{path}",
                       read_at=account.now - timedelta(hours=hours), **values)  # fmt: skip
    account.insert("cloud_invoice_lists", account=TEAM, complete=False, problem="page 2 failed",
                   read_at=account.now - timedelta(days=4))  # fmt: skip
    rows = ask("freshness", "source", "source_group", "complete", "is_late", "error")
    assert [tuple(row.values()) for row in rows] == [
        ("balance", "billing", True, False, None),
        ("drift", "drift", False, False, "left out: volume"),
        ("invoice_lines", "billing", False, True, "no header"),
        ("invoice_list", "billing", False, True, "page 2 failed"),
        ("open_month", "billing", True, True, None),
        ("terraform_specs", "drift", False, True, "b is empty."),
    ]


def test_a_failure_before_the_account_was_known_counts_for_it(account: Account, ask: Ask) -> None:
    account.project("p")
    account.listing("droplet", 30)
    account.listing("droplet", 10, account=None, complete=False, error="401")
    rows = ask("freshness", "account", "source", "complete", "error")
    assert [tuple(row.values()) for row in rows] == [(TEAM, "droplet", False, "401")]


def test_what_runs(account: Account, ask: Ask) -> None:
    shop = account.project("shop", tenant="acme")
    account.listing("droplet")
    web = account.resource("droplet", "1", project_id=shop, tags=["env:prod"])
    cluster = account.resource("kubernetes_cluster", "k")
    account.resource("droplet", "2", attrs={"kubernetes": {"cluster_id": "k"}}, tags=["k8s:k"])
    account.resource("droplet", "3", deleted_at=account.now)
    account.insert("cloud_provisioned", resource_id=web, spec={}, spec_version=1,
                   provisioned_by="ann", source="manual", created_at=account.now,
                   updated_at=account.now)  # fmt: skip
    account.line(account.invoice("a", "5.00"), "5.00", web)
    rows = ask("resources", "name", "project_name", "tenant_id", "age_days", "monthly_amount",
               "is_managed", "is_billable", "part_of", "complete")  # fmt: skip
    assert [tuple(row.values()) for row in rows] == [
        ("droplet-1", "shop", "acme", 100, Decimal("5.00"), True, True, None, True),
        ("droplet-2", None, None, 100, None, False, False, cluster, True),
        ("kubernetes_cluster-k", None, None, 100, None, False, False, None, False),
    ]
    assert names(ask("untagged_resources", "name")) == ["kubernetes_cluster-k"]
    rows = ask("resources_without_tenant", "name", "reason")
    assert [tuple(row.values()) for row in rows] == [("kubernetes_cluster-k", "no_project")]


def test_changes_a_row_a_field(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    account.event(web, "updated", 5, status=("active", "off"), vpc_uuid=("a", None))
    account.event(web, "drift_detected", 4, status=("active", "off"))
    rows = ask("changes", "event", "field", "was", "is")
    assert [tuple(row.values()) for row in rows] == [
        ("updated", "status", "active", "off"), ("updated", "vpc_uuid", "a", None),
    ]  # fmt: skip


def test_a_deletion_names_its_listings_and_whether_it_was_false(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    account.listing("droplet", 300)
    struck = [account.listing("droplet", minutes, struck=1) for minutes in (240, 180, 120)]
    account.event(web, "deleted", 2, deleted_at=(None, "…"))
    account.event(web, "restored", 1, deleted_at=("…", None))
    rows = ask("arrivals_and_departures", "event", "listings", "came_back_at")
    assert [tuple(row.values()) for row in rows] == [
        ("deleted", struck[::-1], account.now - timedelta(hours=1)), ("restored", None, None),
    ]  # fmt: skip


def drift(account: Account, resource: int, field: str, days_ago: float, **values: object) -> int:
    return account.insert(
        "cloud_drift", **{
            "resource_id": resource, "field": field, "desired": "1", "actual": "2",
            "status": "open", "detected_at": account.now - timedelta(days=days_ago),
            "changed_at": account.now - timedelta(days=days_ago),
        } | values,
    )  # fmt: skip


def test_how_long_and_how_often(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    ended = {"status": "stale", "resolved_at": account.now - timedelta(days=8)}
    drift(account, web, "size_slug", 10, **ended)
    drift(account, web, "size_slug", 3)
    drift(account, web, "name", 1)
    rows = ask("drift_history", "field", "status", "open_for", "times_before")
    assert [tuple(row.values()) for row in rows] == [
        ("name", "open", timedelta(days=1), 0),
        ("size_slug", "open", timedelta(days=3), 1),
        ("size_slug", "stale", timedelta(days=2), 0),
    ]


def test_desired_and_not_there_counts_where_the_listing_was_whole(
    account: Account, ask: Ask
) -> None:
    account.listing("droplet")
    account.listing("volume", complete=False)
    for kind in ("droplet", "volume"):
        gone = account.resource(kind, "1", deleted_at=account.now)
        account.insert("cloud_provisioned", resource_id=gone, spec={}, spec_version=1,
                       provisioned_by="ann", source="manual", created_at=account.now,
                       updated_at=account.now)  # fmt: skip
    assert names(ask("missing_resources", "name")) == ["droplet-1"]


def test_managed_by_count_and_by_dollars(account: Account, ask: Ask) -> None:
    web, other = account.resource("droplet", "1"), account.resource("droplet", "2")
    account.insert("cloud_provisioned", resource_id=web, spec={}, spec_version=1,
                   provisioned_by="ann", source="manual", created_at=account.now,
                   updated_at=account.now)  # fmt: skip
    invoice = account.invoice("a", "4.00")
    account.line(invoice, "3.00", web)
    account.line(invoice, "1.00", other)
    rows = ask("managed_coverage", "kind", "managed", "manageable", "share", "share_of_dollars")
    assert [tuple(row.values()) for row in rows] == [
        ("droplet", 1, 2, Decimal("0.5"), Decimal("0.75"))
    ]
    assert names(ask("unmanaged_resources", "name")) == ["droplet-2"]


def test_waste_is_named_once_with_its_strongest_reason(account: Account, ask: Ask) -> None:
    for source in ("droplet", "volume", "reserved_ip", "load_balancer", "droplet_snapshot"):
        account.listing(source)
    off = account.resource("droplet", "1", status="off")
    account.event(off, "discovered", 2000, status=(None, "active"))
    account.event(off, "updated", 48, status=("active", "off"))
    always_off = account.resource("droplet", "2", status="off")
    account.event(always_off, "discovered", 2000, status=(None, "off"))
    account.resource("droplet", "3", tags=["lb"])
    account.resource("volume", "a", attrs={"droplet_ids": []})
    account.resource("volume", "b", attrs={"droplet_ids": [3]})
    cluster = "2b2f3ee1-6a4e-4a3d-9d6c-0f3b7e2a1c55"
    account.resource("kubernetes_cluster", cluster, deleted_at=account.now, name="prod")
    account.resource("volume", "c", attrs={"droplet_ids": []}, tags=[f"k8s:{cluster}"],
                     name="pvc-1")  # fmt: skip
    account.resource("reserved_ip", "203.0.113.7", attrs={"droplet": None})
    account.resource("reserved_ip", "203.0.113.8", attrs={"droplet": {"id": 3}})
    account.resource("load_balancer", "x", attrs={"droplet_ids": [], "tag": ""})
    account.resource("load_balancer", "y", attrs={"tag": "lb"})
    account.resource("load_balancer", "z", attrs={"droplet_ids": [3]})
    old = account.now - timedelta(days=91)
    account.resource("droplet_snapshot", "s", attrs={"resource_id": "3"}, created_at=old)
    account.resource("droplet_snapshot", "t", attrs={"resource_id": "3"}, created_at=account.now)
    account.resource("droplet", "9", deleted_at=account.now)
    account.resource("droplet_snapshot", "u", attrs={"resource_id": "9"}, created_at=account.now)
    rows = ask("savings", "name", "reason", "since", "complete")
    assert [tuple(row.values()) for row in rows] == [
        ("droplet-1", "idle_droplet", account.now - timedelta(hours=48), True),
        ("droplet-2", "idle_droplet", None, True),
        ("droplet_snapshot-s", "old_snapshot", old + timedelta(days=90), True),
        ("droplet_snapshot-u", "old_snapshot", account.now, True),
        ("load_balancer-x", "targetless_load_balancer", None, True),
        ("pvc-1", "left_behind", account.now, True),
        ("reserved_ip-203.0.113.7", "unassigned_ip", None, True),
        ("volume-a", "unattached_volume", None, True),
    ]


def test_without_droplets_nothing_is_unattached(account: Account, ask: Ask) -> None:
    account.listing("volume")
    account.listing("droplet", complete=False, available=False, error="403")
    account.resource("volume", "a", attrs={"droplet_ids": []})
    assert ask("unattached_volumes", "name") == []


def test_decisions_and_rules_stand_in_one_trail(account: Account, ask: Ask) -> None:
    web = account.resource("droplet", "1")
    record = drift(account, web, "size_slug", 2)
    account.insert("cloud_drift_decisions", drift_id=record, resource_id=web, field="size_slug",
                   decision="accepted", actor="ann", reason="as it is", decided_at=account.now,
                   before="1", after="2", spec_version=2)  # fmt: skip
    until = account.now + timedelta(days=5)
    account.insert("cloud_drift_ignore_rules", kind="droplet", name_pattern="ci-*", field="tags",
                   owner="bob", reason="noise", expires_at=until)  # fmt: skip
    rows = ask("decisions", "decision", "name", "field", "actor", "reason", "valid_until")
    assert [tuple(row.values()) for row in rows] == [
        ("accepted", "droplet-1", "size_slug", "ann", "as it is", None),
        ("rule", "ci-*", "tags", "bob", "noise", until),
    ]
