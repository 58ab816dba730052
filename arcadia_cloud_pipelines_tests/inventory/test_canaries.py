"""Canaries in every string of the official examples that is not meant to be stored.

What is meant to be is listed in stored_paths.toml; what people write may hold a secret all the
same, which its shape must give away.
"""

from __future__ import annotations

import copy
import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import dagster as dg
import pytest

from arcadia_cloud_pipelines.common.redaction import holds_secret, masked
from arcadia_cloud_pipelines.inventory.assets import ASSETS, LISTINGS
from arcadia_cloud_pipelines.inventory.buckets import NO_KEYS
from arcadia_cloud_pipelines.inventory.sightings import identity_reader, sightings
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, KINDS, Kind
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..digitalocean.conftest import Request, Server, answer, raw
from ..examples import EXAMPLES
from .helpers import TestClients, everything, rows, syncs
from .test_sightings import FILES, Json, examples

STORED: dict[str, dict[str, list[str]]] = tomllib.loads(
    (Path(__file__).parent / "stored_paths.toml").read_text()
)
OTHERS = {
    "account": ("account.json", "account"),
    "project": ("projects.json", "projects"),
    "project_resource": ("project_resources.json", "resources"),
}
# Where an object may hold a secret although its example does not (OpenAPI specification).
ADDED: dict[str, Json] = {
    "agent": {"api_keys": [{"api_key": "x"}], "chatbot_identifiers": [{"x": "x"}]},
    "app": {
        "domains": {"validations": [{"txt_name": "x", "txt_value": "x"}]},
        "spec": {
            "envs": [{"key": "x", "value": "x"}],
            "databases": [{"db_user": "x"}],
            "services": {
                "envs": [{"key": "x", "value": "x"}],
                "log_destinations": [{"endpoint": "x", "papertrail": {"endpoint": "x"}}],
                "image": {"registry_credentials": "x"},
                "build_command": "x",
            },
            "functions": [{"alerts": [{"destinations": {"emails": ["x"]}}], "run_command": "x"}],
        },
    },
    "certificate": {"private_key": "x", "leaf_certificate": "x", "certificate_chain": "x"},
    "database": {"ui_connection": {"uri": "x", "user": "x", "password": "x"}},
    "partner_attachment": {"service_key": "x", "bgp": {"auth_key": "x"}},
    "spaces_key": {"secret_key": "x"},
    "project": {"owner_email": "x"},
}
# `%s` is the canary. Each is a secret by its shape alone, whatever the field is called.
SHAPES = [
    "dop_v1_0123456789abcdef%s", "doo_v1_0123456789abcdef%s", "dor_v1_0123456789abcdef%s",
    "postgres://user:%s@host", "see rediss://default:%s@host:25061/0 for more",
    "-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----%s", "-----BEGIN OPENSSH PRIVATE KEY-----\n%s",
    "AKIAIOSFODNN7EXAMPLE %s", "key DO00ABCDEFGHIJKLMNOP, secret %s", "DO801ABCDEFGHIJKLMNO:%s",
    "https://hooks.slack.com/services/T0000/B0000/%s", "hooks.slack.com/workflows/T0/A0/1/%s",
    "https://discord.com/api/webhooks/1/%s",
    "eyJhbGciOiJIUzUxMiJ9.eyJzdWIiOiIxMjM0In0.%s", "ghp_0123456789abcdef%s",
    "github_pat_0123456789abcdef%s", "glpat-0123456789abcdef%s", "xoxb-0123456789abcdef-%s",
    "hf_0123456789abcdef%s", "sk-do-0123456789abcdef0123456789abcdef%s",
    "Bearer 0123456789abcdef%s", "Authorization: bearer 0123456789abcdef.%s",
    "https://host/health?token=%s", "/health?x=1&api_key=%s", "run --password=%s",
    "host=db password=%s dbname=x", "https://host/x?X-Amz-Signature=%s",
    "ask %s@example.com", "%s@mail.example.co.uk",
]  # fmt: skip
# Texts that only look like one.
HARMLESS = [
    "tokens are in the vault", "the bearer of this", "task-force", "disk-0123456789abcdef01234567",
    "DO not touch", "DIAGNOSTICS", "https://host:8080/a@b", "v=spf1 include:_spf.example.com ~all",
    "google-site-verification=0123456789abcdef", "k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB",
    "x@y", "@", "user@host", "ghp_short", "a_v1_0123456789abcdef", "eyJhbGciOiJIUzUxMiJ9",
    "db-s-2vcpu-4gb", "2604:a880:0:1010::18a:a001", "760e09ef-dc84-11e8-981e-3cfdfeaae000",
    "k8s:bd5f5959-5e1e-4205-a714-a914373942af", "sk-bratislava-production-cluster-number-01",
]  # fmt: skip


