"""The account as it was: what `resources_as_of` gives is what was stored then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.inventory.ledger import Observation, record
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import NOW, Api

COLUMNS = (
    "id, provider, account, kind, provider_id, name, region, status, size_slug, tags, project_id, "
    "attrs, created_at, first_seen_at, deleted_at"
)
DROPLET = KIND_BY_NAME["droplet"]

values = st.none() | st.sampled_from(["x", "y", ""])
droplets = st.dictionaries(
    st.integers(1, 3),
    st.fixed_dictionaries(
        {},
        optional={
            "name": values, "status": values, "size_slug": values, "vcpus": st.integers(0, 2),
            "tags": st.lists(st.sampled_from("abc"), max_size=2),
            "features": st.lists(st.sampled_from("fgh"), max_size=2),
            "created_at": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00.5Z"]),
            "image": st.fixed_dictionaries({"id": st.integers(1, 2), "slug": values}),
        },
    ),
    max_size=3,
)  # fmt: skip
listings = st.lists(st.tuples(st.sampled_from(["one", "other"]), droplets), min_size=1, max_size=9)


def stored(warehouse: Warehouse, source: str = "cloud_resources") -> list[dict[str, Any]]:
    with warehouse.transaction() as connection:
        rows = connection.execute(sa.text(f"SELECT {COLUMNS} FROM {source} ORDER BY id")).mappings()
        return [dict(row) for row in rows]


@settings(max_examples=25)
@given(steps=listings)
def test_it_is_what_was_stored_then(api: Api, steps: list[tuple[str, Any]]) -> None:
    warehouse = api.warehouse
    with warehouse.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE cloud_resource_events DISABLE TRIGGER ALL"))
        connection.execute(sa.text("DELETE FROM cloud_resource_events"))
        connection.execute(sa.text("DELETE FROM cloud_resources"))
        connection.execute(sa.text("ALTER TABLE cloud_resource_events ENABLE TRIGGER ALL"))
    was: list[tuple[datetime, list[dict[str, Any]]]] = [(NOW - timedelta(hours=1), [])]
    for hours, (account, listed) in enumerate(steps):
        at = NOW + timedelta(hours=hours)
        items = [{"id": number, **fields} for number, fields in listed.items()]
        with warehouse.transaction() as connection:
            record(connection, Observation(account, "droplet", at, sightings(DROPLET, items), True))
        was.append((at, stored(warehouse)))
    for at, rows in was:
        for moment in (at, at + timedelta(minutes=59)):
            assert stored(warehouse, f"resources_as_of('{moment.isoformat()}')") == rows


def test_the_api_gives_it_page_by_page(api: Api) -> None:
    first = api.resource("1", name="now", tags=["n"], first_seen_at=NOW, attrs={"vcpus": 4})
    api.resource("2", first_seen_at=NOW + timedelta(hours=3))
    gone = api.resource("3", deleted_at=NOW + timedelta(hours=2))
    for hours, field, was, to in (
        (1, "name", "before", "between"),
        (2, "name", "between", "now"),
        (2, "tags", None, ["n"]),
        (2, "vcpus", None, 4),
    ):
        api.event(
            first, occurred_at=NOW + timedelta(hours=hours),
            changes={field: {"from": was, "to": to}},
        )  # fmt: skip
    api.event(first, "drift_detected", occurred_at=NOW + timedelta(hours=4),
              changes={"name": {"from": "wished", "to": "now"}})  # fmt: skip
    two = NOW + timedelta(hours=2)
    api.event(gone, "deleted", occurred_at=two,
              changes={"deleted_at": {"from": None, "to": two.isoformat()}})  # fmt: skip

    def then(time: str, more: str = "") -> list[dict[str, Any]]:
        return api.rows(f"/api/v1/inventory?as_of=2026-05-04T{time}:00Z&limit=1{more}")

    assert then("11:59") == []
    row = then("12:00")[0]
    assert (row["name"], row["tags"], row["attrs"]) == ("before", [], {})
    assert row["last_seen_at"] is None
    assert [r["name"] for r in then("13:30")] == ["between", "3"]
    assert [r["name"] for r in then("14:00")] == ["now"]
    assert [r["deleted_at"] for r in then("14:00", "&include_deleted=true")] == [
        None, "2026-05-04T14:00:00Z",
    ]  # fmt: skip
    assert [r["name"] for r in then("23:00")] == ["now", "2"]
    assert then("13:30", "&name_prefix=now") == []
    assert then("14:00", "&name_prefix=now")[0]["attrs"] == {"vcpus": 4}
