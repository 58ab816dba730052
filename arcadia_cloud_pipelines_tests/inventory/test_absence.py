"""Absence of an answer is no answer: strikes, clocks, accounts, odd objects."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.common.times import utc_now
from arcadia_cloud_pipelines.digitalocean import Account, Forbidden
from arcadia_cloud_pipelines.digitalocean.accounts import KnownAccounts
from arcadia_cloud_pipelines.inventory.accounts import (
    NothingToRetire,
    foreign_rows,
    odd_tokens,
    retire_account,
    stale_accounts,
)
from arcadia_cloud_pipelines.inventory.freshness import ahead_of_time
from arcadia_cloud_pipelines.inventory.ledger import Guard, Observation
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.inventory.status import newest_syncs
from arcadia_cloud_pipelines.inventory.sync import record_listing, sync_kind
from arcadia_cloud_pipelines.inventory.void import NothingToVoid, void_sync
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.settings import Purpose
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import RunningSimulator
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import Mirror, at, client, fleet, record, rows, story, syncs

# -- the least time between strikes -----------------------------------------------------------


def let_pass(warehouse: Warehouse, minutes: float) -> None:
    """Move every strike into the past: the database's clock cannot be moved."""
    with warehouse.transaction() as connection:
        for table in ("cloud_resources", "cloud_projects"):
            connection.execute(
                sa.text(f"UPDATE {table} SET struck_at = struck_at - :passed"),
                {"passed": timedelta(minutes=minutes)},
            )


@pytest.mark.parametrize("between", [20, 1, 60 * 24])
def test_listings_that_follow_at_once_are_one_strike(warehouse: Warehouse, between: int) -> None:
    guard = Guard(between=timedelta(minutes=between))
    record(warehouse, fleet(range(3)))
    for hour in range(1, 10):
        record(warehouse, fleet(range(2)), hour, guard=guard)
    assert rows(warehouse)["2"]["stale_strike_count"] == 1
    let_pass(warehouse, between - 0.5)
    assert record(warehouse, fleet(range(2)), 11, guard=guard).recorded.struck == 0
    let_pass(warehouse, 0.6)
    assert record(warehouse, fleet(range(2)), 12, guard=guard).recorded.struck == 1
    let_pass(warehouse, between + 0.1)
    assert record(warehouse, fleet(range(2)), 13, guard=guard).recorded.deleted == 1


def test_each_resource_has_a_least_time_of_its_own(warehouse: Warehouse) -> None:
    guard = Guard(between=timedelta(minutes=20))
    record(warehouse, fleet(range(9)))
    record(warehouse, fleet(range(8)), 1, guard=guard)
    assert record(warehouse, fleet(range(7)), 2, guard=guard).recorded.struck == 1
    strikes = {i: row["stale_strike_count"] for i, row in rows(warehouse).items()}
    assert (strikes["8"], strikes["7"], strikes["6"]) == (1, 1, 0)


def test_what_is_seen_again_begins_anew(warehouse: Warehouse) -> None:
    guard = Guard(between=timedelta(minutes=20))
    record(warehouse, fleet(range(3)))
    record(warehouse, fleet(range(2)), 1, guard=guard)
    record(warehouse, fleet(range(3)), 2, guard=guard)
    assert rows(warehouse)["2"]["struck_at"] is None
    assert record(warehouse, fleet(range(2)), 3, guard=guard).recorded.struck == 1


def test_a_strike_that_a_wrong_clock_dated_holds_up_none(warehouse: Warehouse) -> None:
    guard = Guard(between=timedelta(minutes=20))
    record(warehouse, fleet(range(3)))
    record(warehouse, fleet(range(2)), 1, guard=guard)
    let_pass(warehouse, -60 * 24 * 365)
    assert record(warehouse, fleet(range(2)), 2, guard=guard).recorded.struck == 1
    assert record(warehouse, fleet(range(2)), 3, guard=guard).recorded.struck == 0