def official(name: str) -> list[Json]:
    """All official objects of a kind, each with an identity of its own."""
    if name in OTHERS:
        file, envelope = OTHERS[name]
        held = json.loads((EXAMPLES / file).read_text())[envelope]
        return held if isinstance(held, list) else [held]
    kind = KIND_BY_NAME[name]
    objects = [item for file in FILES if examples(file)[0] is kind for item in examples(file)[1]]
    own = own_identity(kind)
    seen: set[Any] = set()
    for item in objects:
        while item[own] in seen:
            item[own] += 1 if isinstance(item[own], int) else "0"
        seen.add(item[own])
    return objects


def own_identity(kind: Kind) -> str:
    """The field that tells an object from the others of its parent."""
    return kind.identity.rpartition("/")[2]


def with_added(value: Any, more: Any) -> Any:
    """`more` laid over an object; over each item where the object has a list."""
    if isinstance(value, list) and isinstance(more, dict):
        return [with_added(item, more) for item in value]
    if isinstance(value, dict) and isinstance(more, dict):
        return value | {key: with_added(value.get(key), inner) for key, inner in more.items()}
    return more


def each_string(value: Any, change: Callable[[str, str], str], path: str = "") -> Any:
    """The value with every string changed by its path (items of lists have the list's) and text."""
    if isinstance(value, dict):
        return {k: each_string(v, change, f"{path}.{k}".lstrip(".")) for k, v in value.items()}
    if isinstance(value, list):
        return [each_string(item, change, path) for item in value]
    return change(path, value) if isinstance(value, str) else value


def stored_paths(name: str) -> set[str]:
    return {*STORED[name]["given"], *STORED[name]["written"]}


# -- the list -----------------------------------------------------------------------------------


def test_the_list_is_in_the_order_of_the_registry() -> None:
    assert [*STORED] == [*OTHERS, *(kind.name for kind in KINDS)]
    for name, paths in STORED.items():
        assert not {*paths["given"]} & {*paths["written"]}, name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_exactly_the_listed_strings_are_stored(kind: Kind) -> None:
    stored = set()
    for item in official(kind.name):
        (seen,) = sightings(kind, [each_string(item, lambda path, _: f"<{path}>")])
        stored |= set(re.findall(r"<([^>]+)>", repr(seen)))
        if kind.created_at in item:  # no mark is a time
            stored.add(kind.created_at)
    assert stored == stored_paths(kind.name), "decide, and change stored_paths.toml or its entry"


# -- shapes -------------------------------------------------------------------------------------

CANARY = "0123456789CANARY"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_is_told_by_its_shape(shape: str) -> None:
    for text in (shape % CANARY, f"before {shape % CANARY}"):
        assert "CANARY" not in masked(text)
        assert holds_secret(text) or "@" in shape


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_passes(text: str) -> None:
    assert not holds_secret(text)
    assert masked(text) == text


