"""Tenants are apart in time: none is told what was true only while it was another's."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.inventory import ledger
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..inventory.test_history import put_in_projects
from .conftest import NOW, Api
from .test_isolation import as_tenant

INVENTORY = "/api/v1/inventory"
TENANTS = ("a", "b")
DROPLET = KIND_BY_NAME["droplet"]
PROJECTS = ("p1", "p2")
TABLES = (
    "cloud_projects", "cloud_resources", "cloud_project_memberships", "cloud_resource_events",
)  # fmt: skip

steps = st.lists(
    st.one_of(
        # Which of two droplets are listed, each with a name that it never had.
        st.tuples(st.just("listing"), st.sets(st.integers(1, 2))),
        st.tuples(
            st.just("move"),
            st.dictionaries(st.integers(1, 2), st.sampled_from(PROJECTS), min_size=1),
        ),
        st.tuples(
            st.just("classify"), st.sampled_from(PROJECTS), st.sampled_from((*TENANTS, None))
        ),
    ),
    min_size=3,
    max_size=14,
)


def moment(step: int) -> datetime:
    return NOW + timedelta(hours=step)


def reset(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE cloud_resource_events DISABLE TRIGGER ALL"))
        for table in ("cloud_resource_events", "cloud_resources", "cloud_project_memberships",
                      "cloud_projects", "cloud_sync_runs"):  # fmt: skip
            connection.execute(sa.text(f"DELETE FROM {table}"))
        connection.execute(sa.text("ALTER TABLE cloud_resource_events ENABLE TRIGGER ALL"))


def classify(warehouse: Warehouse, project: str, tenant: str | None, when: datetime) -> None:
    """Reclassify, as if the database's clock showed `when`."""
    newest = sa.text("SELECT id FROM cloud_project_tenancies WHERE valid_to IS NULL")
    with warehouse.transaction() as connection:
        before = set(connection.execute(newest).scalars())
        connection.execute(
            sa.text("UPDATE cloud_projects SET tenant_id = :tenant WHERE provider_id = :project"),
            {"tenant": tenant, "project": project},
        )
        after = set(connection.execute(newest).scalars())
        for column, rows in (("valid_to", before - after), ("valid_from", after - before)):
            connection.execute(
                sa.text(f"UPDATE cloud_project_tenancies SET {column} = :at WHERE id = ANY(:ids)"),
                {"at": when, "ids": list(rows)},
            )


@dataclass
class Model:
    """What is stored after each step: the droplets' names, and whose they are."""

    names: dict[int, str] = field(default_factory=dict)
    missed: dict[int, int] = field(default_factory=dict)
    places: dict[int, str] = field(default_factory=dict)
    tenants: dict[str, str | None] = field(default_factory=dict)
    history: list[dict[int, tuple[str, str | None]]] = field(default_factory=list)
    """After each step, of the live droplets: name and tenant."""

    def keep(self) -> None:
        self.history.append(
            {n: (name, self.owner(n)) for n, name in self.names.items() if self.missed[n] < 3}
        )

    def owner(self, droplet: int) -> str | None:
        return self.tenants.get(self.places.get(droplet, ""))


def play(api: Api, played: list[tuple[Any, ...]]) -> Model:
    """Do all that through the ledger and the projects' own recording."""
    model = Model()
    put_in_projects(api.warehouse, {}, moment(0) - timedelta(hours=1))
    for number, (what, *given_) in enumerate(played):
        at = moment(number)
        if what == "classify":
            project, tenant = given_
            classify(api.warehouse, project, tenant, at)
            model.tenants[project] = tenant
        elif what == "move":
            put_in_projects(api.warehouse, {**model.places, **given_[0]}, at)
            first = {n for n in given_[0] if n not in model.places}
            model.places |= given_[0]
            # A project that is learnt for the first time counts from the beginning.
            for before, past in enumerate(model.history):
                for n in first & past.keys():
                    owners = owners_of(played[:number], given_[0][n])
                    past[n] = (past[n][0], owners[before])
        else:
            listed = {n: f"name{number}x{n}" for n in given_[0]}
            objects = [{"id": n, "name": name} for n, name in listed.items()]
            seen = ledger.Observation(
                account="a", kind="droplet", started_at=at, sightings=sightings(DROPLET, objects),
                complete=True,
            )  # fmt: skip
            with api.warehouse.transaction() as connection:
                ledger.record(connection, seen, ledger.Guard())
            model.names |= listed
            for n in model.names:
                model.missed[n] = 0 if n in listed else model.missed.get(n, 0) + 1
        model.keep()
    return model


