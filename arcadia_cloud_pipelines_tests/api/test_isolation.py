"""Tenants are kept apart: through the API, and straight through the database's role."""

from __future__ import annotations

import itertools
import logging
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import NOW, Api, serve

INVENTORY = "/api/v1/inventory"
TENANTS = ("a", "b", "A", "a' OR true --", "%", "ü")
GUARDED = (
    "cloud_projects", "cloud_resources", "cloud_project_memberships", "cloud_resource_events",
)  # fmt: skip
_numbers = itertools.count()


def as_tenant(warehouse: Warehouse, tenant: str | None, sql: str) -> list[Any]:
    """The first column of what a query without any WHERE gives the database's role."""
    with warehouse.transaction() as connection:
        connection.execute(sa.text("SET LOCAL ROLE arcadia_tenant"))
        if tenant is not None:
            connection.execute(
                sa.text("SELECT set_config('arcadia.tenant_id', :tenant, true)"), {"tenant": tenant}
            )
        return list(connection.execute(sa.text(sql)).scalars())


@settings(max_examples=12)
@given(
    projects=st.lists(st.sampled_from((*TENANTS, None)), max_size=5),
    resources=st.lists(st.none() | st.integers(0, 4), max_size=12),
)
def test_a_tenant_sees_its_own_and_nothing_else(
    api: Api, projects: list[str | None], resources: list[int | None]
) -> None:
    with api.warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE cloud_projects SET tenant_id = NULL"))
    ids = [(api.project(f"p{next(_numbers)}", tenant), tenant) for tenant in projects]
    owned: dict[str | None, dict[int, int]] = {}
    for place in resources:
        project, tenant = ids[place] if place is not None and place < len(ids) else (None, None)
        one = api.resource(f"r{next(_numbers)}", project)
        owned.setdefault(tenant, {})[one] = api.event(one)
        if project is not None:
            with api.warehouse.transaction() as connection:
                connection.execute(
                    sa.text("""
                        INSERT INTO cloud_project_memberships
                            (account, urn, kind, provider_id, project_id, valid_from)
                        VALUES ('a', :id, 'droplet', :id, :project, now())
                    """),
                    {"id": f"r{one}", "project": project},
                )
    everything = {one for of in owned.values() for one in of}
    assert {row["id"] for row in api.rows(f"{INVENTORY}?limit=7")} >= everything
    for tenant in TENANTS:
        mine = owned.get(tenant, {})
        token = {"Authorization": f"Bearer {api.token(tenant_id=tenant)}"}
        seen = api.client.get(f"{INVENTORY}?limit=1000", headers=token).json()["data"]
        assert {row["id"] for row in seen} == set(mine)
        then = f"{INVENTORY}?as_of=2030-01-01T00:00:00Z&limit=1000&include_deleted=true"
        assert {r["id"] for r in api.client.get(then, headers=token).json()["data"]} == set(mine)
        for one in list(everything)[:4]:
            status = 200 if one in mine else 404
            for path in (f"{INVENTORY}/{one}", f"{INVENTORY}/{one}/events"):
                assert api.client.get(path, headers=token).status_code == status
        own_projects = {project for project, of in ids if of == tenant}
        assert set(as_tenant(api.warehouse, tenant, "SELECT id FROM cloud_resources")) == set(mine)
        events = as_tenant(api.warehouse, tenant, "SELECT id FROM cloud_resource_events")
        assert set(events) == set(mine.values())
        assert (
            set(as_tenant(api.warehouse, tenant, "SELECT id FROM cloud_projects")) == own_projects
        )
        memberships = "SELECT project_id FROM cloud_project_memberships"
        assert set(as_tenant(api.warehouse, tenant, memberships)) <= own_projects
        folded = "SELECT id FROM resources_as_of('2030-01-01Z')"
        assert set(as_tenant(api.warehouse, tenant, folded)) == set(mine)


def test_not_there_and_not_yours_look_the_same(api: Api) -> None:
    theirs = api.resource("1", api.project("p", "them"))
    for path in ("", "/events"):
        not_yours = api.get(f"{INVENTORY}/{theirs}{path}", "us")
        not_there = api.get(f"{INVENTORY}/{theirs + 1}{path}", "us")
        assert not_yours.status_code == not_there.status_code == 404
        assert not_yours.content == not_there.content


