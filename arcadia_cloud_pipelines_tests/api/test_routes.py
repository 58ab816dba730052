"""Every route as every role, against the contract; errors; limits; what surrounds an answer."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.api.gate import ACCESS_LOG
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import Api, serve

ROLES = ("no token", "nobody", "some tenant", "admin")
# Without a token, with one that says nothing, as a tenant, as platform_admin.
PUBLIC, SCOPED, ADMIN = (200, 200, 200, 200), (401, 403, 200, 200), (401, 403, 403, 200)
CONTRACT = {
    ("GET", "/api/health"): PUBLIC,
    ("GET", "/api/ready"): PUBLIC,
    ("GET", "/api/v1/inventory"): SCOPED,
    ("GET", "/api/v1/inventory/{resource_id}"): (401, 403, 404, 404),
    ("GET", "/api/v1/inventory/{resource_id}/events"): (401, 403, 404, 404),
    ("GET", "/api/v1/billing/balance"): (401, 403, 403, 404),
    ("GET", "/api/v1/billing/invoices"): ADMIN,
    ("GET", "/api/v1/billing/cost-lines"): ADMIN,
    ("GET", "/api/v1/billing/costs"): SCOPED,
    ("GET", "/api/v1/billing/statements"): SCOPED,
    ("GET", "/api/v1/billing/statements/{statement_id}"): (401, 403, 404, 404),
    ("GET", "/api/v1/billing/statements/{statement_id}/lines"): (401, 403, 404, 404),
    ("GET", "/api/v1/drift"): ADMIN,
    ("POST", "/api/v1/drift/{drift_id}/accept"): (401, 403, 403, 404),
    ("GET", "/api/v1/sync"): ADMIN,
}


def test_every_route_is_in_the_table(api: Api) -> None:
    document = api.client.get("/openapi.json").json()
    routes = {(m.upper(), path) for path, of in document["paths"].items() for m in of}
    assert routes == set(CONTRACT)


@pytest.mark.parametrize(("method", "path"), CONTRACT)
def test_each_role_gets_what_the_contract_says(api: Api, method: str, path: str) -> None:
    for role, status in zip(ROLES, CONTRACT[method, path], strict=True):
        address = path.replace("{resource_id}", "7").replace("{drift_id}", "7")
        address = address.replace("{statement_id}", "7")
        answer = api.client.request(method, address, headers=api.headers(role))
        assert answer.status_code == status, (role, answer.text)
        kind = "application/json" if status == 200 else "application/problem+json"
        assert answer.headers["content-type"] == kind


def test_who_calls_is_asked_before_what_is_asked(api: Api) -> None:
    for query in ("limit=0", "nonsense=1", "kind=a&kind=b"):
        assert api.get(f"/api/v1/drift?{query}", "no token").status_code == 401
        assert api.get(f"/api/v1/drift?{query}", "some tenant").status_code == 403
        assert api.get(f"/api/v1/drift?{query}").status_code == 422


def test_health_names_the_service(api: Api) -> None:
    body = api.client.get("/api/health").json()
    assert (body["service"], body["status"], body["ready"]) == ("arcadia-cloud", "ok", True)
    assert body["tenants"] == "ok"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%201", "limit"),
        ("limit=1_0", "limit"),
        ("limit=", "limit"),
        ("limit=5&limit=6", "limit"),
        ("cursor=", "cursor"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("cursor=WzFd", "cursor"),
        ("kind=", "kind"),
        ("kind=a%00b", "kind"),
        ("kind=" + "x" * 300, "kind"),
        ("tag=", "tag.0"),
        ("include_deleted=1", "include_deleted"),
        ("include_deleted=True", "include_deleted"),
        ("as_of=2026-01-01", "as_of"),
        ("as_of=0", "as_of"),
        ("as_of=2026-13-01T00:00:00Z", "as_of"),
        ("as_of=2026-01-01T00:00:00", "as_of"),
        ("changed_since=yesterday", "changed_since"),
        ("regoin=fra1", "regoin"),
    ],
)
def test_a_bad_parameter_is_named(api: Api, query: str, parameter: str) -> None:
    answer = api.get(f"/api/v1/inventory?{query}")
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]
    assert parameter in answer.json()["detail"]


@pytest.mark.parametrize("limit", [1, 100, 1000])
def test_limits_within_bounds_are_good(api: Api, limit: int) -> None:
    assert api.get(f"/api/v1/inventory?limit={limit}").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/api",
        "/api/v1",
        "/api/v1/inventory/",
        "/api/v1/nothing",
        "/api/v2/inventory",
    ],
)
def test_no_such_route_is_a_problem(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


def test_the_front_page_says_what_is_there_and_how_to_get_a_token(api: Api) -> None:
    answer = api.client.get("/", headers={"Host": "<script>alert(1)</script>"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    for part in ("/docs", "/openapi.json", "/api/health", "arcadia api token", "Guardian"):
        assert part in answer.text
    assert "<script>" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "/" not in api.client.get("/openapi.json").json()["paths"]


def test_another_method_is_a_problem_that_names_the_right_one(api: Api) -> None:
    answer = api.client.delete("/api/v1/drift", headers=api.headers("admin"))
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_error_of_ours_shows_nothing_of_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("inner detail")

    monkeypatch.setattr("arcadia_cloud_pipelines.api.inventory.resource_listing", fail)
    answer = api.get("/api/v1/inventory")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "inner detail" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["detail"]
    assert "inner detail" in caplog.text


def test_large_requests_are_refused(api: Api) -> None:
    path = "/api/v1/drift/1/accept"
    headers = api.headers("admin") | {"Content-Type": "application/json"}
    large = json.dumps({"reason": "x" * 100_000}).encode()
    for body in (large, iter([large[:50_000], large[50_000:]])):
        answer = api.client.post(path, content=body, headers=headers)
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
    assert api.get(f"/api/v1/inventory?kind={'x' * 10_000}").status_code == 414


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b'{"raeson": "x"}', b'{"reason": ""}',
                                  b'{"actual": NaN}', b'{"actual": "\\ud800"}',
                                  b'{"actual": "\\u0000"}', b'{"actual": 1e999}',
                                  b'{"actual": 123456789012345678901234567890}'])  # fmt: skip
def test_a_bad_body_is_refused(api: Api, body: bytes) -> None:
    headers = api.headers("admin") | {"Content-Type": "application/json"}
    answer = api.client.post("/api/v1/drift/1/accept", content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_request_ids_and_headers(api: Api) -> None:
    answer = api.get("/api/v1/inventory", **{"X-Request-ID": "my-request.1"})
    assert answer.headers["x-request-id"] == "my-request.1"
    for insane in ("a b", "x" * 65, "é"):
        made = api.client.get("/api/health", headers={"X-Request-ID": insane.encode()})
        assert made.headers["x-request-id"] != insane
        assert len(made.headers["x-request-id"]) == 32
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "private, no-cache"
    assert api.client.get("/api/health").headers["cache-control"] == "no-store"


def test_each_request_has_its_line_in_the_log(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, ACCESS_LOG)
    api.get("/api/v1/inventory/5?nonsense=secret", **{"X-Request-ID": "r1"})
    api.get("/api/v1/drift", "some tenant")
    first, second = (
        vars(record)["fields"] for record in caplog.records if record.name == ACCESS_LOG
    )
    assert first["request_id"] == "r1"
    assert (first["method"], first["status"], first["admin"]) == ("GET", 422, True)
    assert first["route"] == "/api/v1/inventory/{resource_id}"
    assert "secret" not in str(first)
    assert (second["tenant"], second["status"]) == ("some tenant", 403)
    assert second["refused"] == "not platform_admin"


def test_an_unmigrated_database_is_alive_and_not_ready(empty_database: sa.URL) -> None:
    for api in serve(Warehouse(empty_database, embedded=False)):
        assert api.client.get("/api/health").json()["ready"] is False
        assert api.client.get("/api/health").status_code == 200
        ready = api.client.get("/api/ready")
        assert (ready.status_code, ready.json()["schema"]) == (503, None)
        answer = api.get("/api/v1/inventory")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_database_that_is_away_is_503(warehouse_url: sa.URL) -> None:
    for api in serve(Warehouse(warehouse_url.set(database="nowhere"), embedded=False)):
        assert api.client.get("/api/health").status_code == 200
        assert api.client.get("/api/ready").json()["database"] == "unreachable"
        answer = api.get("/api/v1/inventory")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert "nowhere" not in answer.text


def test_readiness_comes_back_by_itself(api: Api) -> None:
    def revision(text: str) -> None:
        with api.warehouse.transaction() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :r"), {"r": text})

    wanted = api.client.get("/api/ready").json()["schema_wanted"]
    revision("0001")
    api.time[0] = api.time[0].replace(minute=1)
    assert api.client.get("/api/ready").status_code == 503
    revision(wanted)
    api.time[0] = api.time[0].replace(minute=2)
    assert api.client.get("/api/ready").status_code == 200


def test_a_slow_query_is_given_up(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text("ALTER TABLE cloud_drift RENAME TO slow"))
        connection.execute(
            sa.text("CREATE VIEW cloud_drift AS SELECT * FROM slow WHERE pg_sleep(60) IS NOT NULL")
        )
    for api in serve(warehouse, statement_seconds=0.05):
        resource = api.resource("1")
        with warehouse.transaction() as connection:
            connection.execute(
                sa.text("INSERT INTO slow (resource_id, field) VALUES (:id, 'name')"),
                {"id": resource},
            )
        answer = api.get("/api/v1/drift")
        assert answer.status_code == 503
        assert "given up" in answer.json()["detail"]
        assert api.get("/api/v1/inventory").status_code == 200


def test_only_so_many_may_wait(warehouse: Warehouse) -> None:
    for api in serve(warehouse, connections=0 + 1, waiting=-1):
        answer: Any = api.get("/api/v1/inventory")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("route", ["inventory", "billing/cost-lines", "drift"])
@pytest.mark.parametrize(
    ("kind", "near"),
    [
        ("dropplet", "droplet"), ("Droplets", "droplet"), ("load-balancer", "load_balancer"),
        ("kubernetes-", "kubernetes_cluster"), ("spaces_bukket", "spaces_bucket"),
        ("x" * 200, "volume_snapshot"), ("dröplet", "droplet"), ("unknwon", "unknown"),
    ],
)  # fmt: skip
def test_an_unknown_kind_is_422_and_names_near_ones(
    api: Api, route: str, kind: str, near: str
) -> None:
    answer = api.get(f"/api/v1/{route}?kind={kind}")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["parameter"] == "kind"
    assert near in error["message"]
    assert kind not in answer.text


@pytest.mark.parametrize("kind", [*KIND_BY_NAME, "unknown"])
def test_every_kind_that_is_stored_may_be_asked_for(api: Api, kind: str) -> None:
    api.resource("1", kind=kind)
    assert len(api.rows(f"/api/v1/inventory?kind={kind}")) == 1


def test_a_kind_of_another_release_may_be_asked_for_while_there_are_rows(api: Api) -> None:
    api.resource("1", api.project("p", "us"), kind="quantum_vault")
    for tenant, status in (("admin", 200), ("us", 200), ("them", 422)):
        assert api.get("/api/v1/inventory?kind=quantum_vault", tenant).status_code == status
