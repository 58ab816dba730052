"""The comparison: its properties, its rules, and 450 planted pairs through the whole sweep."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.drift.canonical import canonical
from arcadia_cloud_pipelines.drift.compare import present, same
from arcadia_cloud_pipelines.drift.spec_fields import held_part
from arcadia_cloud_pipelines.drift.spellings import REFERENCES
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import change, desire, drift, execute, inbox, listed, resource, spec_of, swept

FIELDS = st.sampled_from(
    ["size_slug", "tags", "image", "project", "droplet", "node_pools", "purpose", "version",
     "features", "ports", "forwarding_rules", "count", "anything"]
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(
        ["", "2", "2.0", "02", "1.30", "true", "a", "A", "k8s", "k8s:1", "Other: x", "x", "all",
         "do:floatingip:1.2.3.4", "do:reservedip:1.2.3.4", "floatingip", "reserved_ip",
         "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "ubuntu-24-04-x64"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False), TEXTS,
)  # fmt: skip
KEYS = st.sampled_from(
    ["id", "slug", "name", "count", "auto_scale", "min_nodes", "tags", "row", "x"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(FIELDS, VALUES)
def test_reflexive(field: str, value: Any) -> None:
    assert same(field, value, value)
    hash(canonical(value, field))


@given(FIELDS, VALUES, VALUES)
def test_symmetric(field: str, a: Any, b: Any) -> None:
    assert same(field, a, b) == same(field, b, a)


@given(FIELDS, VALUES, VALUES)
def test_a_json_round_trip_is_never_drift(field: str, a: Any, b: Any) -> None:
    for dumps in (json.dumps, lambda v: orjson.dumps(v).decode()):
        there = json.loads(dumps(a))
        assert same(field, a, there)
        assert same(field, there, b) == same(field, a, b)


@given(FIELDS, VALUES, VALUES, VALUES)
def test_transitive_but_for_things_that_stand_for_others(
    field: str, a: Any, b: Any, c: Any
) -> None:
    if field not in REFERENCES and same(field, a, b) and same(field, b, c):
        assert same(field, a, c)


@given(FIELDS, VALUES, VALUES)
def test_what_is_presented_is_the_actual_value(field: str, desired: Any, actual: Any) -> None:
    """Accepting writes what is presented, and that must end the drift."""
    shown = present(field, desired, actual)
    assert same(field, shown, actual)
    assert shown is actual or field in REFERENCES


@given(st.lists(st.tuples(FIELDS, VALUES, VALUES), min_size=1, max_size=12))
@example([("image", {"name": False}, None)])
def test_the_sweep_agrees(warehouse: Warehouse, pairs: list[tuple[str, Any, Any]]) -> None:
    """For any pairs at all the inbox holds those that `same` calls different, and no other."""
    for table in ("cloud_drift", "cloud_provisioned", "cloud_sync_runs"):
        execute(warehouse, f"DELETE FROM {table}")
    execute(warehouse, "UPDATE cloud_resources SET provider_id = provider_id || '-old-' || id")
    listed(warehouse)
    expected = set()
    for n, (field, desired, actual) in enumerate(pairs):
        # A column would take no such values; everything lives in attrs here, under a name that
        # has the rules of the field.
        field = "anything" if field in ("size_slug", "tags", "project") else field
        made = resource(warehouse, n, **{field: actual})
        execute(
            warehouse,
            "INSERT INTO cloud_provisioned (resource_id, spec) VALUES (:id, :spec)",
            id=made, spec=orjson.dumps({field: desired}).decode(),
        )  # fmt: skip
        # Of an image the inventory holds id and slug alone: a spec can ask for no more.
        if not same(field, held_part("droplet", field, desired), actual):
            expected.add((made, field))
    result = swept(warehouse)
    assert {row[:2] for row in inbox(warehouse)} == expected
    assert result.opened == len(expected)


SAME: list[tuple[str, Any, Any]] = [
    ("tags", ["a", "b"], ["b", "a"]),
    ("tags", ["a", "a"], ["a"]),
    ("tags", ["Web"], ["web"]),
    ("tags", ["web"], ["k8s", "k8s:123", "k8s:worker", "web"]),
    ("tags", [], None),
    ("volume_ids", [1, 2], ["2", "1"]),
    ("count", 2, "2"),
    ("count", 2, 2.0),
    ("count", "2", 2.0),
    ("count", "2.00", 2),
    ("count", 1e3, "1000"),
    ("count", 0.1, "0.10"),
    ("count", -0.0, 0),
    ("count", Decimal("2.50"), 2.5),
    ("ha", True, "true"),
    ("description", "", None),
    ("description", [], ""),
    ("description", {}, None),
    ("description", {"a": None, "b": []}, None),
    ("droplet_ids", [None, ""], []),
    ("version", 16, "16"),
    ("purpose", "Billing", "Other: Billing"),
    ("urn", "do:floatingip:1.2.3.4", "do:reservedip:1.2.3.4"),
    ("type", "floatingip", "reserved_ip"),
    ("created", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"),
    ("created", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000000Z"),
    ("image", "ubuntu-24-04-x64", {"id": 7, "slug": "ubuntu-24-04-x64"}),
    ("image", "7", {"id": 7, "slug": "ubuntu-24-04-x64"}),
    ("image", "ubuntu-24-04-x64", {"id": 7}),
    ("image", {"id": 7, "slug": "ubuntu-24-04-x64"}, {"id": 7, "slug": None}),
    ("droplet", 7, {"id": 7}),
    ("features", ["ipv6"], ["droplet_agent", "ipv6", "monitoring"]),
    ("node_pools", [{"name": "a", "auto_scale": True, "count": 3, "max_nodes": 5}],
     [{"name": "a", "auto_scale": True, "count": 5, "max_nodes": 5, "id": "x"}]),
    ("node_pools", [{"name": "a", "count": 3}],
     [{"count": "3", "name": "a", "auto_scale": False, "min_nodes": 0, "max_nodes": 0,
       "tags": ["k8s", "terraform:default-node-pool"]}]),
    ("inbound_rules", [{"protocol": "tcp", "ports": "all"}], [{"ports": "0", "protocol": "tcp"}]),
]  # fmt: skip

DIFFERENT: list[tuple[str, Any, Any]] = [
    ("tags", ["a"], ["a", "b"]),
    ("tags", ["a"], []),
    ("tags", ["a"], "a"),
    ("count", 2, 3),
    ("count", 2, "2.1"),
    ("count", 0, None),
    ("count", "02", 2),
    ("ha", False, None),
    ("ha", False, True),
    ("version", "1.30", "1.3"),
    ("name", "2.0", "2"),
    ("name", "floatingip", "reserved_ip"),
    ("name", "Web", "web"),
    ("purpose", "Billing", "Other: Shop"),
    ("urn", "do:floatingip:1.2.3.4", "do:reservedip:1.2.3.5"),
    ("created", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00"),
    ("image", "ubuntu-24-04-x64", {"id": 7, "slug": "debian-12-x64"}),
    ("image", 8, {"id": 7}),
    ("image", {"id": 7, "slug": "a"}, {"id": 8, "slug": "a"}),
    ("image", "ubuntu-24-04-x64", None),
    ("droplet", 7, {"id": 8}),
    ("droplet", 7, None),
    ("features", ["ipv6"], ["backups", "ipv6"]),
    ("node_pools", [{"name": "a", "count": 3}], [{"name": "a", "count": 4}]),
    ("node_pools", [{"name": "a", "auto_scale": True, "max_nodes": 5}],
     [{"name": "a", "auto_scale": True, "max_nodes": 6}]),
    ("node_pools", [{"name": "a", "auto_scale": True, "count": 3}], [{"name": "a", "count": 3}]),
    ("nested", {"a": {"b": 1}}, {"a": {"b": 2}}),
    ("nested", {"a": 1}, {"a": 1, "b": 2}),
    ("nested", [["a"]], ["a"]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "a", "b"), SAME)
def test_what_is_no_drift(field: str, a: Any, b: Any) -> None:
    assert same(field, a, b)


@pytest.mark.parametrize(("field", "a", "b"), DIFFERENT)
def test_what_is_drift(field: str, a: Any, b: Any) -> None:
    assert not same(field, a, b)


def test_planted_drift_and_look_alikes(warehouse: Warehouse) -> None:
    """At least 200 of each, in columns and attrs: no miss, no false alarm."""
    kinds = ("droplet", "volume", "database", "kubernetes_cluster", "load_balancer")
    for kind in kinds:
        listed(warehouse, kind)
    columns = {"name", "region", "size_slug", "tags", "status"}

    def plain(value: Any) -> Any:
        return float(value) if isinstance(value, Decimal) else value

    drifting: set[tuple[int, str]] = set()
    alike = 0
    for round_, kind in enumerate(kinds * 2):
        cases = [(*case, True) for case in DIFFERENT] + [(*case, False) for case in SAME]
        for n, (field, a, b, is_drift) in enumerate(cases):
            desired, actual = (plain(a), plain(b)) if round_ < len(kinds) else (plain(b), plain(a))
            if field == "tags" and (actual is None or not isinstance(actual, list)):
                desired, actual = actual, desired  # the column is a list
            if field in columns and isinstance(actual, dict):
                continue
            made = resource(warehouse, f"{round_}-{n}", kind=kind, **{field: actual})
            desire(warehouse, made, **{field: desired}, region="fra1")
            if is_drift:
                drifting.add((made, field))
            else:
                alike += 1
    assert len(drifting) >= 200
    assert alike >= 200
    result = swept(warehouse)
    found = {(d["resource_id"], d["field"]) for d in drift(warehouse)}
    assert found - drifting == set(), "false alarms"
    assert drifting - found == set(), "missed"
    assert result.opened == len(drifting)
    # And again, as all of them stand: nothing moves.
    again = swept(warehouse, 0.2)
    assert (again.opened, again.updated, again.closed) == (0, 0, 0)


def test_every_presented_form() -> None:
    image = {"id": 7, "slug": "debian-12-x64"}
    assert present("image", "ubuntu", image) == "debian-12-x64"
    assert present("image", 8, image) == 7
    assert present("image", "8", image) == 7
    assert present("image", {"id": 8}, image) == image
    assert present("image", "ubuntu", {"id": 7, "slug": None}) == 7
    assert present("image", "ubuntu", None) is None
    shop = {"id": "4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", "name": "shop", "row": 3}
    assert present("project", "site", shop) == "shop"
    assert present("project_id", 4, shop) == 3
    assert present("project", "5e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679", shop) == shop["id"]


def test_moving_on_within_the_same_setting_writes_nothing(warehouse: Warehouse) -> None:
    listed(warehouse)
    made = resource(warehouse, volume_ids=["b", "c"])
    desire(warehouse, made, volume_ids=["a"])
    swept(warehouse, 0.1)
    change(warehouse, made, volume_ids=["c", "b"])
    assert swept(warehouse, 0.2).updated == 0
    assert spec_of(warehouse, made)["spec_version"] == 1
