from __future__ import annotations

import gzip
import logging
import pickle
import socket
import ssl
import subprocess
import sys
import traceback
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.digitalocean import (
    Account,
    BadAnswer,
    CallBudget,
    DigitalOcean,
    DigitalOceanError,
    Forbidden,
    NotFound,
    RateLimited,
    RedirectRefused,
    RequestRefused,
    ServerError,
    Unauthorized,
    Unreachable,
)
from arcadia_cloud_pipelines.digitalocean.network_problems import network_problem
from arcadia_cloud_pipelines.digitalocean.rate_limits import ON_THE_WAY
from arcadia_cloud_pipelines.settings.secret import Secret

from .conftest import CLOSE, RESET, TOKEN, FakeClock, Hold, Server, Step, answer, html, raw

Make = Callable[..., DigitalOcean]
OK = answer({"x": 1})


# -- what is sent ---------------------------------------------------------------------------------


def test_a_get(server: Server, client: DigitalOcean) -> None:
    server.play(OK)
    params = {"type": "gpus", "private": True, "none": None, "q": "a b&c", "page": 2}
    assert client.get("/v2/droplets", params) == {"x": 1}
    (request,) = server.requests
    assert request.target == "/v2/droplets?type=gpus&private=true&q=a+b%26c&page=2"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["user-agent"].startswith("arcadia-cloud-pipelines/")
    assert request.headers["accept"] == "application/json"
    assert client.calls == 1


def test_a_post(server: Server, client: DigitalOcean) -> None:
    server.play(answer({"project": {"id": "p"}}, 201), raw(204))
    assert client.post("/v2/projects", {"name": "ä"}) == {"project": {"id": "p"}}
    assert client.post("/v2/projects", {}) == {}
    assert server.requests[0].body == '{"name":"ä"}'.encode()
    assert server.requests[0].headers["content-type"] == "application/json"


def test_bytes(server: Server, client: DigitalOcean) -> None:
    body = b"\xef\xbb\xbfproduct,amount\r\n\xff,$1\r\n"
    server.play(raw(200, body, {"Content-Type": "text/csv"}))
    assert client.get_bytes("/v2/customers/my/invoices/1/csv", accept="text/csv") == body
    assert server.requests[0].headers["accept"] == "text/csv"
    # A compressed body that ends early could not be told from a whole one.
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_compressed_json(server: Server, client: DigitalOcean) -> None:
    server.play(raw(200, gzip.compress(b'{"x": 1}'), {"Content-Encoding": "gzip"}))
    assert client.get("/v2/x") == {"x": 1}


def test_a_prefix_in_the_base_url(server: Server, make: Make) -> None:
    server.play(OK)
    make(url=f"{server.url}/do/").get("/v2/x")
    assert server.requests[0].target == "/do/v2/x"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/x",
        "v2/x",
        "/v2/",
        "/v2/x?y=1",
        "/v2/x#y",
        "/v2/../v1/x",
        "/v2/./x",
        "/v2/a b",
        "/v2/x\r\nA: b",
        "https://evil/v2/x",
        "//evil/v2/x",
        "/v2/ä",
    ],
)
def test_only_paths_of_the_api(path: str, server: Server, client: DigitalOcean) -> None:
    with pytest.raises(ValueError, match="not an API path"):
        client.get(path)
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://h",
        "h",
        "https://",
        "https://u:p4ss@h",
        "https://h?x=1",
        "https://h#x",
        "https://h:port",
        "https://[::1",
    ],
)
def test_unusable_base_urls(url: str) -> None:
    with pytest.raises(ValueError, match="base URL") as caught:
        DigitalOcean(url, Secret(TOKEN))
    assert "p4ss" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "tökén"])
def test_unusable_tokens_are_not_shown(token: str) -> None:
    with pytest.raises(ValueError, match="token is empty") as caught:
        DigitalOcean("https://h", Secret(token))
    assert not token or token not in str(caught.value)


