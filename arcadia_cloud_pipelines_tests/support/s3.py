"""S3 servers on loopback: moto's, a port for each region, and one that answers what it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.settings.values import SpacesKey, SpacesSettings

KEY_ID = "CANARY-KEY-ID"
SECRET = "CANARY-SECRET-0123456789"
KEY = SpacesKey(Secret(KEY_ID), Secret(SECRET))
PATTERN = "http://127.0.0.1:{region}"
"""Each region's name is its port."""


def settings(*regions: str, key: SpacesKey | None = KEY) -> SpacesSettings:
    """Spaces on loopback."""
    return SpacesSettings(key, regions, PATTERN)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that botocore would have slept between two attempts."""
    seconds: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=seconds.append))
    return seconds


# -- moto ---------------------------------------------------------------------------------------


class Region:
    """One region of moto's S3. moto knows no regions, so each is an account of its own."""

    def __init__(self, account: str) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        http: Any = self._server._server
        everything = http.app
        http.app = lambda environ, start: everything(
            {**environ, "HTTP_X_MOTO_ACCOUNT_ID": account}, start
        )
        self.name = str(http.server_port)
        self.url = PATTERN.format(region=self.name)
        self._s3 = boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1",
            aws_access_key_id="owner", aws_secret_access_key="owner",
        )  # fmt: skip

    def create(self, *buckets: str) -> None:
        for bucket in buckets:
            self._s3.create_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._s3.put_object(Bucket=bucket, Key=key, Body=content)

    def delete(self, bucket: str) -> None:
        self._s3.delete_bucket(Bucket=bucket)

    def created_at(self, bucket: str) -> Any:
        listed = self._s3.list_buckets()["Buckets"]
        return next(b["CreationDate"] for b in listed if b["Name"] == bucket)

    def close(self) -> None:
        requests.post(f"{self.url}/moto-api/reset", timeout=5).raise_for_status()
        self._server.stop()


@pytest.fixture
def two_regions() -> Iterator[tuple[Region, Region]]:
    """Two regions without buckets."""
    one, two = Region("111111111111"), Region("222222222222")
    yield one, two
    one.close()
    two.close()


# -- one that answers what it is told -----------------------------------------------------------


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Request(NamedTuple):
    path: str
    headers: dict[str, str]


class Server:
    """Gives its answers one after the other, the last one for ever."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(Request(self.path, dict(self.headers)))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                self.send_response(answer.status)
                headers = {"Content-Length": str(len(answer.body)), **dict(answer.headers)}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            do_HEAD = do_PUT = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.region = str(self._server.server_port)
        self.url = f"http://127.0.0.1:{self.region}"

    def __enter__(self) -> Server:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def answering(*answers: Answer) -> Iterator[Server]:
    """A server of these answers."""
    with Server(answers) as server:
        yield server


def listing(*buckets: str, token: str | None = None, created: str = "2024-02-29") -> Answer:
    """What S3 says of some buckets."""
    inner = "".join(
        f"<Bucket><Name>{name}</Name><CreationDate>{created}T23:59:59.000Z</CreationDate></Bucket>"
        for name in buckets
    )
    more = "" if token is None else f"<ContinuationToken>{token}</ContinuationToken>"
    return Answer(
        200,
        '<?xml version="1.0" encoding="UTF-8"?><ListAllMyBucketsResult '
        'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>1</ID></Owner>'
        f"<Buckets>{inner}</Buckets>{more}</ListAllMyBucketsResult>".encode(),
    )


def refusal(status: int, code: str) -> Answer:
    """An S3 error, which quotes what was sent as S3 does."""
    return Answer(
        status,
        f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{KEY_ID} {SECRET}</Message>'
        f"<AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId><Region>eu-west-1</Region></Error>".encode(),
    )


DENIED = refusal(403, "AccessDenied")


def closed_port() -> str:
    """A port on which nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    port = str(server.server_port)
    server.server_close()
    return port
