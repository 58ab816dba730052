"""Spaces buckets: listed with keys, known by name without, and from the one to the other."""

from __future__ import annotations

from typing import Any

import pytest

from arcadia_cloud_pipelines.digitalocean import (
    BadAnswer,
    DigitalOceanError,
    ServerError,
    Unauthorized,
    Unreachable,
)
from arcadia_cloud_pipelines.inventory.buckets import known_buckets, sync_buckets
from arcadia_cloud_pipelines.inventory.freshness import newest_complete_syncs
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.inventory.sync_runs import SyncResult
from arcadia_cloud_pipelines.settings.values import SpacesSettings
from arcadia_cloud_pipelines.simulator import BUCKET_URN, RunningSimulator
from arcadia_cloud_pipelines.simulator.world import ForeignUrn
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.s3 import (
    DENIED,
    KEY_ID,
    SECRET,
    Answer,
    Region,
    answering,
    closed_port,
    listing,
    refusal,
    settings,
    slept,
    two_regions,
)
from ..support.sql import query
from .helpers import (
    Mirror,
    at,
    client,
    events,
    everything,
    record,
    rows,
    sighting,
    story,
    syncs,
    untouched,
)

__all__ = ["slept", "two_regions"]  # fixtures

BUCKET = BUCKET_URN.rpartition(":")[2]
NO_KEYS = settings("nyc3", key=None)


class Buckets(Mirror):
    """A mirror of what names buckets, and of the buckets."""

    def buckets(self, spaces: SpacesSettings, **options: Any) -> SyncResult:
        self.hours += 1
        return sync_buckets(
            self.warehouse, client(self.server.url, self.server.token), spaces, now=self.now,
            **options,
        )  # fmt: skip

    def projects(self) -> None:
        self.hours += 1
        sync_projects(
            self.warehouse, client(self.server.url, self.server.token),
            project_name="Default", now=self.now,
        )  # fmt: skip

    def others(self) -> None:
        """All that names buckets."""
        self.projects()
        self.sync("cdn_endpoint")
        self.sync("spaces_key")

    def rows(self) -> dict[str, dict[str, Any]]:
        return rows(self.warehouse, "spaces_bucket")

    def known(self) -> dict[str, tuple[str | None, list[str] | None]]:
        """Region and where it is known from, of each live bucket."""
        return {
            name: (row["region"], row["attrs"].get("known_from"))
            for name, row in self.rows().items()
            if row["deleted_at"] is None
        }

    def last_sync(self) -> dict[str, Any]:
        return syncs(self.warehouse, "spaces_bucket")[-1]


@pytest.fixture
def mirror(warehouse: Warehouse, server: RunningSimulator, slept: list[float]) -> Buckets:
    return Buckets(warehouse, server)


# -- listed -------------------------------------------------------------------------------------


def test_the_buckets_of_all_regions_are_one_listing(
    mirror: Buckets, two_regions: tuple[Region, Region]
) -> None:
    one, two = two_regions
    one.create("assets", "logs")
    two.create("backups")
    lines: list[str] = []
    spaces = settings(one.name, two.name)
    result = mirror.buckets(spaces, run_id="run-1", progress=lines.append)
    assert (result.complete, result.error, result.rows_seen) == (True, None, 3)
    assert {name: row["region"] for name, row in mirror.rows().items()} == {
        "assets": one.name, "logs": one.name, "backups": two.name,
    }  # fmt: skip
    row = mirror.rows()["backups"]
    assert row["account"] == mirror.account.team_uuid
    assert (row["name"], row["created_at"]) == ("backups", two.created_at("backups"))
    assert (row["attrs"], row["tags"], row["status"]) == ({}, [], None)
    sync = mirror.last_sync()
    assert (sync["complete"], sync["available"], sync["discovered"]) == (True, True, 3)
    assert (sync["run_id"], sync["rows_expected"]) == ("run-1", None)
    assert sync["api_calls"] == 3, "the account, and one for each region"
    assert newest_complete_syncs(mirror.warehouse) == {"spaces_bucket": at(1)}
    assert lines == [
        "spaces_buckets: 2 listed, 1 of 2 regions", "spaces_buckets: 3 listed, 2 of 2 regions",
    ]  # fmt: skip
    again = mirror.buckets(spaces).recorded
    assert (again.discovered, again.updated, again.missing) == (0, 0, 0)
    assert story(mirror.warehouse, "assets") == ["discovered"]


