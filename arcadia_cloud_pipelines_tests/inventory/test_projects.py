"""Projects: the mirror, who is in which and since when, and the project of our own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from arcadia_cloud_pipelines.digitalocean import DigitalOceanError
from arcadia_cloud_pipelines.drift.resource_refs import ResourceRef
from arcadia_cloud_pipelines.drift.specs import record_provisioned
from arcadia_cloud_pipelines.drift.sweep import sweep
from arcadia_cloud_pipelines.inventory import memberships
from arcadia_cloud_pipelines.inventory.ledger import Guard
from arcadia_cloud_pipelines.inventory.memberships import split_urn
from arcadia_cloud_pipelines.inventory.projects import ProjectsResult, sync_projects
from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.simulator import BUCKET_URN, UNDOCUMENTED_URN, RunningSimulator
from arcadia_cloud_pipelines.simulator.world import ForeignUrn
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import WarehouseUnreachable

from ..support.sql import query
from .helpers import (
    Mirror,
    at,
    before_statement,
    client,
    cut_connections,
    events,
    fleet,
    record,
    rows,
    story,
    syncs,
    untouched,
)

OURS = "skyai-internal"
RESOURCES = "/v2/projects/*/resources"


class ProjectsMirror(Mirror):
    """A mirror of projects too."""

    def projects(
        self, token: str | None = None, name: str = OURS, **options: Any
    ) -> ProjectsResult:
        self.hours += 1
        return sync_projects(
            self.warehouse, client(self.server.url, token or self.server.token),
            project_name=name, now=self.now, run_id=f"run-{self.hours}", **options,
        )  # fmt: skip

    def stored_projects(self) -> dict[str, dict[str, Any]]:
        found = query(self.warehouse, "SELECT * FROM cloud_projects ORDER BY id")
        return {row["name"]: row for row in found}

    def memberships(self, provider_id: object) -> list[tuple[str, Any, Any]]:
        """Project, from and to, of one resource."""
        found = query(
            self.warehouse,
            "SELECT p.name, m.valid_from, m.valid_to FROM cloud_project_memberships AS m "
            "JOIN cloud_projects AS p ON p.id = m.project_id "
            "WHERE m.provider_id = :id ORDER BY m.id",
            id=str(provider_id),
        )
        return [tuple(row.values()) for row in found]

    def project_of(self, provider_id: object) -> str | None:
        ids = {p["id"]: name for name, p in self.stored_projects().items()}
        return ids.get(rows(self.warehouse)[str(provider_id)]["project_id"])

    def change(self, project: str, **fields: Any) -> None:
        self.account.update("project", self.stored_projects()[project]["provider_id"], **fields)


@pytest.fixture
def mirror(warehouse: Warehouse, server: RunningSimulator) -> ProjectsMirror:
    return ProjectsMirror(warehouse, server)


# -- bootstrap ----------------------------------------------------------------------------------


def test_the_first_sync_creates_our_project_once(mirror: ProjectsMirror) -> None:
    result = mirror.projects()
    assert result.bootstrap is not None
    assert (result.bootstrap.outcome, result.bootstrap.warning) == ("created", None)
    ours = mirror.stored_projects()[OURS]
    assert (ours["environment"], ours["is_default"], ours["deleted_at"]) == (
        "Production", False, None,
    )  # fmt: skip
    for _ in range(2):
        again = mirror.projects()
        assert again.bootstrap is not None
        assert again.bootstrap.outcome == "exists"
    posts = [r for r in mirror.server.requests if r.method == "POST"]
    assert len(posts) == 1
    assert mirror.account.violations == []


def test_a_token_that_may_only_read_is_a_warning(mirror: ProjectsMirror) -> None:
    scopes = ["account:read", "project:read", *(f"{k.scope}" for k in KINDS)]
    result = mirror.projects(mirror.account.add_token("reader", scopes))
    assert result.bootstrap is not None
    assert result.bootstrap.outcome == "read_only"
    assert "project:create" in str(result.bootstrap.warning)
    assert result.sync.complete
    assert OURS not in mirror.stored_projects()


def test_somebody_else_creates_it_meanwhile(mirror: ProjectsMirror) -> None:
    mirror.account.faults.add("/v2/projects", 409, after=1)
    result = mirror.projects()
    assert result.bootstrap is not None
    assert (result.bootstrap.outcome, result.sync.complete) == ("exists", True)


def test_a_name_that_is_refused_is_a_warning_not_a_silence(mirror: ProjectsMirror) -> None:
    result = mirror.projects(name="x" * 200)
    assert result.bootstrap is not None
    assert result.bootstrap.outcome == "refused"
    assert "DO_PROJECT_NAME" in str(result.bootstrap.warning)
    assert "422" in str(result.bootstrap.warning)
    assert result.sync.complete


# -- the mirror ---------------------------------------------------------------------------------


def test_a_project_is_a_resource_with_a_history_and_a_plan(mirror: ProjectsMirror) -> None:
    mirror.projects()
    stored = rows(mirror.warehouse, "project")
    assert set(stored) == {str(one) for one in mirror.account.ids("project")}
    ours = next(row for row in stored.values() if row["name"] == OURS)
    assert ours["attrs"] == {
        "purpose": "Operational / Developer tooling", "environment": "Production",
        "is_default": False, "description": ours["attrs"]["description"],
    }  # fmt: skip
    assert ours["created_at"] is not None
    ref = ResourceRef("project", str(ours["provider_id"]))
    record_provisioned(
        mirror.warehouse, ref, {"name": OURS, "environment": "Production"}, actor="ann"
    )
    sweep(mirror.warehouse, now=mirror.now)
    assert query(mirror.warehouse, "SELECT field FROM cloud_drift") == []
    mirror.change(OURS, environment="Development")
    mirror.projects()
    sweep(mirror.warehouse, now=mirror.now)
    [drift] = query(mirror.warehouse, "SELECT field, desired, actual FROM cloud_drift")
    assert tuple(drift.values()) == ("environment", "Production", "Development")
    events = query(
        mirror.warehouse,
        "SELECT event, changes FROM cloud_resource_events WHERE resource_id = :id ORDER BY id",
        id=ours["id"],
    )
    assert [event["event"] for event in events] == ["discovered", "updated", "drift_detected"]
    assert events[1]["changes"] == {"environment": {"from": "Production", "to": "Development"}}


def test_a_project_that_is_gone_is_gone_as_a_resource(mirror: ProjectsMirror) -> None:
    mirror.projects()
    gone = mirror.stored_projects()["Default"]["provider_id"]
    other = next(p for p in mirror.account.ids("project") if str(p) != gone)
    mirror.account.hide("project", other)
    for _ in range(3):
        mirror.projects()
    assert rows(mirror.warehouse, "project")[str(other)]["deleted_at"] is not None
    by_id = {p["provider_id"]: p for p in mirror.stored_projects().values()}
    assert by_id[str(other)]["deleted_at"] is not None


def test_projects_are_mirrored(mirror: ProjectsMirror) -> None:
    result = mirror.projects()
    stored = mirror.stored_projects()
    assert {p["provider_id"] for p in stored.values()} == set(mirror.account.ids("project"))
    default = stored["Default"]
    assert default["is_default"]
    assert (default["tenant_id"], default["purpose"]) == (None, None)
    assert default["attrs"]["purpose"] == "Just trying out DigitalOcean"
    assert "owner_uuid" not in default["attrs"]
    assert {name for name, _, _ in result.names} == stored.keys()
    assert sum(count for _, _, count in result.names) == result.members


def test_our_classification_is_never_touched(mirror: ProjectsMirror) -> None:
    mirror.projects()
    query(
        mirror.warehouse,
        "UPDATE cloud_projects SET tenant_id = 't', purpose = 'p' WHERE name = 'acme' RETURNING 1",
    )
    mirror.change("acme", name="acme 2", purpose="Website or blog", description='a "b"\r\nc\rd,é')
    mirror.projects()
    row = mirror.stored_projects()["acme 2"]
    assert (row["tenant_id"], row["purpose"], row["description"]) == ("t", "p", 'a "b"\r\nc\rd,é')
    assert row["attrs"]["purpose"] == "Website or blog"


def test_a_project_is_struck_three_times_and_comes_back(mirror: ProjectsMirror) -> None:
    mirror.projects()
    gone = mirror.stored_projects()["acme"]["provider_id"]
    mirror.account.hide("project", gone)
    deleted = []
    for _ in range(4):
        mirror.projects()
        row = mirror.stored_projects()["acme"]
        deleted.append((row["stale_strike_count"], row["deleted_at"]))
    assert deleted == [(1, None), (2, None), (3, at(4)), (3, at(4))]
    mirror.account.show("project", gone)
    assert mirror.projects().sync.recorded.restored == 1
    assert mirror.stored_projects()["acme"]["deleted_at"] is None


def test_many_projects_missing_at_once_strike_nothing(mirror: ProjectsMirror) -> None:
    for number in range(12):
        mirror.account.create("project", name=f"p{number}")
    mirror.projects()
    for project in mirror.account.ids("project")[1:]:
        mirror.account.hide("project", project)
    for _ in range(4):
        result = mirror.projects(name="Default")
        assert (result.sync.recorded.implausible, result.sync.recorded.struck) == (True, 0)
    assert not [p for p in mirror.stored_projects().values() if p["deleted_at"]]
    query(
        mirror.warehouse,
        "INSERT INTO cloud_loss_confirmations (account, kind, confirmed_by, valid_until) "
        "VALUES (:account, 'project', 'me', :until) RETURNING 1",
        account=mirror.account.team_uuid, until=at(99),
    )  # fmt: skip
    assert mirror.projects(name="Default").sync.recorded.struck > 10


# -- who is in which ----------------------------------------------------------------------------


def test_a_first_project_learnt_later_is_an_event_from_null(mirror: ProjectsMirror) -> None:
    for kind in KINDS:
        # Those are identified by their droplet's id.
        if kind.name not in ("backup_policy", "autoscale_member"):
            mirror.sync(kind.name)
    result = mirror.projects()
    assert result.attributed > 20
    learnt = [e for e in events(mirror.warehouse) if e["event"] != "discovered"]
    assert len(learnt) == result.attributed
    assert {e["event"] for e in learnt} == {"updated"}
    told = query(
        mirror.warehouse,
        "SELECT e.changes, r.project_id FROM cloud_resource_events AS e "
        "JOIN cloud_resources AS r ON r.id = e.resource_id WHERE e.event = 'updated'",
    )
    for row in told:
        assert row["changes"] == {"project_id": {"from": None, "to": row["project_id"]}}
    for kind in ("droplet", "reserved_ip", "domain", "kubernetes_cluster"):
        urn_type = {"reserved_ip": "floatingip", "kubernetes_cluster": "kubernetes"}.get(kind, kind)
        for identity in mirror.account.ids(kind):
            project = mirror.account.project_of(f"do:{urn_type}:{identity}", mirror.account.now)
            name = mirror.account.get("project", project)["name"]
            assert mirror.project_of(identity) == name
            assert mirror.memberships(identity) == [(name, at(mirror.hours), None)]


def test_resources_found_after_the_projects_have_theirs_at_once(mirror: ProjectsMirror) -> None:
    mirror.projects()
    mirror.sync()
    found = rows(mirror.warehouse, "droplet")
    assert all(row["project_id"] for row in found.values())
    for identity, row in found.items():
        (event,) = events(mirror.warehouse, identity)
        assert event["changes"]["project_id"] == {"from": None, "to": row["project_id"]}
    assert mirror.projects().attributed == 0


def test_a_move_is_an_event_and_ends_a_membership(mirror: ProjectsMirror) -> None:
    droplet = mirror.account.ids("droplet")[0]
    mirror.account.assign("acme", f"do:droplet:{droplet}")
    mirror.sync()
    mirror.projects()
    mirror.account.advance(hours=1)
    mirror.account.assign("Default", f"do:droplet:{droplet}")
    result = mirror.projects()

    assert result.attributed == 1
    ids = {name: p["id"] for name, p in mirror.stored_projects().items()}
    (_, _, updated) = events(mirror.warehouse, droplet)
    assert (updated["event"], updated["changes"], updated["run_id"]) == (
        "updated",
        {"project_id": {"from": ids["acme"], "to": ids["Default"]}},
        "run-3",
    )
    assert mirror.memberships(droplet) == [("acme", at(2), at(3)), ("Default", at(3), None)]
    assert mirror.project_of(droplet) == "Default"
    mirror.projects()
    mirror.sync()
    assert len(events(mirror.warehouse, droplet)) == 3


def test_a_resource_that_is_gone_leaves_its_project(mirror: ProjectsMirror) -> None:
    mirror.sync()
    mirror.projects()
    droplet = mirror.account.ids("droplet")[0]
    mirror.account.delete("droplet", droplet)
    mirror.projects()
    ((_, since, until),) = mirror.memberships(droplet)
    assert (since, until) == (at(2), at(3))
    # The row keeps the project it was in last: invoices ask for it.
    assert mirror.project_of(droplet) is not None


def test_rows_that_are_not_found_are_left_out(mirror: ProjectsMirror) -> None:
    ghost = ForeignUrn("do:droplet:424242", "not_found", mirror.account.now)
    mirror.account.add_foreign_urn(mirror.account.default_project, ghost)
    mirror.projects()
    assert mirror.memberships("424242") == []


def test_what_nobody_knows_is_a_resource_of_kind_unknown(mirror: ProjectsMirror) -> None:
    mirror.projects()
    unknown = rows(mirror.warehouse, "unknown")
    assert unknown.keys() == {UNDOCUMENTED_URN}
    assert unknown[UNDOCUMENTED_URN]["name"] == UNDOCUMENTED_URN
    assert mirror.project_of(UNDOCUMENTED_URN) is not None
    (sync,) = syncs(mirror.warehouse, "unknown")
    assert (sync["rows_seen"], sync["complete"], sync["discovered"]) == (1, True, 1)
    assert mirror.memberships(BUCKET_URN.rpartition(":")[2])
    mirror.account.foreign[:] = [f for f in mirror.account.foreign if f.urn != UNDOCUMENTED_URN]
    mirror.account.create("project", name="so that the list is made anew")
    for _ in range(3):
        mirror.projects()
    assert story(mirror.warehouse, UNDOCUMENTED_URN) == ["discovered", "deleted"]


@pytest.mark.parametrize("listed_first", [True, False])
def test_what_a_release_learns_leaves_unknown_at_once(
    mirror: ProjectsMirror, monkeypatch: pytest.MonkeyPatch, listed_first: bool
) -> None:
    volumes = {str(volume) for volume in mirror.account.ids("volume")}
    with monkeypatch.context() as older:
        older.delitem(memberships.KIND_OF_URN_TYPE, "volume")
        mirror.projects()
    first_seen = mirror.now()
    urns = {f"do:volume:{volume}" for volume in volumes}
    assert rows(mirror.warehouse, "unknown").keys() == {UNDOCUMENTED_URN, *urns}
    if listed_first:
        mirror.sync("volume")
    mirror.projects()
    left = rows(mirror.warehouse, "unknown")
    assert {urn for urn, row in left.items() if row["deleted_at"] is None} == {UNDOCUMENTED_URN}
    for urn in urns:
        assert story(mirror.warehouse, urn) == ["discovered", "deleted"]
    mirror.sync("volume")
    mirror.projects()
    known = rows(mirror.warehouse, "volume")
    assert known.keys() == volumes
    assert {row["first_seen_at"] for row in known.values()} == {first_seen}
    # A volume that was listed before its project was known learns it by an event.
    learns = ["updated"] if listed_first else []
    for volume in volumes:
        assert story(mirror.warehouse, volume) == ["discovered", *learns]
        assert mirror.project_of(volume) is not None
        assert len([m for m in mirror.memberships(volume) if m[2] is None]) == 1


@pytest.mark.parametrize("status", [500, 412, 403])
def test_a_project_whose_members_are_not_told_costs_itself(
    mirror: ProjectsMirror, status: int
) -> None:
    mirror.sync()
    mirror.projects()
    members = "SELECT id, valid_to FROM cloud_project_memberships ORDER BY id"
    before = query(mirror.warehouse, members)
    acme = mirror.stored_projects()["acme"]["provider_id"]
    mirror.account.faults.add(f"/v2/projects/{acme}/resources", status, times=None)
    made = mirror.account.create("droplet", name="made meanwhile")
    result = mirror.projects()
    assert not result.sync.complete
    assert acme in str(result.sync.error)
    after = query(mirror.warehouse, members)
    assert after[: len(before)] == before
    assert mirror.memberships(made["id"])


@pytest.mark.parametrize(
    ("urn", "parts"),
    [
        ("do:droplet:1", ("droplet", "1")),
        ("do:dbaas:9cc1", ("database", "9cc1")),
        ("do:floatingip:1.2.3.4", ("reserved_ip", "1.2.3.4")),
        ("do:reservedip:1.2.3.4", ("reserved_ip", "1.2.3.4")),
        ("do:LoadBalancer:x", ("load_balancer", "x")),
        ("do:domain:a:b", ("domain", "a:b")),
        ("do:space:assets", ("spaces_bucket", "assets")),
        ("do:newthing:7", ("unknown", "do:newthing:7")),
        ("do:droplet:", ("unknown", "do:droplet:")),
        ("nonsense", ("unknown", "nonsense")),
    ],
)
def test_urns(urn: str, parts: tuple[str, str]) -> None:
    assert split_urn(urn) == parts


# -- what goes wrong ----------------------------------------------------------------------------


def test_a_token_that_sees_less_closes_nothing_implausible(mirror: ProjectsMirror) -> None:
    for number in range(12):
        mirror.account.create("volume", name=f"v{number}")
    mirror.sync("volume")
    mirror.projects()
    volumes = mirror.account.ids("volume")
    before = {v: mirror.memberships(v) for v in volumes}
    narrow = mirror.account.add_token("narrow", ["account:read", "project:read", "droplet:read"])
    result = mirror.projects(narrow)
    assert result.sync.complete
    assert {v: mirror.memberships(v) for v in volumes} == before
    mirror.projects(narrow, guard=Guard(at_least=100))
    assert all(mirror.memberships(v)[0][2] for v in volumes)


def test_a_project_deleted_while_reading(mirror: ProjectsMirror) -> None:
    mirror.sync()
    mirror.projects()
    acme = mirror.stored_projects()["acme"]["provider_id"]
    members = query(
        mirror.warehouse, "SELECT * FROM cloud_project_memberships WHERE valid_to IS NULL"
    )
    mirror.account.faults.add(f"/v2/projects/{acme}/resources", 404)
    result = mirror.projects()
    assert result.sync.complete
    # What was in it is not gone: nobody read where it is now.
    still = query(
        mirror.warehouse, "SELECT * FROM cloud_project_memberships WHERE valid_to IS NULL"
    )
    assert still == members
    assert not syncs(mirror.warehouse, "unknown")[-1]["complete"]


@pytest.mark.parametrize("path", ["/v2/projects", RESOURCES])
@pytest.mark.parametrize("fault", [500, "truncate", "html"])
def test_a_fault_anywhere_changes_nothing(mirror: ProjectsMirror, path: str, fault: Any) -> None:
    mirror.sync()
    mirror.projects()
    mirror.account.assign("Default", f"do:droplet:{mirror.account.ids('droplet')[0]}")
    mirror.account.faults.add(path, fault, times=None, after=0 if path.endswith("s") else 1)
    with untouched(mirror.warehouse), pytest.raises(DigitalOceanError, match="/v2/projects"):
        mirror.projects()
    last = syncs(mirror.warehouse, "project")[-1]
    assert last["complete"] is False
    assert "/v2/projects" in last["error"]
    mirror.account.faults.clear()
    assert mirror.projects().sync.complete


def test_a_token_without_the_scope_is_not_available(mirror: ProjectsMirror) -> None:
    result = mirror.projects(mirror.account.add_token("narrow", ["account:read"]))
    assert (result.sync.available, result.bootstrap) == (False, None)
    assert "project:read" in str(result.sync.error)


def test_a_connection_lost_while_recording_has_its_sync_row(mirror: ProjectsMirror) -> None:
    mirror.sync()
    with (
        untouched(mirror.warehouse),
        before_statement(
            mirror.warehouse, "UPDATE cloud_resources", lambda: cut_connections(mirror.warehouse)
        ),
        pytest.raises(WarehouseUnreachable),
    ):
        mirror.projects()
    assert "does not answer" in syncs(mirror.warehouse, "project")[-1]["error"]
    assert mirror.projects().sync.complete


def test_an_older_listing_recorded_later_changes_nothing(mirror: ProjectsMirror) -> None:
    mirror.projects()
    mirror.hours = -5
    with untouched(mirror.warehouse):
        result = mirror.projects()
    assert result.sync.recorded.superseded
    assert str(result.sync.error).startswith("superseded")


def first_wait(warehouse: Warehouse) -> str:
    """What the first backend that has to wait waits for."""
    sql = (
        "SELECT wait_event FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(10_000):
        if found := query(warehouse, sql):
            return str(found[0]["wait_event"])
    raise AssertionError("nobody waits")


def test_projects_take_turns_with_syncs_of_their_resources(mirror: ProjectsMirror) -> None:
    """Both update the same rows in orders of their own: row locks alone would deadlock."""
    mirror.sync()
    mirror.projects()
    ids = mirror.account.ids("droplet")
    for droplet in ids:
        mirror.account.assign("acme", f"do:droplet:{droplet}")
    waits: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        running: list[Future[ProjectsResult]] = []

        def meanwhile() -> None:
            running.append(pool.submit(mirror.projects))
            waits.append(first_wait(mirror.warehouse))

        with before_statement(mirror.warehouse, "INSERT INTO cloud_sync_runs", meanwhile):
            seen = fleet(ids, status="off")
            record(mirror.warehouse, seen, 100, account=mirror.account.team_uuid)
        assert running[0].result(30).attributed > 0
    assert waits == ["advisory"]


def test_rows_of_another_account_are_not_attributed(mirror: ProjectsMirror) -> None:
    droplet = mirror.account.ids("droplet")[0]
    record(mirror.warehouse, fleet([droplet]), account="somebody else")
    mirror.projects()
    assert rows(mirror.warehouse)[str(droplet)]["project_id"] is None