def test_netrc_does_not_replace_the_token(
    server: Server, client: DigitalOcean, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password p4ss\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.play(OK)
    client.get("/v2/x")
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_proxies_of_the_environment_are_used(
    server: Server, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.play(OK)
    make(url="http://do.invalid").get("/v2/x")
    assert server.requests[0].target == "http://do.invalid/v2/x"


def test_cookies_are_not_kept(server: Server, client: DigitalOcean) -> None:
    server.play(answer({}, set_cookie="a=b; Path=/"), OK)
    client.get("/v2/x")
    client.get("/v2/x")
    assert "cookie" not in server.requests[1].headers


# -- statuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, RequestRefused),
        (412, RequestRefused),
        (422, RequestRefused),
    ],
)
def test_a_refusal_is_not_retried(
    status: int, kind: type[DigitalOceanError], server: Server, client: DigitalOcean
) -> None:
    server.play(answer({"id": "some_id", "message": "So.", "request_id": "r-1"}, status))
    with pytest.raises(kind) as caught:
        client.get("/v2/x", {"page": 2})
    error = caught.value
    assert type(error) is kind
    assert (error.endpoint, error.status) == ("GET /v2/x?page=2", status)
    assert (error.error_id, error.request_id, error.transient) == ("some_id", "r-1", False)
    assert str(error).startswith(
        f"GET /v2/x?page=2 answered {status} (some_id: So) (request r-1): "
    )
    assert client.calls == 1


def test_request_id_of_the_header_and_the_other_body(server: Server, client: DigitalOcean) -> None:
    server.play(answer({"error": "bad", "messages": ["m"]}, 400, X_Request_Id="h-1"))
    with pytest.raises(RequestRefused) as caught:
        client.post("/v2/tags", {})
    assert (caught.value.error_id, caught.value.request_id) == ("bad", "h-1")


def test_messages_say_what_to_do(server: Server, client: DigitalOcean, make: Make) -> None:
    server.play(*[answer({"id": "i"}, status) for status in (401, 403, 403, 404, 401)])
    with pytest.raises(Unauthorized, match="DO_API_TOKEN_CLOUD_BILLING or DO_API_TOKEN"):
        client.get("/v2/x")
    with pytest.raises(Forbidden, match="lacks the scope billing:read"):
        client.get("/v2/x", scope="billing:read")
    with pytest.raises(Forbidden, match="lacks a scope"):
        client.get("/v2/x")
    with pytest.raises(NotFound, match="the scope nfs:list"):
        client.get_bytes("/v2/x", accept="text/csv", scope="nfs:list")
    with pytest.raises(Unauthorized, match=r"valid one in DO_API_TOKEN\.$"):
        make(purpose=None).get("/v2/x")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[1]", b"{", b'{"id": 7, "message": [1]}', b"\xff"]
)
def test_any_body_of_an_error(body: bytes, server: Server, client: DigitalOcean) -> None:
    server.play(raw(403, body))
    with pytest.raises(Forbidden) as caught:
        client.get("/v2/x")
    assert caught.value.error_id is None
    assert ("gateway" in str(caught.value)) == (b'"id"' not in body)


def test_an_error_cut_short_keeps_its_status(server: Server, client: DigitalOcean) -> None:
    server.play(raw(401, b'{"id": "un', cut=100), raw(404, b"x" * 1_000_000))
    with pytest.raises(Unauthorized):
        client.get("/v2/x")
    with pytest.raises(NotFound):
        client.get("/v2/x")


# -- retries --------------------------------------------------------------------------------------

TROUBLE: list[tuple[Step, type[DigitalOceanError]]] = [
    (answer({"id": "server_error"}, 500), ServerError),
    (html(502), ServerError),
    (raw(503), ServerError),
    (raw(504, b"<html>", cut=10), ServerError),
    (answer({"id": "too_many_requests"}, 429), RateLimited),
    (RESET, Unreachable),
    (CLOSE, Unreachable),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", BadAnswer),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", BadAnswer),
    (b"nonsense\r\n\r\n", Unreachable),
    (raw(200, b'{"x": 1}', {"Content-Encoding": "gzip"}), BadAnswer),
    (html(), BadAnswer),
    (raw(200, b"<html>"), BadAnswer),
    (raw(200, b'{"x": 1'), BadAnswer),
    (raw(200, b'{"x": "\xff"}'), BadAnswer),
    (raw(200, b""), BadAnswer),
]
NAMES = [f"{number}-{kind.__name__}" for number, (_, kind) in enumerate(TROUBLE)]