def test_shapes_take_no_time_on_long_texts() -> None:
    for part in ("a", "eyJa-", "://a:", "x@", "token=", "AKIA ", "sk-a-", "do_v1_", "a."):
        masked(part * (64_000 // len(part)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_shape_passes_in_any_stored_string(kind: Kind) -> None:
    (item, *_) = official(kind.name)
    for path in stored_paths(kind.name) - {*kind.identity.split("/")}:
        for shape in SHAPES:
            secret = shape % CANARY
            planted = each_string(item, lambda at, text: secret if at == path else text)  # noqa: B023
            assert CANARY not in repr(sightings(kind, [planted])), (path, shape)


def test_no_shape_passes_as_the_name_of_a_field() -> None:
    kind = KIND_BY_NAME["kubernetes_cluster"]
    for shape in SHAPES:
        pools = [{"labels": {shape % CANARY: "x"}}]
        assert CANARY not in repr(sightings(kind, [{"id": "x", "node_pools": pools}]))


# -- a run of everything ------------------------------------------------------------------------

TOKEN = "dop_v1_" + "5" * 64


class Planted:
    """The API with a canary in every string, each of its own: `paths` says where it stands."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.items = {name: [self.plant(name, o) for o in official(name)] for name in STORED}
        self.control = "zqcontrolqz"
        self.items["droplet"][0]["status"] = self.control

    def _canary(self, path: str) -> str:
        self.paths.append(path)
        return f"zq{len(self.paths) - 1:05}qz"

    def plant(self, name: str, item: Json) -> Json:
        identity = own_identity(KIND_BY_NAME[name]) if name in KIND_BY_NAME else "id"
        written = STORED[name]["written"]
        stored = stored_paths(name) | {
            # A child inside is stored by its own kind.
            f"{endpoint.envelope}.{path}"
            for kind in KINDS for endpoint in kind.endpoints
            if endpoint.inside and endpoint.per == name
            for path in stored_paths(kind.name)
        }  # fmt: skip

        def change(path: str, text: str) -> str:
            canary = self._canary(f"{name}: {path}")
            if path in written and path != identity:
                return SHAPES[len(self.paths) % len(SHAPES)] % canary
            return text if path in stored else canary

        return each_string(with_added(copy.deepcopy(item), ADDED.get(name, {})), change)

    def found(self, text: str) -> set[str]:
        return {self.paths[int(number)] for number in re.findall(r"zq(\d{5})qz", text)}

    def __call__(self, request: Request) -> bytes:
        url = urlsplit(request.target)
        path, query = unquote(url.path), dict(parse_qsl(url.query))
        if path == "/v2/account":
            return answer({"account": self.items["account"][0]})
        if path == "/v2/projects":
            if request.method == "POST":
                return answer({"id": "conflict", "message": "there is one"}, 409)
            return self._list("projects", "project")
        if re.fullmatch("/v2/projects/[^/]+/resources", path):
            return self._list("resources", "project_resource")
        for kind in KINDS:
            for endpoint in (e for e in kind.endpoints if not e.inside):
                pattern = re.escape(endpoint.path).replace(r"\{parent\}", "[^/]+")
                if re.fullmatch(pattern, path) and endpoint.params.items() <= query.items():
                    return self._list(endpoint.envelope, kind.name)
        return answer({"id": "not_found", "message": path}, 404)

    def _list(self, envelope: str, name: str) -> bytes:
        items = self.items[name]
        return answer({envelope: items, "meta": {"total": len(items)}})


def texts_of_dagster(home: Path) -> Iterator[str]:
    """All that an instance left on disk: rows of its databases, compute logs, whatever else."""
    for file in home.rglob("*"):
        if file.suffix == ".db":
            with sqlite3.connect(file) as database:
                for (table,) in database.execute(
                    "SELECT name FROM sqlite_master WHERE type='table'"
                ):
                    yield from map(repr, database.execute(f'SELECT * FROM "{table}"'))
        elif file.is_file():
            yield file.read_text(errors="replace")


@pytest.fixture
def planted() -> Iterator[tuple[Planted, Server]]:
    api, server = Planted(), Server()
    yield api, server.play(*[api] * 2_000)
    server.close()


def test_no_canary_comes_through_a_run_of_everything(
    planted: tuple[Planted, Server], warehouse: Warehouse, libpq_url: str, tmp_path: Path
) -> None:
    """As people run it: a process of its own, its instance told to keep every log line there is."""
    api, server = planted
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "python_logs: {managed_python_loggers: [root], python_log_level: DEBUG}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "asset", "materialize", "--select", "group:inventory",
         "-m", "arcadia_cloud_pipelines.definitions"],
        env={**os.environ, "DAGSTER_HOME": str(home), "ARCADIA_HOME": str(tmp_path / "home"),
             "ARCADIA_DATABASE_URL": libpq_url, "DO_API_URL": server.url, "DO_API_TOKEN": TOKEN},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-4000:]
    left = "\n".join(texts_of_dagster(home))
    stored = everything(warehouse)

    # It was all there, and the search would find it.
    for kind in KINDS:
        items = official(kind.name)
        (endpoint, *_) = kind.endpoints
        if endpoint.inside:
            items = []
            for parent in official(str(endpoint.per)):
                held = parent.get(endpoint.envelope) or []
                whose = {
                    endpoint.parent_field: identity_reader(KIND_BY_NAME[str(endpoint.per)])(parent)
                }
                items += [whose | item for item in (held if isinstance(held, list) else [held])]
        expected = {
            identity_reader(kind)(item) for item in items
            if not any(item.get(k) == v for k, v in kind.leave_out.items())
        }  # fmt: skip
        assert rows(warehouse, kind.name).keys() == expected
    assert {row["error"] for row in syncs(warehouse)} == {None, NO_KEYS}
    assert api.control in stored
    assert api.control in left, "the preview"
    # Of the progress the newest line alone is told.
    for line in (r"droplets: \d of \d listed", "Starting new HTTP connection"):
        assert re.search(line, left)
        assert re.search(line, told)
    assert len(api.paths) > 800

    for place, text in {"the warehouse": stored, "Dagster": left, "the output": told}.items():
        assert api.found(text) == set(), place
        assert TOKEN not in text, place


# -- what goes wrong ----------------------------------------------------------------------------


HOLE = "zq#####qz"
"""Stands for the canary, and is as long."""


def _line(status: int, line: str) -> bytes:
    """An answer with one more line among its headers, right or wrong."""
    return raw(status, b"{}").replace(b"\r\n", f"\r\n{line}\r\n".encode(), 1)


def wrong_answers(envelope: str) -> list[bytes]:
    """What the API, or a program in front of it, may say instead of a list."""
    shapes = [shape % HOLE for shape in SHAPES]
    link = "https://api.digitalocean.com/v2/x?page="
    return [
        # Each by itself is tried above.
        *(answer({"id": "x", "message": f"no: {shape}"}, 422) for shape in shapes[::8]),
        answer({"id": "x", "message": f"{'x' * 190} {shapes[0]}"}, 500),
        answer({"id": shapes[0], "message": "no", "request_id": shapes[1]}, 403),
        answer({"error": "x", "messages": [HOLE], "root_causes": [HOLE], "detail": HOLE}, 400),
        answer({"message": {"x": HOLE}, "id": [HOLE]}, 401),
        raw(502, f"<html><h1>{HOLE}</h1></html>".encode(), {"Content-Type": "text/html"}),
        raw(503, HOLE.encode()),
        raw(200, f"<html>{HOLE}</html>".encode()),
        raw(200, f'{{"{envelope}": [{{"x": "{HOLE}"}}'.encode()),
        raw(200, f'["{HOLE}"]'.encode()),
        raw(200, f'{{"{envelope}": [{{"x": "{HOLE}"}}]}}'.encode(), cut=9),
        answer({HOLE: HOLE}),
        *(answer({envelope: held}) for held in (HOLE, [HOLE], {HOLE: HOLE}, [{"x": HOLE}])),
        answer({envelope: [], "meta": {"total": HOLE}}),
        *(
            answer({envelope: [], "links": {"pages": {"next": following}}})
            for following in (
                f"https://{HOLE}.example/v2/x?page=2", f"https://u:{HOLE}@evil.example/?page=2",
                f"{link}{HOLE}", f"{link}7&x={HOLE}", f"https://[{HOLE}/v2/x?page=2",
            )
        ),
        _line(302, f"Location: https://{HOLE}.example/"),
        _line(500, f"X-Request-Id: {shapes[0]}"),
        _line(429, f"Retry-After: {HOLE}"),
        _line(429, f"ratelimit-reset: {HOLE}"),
        _line(500, f"Set-Cookie: session={HOLE}"),
        _line(200, f"{HOLE} has no colon"),
        _line(200, f"Content-Length: {HOLE}"),
        _line(200, f"Transfer-Encoding: {HOLE}"),
        _line(200, f"Content-Encoding: gzip\r\nX: {HOLE}"),
        f"HTTP/1.1 500 {HOLE}\r\nContent-Length: 0\r\n\r\n".encode(),
        f"{HOLE}\r\n\r\n".encode(),
    ]  # fmt: skip


# Those with parents are not even asked for when the list of the parents is wrong.
ASKED = ["project", *(kind.name for kind in KINDS if not kind.endpoints[0].per)]
TURNS = -(-len(wrong_answers("")) // len(ASKED))


class Wrong(Planted):
    """The API with another thing wrong in each kind's list; in turns until it was everything."""

    def __init__(self, turn: int) -> None:
        super().__init__()
        self.turn = turn

    def _list(self, envelope: str, name: str) -> bytes:
        answers = wrong_answers(envelope)
        number = self.turn * len(ASKED) + ASKED.index(name) if name in ASKED else len(answers)
        if number >= len(answers):
            return super()._list(envelope, name)
        wrong = answers[number].decode()
        return re.sub(HOLE, lambda _: self._canary(f"{name}: {answers[number]!r}"), wrong).encode()


@pytest.mark.parametrize("turn", range(TURNS))
def test_no_canary_of_a_wrong_answer_is_told(
    turn: int, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda *_: 0.0)
    api, server = Wrong(turn), Server()
    server.play(*[api] * 2_000)
    bound = dg.Definitions(
        assets=ASSETS, executor=dg.in_process_executor,
        resources={"clients": TestClients(server.url, TOKEN), "warehouse": warehouse, **LISTINGS},
    )  # fmt: skip
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = bound.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, raise_on_error=False
        )
    server.close()
    left = "\n".join(texts_of_dagster(tmp_path))
    answered = ASKED[: len(wrong_answers("")) - turn * len(ASKED)]
    assert not result.success
    for name in answered:
        (*_, sync) = syncs(warehouse, name)
        assert sync["error"], name
        assert not sync["complete"]
        assert json.dumps(sync["error"])[1:50] in left
    stored = everything(warehouse)
    output = caplog.text + "".join(capfd.readouterr())
    for place, text in {"the warehouse": stored, "Dagster": left, "the output": output}.items():
        assert api.found(text) == set(), place
        assert TOKEN not in text, place
