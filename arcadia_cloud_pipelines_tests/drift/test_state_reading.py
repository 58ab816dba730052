"""Terraform states where they live: real servers on loopback, a real program, and faults."""

from __future__ import annotations

import base64
import fcntl
import gzip
import json
import sys
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from arcadia_cloud_pipelines.drift import state_command, state_http, state_s3
from arcadia_cloud_pipelines.drift.checks import terraform_sources
from arcadia_cloud_pipelines.drift.state_command import read_command
from arcadia_cloud_pipelines.drift.state_entries import (
    CommandSource,
    HttpSource,
    S3Source,
    StateSource,
)
from arcadia_cloud_pipelines.drift.state_http import read_http
from arcadia_cloud_pipelines.drift.state_reading import read_states
from arcadia_cloud_pipelines.drift.state_s3 import read_s3
from arcadia_cloud_pipelines.drift.terraform import TerraformError, TerraformSpecs, record_states
from arcadia_cloud_pipelines.drift.terraform_decisions import list_sources
from arcadia_cloud_pipelines.settings.values import SpacesSettings
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.s3 import (
    DENIED,
    KEY,
    KEY_ID,
    SECRET,
    Answer,
    Region,
    Server,
    answering,
    closed_port,
    refusal,
    slept,
    two_regions,
)
from .helpers import at, everything
from .test_terraform import state, written
from .test_terraform_sources import account, described, droplets

__all__ = ["slept", "two_regions"]

CANARY = "CANARY-5f3a-password-0123456789"
STATE = json.dumps(state(droplets(0, 1))).encode()


def later() -> Callable[[], float]:
    """A clock on which every deadline is over after the first look."""
    return iter(chain([0.0], repeat(1e9))).__next__


def pauses() -> tuple[list[float], Callable[[float], None]]:
    """The seconds that would have been waited."""
    seconds: list[float] = []
    return seconds, seconds.append


def http(url: str, **more: Any) -> HttpSource:
    """An address of this machine."""
    return HttpSource(type="http", name="shop", url=url, allow_http=True, **more)


def asked(server: Server, source: HttpSource | None = None, **more: Any) -> bytes:
    """Read it without waiting."""
    return read_http(source or http(f"{server.url}/state"), pause=lambda _: None, **more)


# -- http -----------------------------------------------------------------------------------------


def test_a_state_behind_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATES_PASSWORD", CANARY)
    with answering(Answer(200, STATE)) as server:
        source = http(f"{server.url}/state", username="ann", password_env="STATES_PASSWORD")
        assert asked(server, source) == STATE
        [request] = server.requests
        pair = base64.b64encode(f"ann:{CANARY}".encode()).decode()
        assert request.headers["Authorization"] == f"Basic {pair}"
        monkeypatch.setenv("STATES_TOKEN", CANARY)
        asked(server, http(f"{server.url}/state", token_env="STATES_TOKEN"))
        assert server.requests[1].headers["Authorization"] == f"Bearer {CANARY}"
        assert CANARY not in f"{source}{source.shown}"


def test_nobody_else_is_asked_for_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever ~/.netrc says of this host."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login ann password {CANARY}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with answering(Answer(200, STATE)) as server:
        assert asked(server) == STATE
        assert "Authorization" not in server.requests[0].headers


def test_a_compressed_state_is_read() -> None:
    packed = Answer(200, gzip.compress(STATE), (("Content-Encoding", "gzip"),))
    with answering(packed) as server:
        assert asked(server) == STATE


