"""From the API's answers to rows: one kind at a time, against the simulator."""

from __future__ import annotations

from typing import Any

import pytest

from arcadia_cloud_pipelines.inventory.freshness import newest_complete_syncs
from arcadia_cloud_pipelines.kinds import KINDS, Kind
from arcadia_cloud_pipelines.simulator import SECRET_PREFIX, SimulatedAccount, serve

from .helpers import Mirror, at, events, everything, rows, story, syncs


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_is_mirrored_and_settles(mirror: Mirror, kind: Kind) -> None:
    result = mirror.sync(kind.name)
    assert (result.complete, result.error) == (True, None)
    assert rows(mirror.warehouse).keys() == {str(i) for i in mirror.account.ids(kind.name)}
    assert {row["account"] for row in rows(mirror.warehouse).values()} == {mirror.account.team_uuid}
    for days in range(1, 4):
        # The clock alone moves orders, windows and catalogues, which is noise.
        mirror.account.advance(days=days, hours=7)
        assert mirror.sync(kind.name).recorded.missing == 0
    changes = [e["changes"] for e in events(mirror.warehouse) if e["event"] != "discovered"]
    # A load balancer fails its health checks now and then: that is worth an event.
    assert all(kind.name == "load_balancer" and change.keys() == {"status"} for change in changes)
    assert mirror.account.violations == []


def test_the_sync_row_tells_how_it_went(mirror: Mirror) -> None:
    mirror.sync(run_id="run-1")
    (row,) = syncs(mirror.warehouse)
    droplets = len(mirror.account.ids("droplet"))
    assert row | {"id": 0, "api_calls": 0} == {
        "id": 0, "provider": "digitalocean", "account": mirror.account.team_uuid,
        "kind": "droplet", "run_id": "run-1", "started_at": at(1), "ended_at": at(1),
        "rows_seen": droplets, "rows_expected": droplets, "complete": True, "available": True,
        "api_calls": 0, "discovered": droplets, "updated": 0, "restored": 0, "struck": 0,
        "deleted": 0, "missing": 0, "implausible": False, "withheld": {}, "foreign_rows": 0,
        "error": None,
    }  # fmt: skip
    # The account, the ordinary droplets, the GPU ones; whose workers they are, their backups.
    assert row["api_calls"] == 5
    assert newest_complete_syncs(mirror.warehouse) == {"droplet": at(1)}


def test_a_kind_without_a_total_says_so(mirror: Mirror) -> None:
    assert mirror.sync("database").rows_expected is None


def test_ordinary_and_gpu_droplets_are_one_listing(mirror: Mirror) -> None:
    mirror.sync()
    listed = rows(mirror.warehouse)
    gpus = [i for i, row in listed.items() if row["size_slug"].startswith("gpu")]
    assert gpus
    assert len(gpus) < len(listed)


def test_what_happens_to_a_resource_is_told(mirror: Mirror) -> None:
    mirror.sync()
    one, two, three, *_ = mirror.account.ids("droplet")
    mirror.account.update("droplet", one, name="renamed")
    mirror.account.update("droplet", two, tags=["brand", "new"])
    mirror.account.delete("droplet", three)
    made = mirror.account.create("droplet", name="late")
    mirror.sync()
    mirror.account.hide("droplet", two)
    mirror.sync()
    mirror.sync()
    mirror.sync()
    mirror.account.show("droplet", two)
    mirror.sync()

    assert story(mirror.warehouse, one) == ["discovered", "updated"]
    assert story(mirror.warehouse, two) == ["discovered", "tagged", "deleted", "restored"]
    assert story(mirror.warehouse, three) == ["discovered", "deleted"]
    assert story(mirror.warehouse, made["id"]) == ["discovered"]
    assert rows(mirror.warehouse)[str(one)]["name"] == "renamed"
    assert rows(mirror.warehouse)[str(two)]["tags"] == ["brand", "new"]


def test_a_month_of_ordinary_life_ends_in_what_there_is(warehouse: Any) -> None:
    account = SimulatedAccount(seed=3, droplets=30)
    with serve(account) as server:
        mirror = Mirror(warehouse, server)
        for _ in range(12):
            for kind in KINDS:
                mirror.sync(kind.name)
            account.advance(days=3)
        for _ in range(3):
            for kind in KINDS:
                mirror.sync(kind.name)
        assert account.violations == []
    for kind in KINDS:
        live = {i for i, r in rows(warehouse, kind.name).items() if r["deleted_at"] is None}
        assert live == {str(i) for i in account.ids(kind.name)}
    kinds_of_events = {e["event"] for e in events(warehouse)}
    assert {"discovered", "updated", "tagged", "deleted"} <= kinds_of_events


def test_two_accounts_live_beside_each_other(mirror: Mirror) -> None:
    mirror.sync("volume")
    first = rows(mirror.warehouse)
    with serve(SimulatedAccount(seed=8, droplets=12)) as other:
        second = Mirror(mirror.warehouse, other)
        second.hours = 10
        for _ in range(4):
            second.sync("volume")
    everyone = rows(mirror.warehouse)
    assert {i: everyone[i] for i in first} == first
    assert {r["account"] for r in everyone.values()} == {
        mirror.account.team_uuid, other.account.team_uuid,
    }  # fmt: skip


def test_no_secret_of_any_kind_is_stored_or_logged(
    mirror: Mirror, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    lines: list[str] = []
    for kind in KINDS:
        for _ in range(2):
            mirror.sync(kind.name, progress=lines.append)
            mirror.account.advance(days=1)
    text = everything(mirror.warehouse) + caplog.text + "\n".join(lines)
    assert "backend" in text or "db-" in text
    for secret in (SECRET_PREFIX, mirror.server.token, "user@example.com", "Example Customer"):
        assert secret not in text


def test_progress_is_told_page_by_page(warehouse: Any) -> None:
    account = SimulatedAccount(seed=1, droplets=450)
    lines: list[str] = []
    with serve(account) as server:
        Mirror(warehouse, server).sync(progress=lines.append)
    assert len(lines) == 4
    assert lines[0].startswith("droplets: 200 of ")
