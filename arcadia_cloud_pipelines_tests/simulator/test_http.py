"""Over HTTP on loopback: paging, scopes, limits, faults, writes, control."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests

from arcadia_cloud_pipelines.simulator import (
    NOW,
    SECRET_PREFIX,
    RateLimits,
    RunningSimulator,
    SimulatedAccount,
    registry,
    serve,
)
from arcadia_cloud_pipelines.simulator.faults import OTHER_HOST
from arcadia_cloud_pipelines.simulator.limits import TokenLimits

from .conftest import Client

DROPLETS = "/v2/droplets"
FLAT = [kind for kind in registry.KINDS.values() if kind.parent is None]


def ids(rows: list[dict]) -> list[int]:
    return [row["id"] for row in rows]


# ---- determinism


def test_two_servers_send_equal_bytes() -> None:
    sent = []
    for _ in range(2):
        account = SimulatedAccount(seed=3)
        with serve(account, public_url="https://api.digitalocean.com") as server:
            client = Client(server)
            bodies = []
            for _ in range(2):
                bodies += [client.get(kind.path).content for kind in FLAT]
                account.advance(hours=30)
            sent.append(bodies)
    assert sent[0] == sent[1]
    assert b"https://api.digitalocean.com/v2/droplets?page=2" in sent[0][0]


def test_order_of_inner_lists_differs_between_requests(client: Client) -> None:
    client.server.account.create("droplet", name="x", tags=["a", "b", "c"])
    seen = {str(client.get(DROPLETS, name="x").json()["droplets"][0]["tags"]) for _ in range(4)}
    assert len(seen) > 1


# ---- paging


@pytest.mark.parametrize("per_page", [1, 7, 24, 25, 26, 200])
def test_paging_sees_everything_once(client: Client, per_page: int) -> None:
    rows = client.all(DROPLETS, "droplets", per_page=per_page)
    assert len(ids(rows)) == len(set(ids(rows))) == 25
    assert len(client.server.requests) == -(-25 // per_page)


def test_links_and_meta(client: Client) -> None:
    def pages(page: int) -> dict[str, str]:
        answer = client.get(DROPLETS, page=page, per_page=10).json()
        assert answer["meta"] == {"total": 25}
        return answer["links"]["pages"]

    def url(page: int) -> str:
        return f"{client.server.url}/v2/droplets?page={page}&per_page=10"

    assert pages(1) == {"next": url(2), "last": url(3)}
    assert pages(2) == {"first": url(1), "prev": url(1), "next": url(3), "last": url(3)}
    assert pages(3) == {"first": url(1), "prev": url(2)}
    beyond = client.get(DROPLETS, page=4, per_page=10).json()
    assert beyond["droplets"] == []
    assert len(client.get(DROPLETS).json()["droplets"]) == 20


def test_links_keep_filters_and_may_put_per_page_first(client: Client) -> None:
    for _ in range(3):
        client.server.account.create("droplet", name="same", size_slug="gpu-h100x1-80gb")
    answer = client.get(DROPLETS, type="gpus", per_page=2).json()
    assert "type=gpus&page=2&per_page=2" in answer["links"]["pages"]["next"]
    domains = client.get("/v2/domains", per_page=2).json()
    assert "?per_page=2&page=2" in domains["links"]["pages"]["next"]


@pytest.mark.parametrize(
    "params", [{"per_page": "201"}, {"per_page": "0"}, {"per_page": "x"}, {"page": "0"},
               {"page": "-1"}, {"type": "x"}, {"type": "gpus", "tag_name": "web"}]
)  # fmt: skip
def test_bad_parameters_are_422(client: Client, params: dict[str, str]) -> None:
    answer = client.get(DROPLETS, **params)
    assert (answer.status_code, answer.json()["id"]) == (422, "unprocessable_entity")


def test_unknown_parameters_are_ignored_and_recorded(client: Client) -> None:
    account = client.server.account
    assert len(client.get(DROPLETS, per_page=200, sort="name").json()["droplets"]) == 25
    client.get("/v2/databases", page=1)
    assert account.violations == [
        "GET /v2/droplets: unknown query parameter 'sort'",
        "GET /v2/databases: unknown query parameter 'page'",
    ]


def test_gpus_have_a_list_of_their_own(client: Client) -> None:
    ordinary = client.all(DROPLETS, "droplets", per_page=200)
    gpus = client.all(DROPLETS, "droplets", type="gpus")
    assert len(gpus) == 1
    assert not {*ids(ordinary)} & {*ids(gpus)}
    assert gpus[0]["gpu_info"]


def test_filters(client: Client) -> None:
    assert len(client.all(DROPLETS, "droplets", name="WEB-01")) == 2
    assert len(client.all(DROPLETS, "droplets", tag_name="k8s")) == 5


def test_single_objects_and_deletion(client: Client) -> None:
    account = client.server.account
    for kind in FLAT:
        resource = account.ids(kind.name)[0]
        answer = client.get(f"{kind.path}/{resource}").json()
        assert answer[kind.singular][kind.identity] == resource
    account.delete("droplet", account.ids("droplet")[0])
    gone = next(life.id for life in account.lives["droplet"].values() if life.deleted_at)
    assert client.get(f"{DROPLETS}/{gone}").status_code == 404
    assert client.get(f"{DROPLETS}/nonsense").status_code == 404


def test_hidden_resources_are_a_gap_in_lists_only(client: Client) -> None:
    account = client.server.account
    one = client.all(DROPLETS, "droplets")[0]["id"]
    account.hide("droplet", one)
    rows = client.get(DROPLETS, per_page=200).json()
    assert one not in ids(rows["droplets"])
    assert rows["meta"]["total"] == 24
    assert client.get(f"{DROPLETS}/{one}").ok
    account.show("droplet", one)
    assert one in ids(client.all(DROPLETS, "droplets", per_page=200))


# ---- tokens


def test_tokens(client: Client) -> None:
    account = client.server.account
    for header in ("", "Bearer", "Bearer x", f"Basic {account.token}"):
        client.session.headers["Authorization"] = header
        assert client.get(DROPLETS).status_code == 401
    token = account.add_token("short")
    client.session.headers["Authorization"] = f"Bearer {token}"
    assert client.get(DROPLETS).ok
    account.revoke_token(token)
    assert client.get(DROPLETS).status_code == 401
    assert [seen.token for seen in client.server.requests[-2:]] == ["short", ""]


def test_a_missing_scope_is_403_on_its_list(server: RunningSimulator) -> None:
    for kind in FLAT:
        others = {k.scope for k in registry.KINDS.values()} - {kind.scope}
        client = Client(server, server.account.add_token(f"no {kind.name}", others))
        answer = client.get(kind.path)
        assert (answer.status_code, answer.json()["id"]) == (403, "forbidden")


def test_a_missing_scope_blanks_fields(server: RunningSimulator) -> None:
    full = {row["id"]: row for row in Client(server).all(DROPLETS, "droplets", per_page=200)}
    token = server.account.add_token("narrow", {"droplet:read"})
    for row in Client(server, token).all(DROPLETS, "droplets", per_page=200):
        assert (row["tags"], row["volume_ids"], row["backup_ids"]) == ([], [], [])
        assert (row["image"], row["vpc_uuid"], row["region"]["sizes"]) == ({}, "", [])
        assert row["name"] == full[row["id"]]["name"]
    assert any(row["tags"] for row in full.values())
    assert any(row["volume_ids"] for row in full.values())
    assert any(row["backup_ids"] for row in full.values())


def test_tags_count_what_carries_them_and_the_token_may_see(server: RunningSimulator) -> None:
    account = server.account
    droplets = [account.create("droplet", tags=["mine", "b"])["id"] for _ in range(2)]
    account.create("volume", tags=["mine"])
    snapshot = account.create("droplet_snapshot", tags=["mine"])["id"]
    account.delete("droplet", droplets[0])

    def counts(client: Client) -> dict[str, int]:
        (tag,) = [t for t in client.all("/v2/tags", "tags", per_page=3) if t["name"] == "mine"]
        return {k: v if k == "count" else v["count"] for k, v in tag["resources"].items()
                if k != "last_tagged_uri"}  # fmt: skip

    assert counts(Client(server)) == {
        "count": 3, "droplets": 1, "images": 1, "volumes": 1, "volume_snapshots": 0, "databases": 0,
    }  # fmt: skip
    full = Client(server).all("/v2/tags", "tags", per_page=200)
    (mine,) = [t["resources"] for t in full if t["name"] == "mine"]
    assert mine["droplets"]["last_tagged_uri"].endswith(f"/v2/droplets/{droplets[1]}")
    assert mine["images"]["last_tagged_uri"].endswith(f"/v2/images/{snapshot}")
    narrow = Client(server, account.add_token("tags", {"tag:read", "block_storage:read"}))
    assert counts(narrow) == {
        "count": 1, "droplets": 0, "images": 0, "volumes": 1, "volume_snapshots": 0, "databases": 0,
    }  # fmt: skip
    assert (
        Client(server, account.add_token("none", {"droplet:read"})).get("/v2/tags").status_code
        == 403
    )
    assert account.violations == []


def test_passwords_need_a_scope_of_their_own(server: RunningSimulator) -> None:
    assert SECRET_PREFIX in Client(server).get("/v2/databases").text
    token = server.account.add_token("narrow", {"database:read"})
    answer = Client(server, token).get("/v2/databases")
    assert answer.ok
    assert SECRET_PREFIX not in answer.text


def test_project_resources_are_filtered_by_scope(server: RunningSimulator) -> None:
    token = server.account.add_token("narrow", {"project:read", "block_storage:read"})
    path = f"/v2/projects/{server.account.default_project}/resources"
    assert not any("droplet" in row["urn"] for row in Client(server, token).all(path, "resources"))
    assert any("droplet" in row["urn"] for row in Client(server).all(path, "resources"))


# ---- writes


def test_creating_a_project(client: Client) -> None:
    body = {"name": "skyai-internal", "purpose": "platform", "environment": "Production"}
    answer = client.request("POST", "/v2/projects", json=body)
    assert answer.status_code == 201
    made = answer.json()["project"]
    assert made["purpose"] == "Other: platform"
    again = client.request("POST", "/v2/projects", json=body)
    assert (again.status_code, again.json()["id"]) == (409, "conflict")
    assert client.get(f"/v2/projects/{made['id']}").json()["project"]["name"] == made["name"]
    patched = client.request("PATCH", f"/v2/projects/{made['id']}", json={"description": "d"})
    assert patched.json()["project"]["description"] == "d"
    names = [p["name"] for p in client.all("/v2/projects", "projects")]
    assert names.count("skyai-internal") == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"purpose": "x"}, 422),
        ({"name": "x"}, 422),
        ({"name": "x" * 176, "purpose": "x"}, 422),
        ({"name": "x", "purpose": "x", "environment": "Moon"}, 422),
        ([], 400),
    ],
)
def test_bad_projects(client: Client, body: object, status: int) -> None:
    assert client.request("POST", "/v2/projects", json=body).status_code == status


def test_a_read_only_token_cannot_write(server: RunningSimulator) -> None:
    client = Client(server, server.account.add_token("reader", {"project:read"}))
    body = {"name": "x", "purpose": "y"}
    assert client.request("POST", "/v2/projects", json=body).status_code == 403
    default = f"/v2/projects/{server.account.default_project}"
    assert client.request("PATCH", default, json={"name": "z"}).status_code == 403
    assert client.request("POST", f"{default}/resources", json={}).status_code == 403


def test_assigning_resources(client: Client) -> None:
    account = client.server.account
    project = next(p for p in client.all("/v2/projects", "projects") if p["name"] == "acme")
    path = f"/v2/projects/{project['id']}/resources"
    droplet, ip = account.create("droplet")["id"], account.create("reserved_ip")["ip"]
    urns = [f"do:droplet:{droplet}", f"do:reservedip:{ip}", "do:droplet:1"]
    answer = client.request("POST", path, json={"resources": urns})
    assert [r["status"] for r in answer.json()["resources"]] == [
        "assigned",
        "assigned",
        "not_found",
    ]
    again = client.request("POST", path, json={"resources": urns[:1]})
    assert again.json()["resources"][0]["status"] == "already_assigned"
    inside = {row["urn"] for row in client.all(path, "resources")}
    assert {f"do:droplet:{droplet}", f"do:floatingip:{ip}"} <= inside


def test_other_methods_are_404(client: Client) -> None:
    assert client.request("DELETE", DROPLETS).status_code == 404
    assert client.request("POST", DROPLETS, json={}).status_code == 404


# ---- rate limits


def test_the_minute_limit_and_the_hour_limit() -> None:
    account = SimulatedAccount(churn=0)
    with serve(account, limits=RateLimits(per_hour=5, per_minute=3)) as server:
        client = Client(server)
        assert [client.get("/v2/account").headers["ratelimit-remaining"] for _ in range(3)] == [
            "4", "3", "2",
        ]  # fmt: skip
        burst = client.get("/v2/account")
        assert burst.status_code == 429
        assert burst.json()["id"] == "too_many_requests"
        assert burst.headers["retry-after"] == "60"
        assert burst.headers["ratelimit-remaining"] == "0"
        account.advance(minutes=1)
        assert [client.get("/v2/account").status_code for _ in range(3)] == [200, 200, 429]
        hour = client.get("/v2/account")
        assert "retry-after" not in hour.headers
        assert int(hour.headers["ratelimit-reset"]) == int((NOW + timedelta(hours=1)).timestamp())
        other = Client(server, account.add_token("other"))
        assert other.get("/v2/account").ok
        account.advance(hours=1)
        assert client.get("/v2/account").ok


def test_an_endpoint_may_have_a_tighter_limit() -> None:
    windows = TokenLimits(RateLimits())
    tight = ("ssh_key", (2, 60))
    assert [windows.take(0, tight)[0] for _ in range(3)] == [True, True, False]
    assert windows.take(0)[0]
    assert windows.take(1, tight)[1]["retry-after"] == "59"
    assert windows.take(60, tight)[0]


# ---- faults


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_status_faults(client: Client, status: int) -> None:
    faults = client.server.account.faults
    faults.add(DROPLETS, status, retry_after=7)
    faults.add(DROPLETS, status, html=True)
    first, second, third = (client.get(DROPLETS) for _ in range(3))
    assert first.status_code == second.status_code == status
    assert first.json()["id"]
    assert first.headers["retry-after"] == "7"
    assert "html" in second.headers["content-type"]
    assert "retry-after" not in second.headers
    assert third.ok
    assert faults.pending == []


def test_faults_can_wait_and_choose(client: Client) -> None:
    faults = client.server.account.faults
    faults.add("/v2/vol*", 500, times=2, after=1)
    faults.add(DROPLETS, 502, page=2)
    faults.add(DROPLETS, 503, query="*type=gpus*")
    assert [client.get("/v2/volumes").status_code for _ in range(4)] == [200, 500, 500, 200]
    assert [client.get(DROPLETS, page=p).status_code for p in (1, 2, 2)] == [200, 502, 200]
    assert client.get(DROPLETS, type="gpus").status_code == 503
    with pytest.raises(ValueError, match="unknown fault"):
        faults.add("/", "earthquake")


@pytest.mark.parametrize("kind", ["reset", "truncate"])
def test_broken_connections(client: Client, kind: str) -> None:
    client.server.account.faults.add(DROPLETS, kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.get(DROPLETS)
    assert client.get(DROPLETS).ok
    assert [seen.status for seen in client.server.requests] == [0 if kind == "reset" else 200, 200]


@pytest.mark.parametrize("kind", ["html", "empty", "not_json"])
def test_answers_that_are_not_json(client: Client, kind: str) -> None:
    client.server.account.faults.add(DROPLETS, kind)
    answer = client.get(DROPLETS)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_wrong_next_links_and_redirects(client: Client) -> None:
    faults = client.server.account.faults
    faults.add(DROPLETS, "loop_next")
    faults.add(DROPLETS, "other_host_next")
    faults.add(DROPLETS, "redirect")
    assert "page=1" in client.get(DROPLETS).json()["links"]["pages"]["next"]
    assert client.get(DROPLETS).json()["links"]["pages"]["next"].startswith(OTHER_HOST)
    answer = client.get(DROPLETS)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith(OTHER_HOST)


@pytest.mark.parametrize(("by", "distinct"), [(1, 25), (-1, 24)])
def test_shift_shows_one_twice_or_not_at_all(client: Client, by: int, distinct: int) -> None:
    client.server.account.faults.add(DROPLETS, "shift", page=2, by=by)
    rows = client.all(DROPLETS, "droplets", per_page=10)
    assert len(set(ids(rows))) == distinct
    assert len(rows) == 25 + by
    assert len(ids(client.all(DROPLETS, "droplets", per_page=10))) == 25


def test_hooks_run_between_pages(client: Client) -> None:
    account = client.server.account
    first = ids(client.get(DROPLETS, per_page=10).json()["droplets"])
    called: list[str] = []

    def delete() -> None:
        called.append("delete")
        account.delete("droplet", first[0])

    def slow() -> None:
        called.append("slow")

    account.faults.add(DROPLETS, "hook", page=2, call=delete)
    account.faults.add(DROPLETS, "slow", page=3, call=slow)
    rows = client.all(DROPLETS, "droplets", per_page=10)
    assert called == ["delete", "slow"]
    assert len(rows) == 24


# ---- control


def test_control_is_off_by_default(client: Client) -> None:
    assert client.get("/_simulator/state").status_code == 404


def test_control() -> None:
    account = SimulatedAccount(churn=0)
    with serve(account, control=True) as server:
        client = Client(server)

        def post(what: str, **arguments: object) -> requests.Response:
            return client.request("POST", f"/_simulator/{what}", json=arguments)

        assert post("advance", hours=2).json()["now"] == "2026-11-20T14:00:00Z"
        assert post("faults", path_glob=DROPLETS, kind=500).ok
        assert client.get(DROPLETS).status_code == 500
        made = post("create", kind="droplet", name="remote").json()
        assert made["name"] == "remote"
        assert post("delete", kind="droplet", id=made["id"]).ok
        assert post("delete", kind="droplet", id=made["id"]).status_code == 400
        assert post("grow", kind="droplet", field="host_generation", value="g3").ok
        assert client.get(DROPLETS).json()["droplets"][0]["host_generation"] == "g3"
        assert post("advance", to="2020-01-01T00:00:00+00:00").status_code == 400
        assert post("earthquake").status_code == 404
        state = client.get("/_simulator/state").json()
        assert state["resources"]["droplet"] == 26
        assert [r["path"] for r in client.get("/_simulator/requests").json()["requests"]] == [
            DROPLETS,
            DROPLETS,
        ]
        plain = client.request("POST", "/_simulator/advance", data=json.dumps({"hours": 1}))
        assert plain.status_code == 415


def test_a_big_account_pages_quickly_enough_to_count() -> None:
    """Counts work, not time: a page renders its own rows and no others."""
    account = SimulatedAccount(droplets=2000)
    rendered: list[object] = []
    original: Callable = account.render

    def counting(life: object, view: object) -> object:
        rendered.append(life)
        return original(life, view)

    account.render = counting  # type: ignore[method-assign]
    with serve(account) as server:
        Client(server).get(DROPLETS, per_page=200, page=5)
    assert len(rendered) == 200
