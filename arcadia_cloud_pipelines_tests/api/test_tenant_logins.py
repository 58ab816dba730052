"""Analysts' logins read for one tenant, by their role, whatever they set."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import Api

_numbers = itertools.count()
Login = Callable[..., Warehouse]
NAMES = "SELECT name FROM cloud_resources"


@pytest.fixture
def role(api: Api, worker_id: str) -> Iterator[Callable[..., str]]:
    """Make roles, which belong to the server that all tests share."""
    made: list[str] = []

    def create(options: str = "LOGIN", tenant: str | None = None, *, member: bool = False) -> str:
        name = f"analyst_{worker_id}_{next(_numbers)}"
        with api.warehouse.transaction() as connection:
            connection.execute(sa.text(f"CREATE ROLE {name} {options}"))
            made.append(name)
            if member:
                connection.execute(sa.text(f"GRANT arcadia_tenant TO {name}"))
            if tenant is not None:
                connection.execute(
                    sa.text("SELECT cloud_bind_tenant_login(:name, :tenant)"),
                    {"name": name, "tenant": tenant},
                )
        return name

    yield create
    with api.warehouse.transaction() as connection:
        for name in made:
            connection.execute(sa.text(f"DROP OWNED BY {name}"))
            connection.execute(sa.text(f"DROP ROLE {name}"))


@pytest.fixture
def login(api: Api, role: Callable[..., str]) -> Iterator[Login]:
    """Log in as a new role."""
    opened: list[Warehouse] = []

    def connect(tenant: str | None, **options: Any) -> Warehouse:
        name = role(tenant=tenant, **options)
        opened.append(Warehouse(api.warehouse.engine.url.set(username=name), embedded=False))
        return opened[-1]

    yield connect
    for one in opened:
        one.engine.dispose()


@pytest.fixture(autouse=True)
def _two_tenants(api: Api) -> None:
    for tenant in ("us", "them"):
        one = api.resource(tenant, api.project(f"project of {tenant}", tenant), name=f"{tenant}-1")
        api.event(one, changes={"name": {"from": f"{tenant}-0", "to": f"{tenant}-1"}})


def told(warehouse: Warehouse, query: str, *before: str) -> list[Any]:
    """What a query gives in a session that did something before."""
    with warehouse.transaction() as connection:
        for statement in before:
            connection.execute(sa.text(statement))
        return list(connection.execute(sa.text(query)).scalars())


ESCAPES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "SET": ("SET arcadia.tenant_id = 'them'",),
    "SET LOCAL": ("SET LOCAL arcadia.tenant_id = 'them'",),
    "set_config": ("SELECT set_config('arcadia.tenant_id', 'them', false)",),
    "the API's way": (
        "SELECT set_config('arcadia.tenant_id', 'them', true), "
        "set_config('role', 'arcadia_tenant', true)",
    ),
    "its role": ("SET ROLE arcadia_tenant", "SET arcadia.tenant_id = 'them'"),
    "no role": ("RESET ROLE", "SET arcadia.tenant_id = 'them'"),
    "itself": ("RESET SESSION AUTHORIZATION", "SET arcadia.tenant_id = 'them'"),
    "another search path": (
        "CREATE FUNCTION pg_temp.cloud_tenant() RETURNS text LANGUAGE sql RETURN 'them'",
        "SET search_path = pg_temp, public",
    ),
    "a table of its own": (
        "CREATE TEMP TABLE cloud_tenant_logins AS "
        "SELECT session_user::text AS login, 'them' AS tenant_id",
        "SET search_path = pg_temp, public",
    ),
    "row security off and on": ("SET row_security = on",),
}


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_login_sees_its_tenant_whatever_it_sets(login: Login, escape: str) -> None:
    warehouse = login("us")
    assert told(warehouse, f"SELECT name FROM public.{NAMES.split()[-1]}", *ESCAPES[escape]) == [
        "us-1"
    ]


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_login_that_is_nobodys_sees_nothing(login: Login, escape: str) -> None:
    assert told(login(None, member=True), NAMES, *ESCAPES[escape]) == []


@pytest.mark.parametrize(
    "statement",
    [
        "SET ROLE postgres",
        "SET ROLE arcadia_reader",
        "SET SESSION AUTHORIZATION postgres",
        "SELECT cloud_bind_tenant_login(session_user::text, 'them')",
        "SELECT cloud_secure_tenants()",
        "SELECT * FROM cloud_tenant_logins",
        "UPDATE cloud_tenant_logins SET tenant_id = 'them'",
        "SELECT * FROM cloud_project_tenancies",
        "SELECT * FROM resource_history",
        "CREATE TABLE public.mine (a int)",
        "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
        "ALTER TABLE cloud_resources DISABLE ROW LEVEL SECURITY",
        "COPY cloud_resources TO PROGRAM 'cat'",
        "SELECT pg_read_file('PG_VERSION')",
    ],
)
def test_a_login_may_do_nothing_else(login: Login, statement: str) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=r"permission denied|must be owner"):
        told(login("us"), statement)
    with pytest.raises(sa.exc.DBAPIError, match="affected by row-level security"):
        told(login("us"), NAMES, "SET row_security = off")


def test_another_who_becomes_the_login_sees_what_it_sees(
    api: Api, role: Callable[..., str]
) -> None:
    ours, nobodys = role(tenant="us"), role(member=True)
    claim = "SET LOCAL arcadia.tenant_id = 'them'"
    assert told(api.warehouse, NAMES, f"SET LOCAL ROLE {ours}", claim) == ["us-1"]
    assert told(api.warehouse, NAMES, f"SET LOCAL ROLE {nobodys}", claim) == []
    assert told(api.warehouse, NAMES, "SET LOCAL ROLE arcadia_tenant", claim) == ["them-1"]


def test_nothing_that_a_login_may_read_tells_of_others(api: Api, login: Login) -> None:
    with api.warehouse.engine.connect().execution_options(
        isolation_level="AUTOCOMMIT"
    ) as connection:
        connection.execute(sa.text("ANALYZE"))
    warehouse = login("us")
    readable = told(
        warehouse,
        """
        SELECT format('%I.%I', n.nspname, c.relname)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
          AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
          AND (n.nspname NOT IN ('pg_catalog', 'information_schema')
               OR c.relname IN ('pg_stats', 'pg_stats_ext', 'pg_stat_activity'))
        """,
    )
    assert {"public.cloud_resources", "public.cloud_resource_events"} <= set(readable)
    assert len(readable) >= 6
    for relation in readable:
        text = " ".join(told(warehouse, f"SELECT to_json(t)::text FROM {relation} AS t"))
        # Comments of the catalogue have the word alone, too.
        for name in ("them-0", "them-1", "project of them"):
            assert name not in text, relation
    folded = told(warehouse, "SELECT to_json(t)::text FROM resources_as_of(now()) AS t")
    assert len(folded) == 1
    assert "them" not in folded[0]


def test_functions_with_the_owners_rights_are_few(login: Login) -> None:
    """Each of them looks only at the session's own tenant; a further one is to be thought about."""
    found = told(
        login("us"),
        """
        SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
        WHERE p.prosecdef AND n.nspname NOT IN ('pg_catalog', 'information_schema')
          AND p.prorettype <> 'trigger'::regtype AND has_function_privilege(p.oid, 'EXECUTE')
        """,
    )
    assert {name for name in found if not name.startswith("cloud_tenant")} == set()