@pytest.mark.parametrize(("step", "kind"), TROUBLE, ids=NAMES)
def test_trouble_passes(
    step: Step, kind: type[DigitalOceanError], server: Server, client: DigitalOcean
) -> None:
    server.play(step, step, step, step, OK)
    assert client.get("/v2/x") == {"x": 1}
    assert client.calls == len(server.requests) == 5


@pytest.mark.parametrize(("step", "kind"), TROUBLE, ids=NAMES)
def test_trouble_lasts(
    step: Step,
    kind: type[DigitalOceanError],
    server: Server,
    client: DigitalOcean,
    clock: FakeClock,
) -> None:
    server.play(*[step] * 6)
    with pytest.raises(kind) as caught:
        client.get("/v2/x")
    assert caught.value.transient
    assert client.calls == len(server.requests) == 5
    assert clock.slept == [1, 2, 4, 8]
    # requests' exceptions hold the request, and with it the token.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("step", "kind"), TROUBLE, ids=NAMES)
def test_a_post_is_repeated_only_after_429(
    step: Step, kind: type[DigitalOceanError], server: Server, client: DigitalOcean
) -> None:
    server.play(step, OK)
    if kind is RateLimited:
        assert client.post("/v2/projects", {"a": 1}) == {"x": 1}
        assert [request.body for request in server.requests] == [b'{"a":1}'] * 2
    else:
        with pytest.raises(kind, match="not known whether it was acted on"):
            client.post("/v2/projects", {"a": 1})
        assert len(server.requests) == 1


def test_backoff_is_jittered_and_capped(server: Server, make: Make, clock: FakeClock) -> None:
    server.play(*[raw(500)] * 8)
    with pytest.raises(ServerError):
        make(jitter=lambda: 0.5, attempts=8).get("/v2/x")
    assert clock.slept == [0.5, 1, 2, 4, 8, 15, 15]


def test_retry_after_is_honoured(server: Server, client: DigitalOcean, clock: FakeClock) -> None:
    date = formatdate(clock.now + 40, usegmt=True)
    server.play(
        answer({}, 429, Retry_After="29", RateLimit_Remaining="0"),
        raw(503, b"", {"Retry-After": "7"}),
        raw(503, b"", {"Retry-After": date}),
        OK,
    )
    client.get("/v2/x")
    assert clock.slept[:2] == [29, 7]
    # Waiting 36 s brought the date nearer.
    assert clock.slept[2:] == [pytest.approx(4)]


def test_hourly_limit_waits_for_the_reset(
    server: Server, client: DigitalOcean, clock: FakeClock
) -> None:
    reset = f"{clock.now + 120:.0f}"
    server.play(answer({}, 429, ratelimit_remaining="0", ratelimit_reset=reset), OK)
    client.get("/v2/x")
    assert clock.slept == [pytest.approx(120)]


def test_too_long_a_wait_fails_at_once_and_says_when(
    server: Server, client: DigitalOcean, clock: FakeClock
) -> None:
    clock.now = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
    server.play(answer({}, 429, Retry_After="1800"))
    with pytest.raises(RateLimited, match=r"run it again after 2026-09-21 14:43:20 UTC\.$") as one:
        client.get("/v2/x")
    # The next call knows, and does not even ask.
    with pytest.raises(RateLimited, match=r"not sent, because .* until 2026-09-21 14:43:20") as two:
        client.get("/v2/x")
    assert one.value.retry_at == two.value.retry_at
    assert one.value.transient
    assert two.value.transient
    assert clock.slept == []
    assert client.calls == 1


def test_valid_json_of_the_wrong_type_is_final(server: Server, client: DigitalOcean) -> None:
    server.play(answer([1]))
    with pytest.raises(BadAnswer, match="not an object") as caught:
        client.get("/v2/x")
    assert not caught.value.transient
    assert client.calls == 1


