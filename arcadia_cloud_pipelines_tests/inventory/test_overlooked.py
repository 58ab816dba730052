"""What the account mentions and no listing holds: members of projects, kinds, tags."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from arcadia_cloud_pipelines.digitalocean import DigitalOcean, DigitalOceanError
from arcadia_cloud_pipelines.inventory import overlooked
from arcadia_cloud_pipelines.inventory.overlooked import Mention, Overlooked, find_overlooked
from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.settings import Purpose
from arcadia_cloud_pipelines.simulator import (
    BUCKET_URN,
    UNDOCUMENTED_URN,
    RunningSimulator,
    SimulatedAccount,
)
from arcadia_cloud_pipelines.simulator.world import ForeignUrn
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import at, client, syncs, untouched
from .test_projects import ProjectsMirror

MEMBERS = [kind.name for kind in KINDS if kind.urn_types]
TAGGED = ["droplet", "volume", "droplet_snapshot", "volume_snapshot", "database", "image",
          "kubernetes_cluster", "database_replica"]  # fmt: skip


class Looking(ProjectsMirror):
    """A mirror that can be compared with what the account mentions."""

    def sync_all(self) -> None:
        for kind in dict.fromkeys([*MEMBERS, *TAGGED]):
            self.sync(kind)
            self.hours -= 1
        self.hours += 1

    def settle(self) -> None:
        """Two rounds of everything, as two hours make them."""
        for _ in range(2):
            self.projects()
            self.sync_all()
        self.projects()

    def look(self, **tokens: str) -> Overlooked:
        self.hours += 1

        def client_for(purpose: Purpose) -> DigitalOcean:
            return client(self.server.url, tokens.get(purpose.value, self.server.token))

        return find_overlooked(self.warehouse, client_for, now=self.now)

    def calls(self) -> list[str]:
        return [seen.path for seen in self.server.requests]


@pytest.fixture
def account() -> SimulatedAccount:
    """Without the two members that no listing holds."""
    made = SimulatedAccount(seed=7, droplets=12, now=at(0), churn=0)
    made.foreign.clear()
    return made


@pytest.fixture
def mirror(warehouse: Warehouse, server: RunningSimulator) -> Looking:
    return Looking(warehouse, server)


def add_member(mirror: Looking, urn: str, status: str = "ok") -> None:
    account = mirror.account
    account.add_foreign_urn(account.default_project, ForeignUrn(urn, status, account.now))


def whys(found: Overlooked) -> dict[str, str]:
    return {finding.kind: finding.why for finding in found.findings}


# -- nothing ------------------------------------------------------------------------------------


def test_nothing_is_overlooked_in_an_account_that_is_mirrored(mirror: Looking) -> None:
    mirror.settle()
    before = len(mirror.calls())
    with untouched(mirror.warehouse):
        found = mirror.look()
    assert found.findings == ()
    assert found.members > 20
    assert (found.tags, found.skipped) == (len(mirror.account.ids("tag")), None)
    assert found.tags
    # Whose account it is, and one list.
    assert mirror.calls()[before:] == ["/v2/account", "/v2/tags"]
    assert mirror.account.violations == []


def test_an_empty_warehouse_says_that_nothing_was_listed(mirror: Looking) -> None:
    found = mirror.look()
    assert whys(found) == dict.fromkeys(
        ("project", "droplet", "volume", "volume_snapshot", "image", "database"),
        "never listed completely",
    )
    assert found.findings[0] == Mention("project", "never listed completely", None, None)


# -- members ------------------------------------------------------------------------------------


def test_a_member_that_its_kinds_listing_leaves_out(mirror: Looking) -> None:
    for number in range(7):
        add_member(mirror, f"do:droplet:90000{number}")
    mirror.settle()
    (found,) = mirror.look().findings
    droplets = len(mirror.account.ids("droplet"))
    assert (found.kind, found.mentioned, found.recorded) == ("droplet", droplets + 7, droplets)
    assert found.why == "is in a project, but in no listing of its kind"
    assert found.examples == tuple(f"do:droplet:90000{number}" for number in range(5))


def test_a_member_whose_row_was_deleted_is_missing_too(mirror: Looking) -> None:
    gone = mirror.account.ids("droplet")[0]
    mirror.settle()
    query(
        mirror.warehouse,
        "UPDATE cloud_resources SET deleted_at = now() WHERE provider_id = :id RETURNING 1",
        id=str(gone),
    )
    (found,) = [f for f in mirror.look().findings if "is in a project" in f.why]
    assert found.examples == (f"do:droplet:{gone}",)


def test_only_what_was_there_before_and_after_the_listing_counts(mirror: Looking) -> None:
    mirror.settle()
    add_member(mirror, "do:volume:made-now")
    mirror.account.create("project", name="so that the list is made anew")
    mirror.projects()
    assert mirror.look().findings == (), "no listing of the kind since"
    mirror.sync("volume")
    assert mirror.look().findings == (), "it may have been deleted before that listing"
    mirror.projects()
    newest = (
        "UPDATE cloud_sync_runs SET complete = :complete WHERE id = "
        "(SELECT max(id) FROM cloud_sync_runs WHERE kind = 'volume') RETURNING 1"
    )
    query(mirror.warehouse, newest, complete=False)
    assert mirror.look().findings == (), "the listing was not complete"
    query(mirror.warehouse, newest, complete=True)
    assert whys(mirror.look()).keys() == {"volume"}, "it was there all along"


@pytest.mark.parametrize("what", ["kind", "members"])
def test_a_listing_that_is_not_complete_proves_nothing(mirror: Looking, what: str) -> None:
    add_member(mirror, "do:volume:left-out")
    mirror.settle()
    query(
        mirror.warehouse,
        "UPDATE cloud_sync_runs SET complete = false WHERE kind = :kind AND started_at > :at "
        "RETURNING 1",
        # The first listing of volumes began before the second of the projects.
        kind="volume" if what == "kind" else "unknown",
        at=at(1),
    )
    found = whys(mirror.look())
    assert found == ({"volume": "never listed completely"} if what == "kind" else {})


def test_members_that_moved_on_and_stale_ones_do_not_count(mirror: Looking) -> None:
    add_member(mirror, "do:droplet:900001", "not_found")
    add_member(mirror, "do:droplet:900002")
    mirror.settle()
    mirror.account.foreign[:] = [f for f in mirror.account.foreign if "900002" not in f.urn]
    mirror.account.create("project", name="so that the list is made anew")
    mirror.projects()
    assert mirror.look().findings == ()


def test_projects_that_are_gone_do_not_count(mirror: Looking) -> None:
    add_member(mirror, "do:droplet:900001")
    mirror.settle()
    query(
        mirror.warehouse,
        "UPDATE cloud_projects SET deleted_at = now() WHERE is_default RETURNING 1",
    )
    assert mirror.look().findings == ()


def test_replicas_and_snapshots_go_by_another_kinds_urn(mirror: Looking) -> None:
    (replica, *_), (snapshot, *_) = map(
        mirror.account.ids, ("database_replica", "droplet_snapshot")
    )
    add_member(mirror, f"do:dbaas:{replica}")
    add_member(mirror, f"do:image:{snapshot}")
    add_member(mirror, f"do:volume:{snapshot}")
    mirror.settle()
    assert whys(mirror.look()).keys() == {"volume"}


def test_another_accounts_rows_and_members_are_not_ours_to_judge(mirror: Looking) -> None:
    add_member(mirror, "do:droplet:900001")
    add_member(mirror, UNDOCUMENTED_URN)
    mirror.settle()
    tables = ("cloud_project_memberships", "cloud_resources", "cloud_sync_runs")
    for table in tables:
        query(mirror.warehouse, f"UPDATE {table} SET account = 'theirs' RETURNING 1")
    found = mirror.look()
    assert set(whys(found).values()) == {"never listed completely"}
    assert found.members == 0


# -- kinds --------------------------------------------------------------------------------------


def test_kinds_that_are_mentioned_and_not_listed(mirror: Looking) -> None:
    add_member(mirror, BUCKET_URN)
    add_member(mirror, "do:space:two")
    mirror.settle()
    query(mirror.warehouse, "DELETE FROM cloud_sync_runs WHERE kind = 'domain' RETURNING 1")
    found = {f.kind: f for f in mirror.look().findings}
    assert found.keys() == {"domain", "spaces_bucket"}
    bucket, domain = found["spaces_bucket"], found["domain"]
    assert bucket.why == "never listed completely"
    assert (bucket.mentioned, bucket.recorded) == (2, None)
    assert bucket.examples == (BUCKET_URN, "do:space:two")
    assert domain.why == "never listed completely"
    assert domain.mentioned == len(mirror.account.ids("domain"))


def test_a_kind_that_was_not_listed_for_a_week(mirror: Looking) -> None:
    mirror.settle()
    listed = at(mirror.hours - 1)
    for name in {*MEMBERS, *TAGGED, "unknown", "project"}:
        if name != "droplet":
            query(
                mirror.warehouse,
                "UPDATE cloud_sync_runs SET started_at = started_at + interval '6 days' "
                "WHERE kind = :kind RETURNING 1",
                kind=name,
            )
    assert syncs(mirror.warehouse, "droplet")[-1]["started_at"] == listed
    mirror.hours += 7 * 24 - 2
    assert mirror.look().findings == (), "a week ago to the hour"
    (found,) = mirror.look().findings
    assert (found.kind, found.why) == ("droplet", f"last listed completely on {listed:%Y-%m-%d}")


def test_of_a_kind_that_is_not_listed_nothing_else_is_said(mirror: Looking) -> None:
    add_member(mirror, "do:droplet:900001")
    mirror.settle()
    assert whys(mirror.look()).keys() == {"droplet"}
    mirror.hours += 8 * 24
    droplets = [f.why for f in mirror.look().findings if f.kind == "droplet"]
    assert droplets == ["last listed completely on 2026-10-20"]


def test_tags_mention_kinds_that_no_project_holds(mirror: Looking) -> None:
    mirror.settle()
    mirror.account.create("volume_snapshot", tags=["mine"])
    query(
        mirror.warehouse, "DELETE FROM cloud_sync_runs WHERE kind = 'volume_snapshot' RETURNING 1"
    )
    (found,) = mirror.look().findings
    assert (found.kind, found.why) == ("volume_snapshot", "never listed completely")
    assert any(example.startswith("tag ") for example in found.examples)


def test_unknown_members_are_told_by_their_type(mirror: Looking) -> None:
    add_member(mirror, UNDOCUMENTED_URN)
    for number in range(7):
        add_member(mirror, f"do:newthing:{number}")
    add_member(mirror, "do::nonsense")
    mirror.settle()
    found = {f.kind: f for f in mirror.look().findings}
    assert found.keys() == {"unknown: quantumvault", "unknown: newthing", "unknown: no type"}
    thing = found["unknown: newthing"]
    assert (thing.mentioned, thing.recorded) == (7, 7)
    assert thing.examples == tuple(f"do:newthing:{number}" for number in range(5))
    query(
        mirror.warehouse,
        "UPDATE cloud_resources SET deleted_at = now() WHERE kind = 'unknown' RETURNING 1",
    )
    assert mirror.look().findings == ()


# -- tags ---------------------------------------------------------------------------------------


def hide(mirror: Looking, kind: str, number: int = 1) -> None:
    """Leave resources out of their list; their tags still count them."""
    for one in [mirror.account.create(kind, tags=["Hidden"]) for _ in range(number)]:
        mirror.account.hide(kind, one["id"])


@pytest.mark.parametrize(
    ("kind", "shown"),
    [("droplet", "droplet"), ("volume", "volume"), ("volume_snapshot", "volume_snapshot"),
     ("database", "database"), ("image", "image"), ("droplet_snapshot", "image")],
)  # fmt: skip
def test_a_tag_that_counts_more_than_carry_it(mirror: Looking, kind: str, shown: str) -> None:
    mirror.account.create(kind, tags=["Hidden"])
    hide(mirror, kind, 2)
    mirror.settle()
    found = mirror.look().findings
    assert found == (
        Mention(shown, "fewer resources have a tag than it counts", 3, 1, ("tag Hidden (1 of 3)",)),
    )


def test_what_was_tagged_since_the_last_sync_is_not_overlooked(mirror: Looking) -> None:
    mirror.settle()
    mirror.account.create("droplet", tags=["new"])
    mirror.account.create("volume", tags=["new"])
    mirror.account.update("droplet", mirror.account.ids("droplet")[0], tags=["new", "other"])
    with untouched(mirror.warehouse):
        assert mirror.look().findings == ()
    # Listed anew were those two kinds alone.
    asked = mirror.calls()[mirror.calls().index("/v2/tags") :]
    assert set(asked) == {"/v2/tags", "/v2/droplets", "/v2/volumes"}


def test_what_was_untagged_or_deleted_since_the_last_sync_is_not(mirror: Looking) -> None:
    one, two = (mirror.account.create("droplet", tags=["brief", "b"])["id"] for _ in range(2))
    mirror.settle()
    mirror.account.delete("droplet", one)
    mirror.account.update("droplet", two, tags=["b"])
    assert mirror.look().findings == ()


def test_spellings_of_a_tag_are_one_tag(mirror: Looking) -> None:
    """`PROD` and `prod` are one tag to the API, which shows one spelling of it."""
    mirror.account.create("droplet", tags=["PROD"])
    mirror.settle()
    query(
        mirror.warehouse,
        "UPDATE cloud_resources SET tags = ARRAY['Prod', 'pROD'] WHERE tags = ARRAY['PROD'] "
        "RETURNING 1",
    )
    before = len(mirror.calls())
    assert mirror.look().findings == ()
    assert "/v2/droplets" not in mirror.calls()[before:]


def test_tokens_that_may_see_different_things(mirror: Looking) -> None:
    mirror.settle()
    less = mirror.account.add_token("less", ["account:read", "tag:read"])
    found = mirror.look(cloud_sync_slow=less)
    assert (found.findings, found.skipped) == ((), None), "it counts nothing of what we have"
    # The token that lists droplets does not see their tags: none is recorded.
    query(
        mirror.warehouse,
        "UPDATE cloud_resources SET tags = '{}' WHERE kind = 'droplet' RETURNING 1",
    )
    blind = mirror.account.add_token("blind", ["account:read", "droplet:read"])
    (finding,) = mirror.look(cloud_sync_fast=blind).findings
    assert (finding.kind, finding.recorded) == ("droplet", 0)
    blinder = mirror.account.add_token("blinder", ["account:read"])
    assert whys(mirror.look(cloud_sync_fast=blinder)).keys() == {"droplet"}


@pytest.mark.parametrize("status", [403, 404])
def test_tags_that_may_not_be_read_are_left_out(mirror: Looking, status: int) -> None:
    add_member(mirror, BUCKET_URN)
    hide(mirror, "droplet")
    mirror.settle()
    mirror.account.faults.add("/v2/tags", status, times=None)
    found = mirror.look()
    assert found.tags is None
    assert f"GET /v2/tags?page=1&per_page=200 answered {status}" in str(found.skipped)
    assert whys(found).keys() == {"spaces_bucket"}


def test_tags_that_fail_are_an_error(mirror: Looking) -> None:
    mirror.settle()
    mirror.account.faults.add("/v2/tags", 500, times=None)
    with pytest.raises(DigitalOceanError, match="/v2/tags"):
        mirror.look()


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes `/v2/tags` answer what a test says."""

    def answer(*resources: dict[str, Any]) -> None:
        items = [{"name": f"t{n}", "resources": r} for n, r in enumerate(resources)]

        def read(*_: object, **__: object) -> Any:
            return dataclasses.make_dataclass("Listing", ["items"])(items)

        monkeypatch.setattr(overlooked, "read_listing", read)

    return answer


