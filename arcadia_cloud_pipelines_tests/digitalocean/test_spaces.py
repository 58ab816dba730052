"""S3's ListBuckets on loopback: what is listed, every way it fails, and what must never show."""

from __future__ import annotations

import logging
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from arcadia_cloud_pipelines.digitalocean import (
    BadAnswer,
    DigitalOceanError,
    Forbidden,
    PagingError,
    RateLimited,
    RedirectRefused,
    RequestRefused,
    ServerError,
    Unauthorized,
    Unreachable,
)
from arcadia_cloud_pipelines.digitalocean import spaces as spaces_module
from arcadia_cloud_pipelines.digitalocean.spaces import Spaces

from ..support.s3 import (
    DENIED,
    KEY,
    KEY_ID,
    PATTERN,
    SECRET,
    Answer,
    Region,
    answering,
    closed_port,
    listing,
    refusal,
    slept,
    two_regions,
)

__all__ = ["slept", "two_regions"]  # fixtures


@pytest.fixture(autouse=True)
def _no_waiting(slept: list[float]) -> None:
    """No test waits for a second attempt."""


def spaces(**options: Any) -> Spaces:
    return Spaces(PATTERN, KEY, **options)


def names(listed: list[spaces_module.Bucket]) -> list[str]:
    return [bucket.name for bucket in listed]


def failure(region: str, client: Spaces | None = None) -> DigitalOceanError:
    with pytest.raises(DigitalOceanError) as caught:
        (client or spaces()).buckets(region)
    error = caught.value
    assert (error.__context__, error.__cause__) == (None, None)
    for text in (str(error), repr(error), repr(vars(error)), pickle.dumps(error).decode("latin1")):
        assert KEY_ID not in text
        assert SECRET not in text
    assert error.endpoint == f"ListBuckets in {region}"
    return error


# -- what is listed -----------------------------------------------------------------------------


def test_each_region_lists_its_own(two_regions: tuple[Region, Region]) -> None:
    one, two = two_regions
    one.create("assets", "dots.in.name")
    client = spaces()
    listed = {bucket.name: bucket.created_at for bucket in client.buckets(one.name)}
    assert listed == {name: one.created_at(name) for name in ("assets", "dots.in.name")}
    assert client.buckets(two.name) == []
    assert client.calls == 2


def test_times_are_aware() -> None:
    with answering(listing("a")) as server:
        (bucket,) = spaces().buckets(server.region)
    assert bucket.created_at == datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)


def test_a_bucket_may_lack_its_date() -> None:
    body = listing("a").body.replace(b"CreationDate", b"Else")
    with answering(Answer(200, body)) as server:
        assert spaces().buckets(server.region) == [("a", None)]


def test_pages_are_followed() -> None:
    pages = listing("a", "b", token="one+/="), listing("c", token="two"), listing("d")
    with answering(*pages) as server:
        client = spaces()
        assert names(client.buckets(server.region)) == ["a", "b", "c", "d"]
    assert client.calls == 3
    assert [request.path for request in server.requests] == [
        "/", "/?continuation-token=one%2B%2F%3D", "/?continuation-token=two",
    ]  # fmt: skip


def test_pages_that_never_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(listing("a", token="same")) as server:
        assert isinstance(failure(server.region), PagingError)
    assert len(server.requests) == 2
    monkeypatch.setattr(spaces_module, "MOST_PAGES", 3)
    with answering(*(listing("a", token=f"t{n}") for n in range(9))) as server:
        assert isinstance(failure(server.region), PagingError)
    assert len(server.requests) == 4


# -- what goes wrong ----------------------------------------------------------------------------

BODY = listing("a").body


@pytest.mark.parametrize(
    ("answer", "kind", "words", "requests"),
    [
        (DENIED, Forbidden, "full access in SPACES_ACCESS_KEY_ID", 1),
        (refusal(403, "InvalidAccessKeyId"), Unauthorized, "set a valid one in SPACES_ACC", 1),
        (refusal(403, "SignatureDoesNotMatch"), Unauthorized, "SPACES_SECRET_ACCESS_KEY", 1),
        (Answer(401), Unauthorized, "answered 401:", 1),
        (refusal(403, "RequestTimeTooSkewed"), RequestRefused, "clock, with NTP", 1),
        (refusal(403, KEY_ID), Forbidden, "403 (***)", 1),
        (refusal(400, "AuthorizationHeaderMalformed"), RequestRefused, "SPACES_ENDPOINT", 1),
        (refusal(404, "NoSuchKey"), RequestRefused, "404 (NoSuchKey)", 1),
        (refusal(429, "TooManyRequests"), RateLimited, "429", 3),
        (refusal(503, "SlowDown"), RateLimited, "503 (SlowDown)", 3),
        (Answer(500, b"<html>"), ServerError, "answered 500:", 3),
        (Answer(502), ServerError, "502", 3),
        (Answer(200), BadAnswer, "without a list of buckets: check SPACES_ENDPOINT", 1),
        (Answer(200, b"<html><body>Welcome</body></html>"), BadAnswer, "without a list", 1),
        # botocore takes what does not parse for a server's error.
        (Answer(200, b"{not xml"), ServerError, "500", 3),
        (Answer(200, BODY[:200], (("Content-Length", str(len(BODY))),)), ServerError, "500", 3),
        (Answer(200, BODY.replace(b"2024", b"last year")), BadAnswer, "cannot be read", 1),
        (Answer(200, BODY.replace(b"<Name>a</Name>", b"")), BadAnswer, "without a name", 1),
        (Answer(200, BODY.replace(b"<Name>", b"<Name>b</Name><Name>")), BadAnswer, "a name", 1),
        (refusal(200, "InternalError"), ServerError, "(InternalError)", 3),
    ],
)  # fmt: skip
def test_every_way_it_fails(
    answer: Answer, kind: type[DigitalOceanError], words: str, requests: int
) -> None:
    with answering(answer) as server:
        client = spaces()
        error = failure(server.region, client)
    assert type(error) is kind
    assert error.transient is (kind in (RateLimited, ServerError))
    assert words in str(error)
    assert client.calls == len(server.requests) == requests