@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        (Answer(401, CANARY.encode()), "401: its credentials are wrong or missing", 1),
        (Answer(403, CANARY.encode()), "403: these credentials may not read it", 1),
        (Answer(404), "404: there is no state there", 1),
        (Answer(204), "204: there is no state there", 1),
        (Answer(410), "410: there is no state there any more", 1),
        (Answer(423, b'{"ID":"x"}'), "423: it is locked", 1),
        (Answer(409), "409: it is locked", 1),
        (Answer(418), "418: the request was not accepted", 1),
        (Answer(206, STATE), "206: the request was not accepted", 1),
        (Answer(429), "429: too many requests", 3),
        (Answer(500, CANARY.encode()), "500: the fault is on its side", 3),
        (Answer(503), "503: the fault is on its side", 3),
        (Answer(200, b"<!doctype html><title>Log in</title>"), "a page (HTML or XML)", 1),
        (Answer(200, b"\n\n<html>"), "a page (HTML or XML)", 1),
        (Answer(200, STATE[:80], (("Content-Length", "5000"),)), "it was cut short", 3),
        (Answer(200, STATE[:80], (("Content-Encoding", "gzip"),)), "could not be decompressed", 3),
        (Answer(301, b"", (("Location", "https://evil.example/"),)), "a redirect", 1),
        (Answer(307, b"", (("Location", "/elsewhere"),)), "a redirect", 1),
        (Answer(308), "a redirect", 1),
    ],
)
def test_faults_of_a_server(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, reason: str, requests: int
) -> None:
    monkeypatch.setenv("STATES_TOKEN", CANARY)
    with answering(answer) as server:
        source = http(f"{server.url}/state", token_env="STATES_TOKEN")
        with pytest.raises(TerraformError) as caught:
            asked(server, source)
        assert len(server.requests) == requests
    assert reason in str(caught.value)
    assert str(caught.value).startswith(f"shop: {server.url}/state cannot be read: ")
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_redirect_takes_no_credentials_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATES_TOKEN", CANARY)
    with answering(Answer(200, STATE)) as other:
        location = (("Location", f"{other.url}/state"),)
        with answering(Answer(302, b"", location)) as server, pytest.raises(TerraformError):
            asked(server, http(f"{server.url}/state", token_env="STATES_TOKEN"))
        assert other.requests == []


def test_what_is_over_soon_is_waited_for() -> None:
    waited, pause = pauses()
    with answering(Answer(503), Answer(200, STATE[:9], (("Content-Length", "99"),)),
                   Answer(200, STATE)) as server:  # fmt: skip
        assert read_http(http(f"{server.url}/state"), pause=pause) == STATE
    assert waited == [2, 2]


def test_a_server_that_never_answers_or_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/state"
        with pytest.raises(TerraformError, match="got no answer in time"):
            read_http(http(url), timeout=(0.05, 0.05), pause=lambda _: None)
    with pytest.raises(TerraformError, match="connection was refused"):
        read_http(http(f"http://127.0.0.1:{closed_port()}/s"), pause=lambda _: None)
    with answering(Answer(200, STATE)) as server:
        with pytest.raises(TerraformError, match="still not read after 120 s"):
            asked(server, clock=later())
        monkeypatch.setattr(state_http, "MAX_BYTES", 100)
        with pytest.raises(TerraformError, match="larger than"):
            asked(server)
        bomb = gzip.compress(b" " * 10_000_000)
        server.answers = [Answer(200, bomb, (("Content-Encoding", "gzip"),))]
        with pytest.raises(TerraformError, match="larger than"):
            asked(server)


def test_a_secret_that_cannot_be_read_is_a_problem_of_its_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering(Answer(200, STATE)) as server:
        source = http(f"{server.url}/state", token_env="STATES_TOKEN")
        with pytest.raises(TerraformError, match="STATES_TOKEN is not set"):
            asked(server, source)
        monkeypatch.setenv("STATES_TOKEN", f"{CANARY}\nX-Evil: 1")
        with pytest.raises(TerraformError, match="white space") as caught:
            asked(server, source)
        assert CANARY not in str(caught.value)
        assert server.requests == []


# -- S3 -------------------------------------------------------------------------------------------


def bucket(region: str, **more: Any) -> S3Source:
    """An object of a server on loopback."""
    return S3Source(
        type="s3", name="net", bucket="acme-states", key="a/b.tfstate", region=region, **more
    )


def test_a_state_in_a_bucket(two_regions: tuple[Region, Region]) -> None:
    one, two = two_regions
    one.create("acme-states")
    one.put("acme-states", "a/b.tfstate", STATE)
    spaces = SpacesSettings(KEY, (one.name, two.name), "http://127.0.0.1:{region}")
    assert read_s3(bucket(one.name), spaces=spaces) == STATE
    other = bucket(one.name).model_copy(update={"key": "a/c.tfstate"})
    with pytest.raises(TerraformError, match=r"404 \(NoSuchKey\): there is no state there"):
        read_s3(other, spaces=spaces)