def test_bytes_cut_short_and_html(server: Server, client: DigitalOcean) -> None:
    server.play(raw(200, b"a,b\n1", cut=3), html(), raw(200, b"a,b\n1,2\n"))
    assert client.get_bytes("/v2/x", accept="text/csv") == b"a,b\n1,2\n"
    assert client.calls == 3


@pytest.mark.parametrize("promised", [True, False])
def test_too_large_a_body(promised: bool, server: Server, make: Make) -> None:
    body = b"x" * 3_000_000
    bomb = raw(200, gzip.compress(body), {"Content-Encoding": "gzip"})
    server.play(raw(200, body) if promised else bomb)
    client = make(largest_body=1_000_000)
    with pytest.raises(BadAnswer, match="larger than 1000000 bytes") as caught:
        client.get_bytes("/v2/x", accept="text/csv")
    assert not caught.value.transient
    assert client.calls == 1


def test_a_body_is_refused_while_it_streams(server: Server, make: Make) -> None:
    # Waiting for the rest of it would end as "cut short".
    server.play(Hold(raw(200, b"x" * 2_000_000, cut=300_000_000)))
    with pytest.raises(BadAnswer, match="larger than"):
        make(largest_body=1_000_000, timeout=(1, 0.01)).get("/v2/x")


def test_html_is_called_so(server: Server, make: Make) -> None:
    server.play(html(), raw(200, b"\n <!doctype html>"))
    for _ in range(2):
        with pytest.raises(BadAnswer, match="the body is HTML, not JSON"):
            make(attempts=1).get("/v2/x")


def test_a_trickle_is_given_up(server: Server, make: Make, clock: FakeClock) -> None:
    clock.tick = 400.0
    server.play(raw(200, b"x" * 300_000))
    with pytest.raises(BadAnswer, match="still not read after 600 s"):
        make(attempts=1).get_bytes("/v2/x", accept="text/csv")


def test_no_answer_in_time(server: Server, make: Make) -> None:
    server.play(Hold(b""))
    with pytest.raises(Unreachable, match="no answer in time"):
        make(attempts=1, timeout=(1, 0.01)).get("/v2/x")


