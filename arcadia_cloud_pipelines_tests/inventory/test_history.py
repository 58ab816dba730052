"""History in SQL: at any instant what was stored then, and the same as folding the events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.inventory import ledger
from arcadia_cloud_pipelines.inventory.memberships import Member, Members, record_members
from arcadia_cloud_pipelines.inventory.projects import _record_projects
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import T0, at, record, rows, sighting

COLUMNS = ("name", "region", "status", "size_slug", "created_at")
WHAT = (
    "provider, account, kind, provider_id, name, region, status, size_slug, tags, project_id, "
    "attrs, created_at, deleted_at"
)
PROJECTS = ("p1", "p2")

values = st.none() | st.sampled_from(["x", "y"])
droplets = st.dictionaries(
    st.integers(1, 3),
    st.fixed_dictionaries(
        {},
        optional={
            "name": values,
            "status": values,
            "region": values,
            "tags": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "vcpus": st.integers(0, 2),
            "deep": st.fixed_dictionaries({"list": st.lists(st.integers(0, 1), max_size=2)}),
        },
    ),
    max_size=3,
)
listings = st.tuples(st.just("listing"), st.sampled_from(["a", "a", "b"]), droplets, st.booleans())
moves = st.tuples(
    st.just("projects"), st.dictionaries(st.integers(1, 3), st.sampled_from(PROJECTS), max_size=3)
)
lateness = st.sampled_from([0.0, 0.0, 0.0, 1.5, 3.5])
histories = st.lists(st.tuples(listings | listings | moves, lateness), min_size=1, max_size=14)


def put_in_projects(
    warehouse: Warehouse, where: dict[int, str], when: datetime, account: str = "a"
) -> None:
    """What a sync of the projects records: these droplets are in these, others in none."""
    scope = {"provider": "digitalocean", "account": account, "kind": "project",
             "seen_at": when, "run_id": None}  # fmt: skip
    found = Members(
        members=[Member(f"do:droplet:{n}", "droplet", str(n), p, None) for n, p in where.items()],
        whole=list(PROJECTS),
    )
    with warehouse.transaction() as connection:
        listed = [{"id": p, "name": p} for p in PROJECTS]
        _record_projects(connection, scope, listed, True, ledger.Guard())
        record_members(connection, scope, found, ledger.Guard())


def clear(warehouse: Warehouse) -> None:
    tables = ("cloud_resource_events", "cloud_resources", "cloud_project_memberships",
              "cloud_sync_runs")  # fmt: skip
    with warehouse.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE cloud_resource_events DISABLE TRIGGER ALL"))
        for table in tables:
            connection.execute(sa.text(f"DELETE FROM {table}"))
        connection.execute(sa.text("ALTER TABLE cloud_resource_events ENABLE TRIGGER ALL"))


def stored_now(warehouse: Warehouse) -> dict[int, dict[str, Any]]:
    found = query(warehouse, f"SELECT id, {WHAT} FROM cloud_resources")
    return {row.pop("id"): row for row in found}


def as_of(warehouse: Warehouse, when: datetime) -> dict[int, dict[str, Any]]:
    found = query(warehouse, f"SELECT id, {WHAT} FROM resources_as_of(:at)", at=when)
    return {row.pop("id"): row for row in found}


def history(warehouse: Warehouse) -> list[dict[str, Any]]:
    return query(
        warehouse,
        f"SELECT resource_id, valid_from, valid_to, event, {WHAT} FROM resource_history "
        "ORDER BY resource_id, valid_from",
    )


def in_range(ranges: list[dict[str, Any]], when: datetime) -> dict[int, dict[str, Any]]:
    found = [
        dict(row) for row in ranges
        if row["valid_from"] <= when and (row["valid_to"] is None or when < row["valid_to"])
    ]  # fmt: skip
    by_id = {row["resource_id"]: row for row in found}
    assert len(by_id) == len(found), "ranges overlap"
    for row in found:
        for name in ("resource_id", "valid_from", "valid_to", "event"):
            del row[name]
    return by_id


def folded(warehouse: Warehouse) -> dict[int, list[tuple[datetime, dict[str, Any]]]]:
    """The events laid over each other, forwards: what each resource was, and from when on."""
    found = query(
        warehouse,
        "SELECT resource_id, occurred_at, changes FROM cloud_resource_events "
        "WHERE event <> 'drift_detected' ORDER BY id",
    )
    told: dict[int, list[tuple[datetime, dict[str, Any]]]] = {}
    newest: dict[int, datetime] = {}
    for event in found:
        steps = told.setdefault(event["resource_id"], [])
        state = dict(steps[-1][1]) if steps else {}
        for name, change in event["changes"].items():
            assert name == "account" or state.get(name) == change["from"]
            state[name] = change["to"]
        when = max(event["occurred_at"], newest.get(event["resource_id"], event["occurred_at"]))
        newest[event["resource_id"]] = when
        project = event["changes"].get("project_id")
        if steps and event["changes"].keys() == {"project_id"} and project["from"] is None:
            # Learnt later, it counts from the beginning: no range begins.
            when = steps[-1][0]
        if steps and steps[-1][0] == when:
            steps.pop()
        steps.append((when, state))
    return told


def said(row: dict[str, Any]) -> dict[str, Any]:
    """A row in the words of the events."""
    texts = {
        name: row[name].isoformat() if isinstance(row[name], datetime) else row[name]
        for name in (*COLUMNS, "deleted_at")
    }
    fields = row["attrs"] | texts | {"tags": row["tags"] or None}
    return {name: value for name, value in fields.items() if value is not None}


@settings(max_examples=settings().max_examples // 2)
@given(steps=histories, minutes=st.lists(st.integers(0, 15 * 60), min_size=3, max_size=3))
def test_any_instant_is_what_was_stored_then_and_what_the_events_say(
    warehouse: Warehouse, steps: list[tuple[Any, float]], minutes: list[int]
) -> None:
    clear(warehouse)
    newest = T0 - timedelta(hours=9)
    was: list[tuple[datetime, dict[int, dict[str, Any]]]] = [(newest, {})]
    for number, (step, late) in enumerate(steps):
        began = at(number - late)
        if step[0] == "listing":
            _, account, listed, complete = step
            seen = [sighting(i, **{"name": None, **fields}) for i, fields in listed.items()]
            record(warehouse, seen, number - late, account=account, complete=complete)
        else:
            put_in_projects(warehouse, step[1], began)
        # What is recorded late cannot have been stored before it was recorded.
        newest = max(newest, began)
        was.append((newest, stored_now(warehouse)))

    ranges = history(warehouse)
    last = stored_now(warehouse)
    moments = {when for when, _ in was} | {at(m / 60) for m in minutes}
    moments |= {when - timedelta(microseconds=1) for when, _ in was}
    for moment in sorted(moments):
        assert in_range(ranges, moment) == as_of(warehouse, moment)
    assert as_of(warehouse, at(1000)) == last

    told = folded(warehouse)
    by_resource: dict[int, list[dict[str, Any]]] = {}
    for row in ranges:
        by_resource.setdefault(row["resource_id"], []).append(row)
    assert by_resource.keys() == told.keys() == last.keys()
    for resource, mine in by_resource.items():
        assert [row["valid_to"] for row in mine] == [row["valid_from"] for row in mine[1:]] + [None]
        assert [row["valid_from"] for row in mine] == [when for when, _ in told[resource]]
        for row, (_, state) in zip(mine, told[resource], strict=True):
            state = {k: v for k, v in state.items() if v is not None}
            assert state.pop("account", row["account"]) == row["account"]
            # Before it was learnt the events do not say it.
            assert state.pop("project_id", row["project_id"]) == row["project_id"]
            assert said(row) == state
        assert told[resource][-1][1].get("project_id") == last[resource]["project_id"]

    if all(not late for _, late in steps):
        for moment, stored in was:
            then = as_of(warehouse, moment)
            for resource, row in stored.items():
                if row["project_id"] is None:  # learnt later, it counts from the beginning
                    then[resource]["project_id"] = None
            assert then == stored
        _projects_are_dated_by_memberships(warehouse, sorted(moments))


def _projects_are_dated_by_memberships(warehouse: Warehouse, moments: list[datetime]) -> None:
    """Wherever a membership covers an instant, the history names its project."""
    wrong = query(
        warehouse,
        """
        SELECT moment, was.provider_id, was.project_id, m.project_id AS member_of
        FROM unnest(CAST(:moments AS timestamptz[])) AS moment
        CROSS JOIN LATERAL resources_as_of(moment) AS was
        JOIN cloud_project_memberships AS m
            ON m.kind = was.kind AND m.provider_id = was.provider_id AND m.account = was.account
            AND m.valid_from <= moment AND (m.valid_to IS NULL OR moment < m.valid_to)
        WHERE was.project_id IS DISTINCT FROM m.project_id
        """,
        moments=moments,
    )
    assert wrong == []


def test_a_story_in_ranges(warehouse: Warehouse) -> None:
    put_in_projects(warehouse, {1: "p1"}, at(0), "team-a")
    record(warehouse, [sighting(1, "web", vcpus=1)], 1)
    record(warehouse, [sighting(1, "web", vcpus=1)], 2)
    record(warehouse, [sighting(1, "web-2", vcpus=2, tags=["x"])], 3)
    put_in_projects(warehouse, {1: "p2"}, at(4), "team-a")
    for hours in (5, 6, 7):
        record(warehouse, [], hours)
    record(warehouse, [sighting(1, "web-2", vcpus=2, tags=["x"])], 9)
    names = {row["id"]: row["name"] for row in query(warehouse, "SELECT * FROM cloud_projects")}
    told = [
        (row["event"], row["valid_from"], row["name"], row["attrs"], row["tags"],
         names[row["project_id"]], row["deleted_at"])
        for row in history(warehouse)
    ]  # fmt: skip
    assert told == [
        ("discovered", at(1), "web", {"vcpus": 1}, [], "p1", None),
        ("updated", at(3), "web-2", {"vcpus": 2}, ["x"], "p1", None),
        ("updated", at(4), "web-2", {"vcpus": 2}, ["x"], "p2", None),
        ("deleted", at(7), "web-2", {"vcpus": 2}, ["x"], "p2", at(7)),
        ("restored", at(9), "web-2", {"vcpus": 2}, ["x"], "p2", None),
    ]
    assert as_of(warehouse, at(0.9)) == {}


def test_what_is_recorded_late_does_not_change_what_was_before(warehouse: Warehouse) -> None:
    record(warehouse, [sighting(1, "a")], 1)
    for hours in (2, 3, 10):
        record(warehouse, [], hours)
    # Another account's listing began before the third strike and was recorded after it.
    record(warehouse, [sighting(1, "b")], 9, account="team-b")
    (identity,) = (row["id"] for row in rows(warehouse).values())
    before, after = (as_of(warehouse, at(hours))[identity] for hours in (9.5, 10))
    assert (before["name"], before["deleted_at"], before["account"]) == ("a", None, "team-a")
    assert (after["name"], after["deleted_at"], after["account"]) == ("b", None, "team-b")


def test_a_field_of_the_kind_is_not_taken_for_a_column(warehouse: Warehouse) -> None:
    """What an object calls as a column is called has that column, or is not stored."""
    for hours in (0, 1):
        policy = {"uuid": "p", "tags": [f"t{hours}"], "name": f"n{hours}", "region": "r"}
        seen = sightings(KIND_BY_NAME["alert_policy"], [policy])
        record(warehouse, seen, hours, kind="alert_policy")
    for hours in (0, 1):
        (row,) = as_of(warehouse, at(hours)).values()
        assert (row["tags"], row["attrs"], row["name"]) == ([f"t{hours}"], {}, None)
        assert in_range(history(warehouse), at(hours)) == as_of(warehouse, at(hours))


def test_a_difference_from_the_spec_is_no_change(warehouse: Warehouse) -> None:
    record(warehouse, [sighting(1, "a")], 1)
    query(
        warehouse,
        "INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes) "
        'SELECT id, \'drift_detected\', :at, \'{"name": {"from": "wished", "to": "a"}}\' '
        "FROM cloud_resources RETURNING 1",
        at=at(2),
    )
    assert [row["name"] for row in history(warehouse)] == ["a"]
    assert [row["name"] for row in as_of(warehouse, at(1)).values()] == ["a"]