def own(server: Server, monkeypatch: pytest.MonkeyPatch) -> S3Source:
    """An object with an endpoint and a key pair of its own."""
    monkeypatch.setenv("STATES_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("STATES_SECRET_ACCESS_KEY", SECRET)
    return bucket(
        "eu-west-1", endpoint=server.url, allow_http=True, path_style=True,
        access_key_id_env="STATES_ACCESS_KEY_ID", secret_access_key_env="STATES_SECRET_ACCESS_KEY",
    )  # fmt: skip


def test_an_endpoint_of_its_own_gets_its_own_keys_and_nothing_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "CANARY-AWS")
    with answering(Answer(200, b"no")) as elsewhere, answering(Answer(200, STATE)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", elsewhere.url)
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        assert read_s3(own(server, monkeypatch), spaces=SpacesSettings()) == STATE
        [request] = server.requests
        assert elsewhere.requests == []
    assert request.path.startswith("/acme-states/a/b.tfstate")
    signed = request.headers["Authorization"]
    assert f"Credential={KEY_ID}/" in signed
    assert "/eu-west-1/s3/" in signed
    assert "CANARY-AWS" not in str(request)
    assert SECRET not in str(request)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (DENIED, "403 (AccessDenied): the key may not read it"),
        (refusal(403, "InvalidAccessKeyId"), "the key pair is wrong or revoked"),
        (refusal(403, "RequestTimeTooSkewed"), "set this machine's clock"),
        (refusal(404, "NoSuchKey"), "404 (NoSuchKey): there is no state there"),
        (refusal(404, "NoSuchBucket"), "404 (NoSuchBucket): there is no state there"),
        (refusal(503, "SlowDown"), "503 (SlowDown): the next reading tries again"),
        (refusal(500, "InternalError"), "500 (InternalError): the next reading tries again"),
        (refusal(301, "PermanentRedirect"), "redirects are not followed"),
        (Answer(307, b"", (("Location", "https://evil.example/"),)), "redirects are not followed"),
        (Answer(200, STATE[:80], (("Content-Length", "5000"),)), "cannot be read"),
    ],
)
@pytest.mark.usefixtures("slept")
def test_faults_of_a_bucket(monkeypatch: pytest.MonkeyPatch, answer: Answer, reason: str) -> None:
    with answering(answer) as server:
        source = own(server, monkeypatch)
        with pytest.raises(TerraformError) as caught:
            read_s3(source, spaces=SpacesSettings())
    assert reason in str(caught.value)
    assert str(caught.value).startswith("net: s3://acme-states/a/b.tfstate cannot be read: ")
    assert KEY_ID not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.usefixtures("slept")
def test_limits_of_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(Answer(200, STATE)) as server:
        source = own(server, monkeypatch)
        with pytest.raises(TerraformError, match="still not read after 300 s"):
            read_s3(source, spaces=SpacesSettings(), clock=later())
        monkeypatch.setattr(state_s3, "MAX_BYTES", 100)
        with pytest.raises(TerraformError, match="larger than 100 bytes"):
            read_s3(source, spaces=SpacesSettings())


def test_without_a_key_pair_nothing_is_asked() -> None:
    with pytest.raises(TerraformError, match="no key pair for it"):
        read_s3(bucket("fra1"), spaces=SpacesSettings())


# -- a command ------------------------------------------------------------------------------------


def program(folder: Path, body: str) -> str:
    """A program that stands for tofu."""
    path = folder / "tofu"
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return str(path)


def command(folder: Path, body: str, *more: str, **settings: Any) -> CommandSource:
    """It, called as people call it."""
    return CommandSource(
        type="command", name="infra", argv=(program(folder, body), "state", "pull", *more),
        directory=str(folder), **settings,
    )  # fmt: skip


