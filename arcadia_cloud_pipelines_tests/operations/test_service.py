"""`arcadia service`: one process in a container, and the files that start them all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from click.testing import CliRunner

from arcadia_cloud_pipelines.cli.main import main
from arcadia_cloud_pipelines.cli.service import NAMES
from arcadia_cloud_pipelines.operations import processes, service
from arcadia_cloud_pipelines.operations.child_environment import for_child
from arcadia_cloud_pipelines.operations.errors import OperationsError
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.liveness import Heartbeats, beaten_lately
from arcadia_cloud_pipelines.operations.ports import free_port
from arcadia_cloud_pipelines.operations.processes import CodeServer
from arcadia_cloud_pipelines.operations.service_clock import end_if_set_back, note_start
from arcadia_cloud_pipelines.operations.startup import open_instance
from arcadia_cloud_pipelines.settings import load_settings

ROOT = Path(__file__).parents[2]
WHERE = service.Addresses(
    CodeServer(host="code-server", port=4266), 3000, ("cloud.example",), 4005,
    service.WorkerPlace("second", ("cloud_billing", "dagster")),
)  # fmt: skip
# Workers of Celery are for who has a broker: docs/deploy.md.
ONE_MACHINE = set(NAMES) - {"worker"}
URLS = {
    "ARCADIA_DATABASE_URL": "postgresql://u@127.0.0.1:1/w",
    "DAGSTER_POSTGRES_URL": "postgresql://u@127.0.0.1:1/d",
}


@pytest.fixture
def compose() -> dict[str, Any]:
    text = (ROOT / "deploy/compose/compose.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def test_without_shared_databases_no_service_starts(tmp_path: Path) -> None:
    """Each container would have an embedded server of its own, and nobody would see the others."""
    for name in NAMES:
        answer = CliRunner().invoke(main, ["service", name], env={"ARCADIA_HOME": str(tmp_path)})
        assert answer.exit_code == 1, name
        assert "must be set (or with _FILE)" in answer.output
        assert not (tmp_path / "postgres").exists()
    settings = load_settings({"ARCADIA_HOME": str(tmp_path)} | URLS | {"DAGSTER_POSTGRES_URL": ""})
    with pytest.raises(OperationsError, match=r"^DAGSTER_POSTGRES_URL must be set"):
        service.service_answers(settings, "daemon", WHERE)


@pytest.mark.parametrize("name", service.SERVICES)
def test_each_becomes_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable, value in {
        **URLS,
        "ARCADIA_HOME": str(tmp_path / "h"),
        "DO_API_TOKEN": "x",
    }.items():
        monkeypatch.setenv(variable, value)
    became: list[tuple[list[str], dict[str, str]]] = []

    def execve(_: str, command: list[str], environ: dict[str, str]) -> None:
        became.append((command, environ))

    monkeypatch.setattr(os, "execve", execve)
    service.start(load_settings(), name, WHERE)
    ((command, environ),) = became
    assert environ["DAGSTER_HOME"] == str(tmp_path / "h" / "dagster")
    assert ("DO_API_TOKEN" in environ) == (name in ("code-server", "worker"))
    if name in ("daemon", "webserver"):
        workspace = Path(command[command.index("--workspace") + 1])
        (loaded,) = yaml.safe_load(workspace.read_text())["load_from"]
        assert loaded["grpc_server"]["host"] == "code-server"
        assert loaded["grpc_server"]["port"] == 4266
    if name == "worker":
        assert command[command.index("--queues") + 1] == "cloud_billing,dagster"
        assert command[command.index("--hostname") + 1] == "second@%h"
    if name == "webserver":
        assert command[command.index("--allow-host") + 1] == "cloud.example"


@pytest.mark.parametrize("name", ["code-server", "webserver", "api"])
def test_a_service_that_does_not_answer_is_not_healthy(tmp_path: Path, name: str) -> None:
    where = service.Addresses(CodeServer(port=free_port()), free_port(), (), free_port())
    home = Home(tmp_path / "h")
    home.prepare()
    assert not service.service_answers(
        load_settings({"ARCADIA_HOME": str(home.path)} | URLS), name, where
    )


def test_the_ui_that_is_stopped_ends_normally(
    home: Home, empty_database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What watches it takes another code than 0 for a crash."""
    url = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    with open_instance(home):
        pass
    child = processes.webserver(
        CodeServer(port=free_port()).workspace(home), "127.0.0.1", free_port(), (), os.environ
    )
    environ = {**child.environ, "DAGSTER_HOME": str(home.dagster), "DAGSTER_POSTGRES_URL": url}
    with subprocess.Popen(child.command, env=environ) as process:
        try:
            until = time.monotonic() + 120
            while not child.alive() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.1)
            process.terminate()
            assert process.wait(30) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(("step", "ended"), [(-3600, True), (-1, False), (3600, False)])
def test_a_daemon_ends_when_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float, ended: bool
) -> None:
    """It would wait for times that were to come once already; the container starts it again."""
    home = Home(tmp_path / "h")
    home.prepare()
    with subprocess.Popen(["sleep", "600"]) as process:
        monkeypatch.setattr(os, "getpid", lambda: process.pid)
        note_start(home, "daemon")
        monkeypatch.undo()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + step)
        assert end_if_set_back(home, "daemon", "another program") is ended
        assert process.poll() is None, "the number is another process's by now"
        assert end_if_set_back(home, "daemon", "sleep") is ended
        monkeypatch.undo()
        if not ended:
            process.kill()
        assert process.wait(10) == (-signal.SIGTERM if ended else -signal.SIGKILL)
    assert not end_if_set_back(home, "webserver", "sleep"), "nothing is noted of it"