def owners_of(played: list[tuple[Any, ...]], project: str) -> list[str | None]:
    """Whose a project was after each step."""
    owners: list[str | None] = []
    for step in played:
        before = owners[-1] if owners else None
        owners.append(step[2] if step[0] == "classify" and step[1] == project else before)
    return owners


def names_told(api: Api, tenant: str, instants: int) -> set[str]:
    """Every name in anything that a tenant can read, through the API and as the role."""
    texts = [json.dumps(api.rows(f"{INVENTORY}?include_deleted=true&limit=1", tenant))]
    between = [moment(n).replace(minute=30).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(instants)]
    for instant in between:
        texts.append(
            json.dumps(api.rows(f"{INVENTORY}?include_deleted=true&as_of={instant}", tenant))
        )
        texts += as_tenant(
            api.warehouse, tenant, f"SELECT to_json(r)::text FROM resources_as_of('{instant}') AS r"
        )
    with api.warehouse.transaction() as connection:
        ids = list(connection.execute(sa.text("SELECT id FROM cloud_resources")).scalars())
    for one in ids:
        for path in ("", "/events"):
            texts.append(api.get(f"{INVENTORY}/{one}{path}", tenant).text)
        for instant in between:
            undone = f"SELECT cloud_tenant_undo({one}, '{instant}')::text"
            texts += [text or "" for text in as_tenant(api.warehouse, tenant, undone)]
    for table in TABLES:
        texts += as_tenant(api.warehouse, tenant, f"SELECT to_json(t)::text FROM {table} AS t")
    return set(re.findall(r"name\d+x\d", " ".join(texts)))


@settings(max_examples=25)
@given(played=steps)
@pytest.mark.needs_server("superuser")
def test_a_tenant_is_told_only_what_was_true_while_it_was_the_tenants(
    api: Api, played: list[tuple[Any, ...]]
) -> None:
    reset(api.warehouse)
    model = play(api, played)
    for tenant in TENANTS:
        own = {name for past in model.history for name, owner in past.values() if owner == tenant}
        assert names_told(api, tenant, len(played)) <= own
        for step, past in enumerate(model.history):
            instant = moment(step).replace(minute=30).strftime("%Y-%m-%dT%H:%M:%SZ")
            seen = {r["name"] for r in api.rows(f"{INVENTORY}?as_of={instant}", tenant)}
            mine = {
                name for n, (name, owner) in past.items()
                # Of what was given away for good nothing is shown any more.
                if owner == tenant and model.owner(n) == tenant and n in model.history[-1]
            }  # fmt: skip
            assert seen >= mine
            assert seen <= {name for name, owner in past.values() if owner == tenant}
        now = {r["name"] for r in api.rows(INVENTORY, tenant)}
        assert now == {name for name, owner in model.history[-1].values() if owner == tenant}


def handed_over(api: Api) -> tuple[int, int]:
    """A droplet of a project that was "them"'s, "us"'s for two hours, and is "them"'s again."""
    project = api.project("p", "them")
    one = api.resource("1", project, name="third", first_seen_at=NOW)
    for hours, was, now in ((1, "plan", "first"), (3, "first", "second"), (5, "second", "third")):
        api.event(
            one, occurred_at=moment(hours), changes={"name": {"from": was, "to": now}},
        )  # fmt: skip
    return project, one