def test_a_command_prints_the_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DO_API_TOKEN", CANARY)
    monkeypatch.setenv("PG_CONN_STR", "postgres://here")
    monkeypatch.setenv("OTHER", "not named")
    (tmp_path / "state.json").write_bytes(STATE)
    body = """
import json, os, sys
assert sys.argv[1:] == ["state", "pull", "$HOME; true"], sys.argv
assert sys.stdin.read() == ""
json.dump(dict(os.environ), open("seen.json", "w"))
sys.stderr.write("warning\\n" * 100_000)
print(open("state.json").read())
"""
    source = command(tmp_path, body, "$HOME; true", environment=("PG_CONN_STR", "NOT_SET"))
    assert json.loads(read_command(source)) == json.loads(STATE)
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["PG_CONN_STR"] == "postgres://here"
    assert set(seen) <= {
        "PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "PG_CONN_STR", "TF_IN_AUTOMATION",
        "TF_INPUT", "CHECKPOINT_DISABLE", "NO_COLOR", "LC_CTYPE", "PWD",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise SystemExit(3)", r"failed \(exit code 3\)\. Run it by hand\.$"),
        ("import sys; sys.exit('Error: state is locked, ID: 7')", "exit code 1.*state is locked"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"failed \(exit code -9\)"),
        ("", "printed nothing: run `tofu init`"),
        ("print('  ')", "printed nothing: run `tofu init`"),
    ],
)
def test_faults_of_a_command(tmp_path: Path, body: str, reason: str) -> None:
    with pytest.raises(TerraformError, match=reason) as caught:
        read_command(command(tmp_path, body))
    assert str(caught.value).startswith("infra: command:tofu state pull in ")


def test_errors_of_a_command_are_shown_short_and_without_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PG_CONN_STR", CANARY)
    body = """
import os, sys
sys.stderr.write("x" * 100_000 + "\\n")
sys.stderr.write("\\x1b[31mbad \\x00 password=hunter22 " + os.environ["PG_CONN_STR"])
sys.stderr.write(" ann@example.com")
sys.exit(1)
"""
    with pytest.raises(TerraformError) as caught:
        read_command(command(tmp_path, body, environment=("PG_CONN_STR",)))
    said = str(caught.value)
    assert len(said) < 500
    assert said.isprintable()
    for secret in (CANARY, "hunter22", "ann@example.com", "\x1b"):
        assert secret not in said


def test_a_command_that_never_ends_is_ended_with_its_children(tmp_path: Path) -> None:
    body = """
import subprocess, sys
child = '''
import fcntl, signal
held = open("held", "w")
fcntl.flock(held, fcntl.LOCK_EX)
open("started", "w")
print("started", flush=True)
signal.pause()
'''
subprocess.run([sys.executable, "-c", child])
"""
    started = tmp_path / "started"

    # Until the children are there no time passes.
    def clock() -> float:
        return 1e9 if started.exists() else 0.0

    source = command(tmp_path, body, timeout_seconds=1)
    with pytest.raises(TerraformError, match=r"still running after 1 s, and was ended: run it"):
        read_command(source, clock=clock)
    # Its lock is free once it is dead.
    with (tmp_path / "held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)


def test_a_command_that_prints_without_end_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(state_command, "MAX_BYTES", 1_000_000)
    body = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    with pytest.raises(TerraformError, match="so it is not a Terraform state, and was ended"):
        read_command(command(tmp_path, body))


def test_a_command_that_cannot_be_started(tmp_path: Path) -> None:
    source = CommandSource(
        type="command", name="infra", argv=("no-such-program",), directory=str(tmp_path)
    )
    with pytest.raises(TerraformError, match="could not be started: No such file"):
        read_command(source)
    gone = source.model_copy(update={"argv": ("true",), "directory": str(tmp_path / "gone")})
    with pytest.raises(TerraformError, match="could not be started: No such file"):
        read_command(gone)


# -- together -------------------------------------------------------------------------------------


def read(warehouse: Warehouse, *sources: StateSource, paths: Any = (), **more: Any) -> Any:
    """Read all that is configured."""
    return record_states(
        warehouse, paths, sources=sources, configured=True, now=lambda: at(0), **more
    )


def test_each_source_costs_itself_alone_and_no_answer_withdraws_anything(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arcadia_cloud_pipelines.drift.state_http.sleep", lambda _: None)
    account(warehouse, 4)
    file = written(tmp_path, "a.tfstate", state(droplets(2), lineage="file"))
    (tmp_path / "state").write_text(json.dumps(state(droplets(3), lineage="tofu")))
    tofu = command(tmp_path, "print(open('state').read())")
    with answering(Answer(200, STATE)) as server:
        shop = http(f"{server.url}/state")
        result: TerraformSpecs = read(warehouse, shop, tofu, paths=[file])
        assert (result.problems, result.recorded) == ((), 4)
        assert {row["path"] for row in list_sources(warehouse)} == {
            file, shop.shown, tofu.shown,
        }  # fmt: skip
        assert terraform_sources(warehouse).passed
        server.answers = [Answer(404)]
        (tmp_path / "state").write_text("")
        result = read(warehouse, shop, tofu, paths=[file])
        assert [p.status for p in result.problems] == ["unreadable", "unreadable"]
        assert (result.recorded, result.withdrawn, described(warehouse)) == (1, 0, 4)
        check = terraform_sources(warehouse)
        assert not check.passed
        assert "there is no state there" in str(check.description)
        # The same again is no further row and no further word.
        read(warehouse, shop, tofu, paths=[file])
        statuses = {row["source"]: row["status"] for row in list_sources(warehouse)}
        assert statuses == {
            "terraform/l-1": "unreadable", "terraform/file": "ok", "terraform/tofu": "unreadable",
        }  # fmt: skip
        server.answers = [Answer(200, STATE)]
        (tmp_path / "state").write_text(json.dumps(state(droplets(3), lineage="tofu")))
        assert read(warehouse, shop, tofu, paths=[file]).problems == ()
        assert terraform_sources(warehouse).passed


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (state(serial=2), "held"),
        (state(droplets(0, 1), serial=0), "older"),
        (state(droplets(0, 1), lineage="other"), "orphaned"),
        ({"version": 3}, "unreadable"),
        ({"version": 4, "encrypted_data": "x"}, "unreadable"),
        ("[" * 100_000, "unreadable"),
        (STATE[:100].decode(), "unreadable"),
        ("{}", "unreadable"),
        ("null", "unreadable"),
    ],
)
def test_what_guards_files_guards_addresses(
    warehouse: Warehouse, content: Any, status: str
) -> None:
    account(warehouse, 2)
    text = content if isinstance(content, str) else json.dumps(content)
    with answering(Answer(200, STATE)) as server:
        shop = http(f"{server.url}/state")
        read(warehouse, shop)
        server.answers = [Answer(200, text.encode())]
        if status in ("unreadable", "older"):
            with pytest.raises(TerraformError):
                read(warehouse, shop)
        else:
            read(warehouse, shop)
    row = next(row for row in list_sources(warehouse) if row["source"] == "terraform/l-1")
    assert row["status"] == status
    assert described(warehouse) == 2


