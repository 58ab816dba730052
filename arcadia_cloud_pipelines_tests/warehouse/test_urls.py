"""PostgreSQL URLs as people write them."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.psycopg2 import dialect

from arcadia_cloud_pipelines.settings import SettingsError
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import WarehouseUnreachable
from arcadia_cloud_pipelines.warehouse.urls import sqlalchemy_url


def url_of(text: str) -> sa.URL:
    return sqlalchemy_url(Secret(text), "ARCADIA_DATABASE_URL")


def asked(text: str) -> dict[str, Any]:
    """What the driver is called with, after a trip through text as Dagster's storage makes it."""
    url = sa.make_url(url_of(text).render_as_string(hide_password=False))
    assert url.drivername == "postgresql+psycopg2"
    _, arguments = dialect().create_connect_args(url)
    return arguments


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("postgres://u:p@h/d", {"user": "u", "password": "p", "host": "h", "dbname": "d"}),
        ("postgresql://u:p@h/d", {"user": "u", "password": "p", "host": "h", "dbname": "d"}),
        ("postgresql+psycopg2://u@h:6/d", {"user": "u", "host": "h", "port": 6, "dbname": "d"}),
        ("postgresql+psycopg://h", {"host": "h"}),
        ("postgresql://", {}),
        ("postgresql:///d", {"dbname": "d"}),
        ("postgresql:///d?host=/run/pg&port=6", {"dbname": "d", "host": "/run/pg", "port": "6"}),
        ("postgresql://%2Frun%2Fpg/d", {"dbname": "d", "host": "/run/pg"}),
        ("postgresql://u@%2Frun%2Fpg:6/d",
         {"user": "u", "dbname": "d", "host": "/run/pg", "port": "6"}),
        ("postgresql://[::1]:6/d", {"host": "::1", "port": 6, "dbname": "d"}),
        ("postgresql://[2001:db8::1]/d", {"host": "2001:db8::1", "dbname": "d"}),
        ("postgresql://a:1,b:2/d?target_session_attrs=read-write",
         {"host": "a,b", "port": "1,2", "dbname": "d", "target_session_attrs": "read-write"}),
        ("postgresql://a,b:2/d", {"host": "a,b", "port": "5432,2", "dbname": "d"}),
        ("postgresql://[::1]:1,[::2]/d", {"host": "::1,::2", "port": "1,5432", "dbname": "d"}),
        ("postgresql://h/d?sslmode=verify-full&sslrootcert=%2Fca.pem",
         {"host": "h", "dbname": "d", "sslmode": "verify-full", "sslrootcert": "/ca.pem"}),
        ("postgresql://h?sslmode=require", {"host": "h", "sslmode": "require"}),
        ("postgresql://h/d?application_name=a+b", {"host": "h", "dbname": "d",
                                                   "application_name": "a+b"}),
        ("postgresql://h/d?user=u&password=p%26q",
         {"host": "h", "dbname": "d", "user": "u", "password": "p&q"}),
        ("postgresql://u%40x:p%2F%40%3A@h/d%20b",
         {"user": "u@x", "password": "p/@:", "host": "h", "dbname": "d b"}),
        ("postgresql://u:p?q#r[s@h/d", {"user": "u", "password": "p?q#r[s", "host": "h",
                                        "dbname": "d"}),
        ("postgresql://u:p@q@h/d", {"user": "u", "password": "p@q", "host": "h", "dbname": "d"}),
    ],
)  # fmt: skip
def test_every_form_reaches_the_driver(text: str, arguments: dict[str, Any]) -> None:
    assert asked(text) == arguments


@given(password=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_password_survives_when_encoded(password: str) -> None:
    from urllib.parse import quote

    url = url_of(f"postgresql://u:{quote(password, safe='')}@h/d")
    assert (url.password or "") == password


@pytest.mark.parametrize(
    "text",
    ["mysql://u:sesame@h/d", "u:sesame@h", "postgresql:/u:sesame@h", "postgresql://u@h:sesame/d",
     "postgresql://u:1/sesame@h/d", "host=h password=sesame", "sesame", ""],
)  # fmt: skip
def test_what_is_no_url_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(
        SettingsError, match=r"ARCADIA_DATABASE_URL.*postgresql://user@host"
    ) as caught:
        url_of(text)
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    ["postgresql://u:sesame@127.0.0.1:9/d", "postgresql://127.0.0.1:9/d?user=u&password=sesame",
     "postgresql://u:sesame@127.0.0.1:9,127.0.0.1:8/d"],
)  # fmt: skip
def test_a_password_is_in_no_repr_and_no_error(text: str) -> None:
    warehouse = Warehouse(url_of(text), embedded=False)
    assert "sesame" not in f"{warehouse!r} {warehouse.engine!r} {warehouse.place}"
    with (
        pytest.raises(WarehouseUnreachable, match=r"127\.0\.0\.1.*refused") as caught,
        warehouse.transaction(),
    ):
        pass
    assert "sesame" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.needs_server("session")
def test_what_the_url_asks_for_comes_before_our_own_wishes(warehouse_url: sa.URL) -> None:
    plain = Warehouse(warehouse_url, embedded=False)
    query = dict(warehouse_url.query)
    chosen = Warehouse(
        warehouse_url.set(query=query | {"application_name": "mine", "options": "-c work_mem=7MB"}),
        embedded=False,
    )
    for warehouse, name, memory in ((plain, "arcadia", "4MB"), (chosen, "mine", "7MB")):
        with warehouse.transaction() as connection:
            shown = [
                connection.execute(sa.text(f"SHOW {what}")).scalar_one()
                for what in ("application_name", "work_mem", "timezone")
            ]
        assert shown == [name, memory, "UTC"]
        warehouse.engine.dispose()
