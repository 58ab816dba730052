"""The inbox, and accepting through it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.drift.spec_tables import cloud_provisioned
from arcadia_cloud_pipelines.drift.tables import cloud_drift

from .conftest import NOW, Api

DRIFT = "/api/v1/drift"


@pytest.fixture
def drift(api: Api) -> int:
    """One open record: wished s-2, is s-1."""
    return _drift(api, "web")


def _drift(api: Api, name: str) -> int:
    resource = api.resource(name, size_slug="s-1", status="active")
    api.insert(cloud_provisioned, resource_id=resource, spec={"size_slug": "s-2"})
    return api.insert(
        cloud_drift, resource_id=resource, field="size_slug", desired="s-2", actual="s-1",
        severity="error", detected_at=NOW, changed_at=NOW,
    )  # fmt: skip


def accept(api: Api, drift: int, body: dict[str, Any] | None = None) -> Any:
    return api.client.post(f"{DRIFT}/{drift}/accept", json=body, headers=api.headers("admin"))


def test_the_inbox(api: Api, drift: int) -> None:
    row = {
        "id": drift, "kind": "droplet", "provider_id": "web", "name": "web",
        "field": "size_slug", "desired": "s-2", "actual": "s-1", "severity": "error",
        "status": "open",
        "detected_at": "2026-05-04T12:00:00Z", "changed_at": "2026-05-04T12:00:00Z",
        "resolved_at": None, "resolved_by": None, "resolution": None,
    }  # fmt: skip
    [found] = api.rows(DRIFT)
    assert found.pop("resource_id") > 0
    assert found == row
    for query, count in (
        ("kind=droplet&field=size_slug", 1), ("kind=volume", 0), ("field=x", 0),
        ("status=open", 1), ("status=accepted", 0), ("severity=error", 1), ("severity=critical", 0),
    ):  # fmt: skip
        assert len(api.rows(f"{DRIFT}?{query}")) == count
    assert api.get(f"{DRIFT}?status=any").status_code == 422
    assert api.get(f"{DRIFT}?severity=bad").status_code == 422


def test_accepting_makes_the_live_value_the_desired_one(api: Api, drift: int) -> None:
    answer = accept(api, drift, {"reason": "resized on purpose", "actual": "s-1"})
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["before"], data["after"], data["spec_version"]) == ("s-2", "s-1", 2)
    assert (data["accepted_by"], data["accepted_at"]) == ("kim", "2026-05-04T12:00:00Z")
    assert api.rows(DRIFT) == []
    [closed] = api.rows(f"{DRIFT}?status=accepted")
    assert (closed["resolved_by"], closed["resolution"]) == ("kim", "resized on purpose")


def test_accepting_needs_no_body(api: Api, drift: int) -> None:
    answer = api.client.post(f"{DRIFT}/{drift}/accept", headers=api.headers("admin"))
    assert answer.status_code == 200, answer.text


def test_accepting_twice_is_409(api: Api, drift: int) -> None:
    assert accept(api, drift).status_code == 200
    again = accept(api, drift)
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("seen", ["s-2", None, 1, ["s-1"], {"a": 1}])
def test_another_value_seen_is_409(api: Api, drift: int, seen: object) -> None:
    assert accept(api, drift, {"actual": seen}).status_code == 409
    assert len(api.rows(DRIFT)) == 1


def test_a_live_value_that_moved_on_is_409(api: Api, drift: int) -> None:
    with api.warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE cloud_resources SET size_slug = 's-4'"))
    assert accept(api, drift).status_code == 409
    assert accept(api, drift, {"actual": "s-1"}).status_code == 409
    assert accept(api, drift, {"actual": "s-4"}).status_code == 200


@pytest.mark.parametrize("number", [10**6, 2**63 - 1])
def test_no_such_record_is_404(api: Api, number: int) -> None:
    assert accept(api, number).status_code == 404


def test_of_many_who_accept_at_once_one_does(api: Api) -> None:
    for n in range(3):
        record = _drift(api, f"web-{n}")
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _, r=record: accept(api, r).status_code, range(8)))
        assert sorted(answers) == [200] + [409] * 7


def test_a_tenant_accepts_nothing(api: Api, drift: int) -> None:
    answer = api.client.post(f"{DRIFT}/{drift}/accept", headers=api.headers("us"))
    assert answer.status_code == 403
    assert len(api.rows(DRIFT)) == 1


@pytest.mark.parametrize("sub", [None, "", " ", 7, True, ["kim"], {"name": "kim"}, "a\0b"])
def test_a_decision_needs_somebody(api: Api, drift: int, sub: object) -> None:
    headers = {"Authorization": f"Bearer {api.token(role='platform_admin', sub=sub)}"}
    for path in (f"{DRIFT}/{drift}/accept", f"{DRIFT}/{drift + 1}/accept"):
        answer = api.client.post(path, headers=headers)
        assert answer.status_code == 403
        assert "sub" in answer.json()["detail"]
    assert len(api.rows(DRIFT)) == 1
    assert api.client.get(DRIFT, headers=headers).status_code == 200
