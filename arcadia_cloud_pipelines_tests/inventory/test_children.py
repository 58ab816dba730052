"""Kinds that need a call for each parent, and lists that hold what is another kind's."""

from __future__ import annotations

from typing import Any

import pytest

from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, KINDS, Kind

from .helpers import Mirror, rows

INSIDE = [kind for kind in KINDS if any(endpoint.inside for endpoint in kind.endpoints)]
CHILDREN = [
    kind for kind in KINDS
    if any(endpoint.per for endpoint in kind.endpoints) and kind not in INSIDE
]  # fmt: skip


@pytest.fixture(autouse=True)
def _two_of_each(mirror: Mirror) -> None:
    """Of every kind of parent there are two, and of each engine two clusters."""
    account = mirror.account
    account.create("registry", name="second")
    account.create("registry_repository", id="second/web", parent="second")
    for engine in ("kafka", "opensearch", "pg"):
        database = account.create("database", engine=engine)["id"]
        for kind in CHILDREN:
            if kind.endpoints[0].per == "database" and parents(mirror, kind).count(database):
                account.create(kind.name, parent=database)


def parents(mirror: Mirror, kind: Kind) -> list[Any]:
    """The parents that are asked for children of this kind."""
    (endpoint,) = kind.endpoints
    return [
        one
        for one in mirror.account.ids(str(endpoint.per))
        if not any(
            mirror.account.get(str(endpoint.per), one).get(field) in values
            for field, values in endpoint.unless.items()
        )
    ]


def test_these_kinds_are_children() -> None:
    assert {kind.name for kind in CHILDREN} == {
        "agent_key", "app_alert", "autoscale_member", "byoip_ip", "database_firewall_rule",
        "database_index", "database_log_sink", "database_pool", "database_replica",
        "database_topic", "database_user", "domain_record", "function_key", "function_trigger",
        "inference_token",
        "knowledge_base_source", "logical_database", "registry_repository", "uptime_alert",
        "vpc_route", "vpc_subnet",
    }  # fmt: skip
    assert {kind.name for kind in INSIDE} == {"app_deployment", "nfs_access_point", "node_pool"}


@pytest.mark.parametrize("kind", [*CHILDREN, *INSIDE], ids=lambda kind: kind.name)
def test_a_child_names_its_parent(mirror: Mirror, kind: Kind) -> None:
    (endpoint,) = kind.endpoints
    assert mirror.sync(kind.name).complete
    if endpoint.parent_field == kind.identity:  # one a parent: it has the parent's identity
        named = {*rows(mirror.warehouse)}
    else:
        named = {row["attrs"][endpoint.parent_field] for row in rows(mirror.warehouse).values()}
    assert named == {str(i) for i in parents(mirror, kind)}
    assert named


@pytest.mark.parametrize(
    ("kind", "status"),
    # Each kind with one of them, which is not the one of its neighbour.
    [(kind, (404, 412, 500, 403)[n % 4]) for n, kind in enumerate(CHILDREN)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_parent_that_answers_with_an_error_costs_itself_alone(
    mirror: Mirror, kind: Kind, status: int
) -> None:
    """It is still listed, so its children are not gone, whatever it answers."""
    (endpoint,) = kind.endpoints
    mirror.sync(kind.name)
    before = rows(mirror.warehouse)
    silent, *others = parents(mirror, kind)
    mirror.account.faults.add(endpoint.path.format(parent=silent), status, times=None)
    made = mirror.account.create(kind.name, parent=others[0], **_named(kind, others[0]))
    for _ in range(4):
        result = mirror.sync(kind.name)
        assert (result.complete, result.available) == (False, True)
        assert result.recorded.struck == 0
    assert str(silent) in str(result.error)
    assert f"answered {status}" in str(result.error)
    after = rows(mirror.warehouse)
    assert len(after) == len(before) + 1, made
    assert not [r for r in after.values() if r["stale_strike_count"] or r["deleted_at"]]


def _named(kind: Kind, parent: object) -> dict[str, object]:
    """What a child must be told when it is made."""
    return {"id": f"{parent}/new"} if kind.name == "registry_repository" else {}


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)
def test_where_no_parent_answers_nothing_is_struck(mirror: Mirror, kind: Kind) -> None:
    (endpoint,) = kind.endpoints
    mirror.sync(kind.name)
    mirror.account.faults.add(endpoint.path.format(parent="*"), 404, times=None)
    for _ in range(4):
        assert not mirror.sync(kind.name).complete
    found = rows(mirror.warehouse).values()
    assert found
    assert not [r for r in found if r["stale_strike_count"] or r["deleted_at"]]


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)
def test_a_parent_that_is_deleted_while_listed_takes_its_children_along(
    mirror: Mirror, kind: Kind
) -> None:
    (endpoint,) = kind.endpoints
    mirror.sync(kind.name)
    account = mirror.account
    gone = parents(mirror, kind)[-1]
    kept = {
        str(i) for i in account.ids(kind.name) if account.find(kind.name, i).facts["parent"] != gone
    }
    lists = KIND_BY_NAME[str(endpoint.per)].endpoints[0].path
    # Right after the parents were listed: whatever is asked next.
    account.faults.add(f"{lists}/*", "hook", call=lambda: account.delete(str(endpoint.per), gone))
    for _ in range(3):
        result = mirror.sync(kind.name)
        assert (result.complete, result.available) == (True, True)
    assert {str(i) for i in account.ids(kind.name)} == kept
    live = {i for i, row in rows(mirror.warehouse).items() if row["deleted_at"] is None}
    assert live == kept
    assert result.recorded.deleted == len(rows(mirror.warehouse)) - len(kept) > 0


def test_children_of_a_listing_that_failed_are_not_struck(mirror: Mirror) -> None:
    mirror.sync("domain_record")
    mirror.account.faults.add("/v2/domains", 403, times=None)
    result = mirror.sync("domain_record")
    assert not result.available
    assert not [r for r in rows(mirror.warehouse).values() if r["stale_strike_count"]]


def test_an_image_that_is_a_snapshot_is_stored_once(mirror: Mirror) -> None:
    result = mirror.sync("image")
    assert result.complete
    assert result.rows_expected == result.rows_seen == len(mirror.account.ids("image"))
    assert not rows(mirror.warehouse).keys() & {
        str(i) for i in mirror.account.ids("droplet_snapshot")
    }
