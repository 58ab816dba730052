"""Random histories of several kinds: API objects through the registry to the ledger, against a
model of the contract, after each step."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import unquote

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from arcadia_cloud_pipelines.digitalocean import Account, DigitalOcean, DigitalOceanError, NotFound
from arcadia_cloud_pipelines.inventory.ledger import Guard
from arcadia_cloud_pipelines.inventory.memberships import UNKNOWN_KIND
from arcadia_cloud_pipelines.inventory.projects import sync_projects
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, UNKNOWN
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import T0
from .model import Key, Model, Row
from .test_history import as_of, clear
from .test_sightings import Json, example

PROJECTS = {account: [f"{account}-project-{n}" for n in (1, 2)] for account in "AB"}
DOMAINS = ("one.example", "two.example")
CANARY = "canary-without-a-shape"


class Trait(NamedTuple):
    """What the machine must know of a kind: its official object, and what may become of it."""

    file: str
    identity: str
    """`%s` is the number."""
    edits: Mapping[str, list[Any]]
    """Values of paths; the first is the one it begins with."""
    noise: Mapping[str, list[Any]]
    urn: str | None = None
    secret: Mapping[str, Any] = {}


KINDS = {
    "droplet": Trait(
        "droplets", "10%s",
        {
            "name": ["a", "ä\\N", 'q"uo,te\r\n', "lone\rreturn", "", None],
            "status": ["active", "off"],
            "size_slug": ["s-1", "s-2", None],
            "region": [{"slug": "fra1", "features": []}, {"slug": "nyc3"}, None],
            "tags": [["x", "b"], ["NULL", 'y"{},\\', "y,"], [], None],
            "created_at": ["2020-07-21T18:37:44Z", None, "soon"],
            "vcpus": [1, 2, None],
            "backup_policy": [
                {"backup_enabled": True, "backup_policy": {"hour": 4}}, {"backup_enabled": False},
                None,
            ],
            "networks": [{"v4": [{"ip_address": "1", "gateway": "2"}], "v6": [1, "1"]}, {}, None],
        },
        {"locked": [False, True], "next_backup_window": [None, {"start": "x"}],
         "tags.order": [0, 1], "backup_ids": [[1], [2, 3]]},
        "do:droplet:%s",
    ),
    "reserved_ip": Trait(
        "reserved_ips", "10.0.0.%s",
        {
            "region": [{"slug": "fra1"}, {"slug": "nyc3"}, None],
            "droplet": [None, {"id": 1, "name": "a"}, {"id": 2}],
            "project_id": ["A-project-1", "A-project-2", "nobody's", None],
        },
        {"locked": [False, True]},
        "do:floatingip:%s",
    ),
    "domain_record": Trait(
        "domain_records", "10%s",
        {"name": ["@", "www"], "data": ["1.2.3.4", "1.2.3.5"], "ttl": [1800, 60],
         "priority": [None, 0, 10]},
        {},
    ),
    "app": Trait(
        "apps", "app-%s",
        {
            "spec.name": ["sample", "other"],
            "active_deployment.phase": ["ACTIVE", "ERROR", None],
            "spec.services": [[{"name": "web", "instance_count": 1}], [{"name": "web"}], []],
            "tier_slug": ["basic", "", None],
            "region": [{"slug": "fra", "label": "Frankfurt"}, None],
        },
        {"updated_at": ["x", "y"], "progress": [{"steps": 1}, None], "region.label": ["F", "G"]},
        "do:app:%s",
        {"owner_uuid": CANARY, "spec.envs": [{"key": "A", "value": CANARY}],
         "spec.services": [{"name": "web", "run_command": CANARY, "envs": [{"value": CANARY}]}]},
    ),
}  # fmt: skip
# Mostly one account and kind, or a short history would never come to its third strike.
SCOPES = st.sampled_from(
    [("A", "droplet")] * 6 + [("B", "droplet")] * 3
    + [("A", kind) for kind in KINDS if kind != "droplet"] * 2 + [("B", "reserved_ip")]
)  # fmt: skip
COLUMNS = ("name", "region", "status", "size_slug", "created_at")


def put(item: Json, path: str, value: Any) -> None:
    """Set a dotted path; whatever ends early on the way becomes an object."""
    *parents, last = path.split(".")
    for step in parents:
        if not isinstance(item.get(step), dict):
            item[step] = {}
        item = item[step]
    item[last] = copy.deepcopy(value)


class Api(DigitalOcean):
    """A client of an API that answers what the machine says."""

    def __init__(self, account: str, lists: dict[str, list[Json]], short: set[str]) -> None:
        super().__init__("https://api.digitalocean.com", Secret("token-of-the-machine"))
        self._account = account
        self._lists = lists
        self._short = short
        """Paths whose lists hold less than they count."""

    def account(self) -> Account:
        return Account(self._account, None)

    def cause(self, error: DigitalOceanError) -> DigitalOceanError:
        """The account answers, whatever else does not."""
        return error

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, scope: str | None = None,
        decides: bool = False,
    ) -> Json:  # fmt: skip
        self.count(1)
        path = unquote(path)
        kind = (params or {}).get("type")
        if path not in self._lists:
            raise NotFound(f"GET {path}", "answered 404")
        # A third of the droplets are in the other list.
        items = [
            copy.deepcopy(item) for n, item in enumerate(self._lists[path])
            if path != "/v2/droplets" or (n % 3 == 0) == (kind == "gpus")
        ]  # fmt: skip
        envelope = path.rpartition("/")[2].replace("records", "domain_records")
        envelope = envelope.replace("clusters", "kubernetes_clusters")
        total = len(items) + (path in self._short)
        return {envelope: items, "meta": {"total": total}, "links": {}}


class LedgerMachine(RuleBasedStateMachine):
    """What exists changes by itself, listings show more or less of it, and both sides record."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__()
        clear(warehouse)
        with warehouse.transaction() as connection:
            connection.execute(sa.text("DELETE FROM cloud_projects"))
            connection.execute(sa.text("DELETE FROM cloud_loss_confirmations"))
        self.warehouse = warehouse
        self.model = Model()
        self.worlds: dict[tuple[str, str], dict[int, Json]] = {
            (account, kind): {} for account in "AB" for kind in KINDS
        }
        self.parts: dict[tuple[str, str], dict[int, int]] = {}
        self.homes: dict[str, dict[str, int]] = {"A": {}, "B": {}}
        """Which of its account's projects each urn is in."""
        self.hour = 0
        self.late = False
        self.told: list[Json] = []
        self.before: dict[Key, Json] = {}
        self.touched: set[tuple[str, str]] = set()
        """Accounts and kinds that were listed since the last look."""
        self.instants: dict[datetime, dict[Key, Row]] = {}

    # -- the world ----------------------------------------------------------------------------

    @initialize()
    def fleet(self) -> None:
        self.create(("A", "droplet"), 0, 13)

    def _object(self, kind: str, number: int) -> Json:
        trait = KINDS[kind]
        _, item = example(trait.file)
        for path, values in trait.edits.items():
            put(item, path, values[0])
        for path, value in trait.secret.items():
            put(item, path, value)
        identity = trait.identity % f"{number:02}"
        item[KIND_BY_NAME[kind].identity] = int(identity) if identity.isdigit() else identity
        return item

    @rule(scope=SCOPES, first=st.integers(0, 12), count=st.sampled_from([1, 4, 13]))
    def create(self, scope: tuple[str, str], first: int, count: int) -> None:
        for number in range(first, first + count):
            if number not in self.worlds[scope]:
                self.worlds[scope][number] = self._object(scope[1], number)
        self._sync(scope)

    @rule(scope=SCOPES, step=st.sampled_from([1, 2, 4]), times=st.integers(1, 3))
    def remove(self, scope: tuple[str, str], step: int, times: int) -> None:
        for number in sorted(self.worlds[scope])[::step]:
            del self.worlds[scope][number]
        for _ in range(times):
            self._sync(scope)

    @rule(kind=st.sampled_from(["droplet", "droplet", "reserved_ip"]), back=st.booleans(),
          listed=st.booleans())  # fmt: skip
    def hand_over(self, kind: str, back: bool, listed: bool) -> None:
        """Half of what one account has becomes the other's."""
        giver, taker = ("B", "A") if back else ("A", "B")
        for number in sorted(self.worlds[giver, kind])[1::2]:
            self.worlds[taker, kind][number] = self.worlds[giver, kind].pop(number)
        for account in (giver, giver, taker, giver, taker):
            self._sync((account, kind))
        if listed:
            self.move(taker, 0, 1, 1, 0, None)

    @rule(scope=SCOPES, data=st.data(), step=st.integers(1, 3))
    def edit(self, scope: tuple[str, str], data: st.DataObject, step: int) -> None:
        edits = KINDS[scope[1]].edits
        paths = data.draw(st.sets(st.sampled_from(sorted(edits)), min_size=1, max_size=3))
        turn = data.draw(st.integers(0, 5))
        for number, item in list(self.worlds[scope].items())[::step]:
            for path in sorted(paths):
                put(item, path, edits[path][(turn + number % 2) % len(edits[path])])
        self._sync(scope)

    @rule(scope=SCOPES, turn=st.integers(0, 1))
    def make_noise(self, scope: tuple[str, str], turn: int) -> None:
        self._sync(scope)
        for item in self.worlds[scope].values():
            for path, values in KINDS[scope[1]].noise.items():
                if path == "tags.order":
                    item["tags"] = (item["tags"] or [])[::-1] or None
                elif path != "region.label" or item["region"]:
                    put(item, path, values[turn])
        assert self._sync(scope).recorded.updated == 0

    @rule(scope=SCOPES, data=st.data(), all_but=st.sampled_from([0, 0, 1]))
    def blank(self, scope: tuple[str, str], data: st.DataObject, all_but: int) -> None:
        path = data.draw(st.sampled_from(sorted(KINDS[scope[1]].edits)))
        before = copy.deepcopy(self.worlds[scope])
        for item in list(self.worlds[scope].values())[all_but:]:
            put(item, path, None)
        self._sync(scope)
        self.worlds[scope] = before

    # -- the syncs ----------------------------------------------------------------------------

    def _began(self, late: float) -> datetime:
        self.hour += 1
        self.late |= bool(late)
        return T0 + timedelta(hours=self.hour - late)

    def _sync(
        self, scope: tuple[str, str], complete: bool = True, late: float = 0, keep: int = 99,
        lost_parent: bool = False, silent: bool = False, soon: bool = False,
    ) -> Any:  # fmt: skip
        account, kind = scope[0], KIND_BY_NAME[scope[1]]
        began = self._began(late)
        shown = dict(sorted(self.worlds[scope].items())[:keep])
        (endpoint, *_) = kind.endpoints
        lists = {endpoint.path: list(shown.values())}
        if endpoint.per:
            lists = {"/v2/domains": [{"name": name} for name in DOMAINS]}
            for n, name in enumerate(DOMAINS[lost_parent:], lost_parent):
                lists[endpoint.path.format(parent=name)] = [
                    i for number, i in shown.items() if number % 2 == n
                ]
            shown = {
                number: item | {"domain": DOMAINS[number % 2]}
                for number, item in shown.items() if number % 2 >= lost_parent
            }  # fmt: skip
        short = set() if complete else {[*lists][-1]}
        unknown: frozenset[str] = frozenset()
        if kind.supplements:
            policies = [
                {"droplet_id": item["id"], **item["backup_policy"]}
                for item in shown.values() if item["backup_policy"]
            ]  # fmt: skip
            bare = {n: {k: v for k, v in item.items() if k != "backup_policy"}
                    for n, item in shown.items()}  # fmt: skip
            lists[endpoint.path] = [*bare.values()]
            lists |= {"/v2/kubernetes/clusters": [], "/v2/droplets/backups/policies": policies}
            if silent:
                del lists["/v2/droplets/backups/policies"]
                shown, unknown = bare, frozenset({"backup_policy"})
        result = sync_kind(
            self.warehouse, Api(account, lists, short), kind,
            run_id=f"run {self.hour}", now=lambda: began,
            guard=Guard(between=timedelta(hours=1) if soon else timedelta()),
        )  # fmt: skip
        # A parent that is still listed and does not answer proves nothing of its children.
        complete = complete and not lost_parent
        listing = sightings(kind, shown.values())
        withheld = self.model.record(account, kind.name, began, listing, complete, unknown, soon)
        assert result.recorded.withheld == withheld
        assert result.recorded.superseded or (
            (result.complete, result.rows_seen) == (complete, len(listing))
        )
        self.touched.add((account, kind.name))
        self._remember(began)
        return result

    def _remember(self, began: datetime) -> None:
        """Keep what is stored at the newest instant; what began earlier may alter later ones."""
        newest = max([began, *self.instants])
        self.instants = {when: rows for when, rows in self.instants.items() if when < began}
        self.instants[newest] = copy.deepcopy(self.model.rows)

    @rule(scope=SCOPES)
    def sync(self, scope: tuple[str, str]) -> None:
        self._sync(scope)

    @rule(scope=SCOPES, step=st.sampled_from([1, 2, 4]))
    def listings_that_follow_at_once(self, scope: tuple[str, str], step: int) -> None:
        """They are one strike together: the database's clock moves by moments."""
        for number in sorted(self.worlds[scope])[::step]:
            del self.worlds[scope][number]
        for _ in range(3):
            self._sync(scope, soon=True)

    @rule(account=st.sampled_from("AAB"))
    def sync_without_a_supplement(self, account: str) -> None:
        """Who may not read the policies learns nothing of them."""
        self._sync((account, "droplet"), silent=True)

    @rule(scope=SCOPES, keep=st.integers(0, 8))
    def incomplete_sync(self, scope: tuple[str, str], keep: int) -> None:
        self._sync(scope, complete=False, keep=keep)

    @rule(scope=SCOPES, late=st.sampled_from([1.5, 3.5]), complete=st.booleans())
    def late_sync(self, scope: tuple[str, str], late: float, complete: bool) -> None:
        self._sync(scope, complete, late, keep=3)

    @rule(times=st.integers(1, 3))
    def lose_a_parent(self, times: int) -> None:
        for _ in range(times):
            self._sync(("A", "domain_record"), lost_parent=True)

    @rule(scope=SCOPES, hours=st.sampled_from([2, 5]))
    def confirm_loss(self, scope: tuple[str, str], hours: int) -> None:
        account, kind = scope
        until = T0 + timedelta(hours=self.hour + hours)
        standing = self.model.confirmed.get((account, kind))
        self.model.confirmed[account, kind] = max(until, standing or until)
        with self.warehouse.transaction() as connection:
            connection.execute(
                sa.text("INSERT INTO cloud_loss_confirmations "
                        "(account, kind, confirmed_by, valid_until) VALUES (:a, :k, 'me', :u)"),
                {"a": account, "k": kind, "u": until},
            )  # fmt: skip

    # -- projects -----------------------------------------------------------------------------

    @rule(
        account=st.sampled_from("AAB"), first=st.integers(0, 12), step=st.integers(1, 3),
        project=st.sampled_from([0, 1, None]), late=st.sampled_from([0, 0, 0, 1.5]),
        trouble=st.sampled_from([None, None, None, "short", "gone"]),
    )  # fmt: skip
    def move(
        self, account: str, first: int, step: int, project: int | None, late: float,
        trouble: str | None,
    ) -> None:  # fmt: skip
        """Put some of everything into a project, or out of all, and list the projects."""
        # A name: what another account lists under it would be another thing.
        urns = [f"do:newthing:{account}-{number}" for number in range(3)]
        for kind, trait in KINDS.items():
            if trait.urn is not None:
                numbers = sorted(self.worlds[account, kind])
                urns += [trait.urn % (trait.identity % f"{number:02}") for number in numbers]
        home = self.homes[account]
        for urn in urns[first::step]:
            if project is None:
                home.pop(urn, None)
            else:
                home[urn] = project
        began = self._began(late)
        uuids = PROJECTS[account]
        lists: dict[str, list[Json]] = {
            "/v2/projects": [{"id": uuid, "name": uuid, "owner_uuid": CANARY} for uuid in uuids]
        }
        paths = [f"/v2/projects/{uuid}/resources" for uuid in uuids]
        for n, path in enumerate(paths):
            lists[path] = [
                {"urn": urn, "status": "ok", "assigned_at": "2026-01-01T00:00:00Z"}
                for urn, where in home.items() if where == n
            ]  # fmt: skip
            lists[path].append({"urn": "do:droplet:424242", "status": "not_found"})
        if trouble == "gone":
            del lists[paths[1]]
        sync_projects(
            self.warehouse, Api(account, lists, {paths[1]} if trouble == "short" else set()),
            project_name=uuids[0], run_id=f"run {self.hour}", now=lambda: began,
        )  # fmt: skip
        kinds = {t.urn.split(":")[1]: kind for kind, t in KINDS.items() if t.urn}
        listed: dict[Key, str] = {}
        unknown = []
        for uuid, path in zip(uuids, paths, strict=True):
            for resource in lists.get(path, [])[:-1]:
                _, urn_type, identity = resource["urn"].split(":")
                known = urn_type in kinds
                listed[(kinds[urn_type], identity) if known else (UNKNOWN, resource["urn"])] = uuid
                unknown += [] if known else [resource]
        whole = {uuids[0]} if trouble else set(uuids)
        if self.model.record_members(account, began, uuids, whole, listed):
            self.model.record(
                account, UNKNOWN, began, sightings(UNKNOWN_KIND, unknown), not trouble
            )
        self.touched |= {(account, name) for name in (*KINDS, UNKNOWN)}
        self._remember(began)

    # -- what always holds --------------------------------------------------------------------

    @invariant()
    def rows_events_and_history_agree(self) -> None:
        found = {(r["kind"], r["provider_id"]): r for r in query(
            self.warehouse, "SELECT r.*, p.provider_id AS project FROM cloud_resources AS r "
            # Projects are the frame here, and have their own tests as resources.
            "LEFT JOIN cloud_projects AS p ON p.id = r.project_id WHERE r.kind <> 'project'"
        )}  # fmt: skip
        told = query(
            self.warehouse,
            "SELECT id, resource_id, event, occurred_at, changes FROM cloud_resource_events "
            "WHERE resource_id IN (SELECT id FROM cloud_resources WHERE kind <> 'project') "
            "ORDER BY id",
        )
        assert told[: len(self.told)] == self.told, "events are only added"
        new, self.told = told[len(self.told) :], told
        self._others_are_untouched(found, new)
        self.before = found
        assert found.keys() == self.model.rows.keys()
        assert CANARY not in repr(found) + repr(told)
        names = {p["id"]: p["provider_id"] for p in query(
            self.warehouse, "SELECT id, provider_id FROM cloud_projects"
        )}  # fmt: skip
        for key, row in found.items():
            events = [
                (e["event"], e["occurred_at"], self._named(e["changes"], names))
                for e in told if e["resource_id"] == row["id"]
            ]  # fmt: skip
            wanted = vars(self.model.rows[key]) | {"seen": None}
            assert wanted == self._told_by_row(row) | {"events": events, "seen": None}
            self._folds(row, events)
        members = query(
            self.warehouse,
            "SELECT m.account, m.kind, m.provider_id, m.listed_by, p.provider_id AS project "
            "FROM cloud_project_memberships AS m JOIN cloud_projects AS p ON p.id = m.project_id "
            "WHERE m.valid_to IS NULL",
        )
        assert self.model.members == {
            (m["kind"], m["provider_id"]): (m["account"], m["project"]) for m in members
        }
        assert self.model.told_by_object == {
            (m["kind"], m["provider_id"]) for m in members if m["listed_by"] == "object"
        }

    def _others_are_untouched(self, found: dict[Key, Json], new: list[Json]) -> None:
        """The sync of one kind of one account leaves all other live rows alone."""
        for (kind, identity), row in self.before.items():
            may_take = row["deleted_at"] is not None and any(k == kind for _, k in self.touched)
            if (row["account"], kind) not in self.touched and not may_take:
                assert found[kind, identity] == row
        mine = {row["id"] for (kind, _), row in found.items()
                if (row["account"], kind) in self.touched}  # fmt: skip
        assert {event["resource_id"] for event in new} <= mine
        self.touched.clear()

    @staticmethod
    def _named(changes: Json, names: dict[int, str]) -> Json:
        """The changes, with uuids for our own numbers of projects."""
        if "project_id" not in changes:
            return changes
        moved = {side: names.get(number) for side, number in changes["project_id"].items()}
        return changes | {"project_id": moved}

    @staticmethod
    def _fields(row: Json) -> Json:
        columns = {name: row[name] for name in COLUMNS}
        if row["created_at"] is not None:
            columns["created_at"] = row["created_at"].isoformat()
        columns["tags"] = row["tags"] or None
        return row["attrs"] | {name: value for name, value in columns.items() if value is not None}

    def _told_by_row(self, row: Json) -> Json:
        plain = ("account", "first_seen_at", "last_seen_at", "deleted_at", "project")
        return {name: row[name] for name in plain} | {
            "fields": self._fields(row), "strikes": row["stale_strike_count"],
        }  # fmt: skip

    def _folds(self, row: Json, events: list[tuple[str, datetime, Json]]) -> None:
        """The events alone tell the row's whole state."""
        state: Json = {"account": None}
        for event, _, changes in events:
            assert event == "discovered" or changes, "an event without a change"
            for name, change in changes.items():
                # The account is not told when it is learnt first.
                first = name == "account" and state[name] is None
                assert first or state.get(name) == change["from"], (name, event)
                state[name] = change["to"]
        assert state.pop("account") in (None, row["account"])
        assert state.pop("project_id", None) == row["project"]
        deleted_at = state.pop("deleted_at", None)
        assert deleted_at == (row["deleted_at"] and row["deleted_at"].isoformat())
        assert {n: value for n, value in state.items() if value is not None} == self._fields(row)

    def teardown(self) -> None:
        """At the end some of the instants are looked back at."""
        names = {p["id"]: p["provider_id"] for p in query(
            self.warehouse, "SELECT id, provider_id FROM cloud_projects"
        )}  # fmt: skip
        instants = sorted(self.instants.items())
        for when, rows in instants[-1:] + instants[:: max(1, len(instants) // 4)]:
            was = {
                (r["kind"], r["provider_id"]): r
                for r in as_of(self.warehouse, when).values() if r["kind"] != "project"
            }  # fmt: skip
            assert was.keys() == rows.keys()
            for key, row in was.items():
                then = rows[key]
                assert (row["account"], self._fields(row), row["deleted_at"]) == (
                    then.account, then.fields, then.deleted_at,
                )  # fmt: skip
                # Learnt later, it counts from the beginning; where listings were late, from then.
                if then.project is not None and not self.late:
                    assert names[row["project_id"]] == then.project


def test_every_history_ends_as_the_contract_says(warehouse: Warehouse) -> None:
    profile = settings()
    run_state_machine_as_test(
        lambda: LedgerMachine(warehouse),
        settings=settings(
            profile, max_examples=max(14, profile.max_examples // 4), stateful_step_count=30
        ),
    )


def test_what_becomes_another_accounts_is_in_its_projects(warehouse: Warehouse) -> None:
    """Although nobody lists the first account's projects any more."""
    machine = LedgerMachine(warehouse)
    machine.fleet()
    machine.move("A", 0, 1, 0, 0, None)
    machine.hand_over("droplet", back=False, listed=True)
    machine.make_noise(("B", "droplet"), 1)
    machine.rows_events_and_history_agree()
    machine.teardown()
    where = {identity: home for (_, identity), home in machine.model.members.items()}
    assert (where["1001"], where["1002"]) == (("B", "B-project-2"), ("A", "A-project-1"))


def test_a_project_of_another_account_is_nobodys_here(warehouse: Warehouse) -> None:
    """Two accounts list the same droplets; the rows are the first one's, the lists the other's."""
    machine = LedgerMachine(warehouse)
    machine.create(("B", "droplet"), 0, 4)
    machine.create(("A", "droplet"), 0, 4)
    machine.move("A", 0, 1, 0, 0, None)
    for item in machine.worlds["B", "droplet"].values():
        item["status"] = "off"
    machine.sync(("B", "droplet"))
    machine.rows_events_and_history_agree()
    assert {row.project for (kind, _), row in machine.model.rows.items() if kind == "droplet"} == {
        None
    }


def test_only_lists_that_were_read_whole_end_a_membership(warehouse: Warehouse) -> None:
    machine = LedgerMachine(warehouse)
    machine.create(("A", "droplet"), 0, 4)
    machine.move("A", 0, 1, 1, 0, None)
    for trouble, left in (("short", 7), ("gone", 7), (None, 5)):
        machine.move("A", 2, 3, None, 0, trouble)
        machine.rows_events_and_history_agree()
        assert len(machine.model.members) == left