def test_silence_in_the_middle_of_a_body(server: Server, make: Make) -> None:
    server.play(Hold(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"))
    with pytest.raises(BadAnswer, match="cut short"):
        make(attempts=1, timeout=(1, 0.01)).get("/v2/x")


def test_refused(make: Make, clock: FakeClock) -> None:
    gone = Server()
    gone.close()
    with pytest.raises(Unreachable, match="connection was refused"):
        make(url=gone.url).get("/v2/x")
    assert clock.slept == [1, 2, 4, 8]


def test_unknown_hosts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="host name was not found"):
        make(url="http://do.invalid", attempts=1).get("/v2/x")
    with pytest.raises(Unreachable, match="no answer"):  # a name that cannot even be asked for
        make(url=f"http://{'a' * 70}.invalid", attempts=1).get("/v2/x")


def test_tls(server: Server, make: Make) -> None:
    with pytest.raises(Unreachable, match="TLS failed"):
        make(url=server.url.replace("http", "https"), attempts=1).get("/v2/x")


def test_a_proxy_that_refuses(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Server()
    gone.close()
    monkeypatch.setenv("http_proxy", gone.url)
    with pytest.raises(Unreachable, match="proxy"):
        make(url="http://do.invalid", attempts=1).get("/v2/x")


def test_causes_may_be_circular() -> None:
    one, two = OSError(), ssl.SSLError()
    one.__cause__, two.__cause__ = two, one
    assert "TLS" in network_problem(one)


# -- redirects ------------------------------------------------------------------------------------


def test_a_redirect_elsewhere_is_refused(
    server: Server, other: Server, client: DigitalOcean
) -> None:
    server.play(
        raw(302, b"", {"Location": f"{other.url}/v2/x"}),
        raw(307, b"", {"Location": f"//{other.host}/v2/x"}),
        raw(301, b"", {"Location": server.url.replace("http", "https")}),
        raw(301, b"", {"Location": server.url.replace("//", "//u:p@")}),
        raw(308, b"", {"Location": "http://[::1"}),
        raw(302),
        raw(304),
    )
    for _ in range(7):
        with pytest.raises(RedirectRefused) as caught:
            client.get("/v2/x")
        assert other.host not in str(caught.value)
    assert other.requests == []
    assert client.calls == 7


def test_a_redirect_at_home_is_followed_once(server: Server, client: DigitalOcean) -> None:
    home = raw(302, b"", {"Location": "/v2/y?a=1#f"})
    server.play(home, OK, home, raw(302, b"", {"Location": f"{server.url}/v2/z"}), home)
    assert client.get("/v2/x") == {"x": 1}
    assert server.requests[1].target == "/v2/y?a=1"
    assert server.requests[1].headers["authorization"] == f"Bearer {TOKEN}"
    with pytest.raises(RedirectRefused, match="twice"):
        client.get("/v2/x")
    assert client.calls == 4
    with pytest.raises(RedirectRefused):
        client.post("/v2/x", {})
    assert client.calls == 5


# -- budget ---------------------------------------------------------------------------------------


def test_two_clients_of_a_token_share_its_budget(
    server: Server, make: Make, clock: FakeClock
) -> None:
    server.play(*[OK] * 6)
    one, two = make(budget=None), make(budget=None)
    for client in (one, two, one, two, one):
        client.get("/v2/cdn/endpoints")
    assert clock.slept == []
    two.get("/v2/cdn/endpoints/x")
    assert clock.slept == [pytest.approx(10 + ON_THE_WAY)]


def test_every_request_counts(server: Server, make: Make, clock: FakeClock) -> None:
    spent: list[str] = []

    class Counting(CallBudget):
        def acquire(self, path: str) -> float:
            spent.append(path)
            return super().acquire(path)

    server.play(raw(500), raw(302, b"", {"Location": "/v2/y"}), OK)
    client = make(budget=Counting(clock=clock))
    client.get("/v2/x")
    assert len(spent) == client.calls == 3


def test_a_refused_client_holds_the_other_back(
    server: Server, make: Make, clock: FakeClock
) -> None:
    budget = CallBudget(clock=clock)
    server.play(answer({}, 429, retry_after="20"), OK)
    with pytest.raises(RateLimited):
        make(budget=budget, attempts=1).get("/v2/x")
    make(budget=budget).get("/v2/x")
    assert clock.slept == [pytest.approx(20)]


# -- the token is nowhere -------------------------------------------------------------------------


def echo(status: int, **headers: str) -> bytes:
    body = {"id": TOKEN, "message": f"bad token {TOKEN} " + "x" * 170 + TOKEN, "request_id": TOKEN}
    return answer(body, status, X_Request_Id=TOKEN, **headers)


@pytest.mark.parametrize(
    "step",
    [
        RESET,
        CLOSE,
        html(),
        raw(200, TOKEN.encode()),
        raw(200, TOKEN.encode(), cut=9),
        raw(302, b"", {"Location": f"http://evil.invalid/{TOKEN}"}),
        *[echo(status) for status in (400, 401, 403, 404, 422, 429, 500)],
        echo(429, Retry_After="4000"),
        f"{TOKEN} {TOKEN}\r\n{TOKEN}\r\n\r\n".encode(),
    ],
)
def test_token_nowhere(
    step: Step, server: Server, client: DigitalOcean, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="arcadia_cloud_pipelines")
    server.play(*[step] * 5)
    with pytest.raises(DigitalOceanError) as caught:
        client.get("/v2/x", {"page": 1})
    error = caught.value
    parts = [client, client._transport, client._verdicts, client._transport._session.auth]
    texts = [*map(repr, parts), *(repr(vars(part)) for part in parts), caplog.text]
    texts += [repr(error), str(error), repr(vars(error)), repr(pickle.dumps(error))]
    texts += traceback.format_exception(error)
    assert [text for text in texts if TOKEN in text] == []
    assert (error.__cause__, error.__context__) == (None, None)
    # What a debugger or `rich` would show of the frames below this test's own.
    local = [
        (frame.f_code.co_name, name)
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if "arcadia_cloud_pipelines_tests" not in frame.f_code.co_filename
        for name, value in frame.f_locals.items()
        if TOKEN in repr(value)
    ]
    assert local == []


def test_token_in_a_query_or_path_is_hidden(
    server: Server, client: DigitalOcean, caplog: pytest.LogCaptureFixture
) -> None:
    server.play(raw(500), raw(404))
    with pytest.raises(NotFound) as caught:
        client.get(f"/v2/{TOKEN}", {"q": TOKEN})
    assert caught.value.endpoint == "GET /v2/***?q=***"
    assert "/v2/***" in caplog.text
    assert TOKEN not in caplog.text
    with pytest.raises(ValueError, match="not an API path") as refused:
        client.get(f"/v2/{TOKEN} ")
    assert TOKEN not in str(refused.value)


def test_repr(client: DigitalOcean, server: Server) -> None:
    assert repr(client) == f"DigitalOcean({server.host}, purpose='cloud_billing')"


def test_retries_are_logged(
    server: Server, client: DigitalOcean, caplog: pytest.LogCaptureFixture
) -> None:
    server.play(raw(503), OK)
    client.get("/v2/x", {"page": 2})
    (record,) = caplog.records
    assert record.getMessage() == (
        f"GET /v2/x?page=2 at {server.host}: attempt 1 of 5 failed (ServerError 503), next in 1.0 s"
    )


# -- account --------------------------------------------------------------------------------------

TEAM = {"account": {"uuid": "person", "name": "A Person", "team": {"uuid": "t", "name": "Team"}}}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([answer(TEAM)], Account("t", "Team")),
        ([answer({"account": {"uuid": "person", "name": "A Person"}})], Account("person", None)),
        ([answer({"account": {"uuid": "person", "team": None}})], Account("person", None)),
        ([raw(403), answer({"project": {"owner_uuid": "o"}})], Account("o", None)),
        ([raw(404), answer({"project": {"owner_uuid": "o"}})], Account("o", None)),
        ([answer({"account": {}}), answer({"project": {"owner_uuid": "o"}})], Account("o", None)),
    ],
)
def test_account(
    steps: list[Step], expected: Account, server: Server, client: DigitalOcean
) -> None:
    server.play(*steps)
    assert client.account() == expected
    assert client.account() == expected
    assert client.calls == len(steps)


