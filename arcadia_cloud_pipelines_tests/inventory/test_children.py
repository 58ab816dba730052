"""Kinds that need a call for each parent, and lists that hold what is another kind's."""

from __future__ import annotations

import pytest

from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, KINDS, Kind

from .helpers import Mirror, rows

INSIDE = [kind for kind in KINDS if any(endpoint.inside for endpoint in kind.endpoints)]
CHILDREN = [
    kind for kind in KINDS
    if any(endpoint.per for endpoint in kind.endpoints) and kind not in INSIDE
]  # fmt: skip


@pytest.fixture(autouse=True)
def _two_registries(mirror: Mirror) -> None:
    """Of every kind of parent there are two."""
    mirror.account.create("registry", name="second")
    mirror.account.create("registry_repository", id="second/web", parent="second")


def test_these_kinds_are_children() -> None:
    assert {kind.name for kind in CHILDREN} == {
        "domain_record", "database_replica", "uptime_alert", "registry_repository",
    }  # fmt: skip
    assert {kind.name for kind in INSIDE} == {"node_pool"}


@pytest.mark.parametrize("kind", [*CHILDREN, *INSIDE], ids=lambda kind: kind.name)
def test_a_child_names_its_parent(mirror: Mirror, kind: Kind) -> None:
    (endpoint,) = kind.endpoints
    assert mirror.sync(kind.name).complete
    parents = {row["attrs"][endpoint.parent_field] for row in rows(mirror.warehouse).values()}
    assert parents == {str(i) for i in mirror.account.ids(str(endpoint.per))}


@pytest.mark.parametrize("status", [404, 412, 500, 403])
@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)
def test_a_parent_that_answers_with_an_error_costs_itself_alone(
    mirror: Mirror, kind: Kind, status: int
) -> None:
    """It is still listed, so its children are not gone, whatever it answers."""
    (endpoint,) = kind.endpoints
    mirror.sync(kind.name)
    before = rows(mirror.warehouse)
    silent, *others = mirror.account.ids(str(endpoint.per))
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
    gone = account.ids(str(endpoint.per))[-1]
    kept = [i for i in account.ids(kind.name) if account.find(kind.name, i).facts["parent"] != gone]
    lists = KIND_BY_NAME[str(endpoint.per)].endpoints[0].path
    # Right after the parents were listed: whatever is asked next.
    account.faults.add(f"{lists}/*", "hook", call=lambda: account.delete(str(endpoint.per), gone))
    for _ in range(3):
        result = mirror.sync(kind.name)
        assert (result.complete, result.available) == (True, True)
    assert account.ids(kind.name) == kept
    live = {i for i, row in rows(mirror.warehouse).items() if row["deleted_at"] is None}
    assert live == {str(i) for i in kept}
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