def test_a_cursor_of_somebody_else_gives_no_access(api: Api) -> None:
    for tenant in ("us", "them"):
        project = api.project(tenant, tenant)
        for n in range(3):
            api.resource(f"{tenant}-{n}", project)
    cursor = api.get(f"{INVENTORY}?limit=1", "them").json()["next_cursor"]
    rows = api.get(f"{INVENTORY}?cursor={cursor}", "us").json()["data"]
    assert {row["project"] for row in rows} <= {"us"}


def test_the_filter_on_projects_does_not_reach_others(api: Api) -> None:
    api.resource("1", api.project("shop", "them"))
    api.resource("2", api.project("other", "us"))
    assert api.rows(f"{INVENTORY}?project=shop", "us") == []
    assert len(api.rows(f"{INVENTORY}?project=shop", "them")) == 1


def test_what_a_resource_was_before_it_came_is_not_told(api: Api) -> None:
    ours, theirs, second = api.project("o", "us"), api.project("t", "them"), api.project("s", "us")
    one = api.resource("1", second, name="new", first_seen_at=NOW - timedelta(hours=9))

    def moved(hours: int, was: int, to: int, **more: Any) -> int:
        return api.event(
            one, occurred_at=NOW + timedelta(hours=hours),
            changes={"project_id": {"from": was, "to": to}, **more},
        )  # fmt: skip

    api.event(one, occurred_at=NOW, changes={"name": {"from": "secret plan", "to": "new"}})
    moved(1, theirs, ours)
    after = [moved(2, ours, second), api.event(one, occurred_at=NOW + timedelta(hours=3))]
    assert [row["id"] for row in api.rows(f"{INVENTORY}/{one}/events", "us")] == after
    shown = api.get(f"{INVENTORY}/{one}", "us").json()["data"]["events"]
    assert {event["id"] for event in shown} == set(after)
    assert len(api.rows(f"{INVENTORY}/{one}/events")) == 4
    for time, seen in (("11:59", []), ("12:59", []), ("13:01", ["new"])):
        rows = api.rows(f"{INVENTORY}?as_of=2026-05-04T{time}:00Z", "us")
        assert [row["name"] for row in rows] == seen
    assert api.rows(f"{INVENTORY}?as_of=2026-05-04T11:59:00Z")[0]["name"] == "secret plan"


def test_without_a_tenant_the_role_sees_nothing(api: Api) -> None:
    api.event(api.resource("1", api.project("p", "them")))
    api.event(api.resource("2", api.project("q", "")))
    api.event(api.resource("3"))
    for tenant in (None, ""):
        for table in GUARDED:
            assert as_tenant(api.warehouse, tenant, f"SELECT id FROM {table}") == []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM cloud_invoices",
        "SELECT * FROM cloud_cost_lines",
        "SELECT * FROM cloud_balance_snapshots",
        "SELECT * FROM cloud_drift",
        "SELECT * FROM cloud_provisioned",
        "SELECT * FROM cloud_sync_runs",
        "UPDATE cloud_resources SET name = 'x'",
        "INSERT INTO cloud_projects (account, provider_id, name, first_seen_at, last_seen_at) "
        "VALUES ('a', 'x', 'x', now(), now())",
        "DELETE FROM cloud_projects",
        "SELECT cloud_secure_tenants()",
    ],
)
def test_the_role_may_do_nothing_else(api: Api, statement: str) -> None:
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        as_tenant(api.warehouse, "us", statement)


def test_the_role_is_bound_and_the_others_are_not(api: Api) -> None:
    api.resource("1", api.project("p", "them"))
    with api.warehouse.transaction() as connection:
        bypasses = connection.execute(
            sa.text("""
                SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles
                WHERE rolname = 'arcadia_tenant'
            """)
        ).scalar_one()
        assert not bypasses
        assert connection.execute(sa.text("SELECT count(*) FROM cloud_resources")).scalar() == 1
        connection.execute(sa.text("SET LOCAL ROLE arcadia_reader"))
        for table in ("cloud_projects", "cloud_resources"):
            assert connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() == 1