@pytest.mark.parametrize(("minutes", "strikes"), [(None, 1), ("20", 1), ("0", 3)])
def test_the_setting_says_how_long(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch, minutes: str | None, strikes: int
) -> None:
    if minutes is None:
        monkeypatch.delenv("ARCADIA_STRIKE_MINUTES")
    else:
        monkeypatch.setenv("ARCADIA_STRIKE_MINUTES", minutes)
    mirror.sync("volume")
    volume = mirror.account.ids("volume")[0]
    mirror.account.hide("volume", volume)
    for _ in range(3):
        mirror.sync("volume")
    assert rows(mirror.warehouse)[str(volume)]["stale_strike_count"] == strikes


def test_projects_are_struck_no_faster(mirror: Mirror) -> None:
    def sync() -> Any:
        return sync_projects(
            mirror.warehouse, client(mirror.server.url, mirror.server.token),
            project_name="skyai-internal", guard=Guard(between=timedelta(minutes=20)),
        )  # fmt: skip

    made = mirror.account.create("project", name="short-lived")
    sync()
    mirror.account.hide("project", made["id"])
    assert [sync().sync.recorded.struck for _ in range(3)] == [1, 0, 0]
    let_pass(mirror.warehouse, 21)
    assert sync().sync.recorded.struck == 1


# -- clocks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0.01, 2, 3650])
def test_a_clock_that_is_ahead_freezes_no_kind(mirror: Mirror, days: float) -> None:
    ahead = lambda: utc_now() + timedelta(days=days)  # noqa: E731
    connection = client(mirror.server.url, mirror.server.token)
    kind = KIND_BY_NAME["volume"]
    sync_kind(mirror.warehouse, connection, kind, now=ahead)
    (row,) = syncs(mirror.warehouse)
    assert row["started_at"] <= row["ended_at"] <= mirror.warehouse.now()
    assert ahead_of_time(mirror.warehouse) == []
    volume = mirror.account.ids("volume")[0]
    mirror.account.update("volume", volume, name="renamed")
    result = sync_kind(mirror.warehouse, connection, kind)
    assert (result.complete, result.error, result.recorded.updated) == (True, None, 1)
    assert rows(mirror.warehouse)[str(volume)]["last_seen_at"] <= mirror.warehouse.now()


def test_what_an_earlier_release_dated_ahead_is_named_and_voided(mirror: Mirror) -> None:
    mirror.sync("volume")
    query(
        mirror.warehouse,
        "UPDATE cloud_sync_runs SET started_at = now() + '2 days', ended_at = now() + '2 days' "
        "RETURNING 1",
    )
    # It supersedes nothing, and is told wherever ages are.
    assert mirror.sync("volume").error is None
    (ahead,) = ahead_of_time(mirror.warehouse)
    assert f"void-sync {ahead.id}" in str(ahead)
    (status,) = newest_syncs(mirror.warehouse)
    assert "ahead of now" in str(status.problem)
    voided = void_sync(mirror.warehouse, ahead.id, actor="ada", reason="wrong clock")
    assert voided.kind == "volume"
    assert ahead_of_time(mirror.warehouse) == []
    row = syncs(mirror.warehouse)[0]
    assert (row["complete"], row["rows_seen"]) == (False, None)
    assert "voided by ada: wrong clock" in row["error"]
    assert "ahead" not in str(newest_syncs(mirror.warehouse)[0].problem)


def test_only_a_sync_that_counts_is_voided(mirror: Mirror) -> None:
    with pytest.raises(NothingToVoid, match="There is no sync 7"):
        void_sync(mirror.warehouse, 7, actor="ada", reason=None)
    mirror.sync("volume")
    (row,) = syncs(mirror.warehouse)
    void_sync(mirror.warehouse, row["id"], actor="ada", reason=None)
    with pytest.raises(NothingToVoid, match="was voided already"):
        void_sync(mirror.warehouse, row["id"], actor="ada", reason=None)


# -- whose account it is ----------------------------------------------------------------------


