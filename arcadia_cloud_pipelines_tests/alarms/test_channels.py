"""Where alarms go: addresses, rules, the log; over real HTTP."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from arcadia_cloud_pipelines.alarms import heartbeat
from arcadia_cloud_pipelines.alarms.channels import configured_channels, unknown_addresses
from arcadia_cloud_pipelines.alarms.errors import AlarmRulesError, NotifyError
from arcadia_cloud_pipelines.alarms.outage import TELL_AFTER, Outage
from arcadia_cloud_pipelines.alarms.rules import Router, read_alarm_rules
from arcadia_cloud_pipelines.alarms.texts import MessageLine, harmless, message, plain_text
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.settings.secret import Secret

from .helpers import Inbox, at


class Receiver:
    """An HTTP server that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                receiver.got.append((self.path, json.loads(body or b"{}"), dict(self.headers)))
                self.send_response(receiver.status)
                if receiver.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_apprise_delivers_over_http_or_says_that_it_did_not(receiver: Receiver) -> None:
    settings = load_settings(
        {"ARCADIA_NOTIFY_URLS": f"json://u:CANARY@{receiver.host}/a json://{receiver.host}/b"}
    )
    channels = configured_channels(settings)
    assert [*channels] == ["log", "ARCADIA_NOTIFY_URLS 1", "ARCADIA_NOTIFY_URLS 2"]
    channels["ARCADIA_NOTIFY_URLS 1"]("a title", "a text & <more>")
    [(path, body, _)] = receiver.got
    assert (path, body["title"], body["message"]) == ("/a", "a title", "a text & <more>")
    receiver.status = 500
    with pytest.raises(NotifyError, match=r"ARCADIA_NOTIFY_URLS 2: .* sent again") as caught:
        channels["ARCADIA_NOTIFY_URLS 2"]("title", "text")
    assert "CANARY" not in str(caught.value)


def test_addresses_are_secrets_and_a_bad_one_takes_away_itself_alone(
    tmp_path: Path, receiver: Receiver
) -> None:
    path = tmp_path / "urls"
    path.write_text(f"nosuch://CANARY\njson://{receiver.host}\n")
    settings = load_settings({"ARCADIA_NOTIFY_URLS_FILE": str(path)})
    assert "CANARY" not in repr(settings)
    assert unknown_addresses(settings) == ["ARCADIA_NOTIFY_URLS 1"]
    channels = configured_channels(settings)
    with pytest.raises(NotifyError, match="not an address that apprise knows") as caught:
        channels["ARCADIA_NOTIFY_URLS 1"]("title", "text")
    assert "CANARY" not in str(caught.value)
    channels["ARCADIA_NOTIFY_URLS 2"]("title", "text")
    assert len(receiver.got) == 1


def test_a_file_that_is_not_there_stops_nothing_and_is_said(tmp_path: Path) -> None:
    settings = load_settings(
        {"ARCADIA_NOTIFY_URLS_FILE": str(tmp_path / "none"), "ARCADIA_NOTIFY_URLS_X": "json://x"}
    )
    assert [*settings.notify] == ["ARCADIA_NOTIFY_URLS_X"]
    router = Router(settings)
    assert router.route("late", "error", "droplet", None) == ("log",)
    assert "ARCADIA_NOTIFY_URLS_FILE names" in router.problems[0]


def test_without_addresses_the_log_is_told(caplog: pytest.LogCaptureFixture) -> None:
    settings = load_settings({})
    [name] = Router(settings).route("late", "error", "droplet", None)
    with caplog.at_level(logging.WARNING):
        configured_channels(settings)[name]("a title", "a text")
    assert "a title\na text" in caplog.text