def test_the_owner_without_superuser_is_not_subject_to_the_policies(
    api: Api, warehouse: Warehouse
) -> None:
    """As with a managed database: an owner who is no superuser writes and reads as before."""
    owner = f"owner_{next(_numbers)}_{id(api)}"
    with warehouse.transaction() as connection:
        connection.execute(sa.text(f"CREATE ROLE {owner}"))
        for table in GUARDED:
            connection.execute(sa.text(f"ALTER TABLE {table} OWNER TO {owner}"))
        connection.execute(sa.text(f"GRANT ALL ON SCHEMA public TO {owner}"))
    try:
        one = api.resource("1", api.project("p", "them"))
        with warehouse.transaction() as connection:
            connection.execute(sa.text(f"SET LOCAL ROLE {owner}"))
            found = connection.execute(
                sa.text("UPDATE cloud_resources SET status = 'x' RETURNING id")
            )
            assert list(found.scalars()) == [one]
    finally:
        with warehouse.transaction() as connection:
            connection.execute(sa.text(f"REASSIGN OWNED BY {owner} TO postgres"))
            connection.execute(sa.text(f"DROP OWNED BY {owner}"))
            connection.execute(sa.text(f"DROP ROLE {owner}"))


@pytest.mark.parametrize("table", GUARDED)
def test_a_database_that_does_not_keep_tenants_apart_is_not_used_for_them(
    api: Api, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    with api.warehouse.transaction() as connection:
        connection.execute(sa.text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
    answer = api.get(INVENTORY, "us")
    assert answer.status_code == 503
    assert table not in answer.text
    assert f"row-level security of {table} was switched off" in caplog.text
    assert api.get(INVENTORY).status_code == 200
    assert api.client.get("/api/health").json()["tenants"] == "unavailable"


@pytest.mark.parametrize("table", GUARDED)
def test_a_policy_that_was_dropped_is_put_back(api: Api, table: str) -> None:
    api.event(api.resource("1", api.project("p", "them")))
    with api.warehouse.transaction() as connection:
        connection.execute(sa.text(f"DROP POLICY tenant ON {table}"))
    assert api.rows(INVENTORY, "us") == []
    assert as_tenant(api.warehouse, "us", f"SELECT id FROM {table}") == []


def test_a_missing_role_is_a_clear_message(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    """The role belongs to the server, which other tests share: another function says so here."""
    caplog.set_level(logging.ERROR)
    sentence = "the role arcadia_tenant is missing: ask an administrator"
    with warehouse.transaction() as connection:
        kept = connection.execute(
            sa.text("SELECT pg_get_functiondef('cloud_secure_tenants'::regproc)")
        ).scalar_one()
        connection.execute(
            sa.text(
                "CREATE OR REPLACE FUNCTION cloud_secure_tenants() RETURNS text LANGUAGE sql "
                f"RETURN '{sentence}'"
            )
        )
    for api in serve(warehouse):
        assert api.get(INVENTORY, "us").status_code == 503
        assert sentence in caplog.text
        assert sentence not in api.get(INVENTORY, "us").text
        assert api.get(INVENTORY).status_code == 200
        with warehouse.transaction() as connection:
            connection.exec_driver_sql(kept.replace("%", "%%"))
        api.time[0] += timedelta(minutes=2)
        assert api.get(INVENTORY, "us").status_code == 200


def test_one_who_may_not_create_roles_is_told_what_to_ask_for(warehouse: Warehouse) -> None:
    me = f"small_{next(_numbers)}_{id(warehouse)}"
    with warehouse.transaction() as connection:
        connection.execute(sa.text(f"CREATE ROLE {me}"))
        connection.execute(sa.text(f"GRANT EXECUTE ON FUNCTION cloud_secure_tenants() TO {me}"))
        connection.execute(sa.text(f"SET LOCAL ROLE {me}"))
        said = connection.execute(sa.text("SELECT cloud_secure_tenants()")).scalar_one()
        connection.rollback()
    assert f"GRANT arcadia_tenant TO {me}" in said