def test_an_entry_that_cannot_be_used_makes_no_source_an_orphan(warehouse: Warehouse) -> None:
    account(warehouse, 2)
    with answering(Answer(200, STATE)) as server:
        shop = http(f"{server.url}/state")
        read(warehouse, shop)
        wrong = [("states.toml, source 1 (shop)", "states.toml, source 1 (shop): url is missing.")]
        with pytest.raises(TerraformError, match="url is missing"):
            read(warehouse, unusable=wrong)
        statuses = {row["path"]: row["status"] for row in list_sources(warehouse)}
        assert statuses == {shop.shown: "ok", "states.toml, source 1 (shop)": "unreadable"}
        # Taken out for good.
        assert [p.status for p in read(warehouse).problems] == ["orphaned"]
        assert described(warehouse) == 2
        # Under another name it is the same source.
        moved = shop.model_copy(update={"name": "store"})
        assert read(warehouse, moved).problems == ()
        assert [row["path"] for row in list_sources(warehouse)] == [moved.shown]


def test_no_credential_reaches_the_warehouse(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("arcadia_cloud_pipelines.drift.state_http.sleep", lambda _: None)
    monkeypatch.setenv("STATES_TOKEN", CANARY)
    account(warehouse, 2)
    body = f"import sys; sys.exit('token {CANARY}')"
    failing = command(tmp_path, body, environment=("STATES_TOKEN",))
    with answering(Answer(200, STATE)) as server:
        shop = http(f"{server.url}/state", token_env="STATES_TOKEN")
        read(warehouse, shop, failing)
        server.answers = [Answer(500, CANARY.encode())]
        with pytest.raises(TerraformError):
            read(warehouse, shop, failing)
    assert CANARY not in everything(warehouse)


def test_states_are_read_in_the_order_of_the_configuration() -> None:
    with answering(Answer(200, STATE)) as server:
        sources = [http(f"{server.url}/{n}") for n in range(9)]
        states, problems = read_states([], sources)
    assert ([s.path for s in states], problems) == ([s.shown for s in sources], [])