def test_every_container_is_closed_and_has_a_health_check(compose: dict[str, Any]) -> None:
    ours = {name: of for name, of in compose["services"].items() if name != "postgres"}
    assert set(ours) == ONE_MACHINE
    for name, of in ours.items():
        assert of["command"] == ["service", name]
        assert of["read_only"] is True, name
        assert of["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in of["security_opt"], name
        if name != "prepare":
            assert of["healthcheck"]["test"] == ["CMD", "arcadia", "service", name, "--check"]
        for published in of.get("ports", ()):
            assert published.startswith("127.0.0.1:"), name


def test_each_container_has_the_secrets_that_its_process_needs(compose: dict[str, Any]) -> None:
    for name, of in compose["services"].items():
        files = {
            variable: value.removeprefix("/run/secrets/")
            for variable, value in of.get("environment", {}).items()
            if value.startswith("/run/secrets/")
        }
        assert set(files.values()) == set(of.get("secrets", ())), name
        if name in service.SERVICES:
            needed = service.SERVICES[name][1]
            assert {f"{one}_FILE" for one in needed} <= set(files), name
            # What the supervisor would give it on one machine, and no more.
            assert set(for_child(name, files)) == set(files), name
    assert set(compose["secrets"]) == {
        secret for of in compose["services"].values() for secret in of.get("secrets", ())
    }


@pytest.fixture
def pods() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """By component: its pod, and the one container of it."""
    text = (ROOT / "deploy/kubernetes/arcadia.yaml").read_text(encoding="utf-8")
    found = {}
    for one in yaml.safe_load_all(text):
        if one["kind"] in ("Job", "Deployment"):
            pod = one["spec"]["template"]["spec"]
            (container,) = pod["containers"]
            found[one["metadata"]["labels"]["app.kubernetes.io/component"]] = (pod, container)
    return found


def test_kubernetes_runs_the_same_processes_with_the_same_secrets(
    pods: dict[str, tuple[dict[str, Any], dict[str, Any]]], compose: dict[str, Any]
) -> None:
    assert set(pods) == ONE_MACHINE
    for name, (pod, container) in pods.items():
        assert container["args"] == ["service", name]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["automountServiceAccountToken"] is False
        (projected,) = [v["projected"] for v in pod["volumes"] if "projected" in v]
        keys = [item["key"] for item in projected["sources"][0]["secret"]["items"]]
        assert sorted(keys) == sorted(compose["services"][name]["secrets"]), name
        files = {one["name"]: one["value"] for one in container["env"]}
        assert {v for v in files.values() if v.startswith("/run/")} == {
            f"/run/secrets/{key}" for key in keys
        }
        if name != "prepare":
            command = container["livenessProbe"]["exec"]["command"]
            assert command == ["arcadia", "service", name, "--check"]


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "deploy/Containerfile"],
        ["compose-lint", "deploy/compose/compose.yaml"],
        ["kubernetes-validate", "--strict", "--kubernetes-version", "1.28",
         "deploy/kubernetes/arcadia.yaml", "deploy/kubernetes/namespace.yaml",
         "deploy/kubernetes/secrets.example.yaml"],
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_linters_find_nothing(command: list[str]) -> None:
    program = str(Path(sys.executable).parent / command[0])
    done = subprocess.run([program, *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_runs_as_nobody_special() -> None:
    text = (ROOT / "deploy/Containerfile").read_text(encoding="utf-8")
    last = text.split("\nFROM ")[-1]
    assert re.search(r"^USER 10001:10001$", last, re.M)
    # What builds stays in the first stage.
    assert "RUN" not in last


def test_the_daemon_works_while_its_parts_beat(
    tmp_path: Path, empty_database: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    monkeypatch.setenv("ARCADIA_HOME", str(tmp_path / "h"))
    settings = load_settings()
    home = Home(settings.home)
    home.prepare()
    with open_instance(home):
        pass
    engine = sa.create_engine(empty_database, poolclass=sa.NullPool)

    def beat(age: str) -> None:
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM daemon_heartbeats"))
            connection.execute(
                sa.text(
                    "INSERT INTO daemon_heartbeats (daemon_type, daemon_id, timestamp) "
                    "VALUES ('SCHEDULER', 'x', now() AT TIME ZONE 'UTC' - CAST(:age AS interval))"
                ),
                {"age": age},
            )

    heartbeats = Heartbeats(settings)
    assert (heartbeats(), beaten_lately(settings)) == (False, False)
    beat("1 second")
    assert (heartbeats(), beaten_lately(settings)) == (True, True)
    assert heartbeats() is False, "no further beat"
    beat("10 minutes")
    assert (heartbeats(), beaten_lately(settings)) == (True, False)
    away = load_settings({"DAGSTER_POSTGRES_URL": "postgresql://u@127.0.0.1:1/d"})
    assert Heartbeats(away)() is None
