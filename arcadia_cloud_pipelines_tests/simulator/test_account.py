"""Seed, history, clock and prices, without a server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from arcadia_cloud_pipelines.simulator import (
    BUCKET_URN,
    NOW,
    SECRET_PREFIX,
    UNDOCUMENTED_URN,
    SimulatedAccount,
    UnknownResourceError,
    catalog,
    catalog_objects,
    registry,
)

KINDS = sorted(registry.KINDS)


def everything(account: SimulatedAccount) -> dict[str, Any]:
    return {f"{k}:{i}": account.get(k, i) for k in KINDS for i in account.ids(k)}


def test_equal_seeds_are_equal_and_others_are_not() -> None:
    assert everything(SimulatedAccount()) == everything(SimulatedAccount())
    assert everything(SimulatedAccount(8)).keys() != everything(SimulatedAccount(7)).keys()


@pytest.mark.parametrize("droplets", [0, 1, 7, 8, 25, 120])
def test_the_number_of_droplets_counts_workers_and_not_gpus(droplets: int) -> None:
    account = SimulatedAccount(droplets=droplets)
    sizes = [str(life.facts["size_slug"]) for life in account.alive("droplet")]
    assert sum(not size.startswith("gpu-") for size in sizes) == droplets
    assert any(size.startswith("gpu-") for size in sizes) == (droplets > 0)


def test_lives_are_consistent(account: SimulatedAccount) -> None:
    account.advance(days=20)
    for kind in KINDS:
        for life in account.lives[kind].values():
            times = [v.valid_from for v in life.versions]
            assert times == sorted(set(times))
            assert times[0] >= account.history_start
            assert times[-1] <= (life.deleted_at or account.now) <= account.now
    assert min(v.created_at for v in account.lives["droplet"].values()) == account.history_start
    assert any(life.deleted_at for life in account.lives["droplet"].values())
    assert any(len(life.versions) > 2 for life in account.lives["droplet"].values())


def test_the_past_is_kept(account: SimulatedAccount) -> None:
    made = account.create("droplet", name="web-9", size_slug="s-1vcpu-1gb", tags=["a"])
    account.advance(hours=1)
    account.update("droplet", made["id"], size_slug="s-2vcpu-4gb", tags=["b"])
    account.advance(hours=1)
    account.delete("droplet", made["id"])
    then = NOW + timedelta(minutes=30)
    old = account.get("droplet", made["id"], then)
    assert (old["size_slug"], old["memory"], old["tags"]) == ("s-1vcpu-1gb", 1024, ["a"])
    new = account.get("droplet", made["id"], then + timedelta(hours=1))
    assert (new["size_slug"], new["memory"], new["tags"]) == ("s-2vcpu-4gb", 4096, ["b"])
    for gone in (account.now, NOW - timedelta(seconds=1)):
        with pytest.raises(UnknownResourceError):
            account.get("droplet", made["id"], gone)
    with pytest.raises(ValueError, match="never used twice"):
        account.create("droplet", id=made["id"])


def test_many_steps_end_where_one_does() -> None:
    one, many = SimulatedAccount(), SimulatedAccount()
    one.advance(days=3)
    for _ in range(36):
        many.advance(hours=1, minutes=60)
    assert one.now == many.now
    assert everything(one) == everything(many)
    with pytest.raises(ValueError, match="cannot go back"):
        one.advance_to(NOW)


def test_life_goes_on() -> None:
    account = SimulatedAccount()
    before = {i: account.get("droplet", i) for i in account.ids("droplet")}
    account.advance(days=10)
    after = {i: account.get("droplet", i) for i in account.ids("droplet")}
    assert after.keys() - before.keys()
    assert before.keys() - after.keys()
    both = before.keys() & after.keys()
    for field in ("size_slug", "tags"):
        assert any(before[i][field] != after[i][field] for i in both)
    account.advance(days=300)
    assert 10 < len(account.ids("droplet")) < 60


def test_without_churn_only_noise_moves() -> None:
    account = SimulatedAccount(churn=0)
    before = everything(account)
    account.advance(hours=25)
    after = everything(account)
    assert before.keys() == after.keys()
    moved = {f for key, old in before.items() for f in old if old[f] != after[key][f]}
    assert {"next_backup_window", "region", "size", "zone_file", "updated_at"} <= moved
    assert not moved & {"name", "size_slug", "tags", "volume_ids", "droplet_ids", "created_at"}


def test_misspelt_fields_are_refused(account: SimulatedAccount) -> None:
    for kind in KINDS:
        with pytest.raises(ValueError, match="has no field"):
            account.create(kind, sizzle_slug="x")
        with pytest.raises(ValueError, match="has no field"):
            account.update(kind, account.ids(kind)[0], sizzle_slug="x")


def test_any_field_can_be_overridden(account: SimulatedAccount) -> None:
    droplet = account.ids("droplet")[0]
    changed = account.update("droplet", droplet, locked=True, disk=5, networks={"v4": [], "v6": []})
    assert (changed["locked"], changed["disk"]) == (True, 5)
    assert changed["networks"] == {"v4": [], "v6": []}


def test_deleting_a_droplet_lets_go_of_what_pointed_to_it(account: SimulatedAccount) -> None:
    droplet = account.create("droplet", region="nyc3")["id"]
    volume = account.create("volume", droplet_ids=[droplet])["id"]
    address = account.create("reserved_ip", droplet_id=droplet)["ip"]
    balancer = account.create("load_balancer", droplet_ids=[droplet])["id"]
    assert account.get("droplet", droplet)["volume_ids"] == [volume]
    assert account.get("reserved_ip", address)["droplet"]["id"] == droplet
    account.advance(minutes=5)
    account.delete("droplet", droplet)
    assert account.get("volume", volume)["droplet_ids"] == []
    assert account.get("reserved_ip", address)["droplet"] is None
    assert account.get("load_balancer", balancer)["droplet_ids"] == []
    assert account.get("volume", volume, NOW)["droplet_ids"] == [droplet]


def test_workers_are_ordinary_droplets(account: SimulatedAccount) -> None:
    for _ in range(2):
        for cluster in account.ids("kubernetes_cluster"):
            made = account.get("kubernetes_cluster", cluster)
            for pool in made["node_pools"]:
                assert pool["count"] == len(pool["nodes"]) > 0
                for node in pool["nodes"]:
                    worker = account.get("droplet", int(node["droplet_id"]))
                    assert worker["size_slug"] == pool["size"]
                    assert {"k8s", f"k8s:{cluster}", "k8s:worker"} <= set(worker["tags"])
        account.advance(days=15)  # nodes are recycled meanwhile


def test_awkward_names_are_there(account: SimulatedAccount) -> None:
    names = [d.facts["name"] for d in account.alive("droplet")]
    assert any("." in n for n in names)
    assert any("(" in n for n in names)
    assert any(not n.isascii() for n in names)
    assert any(names.count(n) > 1 for n in names)


def test_every_credential_is_a_canary(account: SimulatedAccount) -> None:
    for database in account.ids("database"):
        made = account.get("database", database)
        for connection in (made["connection"], made["private_connection"]):
            assert SECRET_PREFIX in connection["password"]
            assert SECRET_PREFIX in connection["uri"]
        assert all(SECRET_PREFIX in user["password"] for user in made["users"] or [])


def test_prices() -> None:
    size = catalog.SIZES["s-1vcpu-1gb"]
    assert size.price(datetime(2020, 1, 1, tzinfo=UTC)) == (Decimal(5), Decimal("0.00744"))
    assert size.price(NOW) == (Decimal(6), Decimal("0.00893"))
    assert catalog_objects.float32(Decimal("0.00744")) == 0.00743999984115362


def test_intervals_split_at_sizes_and_prices_only() -> None:
    start = datetime(2022, 6, 20, tzinfo=UTC)
    account = SimulatedAccount(droplets=0, now=start, churn=0)
    droplet = account.create("droplet", name="a", size_slug="s-1vcpu-1gb")["id"]
    account.advance(days=20)  # over the price rise
    account.update("droplet", droplet, name="b")
    account.advance(days=2)
    account.update("droplet", droplet, size_slug="s-2vcpu-4gb")
    account.advance(days=3)
    account.delete("droplet", droplet)
    account.advance(days=30)
    found = list(account.intervals(datetime(2022, 6, 1, tzinfo=UTC), account.now, ["droplet"]))
    assert [(i.size_slug, i.price.monthly, i.hours) for i in found] == [
        ("s-1vcpu-1gb", Decimal(5), Decimal(24 * 11)),
        ("s-1vcpu-1gb", Decimal(6), Decimal(24 * 11)),
        ("s-2vcpu-4gb", Decimal(24), Decimal(24 * 3)),
    ]
    assert [i.facts["name"] for i in found] == ["a", "b", "b"]
    july = list(account.intervals(datetime(2022, 8, 1, tzinfo=UTC), account.now, ["droplet"]))
    assert july == []


def test_a_reserved_ip_costs_only_while_it_is_free() -> None:
    account = SimulatedAccount(droplets=0, churn=0)
    droplet = account.create("droplet")["id"]
    account.create("reserved_ip", droplet_id=droplet)
    account.advance(hours=10)
    account.delete("droplet", droplet)
    account.advance(hours=5)
    found = account.intervals(NOW, account.now, ["reserved_ip"])
    assert [(i.price and i.price.monthly, i.hours) for i in found] == [(None, 10), (Decimal(5), 5)]


def test_every_month_since_the_start_can_be_billed(account: SimulatedAccount) -> None:
    for year in range(2014, 2027):
        begin, end = datetime(year, 5, 1, tzinfo=UTC), datetime(year, 6, 1, tzinfo=UTC)
        intervals = list(account.intervals(begin, end))
        assert any(i.price for i in intervals)
        for interval in intervals:
            assert begin <= interval.started_at < interval.ended_at <= end
            assert interval.project_id in account.lives["project"]


def test_projects_hold_odd_rows(account: SimulatedAccount) -> None:
    rows = [r for p in account.ids("project") for r in account.project_rows(str(p))]
    urns = {urn: status for urn, _, _, status in rows}
    assert len(urns) == len(rows)
    assert urns[BUCKET_URN] == urns[UNDOCUMENTED_URN] == "ok"
    assert "not_found" in urns.values()
    assert any(u.startswith("do:floatingip:") for u in urns)
    assert len(account.project_rows(account.default_project)) > 3
    json.dumps(account.summary())


def test_a_moved_urn_was_somewhere_else_before(account: SimulatedAccount) -> None:
    urn = f"do:droplet:{account.create('droplet')['id']}"
    assert account.project_of(urn, account.now) == account.default_project
    account.advance(hours=1)
    account.assign("acme", urn)
    assert account.project_of(urn, account.now) != account.default_project
    assert account.project_of(urn, NOW) == account.default_project
    account.advance(hours=1)
    account.delete("project", account.project_of(urn, account.now))
    assert account.project_of(urn, account.now) == account.default_project
    assert urn in {row[0] for row in account.project_rows(account.default_project)}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("past", [timedelta(hours=3), timedelta(days=2), timedelta(days=900)])
def test_any_history_can_be_made_and_lived_on(seed: int, past: timedelta) -> None:
    account = SimulatedAccount(seed, 12, history_start=NOW - past)
    account.advance(days=2)
    for life in (life for lives in account.lives.values() for life in lives.values()):
        assert NOW - past <= life.created_at <= account.now
        assert life.versions[-1].valid_from <= (life.deleted_at or account.now) <= account.now
    everything(account)