def sync_volumes(mirror: Mirror, token: str | None = None) -> Any:
    return sync_kind(
        mirror.warehouse, client(mirror.server.url, token or mirror.server.token),
        KIND_BY_NAME["volume"],
    )  # fmt: skip


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_says_less_than_before_proves_nothing(mirror: Mirror, status: int) -> None:
    sync_volumes(mirror)
    before = rows(mirror.warehouse)
    mirror.account.faults.add("/v2/account", status, times=None)
    for _ in range(3):
        with pytest.raises(Forbidden, match="give the token the scope account:read"):
            sync_volumes(mirror)
    assert rows(mirror.warehouse) == before
    assert {row["account"] for row in rows(mirror.warehouse).values()} == {mirror.account.team_uuid}
    assert mirror.account.team_uuid in syncs(mirror.warehouse)[-1]["error"]
    mirror.account.faults.clear()
    assert sync_volumes(mirror).complete


def test_another_token_of_the_same_person_that_says_less_is_refused(warehouse: Warehouse) -> None:
    """The deployment knew the team; the person alone would be another account."""

    team = Account("team-1", None, person="person-1")
    KnownAccounts(warehouse, Secret("one")).confirm(team)
    with pytest.raises(Forbidden, match="team-1"):
        KnownAccounts(warehouse, Secret("two")).confirm(Account("person-1", None, source="person"))
    with pytest.raises(Forbidden, match="team-1"):
        KnownAccounts(warehouse, Secret("one")).confirm(Account("person-2", None, source="person"))
    # Another team is another account, and another person without one, too.
    KnownAccounts(warehouse, Secret("two")).confirm(Account("team-2", None, person="person-1"))
    KnownAccounts(warehouse, Secret("three")).confirm(Account("person-3", None, source="person"))


@pytest.mark.parametrize("owner", ["team-a", "someone"])
def test_the_owner_of_a_project_is_an_account_where_it_is_known_or_the_first(
    warehouse: Warehouse, owner: str
) -> None:
    weak = Account(owner, None, source="project")
    KnownAccounts(warehouse, Secret("first")).confirm(weak)
    record(warehouse, fleet(range(2)))
    if owner == "team-a":
        KnownAccounts(warehouse, Secret("two")).confirm(weak)
    else:
        with pytest.raises(Forbidden, match="team-a"):
            KnownAccounts(warehouse, Secret("two")).confirm(weak)


def test_an_account_that_nobody_lists_any_more_is_named_and_retired(warehouse: Warehouse) -> None:
    record(warehouse, fleet(range(3)), account="team-a")
    record(warehouse, fleet(range(2, 5)), 5, account="team-b")
    (stale,) = stale_accounts(warehouse)
    assert (stale.account, stale.rows, stale.synced_at) == ("team-a", 3, at(0))
    (foreign,) = foreign_rows(warehouse)
    assert (foreign.kind, foreign.account, foreign.rows) == ("droplet", "team-b", 1)
    with pytest.raises(NothingToRetire, match="is the one that was listed last"):
        retire_account(warehouse, "team-b", actor="ada", reason=None)
    retired = retire_account(warehouse, "team-a", actor="ada", reason="moved")
    assert (retired.resources, retired.projects) == (3, 0)
    assert story(warehouse, 0) == ["discovered", "deleted"]
    assert stale_accounts(warehouse) == []
    with pytest.raises(NothingToRetire, match="The account team-a has no live resource"):
        retire_account(warehouse, "team-a", actor="ada", reason=None)
    # What the other account lists is that one's from then on.
    record(warehouse, fleet(range(2, 5)), 6, account="team-b")
    assert story(warehouse, 2) == ["discovered", "deleted", "restored"]
    assert rows(warehouse)["2"]["account"] == "team-b"
    assert foreign_rows(warehouse) == []


def test_a_token_of_another_team_is_named() -> None:
    ours, other = Account("ours", None), Account("theirs", "The others")
    accounts = dict.fromkeys(Purpose, ours)
    assert odd_tokens(accounts) == []
    (told,) = odd_tokens(accounts | {Purpose.CLOUD_BILLING: other})
    assert "cloud_billing is of account The others" in told
    assert "DO_API_TOKEN_CLOUD_BILLING" in told


# -- narrower questions -----------------------------------------------------------------------


