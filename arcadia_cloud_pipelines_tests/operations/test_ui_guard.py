"""The guard in front of the Dagster UI, request by request."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from arcadia_cloud_pipelines.operations.ui_guard import UiGuard
from arcadia_cloud_pipelines.settings import SettingsError, load_settings

OURS = "http://localhost:3000"
JSON = {"content-type": "application/json"}


async def _page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.method)


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


APP = Starlette(
    routes=[
        WebSocketRoute("/graphql", _socket),
        WebSocketRoute("/other", _socket),
        Route("/{path:path}", _page, methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ]
)


@pytest.fixture
def client() -> TestClient:
    return TestClient(UiGuard(APP, ["Dagster.example.com"]), base_url=OURS)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {}),
        ("GET", "/assets/droplets?view=overview", {"sec-fetch-site": "none"}),
        ("GET", "/_next/x.js", {"sec-fetch-site": "same-origin", "origin": OURS}),
        ("GET", "/graphql", {"accept": "text/html"}),
        ("POST", "/graphql", JSON),
        ("POST", "/graphql?op=AssetRecordsQuery", JSON),
        ("POST", "/graphql", JSON | {"origin": OURS, "sec-fetch-site": "same-origin"}),
        ("POST", "/graphql", {"content-type": "application/json; charset=utf-8"}),
        ("POST", "/report_asset_materialization/x", JSON),
        ("GET", "/", {"host": "127.0.0.1:3000"}),
        ("GET", "/", {"host": "[::1]:3000"}),
        ("GET", "/", {"host": "DAGSTER.example.com"}),
        ("POST", "/graphql", JSON | {"host": "dagster.example.com",
                                     "origin": "https://dagster.example.com"}),
        ("POST", "/graphql", JSON | {"host": "dagster.example.com:443",
                                     "origin": "https://dagster.example.com"}),
        # A link in a message opens a page.
        ("GET", "/runs/1", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                            "sec-fetch-dest": "document"}),
        ("GET", "/logs/a/err", {"sec-fetch-site": "same-origin"}),
    ],
)  # fmt: skip
def test_what_the_ui_and_programs_here_send_passes(
    client: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, path, headers=headers)
    assert (answer.status_code, answer.text) == (200, method)


FROM_ELSEWHERE: list[dict[str, str]] = [
    {"host": "evil.example"},
    {"host": "evil.example:3000"},
    {"host": "localhost.evil.example"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "127.0.0.2"},
    {"host": "localhost@evil.example"},
    {"host": "evil.example/localhost"},
    {"host": "localhost:x"},
    {"host": "[::1"},
    {"host": ""},
    {"host": "0.0.0.0:3000"},
    {"origin": "null"},
    {"origin": "http://evil.example"},
    {"origin": "http://localhost:3001"},
    {"origin": "http://localhost"},
    {"origin": "http://127.0.0.1:3000"},
    {"origin": "http://localhost:3000.evil.example"},
    {"origin": "chrome-extension://localhost:3000"},
    {"origin": "localhost:3000"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": OURS},
    {"sec-fetch-site": "something"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/graphql"), ("GET", "/"), ("GET", "/logs/a")]
)
def test_other_pages_and_names_are_refused(
    client: TestClient, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = client.request(method, path, headers=(JSON if method == "POST" else {}) | headers)
    assert answer.status_code == 403
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/graphql?query=mutation{x}", {}, 405),
        ("GET", "/graphql?query={version}", {"accept": "text/html"}, 405),
        ("GET", "/graphql/?query={version}", {}, 405),
        ("GET", "/%67raphql?query={version}", {}, 405),
        ("HEAD", "/graphql?query={version}", {}, 405),
        ("HEAD", "/graphql", {}, 405),
        ("POST", "/graphql?query=mutation{x}", JSON, 400),
        ("POST", "/graphql?query=mutation{x}", {}, 400),
        ("POST", "/graphql?op=x&query=mutation{x}", JSON, 400),
        ("POST", "/graphql?op=x;query=mutation{x}", JSON, 400),
        ("POST", "/report_asset_check/x?op=x", JSON, 400),
        ("GET", "/graphql?op=x", {}, 405),
        ("POST", "/graphql", {}, 415),
        ("POST", "/graphql", {"content-type": "text/plain"}, 415),
        ("POST", "/graphql", {"content-type": "text/plain; application/json"}, 415),
        ("POST", "/graphql", {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/graphql", {"content-type": "multipart/form-data; boundary=x"}, 415),
        ("POST", "/graphql", {"content-type": "application/graphql"}, 415),
        ("POST", "/graphql", {"content-type": "application/jsonx"}, 415),
        ("POST", "/report_asset_materialization/x?partition=y", JSON, 400),
        ("POST", "/report_asset_materialization/x", {}, 415),
        ("POST", "/report_asset_check/x", {"content-type": "text/plain"}, 415),
        ("POST", "/report_asset_observation/x", {}, 415),
        ("PUT", "/graphql", JSON, 405),
        ("OPTIONS", "/graphql", {"access-control-request-method": "POST"}, 405),
        ("DELETE", "/x", {}, 405),
        ("PATCH", "/x", {}, 405),
        ("TRACE", "/x", {}, 405),
        ("GET", "/logs/..%2f..%2fsecret/txt", {}, 400),
        ("GET", "/logs/%2e%2e/secret/txt", {}, 400),
        ("GET", "/logs/..%5csecret/txt", {}, 400),
        ("GET", "/notebook?path=x.ipynb", {}, 404),
        ("GET", "/dagit/notebook/", {}, 404),
        # A file is no page: a link from elsewhere downloads none.
        ("GET", "/download_debug/1", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                                      "sec-fetch-dest": "document"}, 403),
        ("GET", "/graphql", {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate",
                             "sec-fetch-dest": "document"}, 403),
    ],
)  # fmt: skip
def test_forms_that_the_ui_never_uses_are_refused(
    client: TestClient, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    assert client.request(method, path, headers=headers).status_code == status


@pytest.mark.parametrize("name", ["host", "origin", "content-type", "sec-fetch-site"])
def test_a_header_that_decides_stands_there_once(client: TestClient, name: str) -> None:
    value = {"host": "localhost:3000", "origin": OURS, "sec-fetch-site": "none"}.get(
        name, "application/json"
    )
    pairs: list[tuple[str, str]] = [(name, value), (name, value)]
    pairs += [] if name == "content-type" else [("content-type", "application/json")]
    assert client.post("/graphql", headers=pairs).status_code == 400


def test_pages_are_in_no_frame_and_load_pictures_from_here_alone(client: TestClient) -> None:
    headers = client.get("/").headers
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "img-src 'self' data:" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


def _subscribe(client: TestClient, path: str, headers: dict[str, str]) -> str:
    with client.websocket_connect(path, headers=headers) as opened:
        return opened.receive_text()


def test_a_subscription_of_the_ui_passes(client: TestClient) -> None:
    assert _subscribe(client, "/graphql", {"host": "localhost:3000", "origin": OURS}) == "hello"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/graphql", {}),  # browsers always name the page
        ("/other", {"origin": OURS}),
        ("/graphql?x=1", {"origin": OURS}),
        *(("/graphql", {"origin": OURS} | headers) for headers in FROM_ELSEWHERE),
    ],
    ids=str,
)
def test_a_subscription_from_elsewhere_is_refused(
    client: TestClient, path: str, headers: dict[str, str]
) -> None:
    with pytest.raises(WebSocketDisconnect):
        _subscribe(client, path, {"host": "localhost:3000"} | headers)


def test_names_of_the_ui_are_names() -> None:
    def hosts(text: str) -> Any:
        return load_settings({"ARCADIA_UI_HOSTS": text}).ui_hosts

    assert hosts("Dagster.Example.com, 10.0.0.5 [fd00::1]") == (
        "dagster.example.com", "10.0.0.5", "fd00::1",
    )  # fmt: skip
    assert hosts("") == ()
    for bad in ("*", "http://x", "x:3000", "a/b", "-x", "x@y"):
        with pytest.raises(SettingsError, match="ARCADIA_UI_HOSTS"):
            hosts(bad)
