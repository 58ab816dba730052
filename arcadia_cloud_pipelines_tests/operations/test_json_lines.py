"""Logs as JSON: whatever a process prints is an object, with its run or request and no secret."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcadia_cloud_pipelines.api.server import JsonLines
from arcadia_cloud_pipelines.operations import json_lines, service
from arcadia_cloud_pipelines.operations.child import Child
from arcadia_cloud_pipelines.operations.processes import CodeServer
from arcadia_cloud_pipelines.operations.service import Addresses
from arcadia_cloud_pipelines.operations.supervisor import Supervisor
from arcadia_cloud_pipelines.settings import SettingsError, load_settings

RUN = "7fd5a93c-3d73-456d-9f26-0a64ecda2df1"
TOKEN = "dop_v1_" + "a1" * 32
AT = datetime(2026, 11, 26, 22, tzinfo=UTC)


def read(text: str) -> dict[str, Any]:
    line = json_lines.json_line("code-server", text, AT)
    assert "\n" not in line
    found = json.loads(line)
    assert found.pop("time") == "2026-11-26T22:00:00Z"
    assert found.pop("process") == "code-server"
    return found


def test_a_line_of_dagsters_names_its_run() -> None:
    text = f"2026-11-26 22:08:58 +0000 - dagster - ERROR - inventory_sync - {RUN} - databases - x"
    assert read(text) == {
        "level": "ERROR", "message": text, "job": "inventory_sync", "run_id": RUN,
    }  # fmt: skip
    monitor = f"… - dagster.daemon.MonitoringDaemon - INFO - Checking run {RUN}"
    assert read(monitor) == {"level": "INFO", "message": monitor, "run_id": RUN}


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Traceback (most recent call last):", "ERROR"),
        ("18:59 WARNING alarms: slack", "WARNING"),
        ("FATAL:  terminating connection", "CRITICAL"),
        ("nothing special", "INFO"),
        ("{not json", "INFO"),
        ("[1]", "INFO"),
        ('"text"', "INFO"),
        ("", "INFO"),
    ],
)
def test_any_other_line_is_a_message_with_its_level(text: str, level: str) -> None:
    assert read(text) == {"level": level, "message": text}


def test_what_is_json_already_stays_as_it_is() -> None:
    api = {"level": "INFO", "message": "request", "request_id": "abc", "status": 200, "ms": 1.5}
    assert read(json.dumps(api)) == api


def test_the_api_says_its_time_itself() -> None:
    import logging

    record = logging.LogRecord("api", 20, "", 0, "x", None, None)
    record.fields = {"request_id": "r-1"}
    line = json.loads(json_lines.json_line("api", JsonLines().format(record), AT))
    assert line["request_id"] == "r-1"
    assert not line["time"].startswith("2026-11-26T22:00:00Z")


@pytest.mark.parametrize(
    "text",
    [
        f"ERROR token {TOKEN} was refused",
        "could not connect to postgresql://arcadia:hunter2-hunter2@db.example.com:5432/x",
        json.dumps({"message": f"Bearer {TOKEN}", "level": "ERROR"}),
        json.dumps({"level": "INFO", "message": "x", "password": "hunter2-hunter2"}),
        json.dumps({"deep": [{"list": [f"x {TOKEN}", 1]}], "message": "m"}),
        json.dumps({f"key {TOKEN}": 1}),
    ],
)
def test_no_credential_is_in_it(text: str) -> None:
    line = json_lines.json_line("daemon", text, AT)
    assert json.loads(line)
    assert TOKEN not in line
    assert "hunter2" not in line


@given(st.binary(max_size=200))
def test_any_bytes_are_one_line(raw: bytes) -> None:
    line = json_lines.json_line("x", json_lines.plain_line(raw), AT)
    assert isinstance(json.loads(line), dict)
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(("value", "wanted"), [("json", True), ("text", False), ("", False)])
def test_the_setting(value: str, wanted: bool) -> None:
    assert json_lines.wanted({"ARCADIA_LOG_FORMAT": value}) is wanted
    assert json_lines.wanted({}) is False


def test_another_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match="must be text or json, and is 'yaml'"):
        json_lines.wanted({"ARCADIA_LOG_FORMAT": "yaml"})


def test_the_log_of_a_supervised_process_is_json(tmp_path: Path) -> None:
    code = f"print('INFO - inventory_sync - {RUN} - x'); print('token {TOKEN}')"
    said: list[str] = []
    supervisor = Supervisor(
        [Child("one", [sys.executable, "-c", code])],
        environ={}, logs=tmp_path, say=said.append, as_json=True,
    )  # fmt: skip
    supervisor.start()
    supervisor._running["one"].process.wait()
    supervisor._running["one"].finish_reading()
    first, second = map(json.loads, (tmp_path / "one.log").read_text().splitlines())
    assert (first["process"], first["run_id"], first["job"]) == ("one", RUN, "inventory_sync")
    assert second["message"] == "token ***"


def test_a_containers_process_is_read_too_and_ends_as_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(service.os, "execve", lambda _, command, __: started.append(command))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql://x@127.0.0.1:1/x")
    settings = load_settings(
        {"ARCADIA_HOME": str(tmp_path / "home"),
         "DAGSTER_POSTGRES_URL": "postgresql://x@127.0.0.1:1/x"}
    )  # fmt: skip
    where = Addresses(CodeServer(port=1), 3000, (), 4005)
    service.start(settings, "daemon", where)
    monkeypatch.setenv("ARCADIA_LOG_FORMAT", "json")
    service.start(settings, "daemon", where)
    plain, as_json = started
    assert as_json[1:4] == ["-m", "arcadia_cloud_pipelines.operations.json_lines", "daemon"]
    assert as_json[4:] == plain

    child = "import sys, time; print('INFO up', flush=True); time.sleep(600)"
    with subprocess.Popen(
        [*as_json[:4], sys.executable, "-c", child],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["message"] == "INFO up"
        process.terminate()
        assert process.wait(60) == 128 + 15
        assert process.stdout.read() == ""
