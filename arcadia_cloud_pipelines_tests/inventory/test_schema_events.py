"""A field that the API begins to tell is one event, and history stays what it was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.inventory.checks import sync_check_results
from arcadia_cloud_pipelines.inventory.ledger import Guard
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import T0, Mirror, at, events, record, rows, sighting, story
from .test_history import as_of, clear, history, in_range, stored_now
from .test_sightings import example


def schema_events(warehouse: Warehouse) -> list[dict[str, Any]]:
    return query(warehouse, "SELECT * FROM cloud_schema_events ORDER BY id")


def fleet(count: int, **fields: Any) -> list[Any]:
    return [sighting(n, f"web-{n}", vcpus=1, **fields) for n in range(count)]


def test_a_new_field_on_a_thousand_droplets_is_one_event(warehouse: Warehouse) -> None:
    """As the API does: objects of the example, all of which have the field from one day on."""
    kind = KIND_BY_NAME["droplet"]
    _, official = example("droplets")
    plain = [official | {"id": n, "name": f"web-{n}"} for n in range(1000)]
    grown = [item | {"subnet_uuid": f"subnet-{item['id'] % 3}"} for item in plain]
    grown[7]["memory"] = 4096
    record(warehouse, sightings(kind, plain), 1)
    result = record(warehouse, sightings(kind, grown), 2)
    assert result.recorded.appeared == {"subnet_uuid": 1000}
    assert result.recorded.updated == 1

    (told,) = schema_events(warehouse)
    assert (told["account"], told["kind"], told["field"]) == ("team-a", "droplet", "subnet_uuid")
    assert (told["occurred_at"], told["rows"], told["example_type"]) == (at(2), 1000, "string")
    assert told["run_id"] == "run-2"
    later = [event for event in events(warehouse) if event["event"] != "discovered"]
    assert [(e["provider_id"], e["event"], e["changes"]) for e in later] == [
        ("7", "updated", {"memory": {"from": 1024, "to": 4096}})
    ]
    stored = rows(warehouse)
    assert {i: row["attrs"]["subnet_uuid"] for i, row in stored.items()} == {
        str(n): f"subnet-{n % 3}" for n in range(1000)
    }
    before, after = as_of(warehouse, at(1.5)), as_of(warehouse, at(2))
    assert not [row for row in before.values() if "subnet_uuid" in row["attrs"]]
    assert after == stored_now(warehouse)

    again = record(warehouse, sightings(kind, grown), 3).recorded
    assert (again.updated, again.appeared) == (0, {})
    # From then on a change of it is a change of the resource.
    grown[8]["subnet_uuid"] = "moved"
    assert record(warehouse, sightings(kind, grown), 4).recorded.updated == 1
    assert events(warehouse, 8)[-1]["changes"] == {
        "subnet_uuid": {"from": "subnet-2", "to": "moved"}
    }


@pytest.mark.parametrize("kind", ["droplet", "backup_policy"])
def test_a_list_that_grows_a_field_is_one_event(mirror: Mirror, kind: str) -> None:
    mirror.sync(kind)
    before = events(mirror.warehouse)
    mirror.account.grow(kind, "host_generation", "g3")
    mirror.sync(kind)
    (told,) = schema_events(mirror.warehouse)
    assert (told["kind"], told["field"]) == (kind, "host_generation")
    assert told["rows"] == len(mirror.account.ids(kind))
    assert events(mirror.warehouse) == before


def test_a_change_of_a_few_is_a_change_of_each(warehouse: Warehouse) -> None:
    record(warehouse, fleet(9), 1)
    few = record(warehouse, fleet(9, novel=1), 2).recorded
    assert (few.updated, few.appeared) == (9, {})
    record(warehouse, fleet(20), 1, kind="volume")
    some = fleet(17, novel=1) + fleet(20)[17:]
    part = record(warehouse, some, 2, kind="volume").recorded
    assert (part.updated, part.appeared) == (17, {})
    assert schema_events(warehouse) == []


def test_most_of_the_rows_are_enough_and_new_ones_have_their_own_event(
    warehouse: Warehouse,
) -> None:
    record(warehouse, fleet(20), 1)
    seen = fleet(19, novel={"a": 1}) + fleet(20)[19:] + [sighting("new", novel={"a": 2})]
    result = record(warehouse, seen, 2).recorded
    assert (result.updated, result.discovered, result.appeared) == (0, 1, {"novel": 19})
    assert schema_events(warehouse)[0]["example_type"] == "object"
    assert story(warehouse, "new") == ["discovered"]
    # Whoever gets it later gets it alone.
    assert record(warehouse, [*fleet(20, novel={"a": 1}), seen[-1]], 3).recorded.updated == 1


def test_a_field_that_some_row_had_is_known(warehouse: Warehouse) -> None:
    record(warehouse, [*fleet(20), sighting("x", novel=1)], 1)
    result = record(warehouse, [*fleet(20, novel=1), sighting("x", novel=1)], 2).recorded
    assert (result.updated, result.appeared) == (20, {})


def test_tags_that_all_get_at_once_are_people_s(warehouse: Warehouse) -> None:
    record(warehouse, fleet(20), 1)
    result = record(warehouse, fleet(20, tags=["x"]), 2).recorded
    assert (result.updated, result.appeared) == (20, {})
    assert {event["event"] for event in events(warehouse)} == {"discovered", "tagged"}


def test_what_comes_back_says_it_in_its_own_event(warehouse: Warehouse) -> None:
    gone = sighting("back", vcpus=1)
    guard = Guard(between=timedelta(0))
    record(warehouse, [*fleet(20), gone], 1)
    for hours in (2, 3, 4):
        record(warehouse, fleet(20), hours, guard=guard)
    back = sighting("back", vcpus=1, novel=9)
    assert record(warehouse, [*fleet(20, novel=1), back], 5).recorded.appeared == {"novel": 20}
    assert events(warehouse, "back")[-1]["changes"]["novel"] == {"from": None, "to": 9}


def test_accounts_and_kinds_are_apart(warehouse: Warehouse) -> None:
    record(warehouse, fleet(20), 1)
    record(warehouse, [sighting(f"b-{n}", novel=1) for n in range(20)], 1, account="team-b")
    record(warehouse, [sighting(n, novel=1) for n in range(20)], 1, kind="volume")
    record(warehouse, fleet(20, novel=1), 2)
    assert [(e["account"], e["kind"]) for e in schema_events(warehouse)] == [("team-a", "droplet")]


def test_a_loss_is_suppressed_as_before(warehouse: Warehouse) -> None:
    record(warehouse, fleet(20), 1)
    record(warehouse, fleet(20, novel=1), 2)
    lost = record(warehouse, fleet(20), 3).recorded
    assert (lost.withheld, lost.updated) == ({"novel": 20}, 0)
    assert len(schema_events(warehouse)) == 1
    back = record(warehouse, fleet(20, novel=1), 4).recorded
    assert (back.updated, back.appeared) == (0, {})


def test_the_check_tells_it(warehouse: Warehouse) -> None:
    record(warehouse, fleet(20), 1)
    result = record(warehouse, fleet(20, novel=1), 2)
    (_, plausible) = sync_check_results("droplets", result, "droplet:read")
    assert plausible.passed
    assert "`novel`: 20 rows" in (plausible.description or "").replace("\\", "")


@pytest.mark.parametrize("table", ["cloud_schema_events", "cloud_schema_event_rows"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_they_are_append_only(warehouse: Warehouse, table: str, change: str) -> None:
    record(warehouse, fleet(20), 1)
    record(warehouse, fleet(20, novel=1), 2)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), warehouse.transaction() as c:
        c.execute(sa.text(change.format(table)))


values = st.integers(0, 1)
droplets = st.dictionaries(
    st.integers(1, 4),
    st.fixed_dictionaries({}, optional={"one": values, "two": values, "tags": st.just(["x"])}),
    max_size=4,
)
listings = st.tuples(st.sampled_from(["a", "a", "b"]), droplets, st.booleans())


@settings(max_examples=settings().max_examples // 3)
@given(steps=st.lists(listings, min_size=1, max_size=10))
def test_the_past_is_what_was_stored_then(
    warehouse: Warehouse, steps: list[tuple[str, dict[int, dict[str, Any]], bool]]
) -> None:
    """With a guard that takes even one row's new field for the API's."""
    _clear(warehouse)
    guard = Guard(blanked_from=99, appeared_from=1, between=timedelta(0))
    was: list[tuple[datetime, dict[int, dict[str, Any]]]] = [(T0 - timedelta(hours=1), {})]
    for number, (account, listed, complete) in enumerate(steps):
        seen = [sighting(i, **fields) for i, fields in listed.items()]
        record(warehouse, seen, number, account=account, complete=complete, guard=guard)
        was.append((at(number), stored_now(warehouse)))
    ranges = history(warehouse)
    for moment, stored in was:
        assert as_of(warehouse, moment) == stored
        assert in_range(ranges, moment) == stored
    assert _replayed(warehouse) == {
        i: {k: v for k, v in row["attrs"].items() if v is not None}
        for i, row in stored_now(warehouse).items()
    }


def _replayed(warehouse: Warehouse) -> dict[int, dict[str, Any]]:
    """The rows' attributes by replaying `marts.changes`, which promises that it gives them."""
    columns = {"name", "region", "status", "size_slug", "tags", "created_at", "deleted_at",
               "account", "project_id"}  # fmt: skip
    found: dict[int, dict[str, Any]] = {}
    for change in query(
        warehouse,
        'SELECT resource_id, field, was, "is" FROM marts.changes ORDER BY event_id, field',
    ):
        row = found.setdefault(change["resource_id"], {})
        if change["field"] not in columns and change["field"] is not None:
            assert row.get(change["field"]) == change["was"]
            row[change["field"]] = change["is"]
    return {i: {k: v for k, v in row.items() if v is not None} for i, row in found.items()}


def _clear(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        for table in ("cloud_schema_event_rows", "cloud_schema_events"):
            connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            connection.execute(sa.text(f"DELETE FROM {table}"))
            connection.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))
    clear(warehouse)
