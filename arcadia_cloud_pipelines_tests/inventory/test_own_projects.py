"""Dated membership where only the object itself says which project it is in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from arcadia_cloud_pipelines.inventory import ledger
from arcadia_cloud_pipelines.inventory.accounts import retire_account
from arcadia_cloud_pipelines.inventory.memberships import Member, Members, record_members
from arcadia_cloud_pipelines.inventory.projects import _record_projects
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import at, fleet, record, sighting, story

KIND = "load_balancer"
TEAM = "team-a"


def list_projects(
    warehouse: Warehouse,
    hours: float,
    members: dict[int, str] | None = None,
    *,
    names: Iterable[str] = ("p1", "p2"),
    kind: str = KIND,
) -> None:
    """Record the projects and what their own lists hold, which are read whole."""
    listed = [{"id": name, "name": name} for name in names]
    found = Members(
        members=[
            Member(f"do:loadbalancer:{n}", kind, str(n), project, at(-100))
            for n, project in (members or {}).items()
        ],
        whole=list(names),
    )
    scope = {"provider": "digitalocean", "account": TEAM, "kind": "project",
             "seen_at": at(hours), "run_id": None}  # fmt: skip
    with warehouse.transaction() as connection:
        _record_projects(connection, scope, listed, True, ledger.Guard())
        record_members(connection, scope, found, ledger.Guard())


def show(warehouse: Warehouse, hours: float, **fields: Any) -> None:
    """List one balancer; without a project its object says none."""
    record(warehouse, [sighting(1, **fields)], hours, kind=KIND)


def stays(warehouse: Warehouse) -> list[tuple[str, str, datetime, datetime | None]]:
    found = query(
        warehouse,
        "SELECT p.name, m.listed_by, m.valid_from, m.valid_to FROM cloud_project_memberships AS m "
        "JOIN cloud_projects AS p ON p.id = m.project_id ORDER BY m.id",
    )
    return [tuple(row.values()) for row in found]  # type: ignore[misc]


def project(warehouse: Warehouse) -> str | None:
    (row,) = query(
        warehouse,
        "SELECT p.name FROM cloud_resources AS r "
        "LEFT JOIN cloud_projects AS p ON p.id = r.project_id",
    )
    return row["name"]  # type: ignore[no-any-return]


def test_the_objects_own_answer_is_dated(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    show(warehouse, 2, project="p1")
    show(warehouse, 3, project="p2")
    assert stays(warehouse) == [("p1", "object", at(1), at(3)), ("p2", "object", at(3), None)]
    assert project(warehouse) == "p2"
    assert story(warehouse, 1) == ["discovered", "updated"]


@pytest.mark.parametrize("said", [None, "a project that nobody listed"])
def test_an_object_that_says_nothing_of_use_stays_where_it_was(
    warehouse: Warehouse, said: str | None
) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    for hours in (2, 3):
        show(warehouse, hours, project=said)
    assert stays(warehouse) == [("p1", "object", at(1), None)]
    assert (project(warehouse), story(warehouse, 1)) == ("p1", ["discovered"])


def test_a_project_that_is_listed_after_its_resources_is_learnt(warehouse: Warehouse) -> None:
    """As in the very first run, where the kinds are recorded first."""
    show(warehouse, 0, project="p1")
    assert (project(warehouse), stays(warehouse)) == (None, [])
    list_projects(warehouse, 1)
    show(warehouse, 2, project="p1")
    assert stays(warehouse) == [("p1", "object", at(2), None)]
    assert project(warehouse) == "p1"
    # A move into a project that is newer than the list, too.
    show(warehouse, 3, project="p3")
    assert project(warehouse) == "p1"
    list_projects(warehouse, 4, names=("p1", "p2", "p3"))
    show(warehouse, 5, project="p3")
    assert stays(warehouse)[1:] == [("p3", "object", at(5), None)]


def test_no_list_of_a_project_ends_what_only_the_object_says(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    list_projects(warehouse, 2)
    for hours in (3, 4):
        list_projects(warehouse, hours, {2: "p1"})
    assert stays(warehouse)[0] == ("p1", "object", at(1), None)


def test_a_projects_own_list_is_right_where_both_answer(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    list_projects(warehouse, 2, {1: "p2"})
    show(warehouse, 3, name="renamed", project="p1")
    show(warehouse, 4, project="p2")
    show(warehouse, 5, project="p1")
    assert stays(warehouse) == [("p1", "object", at(1), at(2)), ("p2", "project", at(2), None)]
    assert project(warehouse) == "p2"


def test_a_projects_list_takes_over_what_the_object_said(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    list_projects(warehouse, 2, {1: "p1"})
    assert stays(warehouse) == [("p1", "project", at(1), None)]
    (row,) = query(warehouse, "SELECT urn, assigned_at FROM cloud_project_memberships")
    assert row == {"urn": "do:loadbalancer:1", "assigned_at": at(-100)}


def test_what_a_list_ends_the_object_may_say_again(warehouse: Warehouse) -> None:
    """Although the object is as it was, so that only its digest would be looked at."""
    list_projects(warehouse, 0, {1: "p1"})
    show(warehouse, 1, project="p1")
    list_projects(warehouse, 2)
    show(warehouse, 3, project="p1")
    assert stays(warehouse) == [("p1", "project", at(0), at(2)), ("p1", "object", at(3), None)]
    assert story(warehouse, 1) == ["discovered"]


def test_a_deleted_resource_leaves_and_a_restored_one_is_back(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    for hours in (2, 3):
        record(warehouse, [], hours, kind=KIND)
    assert stays(warehouse) == [("p1", "object", at(1), None)]
    record(warehouse, [], 4, kind=KIND)
    assert stays(warehouse) == [("p1", "object", at(1), at(4))]
    show(warehouse, 5, project="p1")
    assert stays(warehouse)[1:] == [("p1", "object", at(5), None)]


def test_an_incomplete_or_implausible_listing_ends_nothing(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    record(warehouse, fleet(range(12), project="p1"), 1, kind=KIND)
    for hours in (2, 3, 4, 5):
        record(warehouse, fleet([0]), hours, kind=KIND, complete=hours % 2 == 0)
    assert {stay[3] for stay in stays(warehouse)} == {None}


def test_what_became_another_accounts_is_in_its_project(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    for hours in (2, 3, 4):
        record(warehouse, [], hours, kind=KIND)
    list_projects(warehouse, 5, {1: "p1"})  # the old account's list is late
    record(warehouse, [sighting(1, project="p2")], 6, kind=KIND, account="team-b")
    (*_, newest) = query(warehouse, "SELECT * FROM cloud_project_memberships ORDER BY id")
    assert (newest["account"], newest["valid_to"]) == ("team-b", None)
    assert stays(warehouse)[-2:] == [
        ("p1", "project", at(5), at(6)), ("p2", "object", at(6), None),
    ]  # fmt: skip


def test_an_account_that_is_retired_is_in_no_project(warehouse: Warehouse) -> None:
    list_projects(warehouse, 0)
    show(warehouse, 1, project="p1")
    record(warehouse, [], 2, account="team-b")
    retire_account(warehouse, TEAM, actor="me", reason=None)
    assert all(stay[3] for stay in stays(warehouse))