def test_neither_errors_nor_functions_of_ones_own_are_asked_about_others(login: Login) -> None:
    warehouse = login("us")
    divided = "SELECT name FROM cloud_resources WHERE 1 / (name <> 'them-1')::int = 1"
    assert told(warehouse, divided) == ["us-1"]
    spied = (
        "CREATE OR REPLACE FUNCTION pg_temp.spy(text) RETURNS boolean LANGUAGE plpgsql "
        "COST 0.0001 AS $$ BEGIN "
        "IF $1 LIKE 'them%' THEN RAISE EXCEPTION 'seen'; END IF; RETURN true; END $$"
    )
    for query in (
        "SELECT name FROM cloud_resources WHERE pg_temp.spy(name)",
        "SELECT name FROM resources_as_of(now()) WHERE pg_temp.spy(name)",
    ):
        assert told(warehouse, query, spied) == ["us-1"]


@pytest.mark.parametrize("options", ["SUPERUSER", "BYPASSRLS", "CREATEROLE", "REPLICATION"])
def test_a_role_with_more_rights_is_not_bound(
    api: Api, role: Callable[..., str], options: str
) -> None:
    name = role(f"LOGIN {options}")
    with pytest.raises(sa.exc.DBAPIError, match="rights over the whole server"):
        told(api.warehouse, f"SELECT cloud_bind_tenant_login('{name}', 'us')")


def test_only_an_analysts_login_is_bound(api: Api, role: Callable[..., str]) -> None:
    name = role()
    for arguments, words in (
        ("'no such role', 'us'", "does not exist"),
        ("'arcadia_tenant', 'us'", "not an analyst's login"),
        ("'arcadia_reader', 'us'", "not an analyst's login"),
        ("session_user::text, 'us'", "not an analyst's login"),
        (f"'{name}', ' '", "name the tenant"),
        (f"'{name}', NULL", "name the tenant"),
    ):
        with pytest.raises(sa.exc.DBAPIError, match=words):
            told(api.warehouse, f"SELECT cloud_bind_tenant_login({arguments})")
    with pytest.raises(sa.exc.DBAPIError, match="is a member of arcadia_reader"):
        told(
            api.warehouse, f"SELECT cloud_bind_tenant_login('{name}', 'us')",
            f"GRANT arcadia_reader TO {name}",
        )  # fmt: skip


def test_the_api_answers_no_tenant_while_each_may_choose(api: Api) -> None:
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("GRANT EXECUTE ON FUNCTION cloud_secure_tenants() TO arcadia_tenant")
        )
    assert api.get("/api/v1/inventory", "us").status_code == 503
    assert api.get("/api/v1/inventory").status_code == 200