def test_a_bucket_that_is_gone_is_struck_and_deleted(
    mirror: Buckets, two_regions: tuple[Region, Region]
) -> None:
    one, two = two_regions
    one.create("assets", "logs")
    spaces = settings(one.name, two.name)
    mirror.buckets(spaces)
    one.delete("logs")
    counts = [mirror.buckets(spaces).recorded.struck for _ in range(3)]
    assert counts == [1, 1, 1]
    assert story(mirror.warehouse, "logs") == ["discovered", "deleted"]
    assert story(mirror.warehouse, "assets") == ["discovered"]


def test_an_account_without_buckets_is_listed_whole(mirror: Buckets) -> None:
    with answering(listing()) as server:
        result = mirror.buckets(settings(server.region))
    assert (result.complete, result.rows_seen) == (True, 0)


def test_a_name_in_two_regions_is_one_bucket(mirror: Buckets) -> None:
    with answering(listing("a", "b")) as one, answering(listing("b", "c")) as two:
        mirror.buckets(settings(one.region, two.region))
        assert {name: row["region"] for name, row in mirror.rows().items()} == {
            "a": one.region, "b": one.region, "c": two.region,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "got no answer: the connection was refused"),
        (DENIED, "403 (AccessDenied): the key may not list buckets"),
        (Answer(503), "answered 503"),
        (Answer(200, b"<html/>"), "without a list of buckets"),
    ],
)
def test_a_region_that_fails_leaves_the_listing_incomplete(
    mirror: Buckets, answer: Answer | None, words: str
) -> None:
    with answering(listing("a")) as well, answering(listing("b")) as failing:
        mirror.buckets(settings(well.region, failing.region))
        region = failing.region if answer else closed_port()
        failing.answers = [answer or Answer(500)]
        well.answers = [listing("a", "new")]
        for _ in range(4):
            result = mirror.buckets(settings(region, well.region))
            assert (result.complete, result.available, result.rows_seen) == (False, True, 2)
            assert (result.recorded.missing, result.recorded.struck) == (1, 0)
    error = str(mirror.last_sync()["error"])
    assert f"ListBuckets in {region}" in error
    assert words in error
    assert well.region not in error
    assert mirror.rows()["b"]["stale_strike_count"] == 0
    assert mirror.rows()["new"]["region"] == well.region


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        ((None, None), Unreachable, "the connection was refused: check the network"),
        ((Answer(503), Answer(502)), ServerError, "answered 503; answered 502: the fault is on"),
        ((refusal(403, "InvalidAccessKeyId"), DENIED), Unauthorized, "(InvalidAccessKeyId); ans"),
        ((DENIED, None), Unreachable, "(AccessDenied); got no answer"),
        ((Answer(200), Answer(500)), ServerError, "without a list of buckets; answered 500"),
        ((Answer(200), DENIED), BadAnswer, "without a list of buckets; answered 403"),
    ],
)
def test_when_every_region_fails_the_sync_fails(
    mirror: Buckets,
    answers: tuple[Answer | None, Answer | None],
    kind: type[DigitalOceanError],
    words: str,
) -> None:
    with answering(listing("a")) as one, answering(listing("b")) as two:
        mirror.buckets(settings(one.region, two.region))
        regions = []
        for server, answer in zip((one, two), answers, strict=True):
            server.answers = [answer or Answer(500)]
            regions.append(server.region if answer else closed_port())
        with untouched(mirror.warehouse), pytest.raises(kind) as caught:
            mirror.buckets(settings(*regions))
    assert caught.value.transient is (kind in (Unreachable, ServerError))
    sync = mirror.last_sync()
    assert sync["error"] == str(caught.value)
    assert str(caught.value).startswith("ListBuckets in every region ")
    assert words in str(caught.value)
    assert (sync["complete"], sync["available"], sync["rows_seen"]) == (False, True, None)
    assert sync["api_calls"] > 2