def reclassify(api: Api, tenant: str, hours: int) -> None:
    classify(api.warehouse, "uuid of p", tenant, moment(hours))


def events(api: Api, one: int, tenant: str) -> list[str]:
    found = api.get(f"{INVENTORY}/{one}/events", tenant)
    return (
        [] if found.status_code == 404 else [e["occurred_at"][11:13] for e in found.json()["data"]]
    )


def test_a_reclassified_project_does_not_show_its_past(api: Api) -> None:
    _, one = handed_over(api)
    reclassify(api, "us", 2)
    assert events(api, one, "them") == []
    assert events(api, one, "us") == ["15", "17"]
    row = api.rows(INVENTORY, "us")[0]
    assert row["first_seen_at"] == "2026-05-04T14:00:00Z"
    assert api.rows(INVENTORY)[0]["first_seen_at"] == "2026-05-04T12:00:00Z"
    assert api.rows(f"{INVENTORY}?as_of=2026-05-04T13:30:00Z", "us") == []
    (then,) = api.rows(f"{INVENTORY}?as_of=2026-05-04T14:30:00Z", "us")
    assert (then["name"], then["first_seen_at"]) == ("first", "2026-05-04T14:00:00Z")


def test_going_back_shows_ones_own_spans_and_not_the_others(api: Api) -> None:
    _, one = handed_over(api)
    reclassify(api, "us", 2)
    reclassify(api, "them", 4)
    assert events(api, one, "us") == []
    assert events(api, one, "them") == ["13", "17"]
    names = {
        hour: [r["name"] for r in api.rows(f"{INVENTORY}?as_of=2026-05-04T{hour}:30:00Z", "them")]
        for hour in (12, 13, 14, 15, 16, 17)
    }
    assert names == {12: ["plan"], 13: ["first"], 14: [], 15: [], 16: ["second"], 17: ["third"]}


def test_what_was_gone_before_the_hand_over_is_the_former_tenants_alone(api: Api) -> None:
    project, one = handed_over(api)
    gone = api.resource("2", project, name="gone", deleted_at=moment(1))
    reclassify(api, "us", 2)
    shown = api.rows(f"{INVENTORY}?include_deleted=true", "us")
    assert [row["id"] for row in shown] == [one]
    assert api.get(f"{INVENTORY}/{gone}", "us").status_code == 404
    assert as_tenant(api.warehouse, "us", "SELECT id FROM cloud_resources") == [one]
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_resources SET deleted_at = NULL, name = 'back' WHERE id = :id"),
            {"id": gone},
        )
    api.event(
        gone, "restored", occurred_at=moment(3),
        changes={"deleted_at": {"from": moment(1).isoformat(), "to": None},
                 "name": {"from": "gone", "to": "back"}},
    )  # fmt: skip
    assert [r["name"] for r in api.rows(INVENTORY, "us")] == ["third", "back"]
    assert events(api, gone, "us") == []
    then = f"{INVENTORY}?include_deleted=true&as_of=2026-05-04T14:30:00Z"
    assert [r["name"] for r in api.rows(then, "us")] == ["first"]


def test_an_event_recorded_after_the_move_but_dated_before_it_is_not_the_former_tenants(
    api: Api,
) -> None:
    ours, theirs = api.project("o", "us"), api.project("t", "them")
    one = api.resource("1", ours)

    def move(hours: float, was: int, to: int) -> None:
        api.event(
            one, occurred_at=moment(0) + timedelta(hours=hours),
            changes={"project_id": {"from": was, "to": to}},
        )  # fmt: skip

    move(2, ours, theirs)
    api.event(one, occurred_at=moment(1), changes={"name": {"from": "x", "to": "theirs"}})
    move(4, theirs, ours)
    assert events(api, one, "us") == []
    assert len(events(api, one, "admin")) == 3