def test_what_passes_by_itself_is_tried_again(slept: list[float]) -> None:
    with answering(Answer(502), Answer(503), listing("a")) as server:
        client = spaces()
        assert names(client.buckets(server.region)) == ["a"]
    assert (client.calls, len(slept)) == (3, 2)


def test_a_region_that_does_not_answer() -> None:
    client = spaces(attempts=2)
    error = failure(closed_port(), client)
    assert isinstance(error, Unreachable)
    assert error.transient
    assert "the connection was refused: " in str(error)
    assert "SPACES_REGIONS" in str(error)
    assert client.calls == 2


def test_a_region_without_tls_or_patience() -> None:
    with answering(listing("a")) as server:
        secure = Spaces("https://127.0.0.1:{region}", KEY, attempts=1)
        assert "TLS failed" in str(failure(server.region, secure))
    from socket import create_server

    with create_server(("127.0.0.1", 0)) as silent:
        impatient = spaces(attempts=1, timeout=(1, 0.05))
        error = failure(str(silent.getsockname()[1]), impatient)
    assert "no answer in time" in str(error)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("code", ["PermanentRedirect", "TemporaryRedirect"])
def test_no_redirect_is_followed(status: int, code: str) -> None:
    with answering(listing("a")) as other, answering(
        Answer(
            status, refusal(status, code).body,
            (("Location", f"{other.url}/"), ("x-amz-bucket-region", "eu-west-1")),
        )
    ) as server:  # fmt: skip
        error = failure(server.region)
    assert isinstance(error, RedirectRefused)
    assert f"answered {status} ({code})" in str(error)
    assert (len(server.requests), len(other.requests)) == (1, 0)


# -- what must not show, and what must not matter -----------------------------------------------


def test_no_secret_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with answering(Answer(502), listing("a")) as server:
        client = spaces()
        client.buckets(server.region)
        authorization = server.requests[0].headers["Authorization"]
    with answering(DENIED) as server:
        failure(server.region, client)
    assert KEY_ID in authorization
    signature = authorization.rpartition("=")[2]
    shown = caplog.text + repr(client) + str(vars(client))
    for secret in (KEY_ID, SECRET, signature):
        assert secret not in shown


def test_the_secret_itself_is_never_sent() -> None:
    with answering(listing("a")) as server:
        spaces().buckets(server.region)
    assert SECRET not in repr(server.requests)


def test_nothing_of_the_machines_aws_settings_matters(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Files, profiles, variables, models and the metadata service, all of them hostile."""
    aws = tmp_path / ".aws"
    model = aws / "models" / "s3" / "2006-03-01"
    model.mkdir(parents=True)
    (model / "service-2.json").write_text("{}")
    with answering(Answer(500)) as trap, answering(listing("a")) as server:
        (aws / "config").write_text(
            f"[default]\nendpoint_url = {trap.url}\nregion = eu-west-1\nmax_attempts = 9\n"
            f"ca_bundle = /nowhere\nuse_fips_endpoint = true\ndefaults_mode = auto\n"
            "s3 =\n  use_accelerate_endpoint = true\n  addressing_style = virtual\n"
        )
        (aws / "credentials").write_text(
            "[default]\naws_access_key_id = theirs\naws_secret_access_key = theirs\n"
        )
        monkeypatch.setenv("HOME", str(tmp_path))
        # botocore looks up the home folder when it is imported.
        monkeypatch.setattr("botocore.loaders.Loader.CUSTOMER_DATA_PATH", str(aws / "models"))
        for name, value in {
            "AWS_PROFILE": "missing", "AWS_DEFAULT_PROFILE": "missing",
            "AWS_ACCESS_KEY_ID": "theirs", "AWS_SECRET_ACCESS_KEY": "theirs",
            "AWS_SESSION_TOKEN": "theirs", "AWS_BEARER_TOKEN_S3": "theirs",
            "AWS_ENDPOINT_URL": trap.url, "AWS_ENDPOINT_URL_S3": trap.url,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": trap.url, "AWS_DEFAULTS_MODE": "auto",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{trap.url}/creds",
            "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true",
            "AWS_CA_BUNDLE": "/nowhere", "AWS_MAX_ATTEMPTS": "9", "AWS_RETRY_MODE": "legacy",
            "AWS_DATA_PATH": str(aws / "models"), "AWS_CSM_ENABLED": "true",
            "AWS_EXECUTION_ENV": "theirs", "AWS_SDK_UA_APP_ID": "theirs",
            "AWS_SIGV4A_SIGNING_REGION_SET": "*", "AWS_AUTH_SCHEME_PREFERENCE": "sigv4a",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        assert names(spaces().buckets(server.region)) == ["a"]
        secure = Spaces("https://127.0.0.1:{region}", KEY, attempts=1)
        assert "TLS failed" in str(failure(server.region, secure))
        server.answers[:] = [Answer(502)]
        failure(server.region)
        assert len(server.requests) == 4
        assert trap.requests == []
    sent = server.requests[0].headers
    assert f"Credential={KEY_ID}/" in sent["Authorization"]
    assert "/us-east-1/s3/" in sent["Authorization"]
    assert sent["User-Agent"].startswith("arcadia-cloud-pipelines/")
    assert "theirs" not in repr(server.requests)