def test_a_key_that_may_list_nowhere_is_no_failure(mirror: Buckets) -> None:
    with answering(listing("a")) as server:
        mirror.buckets(settings(server.region))
        server.answers = [DENIED]
        with untouched(mirror.warehouse):
            result = mirror.buckets(settings(server.region))
    assert (result.available, result.complete, result.rows_seen) == (False, False, None)
    assert "set one with full access in SPACES_ACCESS_KEY_ID" in str(result.error)


def test_without_the_account_spaces_is_not_asked(mirror: Buckets) -> None:
    mirror.account.faults.add("/v2/account", 401, times=None)
    with answering(listing("a")) as server, pytest.raises(Unauthorized):
        mirror.buckets(settings(server.region))
    assert server.requests == []


def test_no_secret_is_stored_or_logged(mirror: Buckets, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    lines: list[str] = []
    with answering(listing("a")) as well, answering(DENIED) as denied:
        mirror.buckets(settings(well.region, denied.region), progress=lines.append)
        well.answers = [refusal(403, "SignatureDoesNotMatch")]
        with pytest.raises(DigitalOceanError):
            mirror.buckets(settings(well.region), progress=lines.append)
        assert KEY_ID in repr(well.requests)
    text = everything(mirror.warehouse) + caplog.text + "\n".join(lines)
    assert "spaces_bucket" in text
    for secret in (KEY_ID, SECRET):
        assert secret not in text


# -- known by name ------------------------------------------------------------------------------


def test_without_keys_the_names_that_others_give_are_recorded(mirror: Buckets) -> None:
    mirror.others()
    result = mirror.buckets(NO_KEYS)
    assert mirror.known() == {
        BUCKET: (None, ["project"]),
        "static-images": ("nyc3", ["cdn_endpoint"]),
        "my-bucket": (None, ["spaces_key"]),
    }
    assert (result.complete, result.available, result.rows_seen) == (False, False, 3)
    sync = mirror.last_sync()
    for variable in ("SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY"):
        assert variable in sync["error"]
    assert (sync["complete"], sync["available"], sync["rows_seen"]) == (False, False, 3)
    assert (sync["discovered"], sync["struck"], sync["missing"]) == (3, 0, 0)
    assert {row["account"] for row in mirror.rows().values()} == {mirror.account.team_uuid}
    assert {row["created_at"] for row in mirror.rows().values()} == {None}
    assert mirror.buckets(NO_KEYS).recorded.updated == 0


def test_an_empty_warehouse_names_none(mirror: Buckets) -> None:
    result = mirror.buckets(NO_KEYS)
    assert (result.complete, result.rows_seen, mirror.known()) == (False, 0, {})


def test_names_are_merged_and_what_goes_is_not_struck(mirror: Buckets) -> None:
    for endpoint in mirror.account.ids("cdn_endpoint"):
        origin = f"{BUCKET}.fra1.digitaloceanspaces.com"
        mirror.account.update("cdn_endpoint", endpoint, origin=origin)
    for key in mirror.account.ids("spaces_key"):
        mirror.account.update(
            "spaces_key", key,
            grants=[{"bucket": BUCKET, "permission": "read"}, {"bucket": "", "permission": "x"}],
        )  # fmt: skip
    mirror.others()
    mirror.buckets(NO_KEYS)
    assert mirror.known() == {BUCKET: ("fra1", ["cdn_endpoint", "project", "spaces_key"])}
    for endpoint in list(mirror.account.ids("cdn_endpoint")):
        mirror.account.delete("cdn_endpoint", endpoint)
    for _ in range(3):
        mirror.others()
    mirror.buckets(NO_KEYS)
    assert mirror.known() == {BUCKET: ("fra1", ["project", "spaces_key"])}
    for key in list(mirror.account.ids("spaces_key")):
        mirror.account.delete("spaces_key", key)
    query(mirror.warehouse, "UPDATE cloud_project_memberships SET valid_to = now() RETURNING 1")
    for _ in range(4):
        mirror.sync("spaces_key")
        assert mirror.buckets(NO_KEYS).recorded.struck == 0
    assert known_buckets(mirror.warehouse, mirror.account.team_uuid).items == []
    assert mirror.known().keys() == {BUCKET}


@pytest.mark.parametrize(
    ("origin", "bucket"),
    [
        ("a.nyc3.digitaloceanspaces.com", ("a", "nyc3")),
        ("dots.in.name.sgp1.digitaloceanspaces.com", ("dots.in.name", "sgp1")),
        ("Upper.NYC3.DigitalOceanSpaces.com", ("upper", "nyc3")),
        ("a.nyc3.cdn.digitaloceanspaces.com", None),
        ("nyc3.digitaloceanspaces.com", None),
        ("a.nyc3.digitaloceanspaces.com.example.com", None),
        ("a.nyc3.notdigitaloceanspaces.com", None),
        ("a.nyc3xdigitaloceanspaces.com", None),
        (None, None),
    ],
)
def test_origins(warehouse: Warehouse, origin: str | None, bucket: tuple[str, str] | None) -> None:
    record(warehouse, [sighting("1", origin)], kind="cdn_endpoint")
    listed = known_buckets(warehouse, "team-a").items
    assert [(i["name"], i["region"]) for i in listed] == ([bucket] if bucket else [])
    assert known_buckets(warehouse, "team-b").items == []


@pytest.mark.parametrize(
    "grants", [None, [], {}, "text", 7, [{}], [None], [{"bucket": None}], [{"bucket": ""}],
               [{"bucket": 7}], [{"bucket": {"name": "a"}}], [["a"]], {"bucket": ["a"]}],
)  # fmt: skip
def test_grants_that_name_no_bucket(warehouse: Warehouse, grants: Any) -> None:
    record(warehouse, [sighting("1", "key", grants=grants)], kind="spaces_key")
    assert known_buckets(warehouse, "team-a").items == []


def test_a_grant_of_two_keys_is_one_bucket(warehouse: Warehouse) -> None:
    one = [{"bucket": "a", "permission": "read"}, {"bucket": "b", "permission": "read"}]
    seen = [sighting("1", "k", grants=one), sighting("2", "l", grants=one[:1])]
    record(warehouse, seen, kind="spaces_key")
    assert [i["name"] for i in known_buckets(warehouse, "team-a").items] == ["a", "b"]


# -- from the one to the other ------------------------------------------------------------------


def test_listings_take_over_when_keys_come(mirror: Buckets) -> None:
    mirror.others()
    mirror.buckets(NO_KEYS)
    names = sorted(mirror.known())
    assert len(names) == 3, "enough for the ledger to withhold what goes from all of them"
    with answering(listing(*names, "more")) as server:
        spaces = settings(server.region)
        result = mirror.buckets(spaces)
        assert result.complete
        assert (result.recorded.withheld, result.recorded.updated) == ({}, 3)
        assert mirror.known() == dict.fromkeys([*names, "more"], (server.region, None))
        assert None not in {row["created_at"] for row in mirror.rows().values()}
        change = events(mirror.warehouse, "my-bucket")[-1]
        assert change["event"] == "updated"
        assert change["changes"]["known_from"] == {"from": ["spaces_key"], "to": None}
        assert change["changes"]["region"] == {"from": None, "to": server.region}
        assert change["changes"]["created_at"]["from"] is None
        assert mirror.buckets(spaces).recorded.updated == 0
        # A key's grants may name what is long gone.
        server.answers = [listing(BUCKET, "static-images", "more")]
        for _ in range(3):
            mirror.buckets(spaces)
    assert story(mirror.warehouse, "my-bucket") == ["discovered", "updated", "deleted"]


def test_what_listings_said_stays_when_keys_go(mirror: Buckets) -> None:
    mirror.others()
    names = [BUCKET, "static-images", "my-bucket"]
    with answering(listing(*names, "more")) as server:
        spaces = settings(server.region)
        mirror.buckets(spaces)
        server.answers = [listing(BUCKET, "static-images", "more")]
        for _ in range(3):
            mirror.buckets(spaces)
    before = mirror.rows()
    result = mirror.buckets(NO_KEYS)
    assert result.recorded.withheld == {}
    after = mirror.rows()
    for name in (BUCKET, "static-images", "more"):
        assert after[name]["created_at"] == before[name]["created_at"] is not None
        assert after[name]["deleted_at"] is None
    assert after[BUCKET]["region"] == server.region
    assert after[BUCKET]["attrs"] == {"known_from": ["project"]}
    assert after["static-images"]["region"] == "nyc3"
    assert after["my-bucket"]["deleted_at"] is not None, "a key's grant does not revive it"


def test_of_a_sync_that_saw_part_only_that_part_is_taken_over(mirror: Buckets) -> None:
    mirror.others()
    mirror.buckets(NO_KEYS)
    with answering(listing("static-images", "my-bucket")) as server:
        result = mirror.buckets(settings(closed_port(), server.region))
    assert (result.complete, result.recorded.withheld) == (False, {})
    assert mirror.known()[BUCKET] == (None, ["project"])
    assert mirror.known()["my-bucket"] == (server.region, None)


# -- projects -----------------------------------------------------------------------------------


def project_of(mirror: Buckets, bucket: str) -> str | None:
    (row,) = query(
        mirror.warehouse,
        "SELECT p.name FROM cloud_resources AS r LEFT JOIN cloud_projects AS p "
        "ON p.id = r.project_id WHERE r.kind = 'spaces_bucket' AND r.provider_id = :bucket",
        bucket=bucket,
    )
    return row["name"]


@pytest.mark.parametrize("keys", [True, False])
def test_a_bucket_has_its_project_at_once(mirror: Buckets, keys: bool) -> None:
    mirror.projects()
    with answering(listing(BUCKET)) as server:
        mirror.buckets(settings(server.region) if keys else NO_KEYS)
    wanted = mirror.account.project_of(BUCKET_URN, mirror.account.now)
    assert project_of(mirror, BUCKET) == mirror.account.get("project", wanted)["name"]


def test_a_bucket_learns_its_project_later_and_moves(mirror: Buckets) -> None:
    with answering(listing(BUCKET, "alone")) as server:
        mirror.buckets(settings(server.region))
        assert project_of(mirror, BUCKET) is None
        mirror.projects()
        assert project_of(mirror, BUCKET) is not None
        assert project_of(mirror, "alone") is None
        mirror.account.advance(hours=1)
        mirror.account.assign("acme", BUCKET_URN)
        mirror.projects()
        mirror.buckets(settings(server.region))
    assert project_of(mirror, BUCKET) == "acme"
    assert story(mirror.warehouse, BUCKET) == ["discovered", "updated", "updated"]
    assert "unknown" in {row["kind"] for row in rows(mirror.warehouse).values()}


def test_a_bucket_may_be_called_anything(mirror: Buckets) -> None:
    """Its name stands in SQL and JSON alike."""
    odd = 'do\'r0p; "x" {} :kind %s \\'
    mirror.account.add_foreign_urn(
        mirror.account.default_project, ForeignUrn(f"do:space:{odd}", "ok", mirror.account.now)
    )
    mirror.projects()
    mirror.buckets(NO_KEYS)
    assert mirror.known()[odd] == (None, ["project"])
