"""`arcadia api` as a process: it says where it listens, answers, logs, and ends in order."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.ports import free_port
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .conftest import SECRET, Api

ARCADIA = [sys.executable, "-W", "ignore", "-m", "arcadia_cloud_pipelines.cli.main", "api"]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(libpq_url: str) -> Iterator[Start]:
    """Starts it over the test's database; whatever is left is killed."""
    started: list[subprocess.Popen[str]] = []

    def popen(port: int, **variables: str) -> subprocess.Popen[str]:
        environ = {
            **os.environ, "ARCADIA_DATABASE_URL": libpq_url, "ARCADIA_JWT_SECRET": SECRET,
            "ARCADIA_API_PORT": str(port), **variables,
        }  # fmt: skip
        process = subprocess.Popen(
            ARCADIA, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.communicate()


def until(process: subprocess.Popen[str], words: str) -> dict[str, Any]:
    """The first line of its log that has these words."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if words in found["message"]:
            return found
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends_in_order(start: Start, number: signal.Signals) -> None:
    port = free_port()
    process = start(port)
    assert until(process, "the API listens on")["level"] == "INFO"
    url = f"http://127.0.0.1:{port}"
    answer = requests.get(f"{url}/api/ready", headers={"X-Request-ID": "mine"}, timeout=30)
    assert answer.status_code == 200
    assert "server" not in answer.headers
    line = until(process, "request")
    assert (line["request_id"], line["route"], line["status"]) == ("mine", "/api/ready", 200)
    process.send_signal(number)
    process.communicate(timeout=600)
    assert process.returncode == 0


def test_what_is_under_way_is_finished(start: Start, warehouse: Warehouse) -> None:
    port = free_port()
    process = start(port)
    until(process, "the API listens on")
    with warehouse.transaction() as connection:  # Holds the answer back.
        connection.execute(sa.text("LOCK TABLE alembic_version"))
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        client.sendall(b"GET /api/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not connection.execute(waiting).scalar_one():
            pass
        process.send_signal(signal.SIGTERM)
    with client, client.makefile("rb") as answer:
        assert answer.readline().startswith(b"HTTP/1.1 200")
    process.communicate(timeout=600)
    assert process.returncode == 0


def test_a_port_that_is_taken_is_one_sentence(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(taken.getsockname()[1])
        _, said = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "uses it: stop what uses it" in said
    assert "ARCADIA_API_PORT" in said
    assert "Traceback" not in said


def test_a_short_secret_is_one_sentence(start: Start) -> None:
    process = start(free_port(), ARCADIA_JWT_SECRET="a short secret")
    _, said = process.communicate(timeout=600)
    assert process.returncode == 1
    assert "HS512 needs 64" in said
    assert "a short secret" not in said


def test_the_documentation_is_there(api: Api) -> None:
    docs = api.client.get("/docs")
    assert docs.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', docs.text)
    assert len(loaded) == 3
    for address in loaded:
        assert address.startswith("/"), "nothing comes from another host"
        assert api.client.get(address).status_code == 200
    assert "http" not in docs.headers["content-security-policy"]
    assert api.client.get("/openapi.json").json()["openapi"].startswith("3.")
