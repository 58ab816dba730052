"""Slow and greedy clients, over real sockets: each costs itself alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import sqlalchemy as sa
import uvicorn

from arcadia_cloud_pipelines.api import limits
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import Api, serve

Listen = Callable[..., tuple[Api, int]]


@pytest.fixture
def listen(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Serve the application as `arcadia api` does, with limits that a test waits for."""
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.3)
    opened: list[Iterator[Api]] = []
    servers: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(**config: object) -> tuple[Api, int]:
        opened.append(serve(warehouse, body_seconds=0.3, **config))
        api = next(opened[-1])
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(api.app, http=limits.PunctualProtocol, log_config=None, lifespan="off")
        )
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        servers.append((server, thread))
        return api, listener.getsockname()[1]

    yield start
    for server, thread in servers:
        server.should_exit = True
        thread.join()
    for one in opened:
        next(one, None)


def answered(port: int, *parts: bytes) -> bytes:
    """Send no more than that, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        for part in parts:
            client.sendall(part)
        with client.makefile("rb") as answer:
            return answer.read()


@pytest.mark.parametrize(
    "head", [b"", b"GET", b"GET /api/health HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nX: y\r\nZ"]
)
def test_a_head_that_does_not_end_is_given_up(listen: Listen, head: bytes) -> None:
    _, port = listen()
    assert answered(port, head).startswith(b"HTTP/1.1 408")
    assert requests.get(f"http://127.0.0.1:{port}/api/health", timeout=60).status_code == 200


def test_a_second_request_on_the_connection_is_given_up_too(listen: Listen) -> None:
    _, port = listen()
    whole = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(whole)
        assert client.recv(12) == b"HTTP/1.1 404"
        client.sendall(b"GET /slow")
        with client.makefile("rb") as rest:
            assert b"HTTP/1.1 408" in rest.read()


def test_a_body_that_does_not_end_is_given_up(listen: Listen) -> None:
    api, port = listen()
    head = (
        "POST /api/v1/drift/1/accept HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {api.token(role='platform_admin')}\r\nContent-Length: 20\r\n\r\n"
    )
    answer = answered(port, head.encode(), b'{"reason"')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer


def test_one_caller_takes_no_more_than_its_share(listen: Listen, warehouse: Warehouse) -> None:
    api, port = listen(share=2)
    url = f"http://127.0.0.1:{port}/api/v1/inventory"

    def ask(tenant: str, sub: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {api.token(tenant_id=tenant, sub=sub)}"}
        return requests.get(url, headers=headers, timeout=60)

    assert ask("us", "warm").status_code == 200
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(4) as threads, warehouse.transaction() as connection:
        connection.execute(sa.text("LOCK TABLE cloud_resources"))  # Holds answers back.
        held = [threads.submit(ask, "us", sub) for sub in "ab"]
        while connection.execute(waiting).scalar_one() < 2:
            pass
        refused = ask("us", "c")
        other = threads.submit(ask, "them", "d")
        while connection.execute(waiting).scalar_one() < 3:
            pass
        connection.rollback()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert [one.result().status_code for one in (*held, other)] == [200, 200, 200]
    assert ask("us", "c").status_code == 200, "what is done is given back"