def observe(warehouse: Warehouse, seen: Any, hours: float, **fields: Any) -> Any:
    began = at(hours)
    return record_listing(
        warehouse,
        Observation("team-a", "spaces_bucket", began, list(seen), True, **fields),
        expected=None, reason=None, api_calls=1, now=lambda: began,
    )  # fmt: skip


def test_only_regions_that_were_asked_for_are_struck(warehouse: Warehouse) -> None:
    here, there = fleet(range(4), region="fra1"), fleet(range(4, 6), region="nyc3")
    nowhere = fleet(["x"], region=None)
    observe(warehouse, [*here, *there, *nowhere], 0)
    for hour in range(1, 5):
        result = observe(warehouse, here[:3], hour, regions=frozenset({"fra1"}))
        assert not result.complete
        assert "3 live rows are of regions that were not listed" in str(result.error)
    gone = {i for i, row in rows(warehouse).items() if row["deleted_at"]}
    assert gone == {"3"}
    assert {row["stale_strike_count"] for row in rows(warehouse).values()} == {0, 3}
    for hour in range(5, 9):
        observe(warehouse, here[:3], hour, regions=frozenset({"fra1", "nyc3", ""}))
    assert {i for i, row in rows(warehouse).items() if row["deleted_at"]} == {"3", "4", "5", "x"}


@pytest.mark.parametrize("others", [[], fleet(["another team's"])])
def test_a_listing_without_one_known_bucket_is_implausible(
    warehouse: Warehouse, others: Any
) -> None:
    observe(warehouse, fleet(range(2)), 0, whose_unknown=True)
    for hour in range(1, 5):
        recorded = observe(warehouse, others, hour, whose_unknown=True).recorded
        assert (recorded.implausible, recorded.struck) == (True, 0)
    assert not [r for r in rows(warehouse).values() if r["stale_strike_count"]]


# -- odd objects ------------------------------------------------------------------------------


ODD = {
    "long": "x7" * 1500,
    "tabs": "a\tb\\N\n",
    "emoji": "\U0001f600" * 400,
    "random": "".join(chr(33 + (i * i * 31 + i * 7) % 90) for i in range(3000)),
    "han": "".join(chr(0x4E00 + (i * i * 31 + i * 7) % 9000) for i in range(3000)),
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_a_name_or_tag_of_any_length_is_stored(mirror: Mirror, text: str) -> None:
    volume, other, *_ = mirror.account.ids("volume")
    mirror.sync("volume")
    mirror.account.update("volume", volume, name=text, tags=[text])
    mirror.account.update("volume", other, name="renamed")
    assert mirror.sync("volume").complete
    row = rows(mirror.warehouse)[str(volume)]
    assert row["name"][:400] == text[:400]
    assert [tag[:400] for tag in row["tags"]] == [text[:400]]
    assert rows(mirror.warehouse)[str(other)]["name"] == "renamed"
    assert mirror.sync("volume").recorded.updated == 0


def test_a_sighting_may_be_nested_deeper_than_can_be_written(warehouse: Warehouse) -> None:
    from arcadia_cloud_pipelines.inventory.sightings import sightings

    deep: Any = "bottom"
    for _ in range(500):
        deep = {"level": deep}
    kind = KIND_BY_NAME["volume"]
    seen = sightings(kind, [{"id": "1", "odd": deep}, {"id": "2", "odd": [[[[1]]]]}])
    record(warehouse, seen, kind="volume")
    assert rows(warehouse)["1"]["attrs"]["odd"]["level"]
    assert rows(warehouse)["2"]["attrs"] == {"odd": [[[[1]]]]}


def test_an_identity_that_no_index_holds_costs_itself(
    mirror: Mirror, server: RunningSimulator
) -> None:
    mirror.sync("tag")
    before = rows(mirror.warehouse, "tag")
    odd = ODD["random"].replace("\\", "-").replace('"', "-")
    mirror.account.create("tag", name=odd)
    made = mirror.account.create("tag", name="ordinary")
    result = mirror.sync("tag")
    assert "1 tags have an id of more than 500 characters" in str(result.error)
    assert rows(mirror.warehouse, "tag").keys() == {*before, "ordinary"}, made
    assert story(mirror.warehouse, "ordinary") == ["discovered"]