def rules(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "alarms.toml"
    path.write_text(text)
    return path


ENVIRON = {
    "ARCADIA_NOTIFY_URLS": "json://all",
    "ARCADIA_NOTIFY_URLS_BILLING": "json://b json://c",
}


def test_the_first_rule_that_matches_decides(tmp_path: Path) -> None:
    path = rules(
        tmp_path,
        """
        [[rule]]
        kind = "invoice_*"
        severity = ["error", "critical"]
        to = ["ARCADIA_NOTIFY_URLS_BILLING", "log"]
        [[rule]]
        kind = "late"
        subject = "Ssh_*"
        to = []
        [[rule]]
        account = "abc*"
        to = "log"
        """,
    )
    router = Router(load_settings({**ENVIRON, "ARCADIA_ALARM_RULES": str(path)}))
    assert router.problems == []
    billing = ("ARCADIA_NOTIFY_URLS_BILLING 1", "ARCADIA_NOTIFY_URLS_BILLING 2", "log")
    assert router.route("invoice_off", "error", "invoice", None) == billing
    assert router.route("invoice_off", "warning", "invoice", None) == ("ARCADIA_NOTIFY_URLS 1",)
    assert router.route("late", "error", "ssh_key late", None) == ()
    assert router.route("late", "error", "droplet late", "abcd") == ("log",)
    assert router.route("late", "error", "droplet late", None) == ("ARCADIA_NOTIFY_URLS 1",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]]\nkind = 'late'", "rule 1, to: is missing"),
        ("[[rule]]\nto = 'log'\n[[rule]]\nknd = 'x'\nto = 'log'", "rule 2, knd"),
        ("[[rule]]\nto = 'slack://CANARY'", "not a variable for addresses"),
        ("[[rule]]\nto = 'PATH'", "not a variable for addresses"),
        ("[[rule]]\nto = 'log'\nseverity = 'fatal'", "write one of warning, error, critical"),
        ("[[rule]]\nto = 5", "rule 1, to"),
        ("rule = 5", "has no [[rule]] table"),
        ("rules = []", "has no [[rule]] table"),
        ("", "has no [[rule]] table"),
        ("[[rule", "is not valid TOML"),
        ("a = " + "[" * 5000, "is not valid TOML"),
    ],
)
def test_rules_that_cannot_be_used_are_said_and_swallow_nothing(
    tmp_path: Path, text: str, said: str
) -> None:
    path = rules(tmp_path, text)
    with pytest.raises(AlarmRulesError) as caught:
        read_alarm_rules(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "CANARY" not in str(caught.value)
    router = Router(load_settings({**ENVIRON, "ARCADIA_ALARM_RULES": str(path)}))
    assert said in router.problems[0]
    assert router.route("late", "error", "droplet", None) == ("ARCADIA_NOTIFY_URLS 1",)


def test_files_that_are_none(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "none", binary):
        with pytest.raises(AlarmRulesError, match=path.name):
            read_alarm_rules(path)


def test_a_rule_to_a_variable_that_is_not_set_swallows_nothing(tmp_path: Path) -> None:
    path = rules(tmp_path, "[[rule]]\nto = 'ARCADIA_NOTIFY_URLS_NONE'")
    router = Router(load_settings({**ENVIRON, "ARCADIA_ALARM_RULES": str(path)}))
    assert "ARCADIA_NOTIFY_URLS_NONE, which is not set" in router.problems[0]
    assert router.route("late", "error", "droplet", None) == ("ARCADIA_NOTIFY_URLS 1",)


@pytest.mark.parametrize(
    "nasty",
    ["@everyone", "<!channel>", "![x](/graphql?query=m)", "[x](http://evil)", "`code`", "<b>"],
)
def test_foreign_text_mentions_nobody_and_links_nowhere(nasty: str) -> None:
    assert not set(harmless(nasty)) & set("@<>[]`")
    assert "://" not in harmless(nasty)


def test_texts_hold_no_secret() -> None:
    token = "dop_v1_" + "a" * 64
    assert token not in plain_text(f"token {token} refused")
    assert "hunter2hunter2" not in plain_text("postgresql://me:hunter2hunter2@host/db")


def test_a_message_is_never_longer_than_services_take() -> None:
    lines = [MessageLine("error", "s" * 120, "t" * 500, "a" * 300)] * 100
    title, text = message(lines, lines)
    assert len(title) < 200
    assert len(text) < 4_000


def test_the_switch_is_asked_for_and_takes_no_redirect(receiver: Receiver) -> None:
    url = Secret(f"http://{receiver.host}/ping/CANARY")
    assert heartbeat.ping(url)
    [(path, _, headers)] = receiver.got
    assert path == "/ping/CANARY"
    assert "Authorization" not in headers
    receiver.status = 302
    assert not heartbeat.ping(url)
    receiver.status = 503
    assert not heartbeat.ping(url)
    assert {path for path, _, _ in receiver.got} == {"/ping/CANARY"}


def test_a_switch_that_does_not_answer_is_not_named(caplog: pytest.LogCaptureFixture) -> None:
    assert not heartbeat.ping(Secret("http://127.0.0.1:1/CANARY"))
    assert "did not answer" in caplog.text
    assert "CANARY" not in caplog.text


def test_each_good_refresh_is_told_once_and_an_old_one_never() -> None:
    assert not heartbeat.is_due(None, None, at(0))
    assert heartbeat.is_due(at(-5), None, at(0))
    assert not heartbeat.is_due(at(-5), at(-5), at(0))
    assert heartbeat.is_due(at(-5), at(-65), at(0))
    assert not heartbeat.is_due(at(-500), None, at(0))
    assert heartbeat.is_due(at(-5), at(500_000), at(0)), "a clock was ahead when it was told"


@pytest.mark.parametrize(
    "url",
    ["http://example.com/x", "ftp://localhost/x", "https://u:p@example.com", "https://", "x",
     "http://localhost.evil.com/", "http://127.0.0.1@evil.com/", "https://[::1", "https://a b"],
)  # fmt: skip
def test_the_switch_is_https_or_on_this_machine(url: str) -> None:
    settings = load_settings({"ARCADIA_HEARTBEAT_URL": url})
    assert settings.heartbeat_url is None
    [problem] = Router(settings).problems
    assert problem.startswith("ARCADIA_HEARTBEAT_URL must be an https:// address")
    assert "evil" not in problem


def test_an_outage_of_the_warehouse_is_told_once_through_restarts(tmp_path: Path) -> None:
    inbox, broken = Inbox(), Inbox()
    broken.broken = True
    channels = {"x": inbox, "y": broken}
    path = tmp_path / "new" / "outage.json"
    after = TELL_AFTER.total_seconds() / 60
    Outage(path).goes_on("no answer", channels, channels, at(0))
    Outage(path).is_over(channels)
    assert inbox.taken == []  # a restart of the server is none
    for minute in (0, 1, after, after + 1, after + 2):
        Outage(path).goes_on("no answer", channels, channels, at(minute))
    assert inbox.lines() == ["✗ warehouse"]
    broken.broken = False
    Outage(path).goes_on("no answer", channels, channels, at(after + 3))
    assert broken.lines() == ["✗ warehouse"]
    broken.broken = True
    Outage(path).is_over(channels)
    broken.broken = False
    Outage(path).is_over(channels)
    Outage(path).is_over(channels)
    assert inbox.lines() == broken.lines() == ["✗ warehouse", "✓ warehouse"]
    assert not path.exists()
