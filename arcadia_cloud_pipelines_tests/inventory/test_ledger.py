"""The ledger, sentence by sentence of the data contract."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.inventory.ledger import Guard
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import WarehouseUnreachable

from ..support.sql import query, statements
from .helpers import (
    CREATED,
    T0,
    at,
    before_statement,
    cut_connections,
    events,
    fleet,
    record,
    rows,
    sighting,
    stored,
    story,
    syncs,
    untouched,
)


def confirm_loss(warehouse: Warehouse, hours: float, kind: str = "droplet") -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("INSERT INTO cloud_loss_confirmations (account, kind, confirmed_by, "
                    "valid_until) VALUES ('team-a', :kind, 'me', :until)"),
            {"kind": kind, "until": at(hours)},
        )  # fmt: skip


# -- new, changed, unchanged ------------------------------------------------------------------


def test_a_new_resource_is_a_row_and_a_discovered_event(warehouse: Warehouse) -> None:
    result = record(warehouse, [sighting("1", "web", tags=["b", "a"], vcpus=2)])

    assert (result.recorded.discovered, result.recorded.live) == (1, 1)
    row = rows(warehouse)["1"]
    assert row | {"id": 0, "content_hash": b""} == {
        "id": 0, "provider": "digitalocean", "account": "team-a", "kind": "droplet",
        "provider_id": "1", "name": "web", "region": "fra1", "status": "active",
        "size_slug": "s-1vcpu-1gb", "tags": ["a", "b"], "project_id": None,
        "attrs": {"vcpus": 2}, "created_at": CREATED, "first_seen_at": T0, "last_seen_at": T0,
        "stale_strike_count": 0, "deleted_at": None, "content_hash": b"", "struck_at": None,
    }  # fmt: skip
    (event,) = events(warehouse)
    assert event["changes"] == {
        "name": {"from": None, "to": "web"},
        "region": {"from": None, "to": "fra1"},
        "status": {"from": None, "to": "active"},
        "size_slug": {"from": None, "to": "s-1vcpu-1gb"},
        "tags": {"from": None, "to": ["a", "b"]},
        "created_at": {"from": None, "to": "2024-02-29T23:59:59+00:00"},
        "vcpus": {"from": None, "to": 2},
    }
    assert (event["event"], event["occurred_at"], event["run_id"]) == ("discovered", T0, "run-0")


@pytest.mark.parametrize(
    ("after", "event", "changes"),
    [
        ({"name": "new"}, "updated", {"name": {"from": "web", "to": "new"}}),
        ({"region": None}, "updated", {"region": {"from": "fra1", "to": None}}),
        ({"tags": ["a"]}, "tagged", {"tags": {"from": None, "to": ["a"]}}),
        (
            {"tags": ["a"], "status": "off"},
            "updated",
            {"tags": {"from": None, "to": ["a"]}, "status": {"from": "active", "to": "off"}},
        ),
        ({"vcpus": 2}, "updated", {"vcpus": {"from": None, "to": 2}}),
        (
            {"networks": {"v4": [{"ip": "10.0.0.1"}]}},
            "updated",
            {"networks": {"from": None, "to": {"v4": [{"ip": "10.0.0.1"}]}}},
        ),
    ],
)
def test_a_change_is_one_event_that_says_from_and_to(
    warehouse: Warehouse, after: dict[str, Any], event: str, changes: dict[str, Any]
) -> None:
    record(warehouse, [sighting("1")])
    result = record(warehouse, [sighting("1", **after)], 1)

    assert result.recorded.updated == 1
    last = events(warehouse)[-1]
    assert (last["event"], last["changes"], last["occurred_at"]) == (event, changes, at(1))


def test_unchanged_rows_cost_no_event_and_move_last_seen_alone(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(50)))
    before = rows(warehouse)
    record(warehouse, fleet(range(50)), 1)

    assert len(events(warehouse)) == 50
    assert rows(warehouse) == {k: r | {"last_seen_at": at(1)} for k, r in before.items()}


@pytest.mark.needs_server("statistics")
def test_unchanged_rows_are_updated_in_place(warehouse: Warehouse) -> None:
    """HOT updates: no index is written, and nothing is left for VACUUM to do in indexes."""
    record(warehouse, fleet(range(200)))
    sql = "SELECT n_tup_upd AS updates, n_tup_hot_upd AS hot FROM pg_stat_user_tables WHERE relname = 'cloud_resources'"  # noqa: E501
    # A session reports what it did when it ends.
    cut_connections(warehouse)
    (before,) = query(warehouse, sql)
    record(warehouse, fleet(range(200)), 1)
    cut_connections(warehouse)
    (after,) = query(warehouse, sql)
    assert after["updates"] - before["updates"] == 200
    assert after["hot"] - before["hot"] == 200


def test_a_row_edited_by_hand_is_put_right_by_the_next_sync(warehouse: Warehouse) -> None:
    record(warehouse, [sighting("1", vcpus=1), sighting("2")])
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_resources SET name = 'mine', attrs = '{}', "
                    "stale_strike_count = 2 WHERE provider_id = '1'")
        )  # fmt: skip
    record(warehouse, [sighting("1", vcpus=1), sighting("2")], 1)

    row = rows(warehouse)["1"]
    assert (row["name"], row["attrs"], row["stale_strike_count"]) == ("web", {"vcpus": 1}, 0)
    assert events(warehouse, 1)[-1]["changes"] == {
        "name": {"from": "mine", "to": "web"}, "vcpus": {"from": None, "to": 1},
    }  # fmt: skip
    assert story(warehouse, 2) == ["discovered"]
    record(warehouse, [sighting("1", vcpus=1), sighting("2")], 2)
    assert story(warehouse, 1) == ["discovered", "updated"]


@pytest.mark.parametrize(
    "text",
    ["\\N", "\\.", "a\n\\.\nb", "NULL", '"', "'; --", "a,b", "a\tb", "line\nbreak", "cr\rlf",
     "cr\r\nlf", "ünïcødé 🦊", "\u2028", " ", "%s %(x)s :name", "{}", '{"a"}', "\x01"],
)  # fmt: skip
def test_any_text_survives_in_names_tags_and_attrs(warehouse: Warehouse, text: str) -> None:
    record(warehouse, [sighting("1", text, tags=[text, "z"], label=text), sighting("2")])
    row = rows(warehouse)["1"]
    assert (row["name"], row["attrs"]) == (text, {"label": text})
    assert sorted(row["tags"]) == sorted([text, "z"])
    record(warehouse, [sighting("1", text, tags=[text, "z"], label=text), sighting("2")], 1)
    assert len(events(warehouse)) == 2


# -- missing, deleted, restored ----------------------------------------------------------------


def test_the_third_complete_listing_in_a_row_without_it_deletes(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    for hour, strikes in ((1, 1), (2, 2), (3, 3)):
        result = record(warehouse, fleet([2]), hour)
        assert (result.recorded.struck, result.recorded.deleted) == (1, int(hour == 3))
        row = rows(warehouse)["1"]
        assert row["stale_strike_count"] == strikes
        assert row["last_seen_at"] == T0
        assert row["deleted_at"] == (at(3) if hour == 3 else None)
    assert record(warehouse, fleet([2]), 4).recorded.struck == 0
    assert story(warehouse, 1) == ["discovered", "deleted"]
    assert events(warehouse, 1)[-1]["changes"] == {
        "deleted_at": {"from": None, "to": "2026-10-20T15:00:00+00:00"}
    }


def test_a_sighting_takes_all_strikes_back(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    for hour, ids in enumerate([[2], [2], [1, 2], [2], [2]], 1):
        record(warehouse, fleet(ids), hour)
    row = rows(warehouse)["1"]
    assert (row["stale_strike_count"], row["deleted_at"]) == (2, None)
    assert story(warehouse, 1) == ["discovered"]


def test_what_comes_back_is_restored_with_what_changed_meanwhile(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    for hour in (1, 2, 3):
        record(warehouse, fleet([2]), hour)
    result = record(warehouse, [sighting("1", "web-1", status="off"), *fleet([2])], 4)
    assert (result.recorded.restored, result.recorded.updated) == (1, 0)
    last = events(warehouse, 1)[-1]
    assert (last["event"], last["changes"]) == (
        "restored",
        {"deleted_at": {"from": "2026-10-20T15:00:00+00:00", "to": None},
         "status": {"from": "active", "to": "off"}},
    )  # fmt: skip
    row = rows(warehouse)["1"]
    assert (row["deleted_at"], row["stale_strike_count"], row["first_seen_at"]) == (None, 0, T0)
    record(warehouse, [sighting("1", "web-1", status="off"), *fleet([2])], 5)
    assert story(warehouse, 1) == ["discovered", "deleted", "restored"]


def test_an_incomplete_listing_records_what_it_saw_and_strikes_nothing(
    warehouse: Warehouse,
) -> None:
    record(warehouse, fleet([1, 2]))
    for hour in range(1, 5):
        result = record(warehouse, [sighting("2", f"n{hour}"), sighting("3")], hour, complete=False)
        assert (result.recorded.missing, result.recorded.struck) == (1, 0)
    assert rows(warehouse)["1"]["stale_strike_count"] == 0
    assert story(warehouse, 2) == ["discovered"] + ["updated"] * 4
    assert story(warehouse, 3) == ["discovered"]


def test_an_incomplete_listing_between_two_strikes_is_no_pause(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    for hour, complete in ((1, True), (2, False), (3, True), (4, True)):
        record(warehouse, fleet([2]), hour, complete=complete)
    assert rows(warehouse)["1"]["deleted_at"] == at(4)


# -- implausible ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "left", "implausible"),
    [(10, 5, False), (10, 4, True), (9, 0, False), (11, 5, True), (12, 6, False), (10, 0, True)],
)
def test_more_than_half_of_ten_or_more_is_implausible(
    warehouse: Warehouse, live: int, left: int, implausible: bool
) -> None:
    record(warehouse, fleet(range(live)))
    result = record(warehouse, fleet(range(left)), 1)
    assert result.recorded.implausible is implausible
    assert result.recorded.missing == live - left
    assert result.recorded.struck == (0 if implausible else live - left)
    (_, sync) = syncs(warehouse)
    assert (sync["implausible"], sync["missing"], sync["complete"]) == (
        implausible, live - left, True,
    )  # fmt: skip


def test_what_is_implausible_can_be_configured(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(4)))
    guard = Guard(share=0.2, at_least=4)
    assert record(warehouse, fleet(range(3)), 1, guard=guard).recorded.implausible
    assert not record(warehouse, fleet(range(3)), 2).recorded.implausible


def test_a_confirmed_loss_strikes_until_a_listing_lacks_nothing(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(12)))
    assert record(warehouse, fleet([0]), 1).recorded.struck == 0
    confirm_loss(warehouse, 24)
    for hour, struck, deleted in ((2, 11, 0), (3, 11, 0), (4, 11, 11)):
        recorded = record(warehouse, fleet([0]), hour).recorded
        assert (recorded.struck, recorded.deleted) == (struck, deleted)
    record(warehouse, fleet([0]), 5)
    record(warehouse, fleet(range(12)), 6)
    assert record(warehouse, fleet([0]), 7).recorded.implausible, "the confirmation ended"


def test_a_confirmation_counts_for_its_kind_account_and_time_alone(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(12)))
    confirm_loss(warehouse, 24, kind="volume")
    assert record(warehouse, [], 1).recorded.implausible
    confirm_loss(warehouse, 2)
    assert record(warehouse, [], 2).recorded.implausible


# -- blanked fields ---------------------------------------------------------------------------


def test_a_field_that_empties_everywhere_at_once_is_reported_not_recorded(
    warehouse: Warehouse,
) -> None:
    record(warehouse, fleet(range(3), tags=["a"], vpc="v"))
    before = rows(warehouse)
    for hour in (1, 2):
        result = record(warehouse, fleet(range(3)), hour)
        assert result.recorded.withheld == {"tags": 3, "vpc": 3}
        assert result.recorded.updated == 0
    after = rows(warehouse)
    ours = ("tags", "attrs", "name")
    assert [[r[k] for k in ours] for r in after.values()] == [
        [r[k] for k in ours] for r in before.values()
    ]
    assert len(events(warehouse)) == 3
    assert syncs(warehouse)[-1]["withheld"] == {"tags": 3, "vpc": 3}
    # When the scope is back nothing has happened.
    result = record(warehouse, fleet(range(3), tags=["a"], vpc="v"), 3)
    assert result.recorded.withheld == {}
    assert len(events(warehouse)) == 3


def test_other_changes_are_recorded_beside_a_withheld_field(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(3), tags=["a"]))
    record(warehouse, fleet(range(3), status="off"), 1)
    assert [e["changes"] for e in events(warehouse)[3:]] == [
        {"status": {"from": "active", "to": "off"}}
    ] * 3
    assert {tuple(r["tags"]) for r in rows(warehouse).values()} == {("a",)}


@pytest.mark.parametrize(
    "after",
    [
        [*fleet(range(3)), *fleet([3], tags=["a"])],
        [*fleet(range(3)), *fleet([4], tags=["z"])],
        [*fleet(range(2)), *fleet([2, 3], tags=["a"])],
    ],
    ids=["an unchanged row has it", "a new row has it", "two rows only"],
)
def test_a_field_that_some_row_still_has_is_an_ordinary_change(
    warehouse: Warehouse, after: list[Any]
) -> None:
    record(warehouse, fleet(range(4), tags=["a"]))
    result = record(warehouse, after, 1)
    assert result.recorded.withheld == {}
    assert story(warehouse, 0) == ["discovered", "tagged"]


def test_two_rows_may_lose_a_field(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(2), tags=["a"]))
    assert record(warehouse, fleet(range(2)), 1).recorded.withheld == {}
    assert rows(warehouse)["0"]["tags"] == []


def test_a_field_that_this_release_no_longer_stores_may_vanish(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(3), old=1))
    result = record(warehouse, fleet(range(3)), 1, dropped=frozenset({"old"}))
    assert result.recorded.withheld == {}
    assert rows(warehouse)["0"]["attrs"] == {}


def test_a_field_that_names_a_secret_may_vanish(warehouse: Warehouse) -> None:
    """A release before this one stored it, in whatever kind."""
    record(warehouse, fleet(range(3), created_by="somebody"))
    assert record(warehouse, fleet(range(3)), 1).recorded.withheld == {}
    assert rows(warehouse)["0"]["attrs"] == {}


def test_a_confirmed_blanking_is_recorded(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(3), tags=["a"]))
    confirm_loss(warehouse, 24)
    assert record(warehouse, fleet(range(3)), 1).recorded.withheld == {}
    assert story(warehouse, 0) == ["discovered", "tagged"]


# -- accounts ---------------------------------------------------------------------------------


def test_another_accounts_rows_come_beside_and_touch_nothing(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    before = rows(warehouse)
    for hour in range(1, 5):
        recorded = record(warehouse, fleet([3]), hour, account="team-b").recorded
        assert (recorded.missing, recorded.struck) == (0, 0)
    after = rows(warehouse)
    assert {k: after[k] for k in before} == before
    assert after["3"]["account"] == "team-b"


def test_a_strike_in_one_account_is_none_in_the_other(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    record(warehouse, fleet([3, 4]), 1, account="team-b")
    assert record(warehouse, fleet([3]), 2, account="team-b").recorded.struck == 1
    strikes = {i: row["stale_strike_count"] for i, row in rows(warehouse).items()}
    assert strikes == {"1": 0, "2": 0, "3": 0, "4": 1}


def test_a_live_row_of_another_account_is_left_alone_and_counted(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1]))
    before = rows(warehouse)
    result = record(warehouse, [sighting("1", "stolen")], 1, account="team-b")
    assert result.recorded.foreign == 1
    assert rows(warehouse) == before
    assert story(warehouse, 1) == ["discovered"]


def test_a_deleted_row_moves_to_the_account_that_shows_it(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1]))
    for hour in (1, 2, 3):
        record(warehouse, [], hour)
    record(warehouse, fleet([1]), 4, account="team-b")
    assert rows(warehouse)["1"]["account"] == "team-b"
    last = events(warehouse, 1)[-1]
    assert last["event"] == "restored"
    assert last["changes"]["account"] == {"from": "team-a", "to": "team-b"}


def test_kinds_do_not_mix(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1]), kind="droplet")
    record(warehouse, [sighting("1", "disk")], 1, kind="volume")
    assert record(warehouse, [], 2, kind="volume").recorded.struck == 1
    assert rows(warehouse, "droplet")["1"]["stale_strike_count"] == 0


# -- order and concurrency --------------------------------------------------------------------


def test_an_older_listing_recorded_later_changes_nothing(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    record(warehouse, [sighting("1", "newer"), *fleet([2])], 3)
    with untouched(warehouse):
        result = record(warehouse, [sighting("1", "older")], 2)
    assert result.recorded.superseded
    last = syncs(warehouse)[-1]
    assert (last["complete"], last["rows_seen"], last["started_at"]) == (False, None, at(2))
    assert last["error"].startswith("superseded")


def both(*calls: Callable[[], object]) -> list[object]:
    """Run them at the same time, each in a thread, and give back what they return."""
    barrier = threading.Barrier(len(calls))

    def one(call: Callable[[], object]) -> object:
        barrier.wait(10)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(30) for future in [pool.submit(one, call) for call in calls]]


def test_two_syncs_at_once_make_no_duplicate_and_one_strike_each_at_most(
    warehouse: Warehouse,
) -> None:
    record(warehouse, fleet(range(300)))
    present = fleet(range(1, 400))
    results = both(
        lambda: record(warehouse, present, 1),
        lambda: record(warehouse, list(reversed(present)), 2),
    )
    struck = rows(warehouse)["0"]["stale_strike_count"]
    assert struck == sum(r.recorded.struck for r in results)
    assert 1 <= struck <= 2
    assert sum(r.recorded.discovered for r in results) == 100
    names = [e["provider_id"] for e in events(warehouse)]
    assert len(names) == len(set(names)) == 400


def test_two_accounts_that_show_the_same_at_once(warehouse: Warehouse) -> None:
    seen = fleet(range(200))
    both(
        lambda: record(warehouse, seen, 1),
        lambda: record(warehouse, list(reversed(seen)), 1, account="team-b"),
    )
    assert len(rows(warehouse)) == len(events(warehouse)) == 200


# -- one transaction, few statements -----------------------------------------------------------


def test_the_number_of_statements_does_not_grow_with_the_rows(warehouse: Warehouse) -> None:
    counts = set()
    for hour, size in enumerate((2, 40, 400)):
        kind = f"kind-{size}"
        record(warehouse, fleet(range(size)), hour, kind=kind)
        changed = fleet(range(size // 2, size + size // 2 - 1), status="off")
        with statements(warehouse) as sent:
            record(warehouse, changed, hour + 10, kind=kind)
        counts.add(len(sent))
    assert len(counts) == 1
    assert counts.pop() < 25


@pytest.mark.parametrize("part", ["INSERT INTO cloud_sync_runs", "'restored'", "last_seen_at ="])
def test_a_failure_in_the_middle_leaves_everything_as_before(
    warehouse: Warehouse, part: str
) -> None:
    record(warehouse, fleet([1, 2, 3]))
    listing = [sighting("2", "new name"), *fleet([3, 4])]

    def fail() -> None:
        raise RuntimeError("pulled the plug")

    with untouched(warehouse), before_statement(warehouse, part, fail):
        with pytest.raises(RuntimeError):
            record(warehouse, listing, 1)
        assert len(syncs(warehouse)) == 1
    assert record(warehouse, listing, 1).recorded.discovered == 1


@pytest.mark.parametrize("part", ["INSERT INTO cloud_sync_runs", "pg_advisory", "ANALYZE listed"])
def test_a_connection_lost_in_the_middle_is_told_and_leaves_everything(
    warehouse: Warehouse, part: str
) -> None:
    record(warehouse, fleet([1, 2, 3]))
    with (
        untouched(warehouse),
        before_statement(warehouse, part, lambda: cut_connections(warehouse)),
        pytest.raises(WarehouseUnreachable, match=r"does not answer.*run it again"),
    ):
        record(warehouse, fleet([3, 4]), 1)
    assert record(warehouse, fleet([3, 4]), 2).recorded.discovered == 1


def test_a_connection_lost_before_copy_is_told_too(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arcadia_cloud_pipelines.inventory import ledger

    copy = ledger.copy_rows

    def lost(*arguments: Any) -> int:
        cut_connections(warehouse)
        return copy(*arguments)

    record(warehouse, fleet([1]))
    with untouched(warehouse), monkeypatch.context() as patch:
        patch.setattr(ledger, "copy_rows", lost)
        with pytest.raises(WarehouseUnreachable, match="does not answer"):
            record(warehouse, fleet([2]), 1)
    assert record(warehouse, fleet([2]), 2).recorded.discovered == 1


def test_a_reader_never_sees_half_a_sync(warehouse: Warehouse) -> None:
    record(warehouse, fleet([1, 2]))
    before = stored(warehouse)
    during: list[Any] = []
    with before_statement(
        warehouse, "INSERT INTO cloud_sync_runs", lambda: during.append(stored(warehouse))
    ):
        record(warehouse, [sighting("1", "new name"), *fleet([3])], 1)
    assert during == [before]
    assert stored(warehouse) != before