def test_counters_that_nobody_knows(mirror: Looking, answering: Any) -> None:
    mirror.settle()
    answering(
        {"count": 5, "vaults": {"count": 3}, "load_balancers": {"count": 2}},
        {"count": 4, "vaults": {"count": 4}},
        {"count": 0, "droplets": None, "images": {"count": None}, "x": {"count": 0}},
        {},
    )
    (found,) = mirror.look().findings
    assert found == Mention(
        "vaults", "is counted by tags, but not known to this release", 7, None,
        ("tag t0 (3)", "tag t1 (4)"),
    )  # fmt: skip


def test_what_a_total_holds_beside_its_counters(mirror: Looking, answering: Any) -> None:
    mirror.account.create("kubernetes_cluster", tags=["t0"])
    mirror.account.create("droplet", tags=["t0"])
    mirror.settle()
    answering({"count": 2, "droplets": {"count": 1}})
    assert mirror.look().findings == (), "the cluster"
    answering({"count": 2, "droplets": {"count": 1}, "kubernetes_clusters": {"count": 1}})
    assert mirror.look().findings == ()
    for beside in ({}, {"kubernetes_clusters": {"count": 3}}):
        answering({"count": 4, "droplets": {"count": 1}, **beside})
        (found,) = mirror.look().findings
        assert found == Mention(
            "other kinds", "fewer resources have a tag than it counts", 3, 1, ("tag t0 (1 of 3)",)
        )


def test_examples_hold_no_credentials(mirror: Looking) -> None:
    token = "dop_v1_" + "0123456789abcdef" * 4
    mirror.account.create("droplet", tags=[token])
    hide(mirror, "droplet")
    add_member(mirror, f"do:newthing:{token}")
    mirror.settle()
    for one in mirror.account.ids("droplet"):
        mirror.account.hide("droplet", one)
    query(
        mirror.warehouse,
        "UPDATE cloud_resources SET tags = '{}' WHERE kind = 'droplet' RETURNING 1",
    )
    found = mirror.look()
    assert {"droplet", "unknown: newthing"} <= whys(found).keys()
    assert "dop_v1_" not in str(found)
    assert "***" in str(found)