def test_memberships_from_before_the_hand_over_are_not_told(api: Api) -> None:
    project, _ = handed_over(api)
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO cloud_project_memberships
                    (account, urn, kind, provider_id, project_id, valid_from, valid_to)
                VALUES ('a', 'do:droplet:9', 'droplet', '9', :p, :early, :before),
                       ('a', 'do:droplet:1', 'droplet', '1', :p, :early, NULL)
            """),
            {"p": project, "early": moment(0), "before": moment(1)},
        )
    reclassify(api, "us", 2)
    told = "SELECT provider_id FROM cloud_project_memberships"
    assert as_tenant(api.warehouse, "us", told) == ["1"]


def test_a_project_that_was_gone_before_the_hand_over_is_not_told(api: Api) -> None:
    project, _ = handed_over(api)
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_projects SET deleted_at = :at WHERE id = :id"),
            {"at": moment(1), "id": project},
        )
    reclassify(api, "us", 2)
    assert as_tenant(api.warehouse, "us", "SELECT id FROM cloud_projects") == []


def test_tenancy_is_dated_by_the_database(api: Api) -> None:
    """New projects are the tenant's from the beginning, and those classified in the same sync."""
    told = sa.text(
        "SELECT tenant_id, valid_from, valid_to FROM cloud_project_tenancies ORDER BY id"
    )
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("""
                INSERT INTO cloud_projects
                    (account, provider_id, name, tenant_id, first_seen_at, last_seen_at)
                VALUES ('a', '1', 'born', 't', now(), now()),
                       ('a', '2', 'fresh', NULL, now(), now()),
                       ('a', '3', 'old', NULL, now() - interval '1 day', now())
            """)
        )
        begun = connection.execute(sa.text("SELECT now()")).scalar_one()
    for project in ("2", "3"):
        with api.warehouse.transaction() as connection:
            connection.execute(
                sa.text("UPDATE cloud_projects SET tenant_id = 't' WHERE provider_id = :p"),
                {"p": project},
            )
            connection.execute(sa.text("UPDATE cloud_projects SET tenant_id = tenant_id"))
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_projects SET tenant_id = NULL WHERE provider_id = '1'")
        )
        born, fresh, old = connection.execute(told).all()
    assert born.valid_from is None
    assert born.valid_to > begun
    assert (fresh.valid_from, fresh.valid_to) == (None, None)
    assert old.valid_from > begun
    assert old.valid_to is None


def test_what_drifted_tells_a_tenant_nothing(api: Api) -> None:
    one = api.resource("1", api.project("p", "us"))
    api.event(one, "drift_detected", changes={"size_slug": {"from": "meant", "to": "live"}})
    assert events(api, one, "us") == []
    assert api.get(f"{INVENTORY}/{one}", "us").json()["data"]["events"] == []
    assert as_tenant(api.warehouse, "us", "SELECT id FROM cloud_resource_events") == []
    assert len(events(api, one, "admin")) == 1


def test_a_field_that_the_api_began_to_tell_is_undone_for_a_tenant_too(api: Api) -> None:
    _, one = handed_over(api)
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("UPDATE cloud_resources SET attrs = '{\"novel\": 7}' WHERE id = :id"),
            {"id": one},
        )
        event = connection.execute(
            sa.text(
                "INSERT INTO cloud_schema_events (account, kind, field, occurred_at, rows, "
                "example_type) VALUES ('a', 'droplet', 'novel', :at, 20, 'number') RETURNING id"
            ),
            {"at": moment(6)},
        ).scalar_one()
        connection.execute(
            sa.text("INSERT INTO cloud_schema_event_rows VALUES (:event, :one, '7')"),
            {"event": event, "one": one},
        )
    for hours, told in ((2, {}), (5, {}), (6, {"novel": 7}), (7, {"novel": 7})):
        then = f"SELECT attrs FROM resources_as_of('{moment(hours).isoformat()}')"
        assert as_tenant(api.warehouse, "them", then) == [told]
    for table in ("cloud_schema_events", "cloud_schema_event_rows"):
        assert as_tenant(api.warehouse, "them", f"SELECT count(*) FROM {table}") == [0]