@pytest.mark.parametrize(
    "steps",
    [
        [raw(403), raw(403)],
        [raw(404), raw(404)],
        [raw(403), answer({"project": None})],
        [answer({"account": 7}), answer({"project": {"owner_uuid": " "}})],
    ],
)
def test_an_account_nobody_tells(steps: list[Step], server: Server, client: DigitalOcean) -> None:
    server.play(*steps, answer(TEAM))
    with pytest.raises(Forbidden, match="give the token the scope account:read"):
        client.account()
    assert client.account() == Account("t", "Team")  # a failure is not remembered


def test_account_with_a_bad_token(server: Server, client: DigitalOcean) -> None:
    server.play(raw(401))
    with pytest.raises(Unauthorized):
        client.account()


def test_close(server: Server, make: Make) -> None:
    server.play(OK)
    with make() as client:
        client.get("/v2/x")


def test_dagster_is_not_imported() -> None:
    code = "import sys, arcadia_cloud_pipelines.digitalocean; sys.exit('dagster' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_hangs_is_given_up_after_a_while_of_waiting(
    server: Server, client: DigitalOcean, clock: FakeClock
) -> None:
    """Also where each call has attempts left, and until somebody is answered."""
    clock.tick = 40.0
    server.play(CLOSE, CLOSE, CLOSE)
    with pytest.raises(Unreachable):
        client.get("/v2/x")
    sent = len(server.requests)
    assert sent < 5
    with pytest.raises(Unreachable, match="was not sent, because nothing was answered for 90 s"):
        client.twin().get("/v2/y")
    assert len(server.requests) == sent
    # Whoever asks for the account begins anew.
    server.play(answer({"account": {"uuid": "u"}}), answer({"x": 1}))
    client.account()
    assert client.get("/v2/x") == {"x": 1}
