"""The whole of it: `arcadia up` as a person starts and stops it."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import requests

from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.operations.deployed_processes import child_environment, services
from arcadia_cloud_pipelines.operations.errors import OperationsError
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.ports import free_port
from arcadia_cloud_pipelines.operations.simulated import open_account
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.warehouse.embedded_server import ServerFolder
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

SOCKET = Path("/tmp/arcadia-x/code.sock")
ARCADIA = [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main"]


def test_a_real_account_needs_no_simulator(home: Home) -> None:
    with_token = load_settings({"ARCADIA_HOME": str(home.path), "DO_API_TOKEN": "dop_v1_x"})
    names = [child.name for child in services(home, ui_port=3000, code_socket=SOCKET)]
    assert names == ["code-server", "daemon", "alarms", "webserver"]
    assert "DO_API_TOKEN" not in child_environment(with_token, home, None)


def test_the_token_of_the_environment_file_is_in_no_process_that_does_not_need_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARCADIA_ENV_FILE")
    file = home.path / "env"
    file.write_text("DO_API_TOKEN=dop_v1_hunter2\nARCADIA_JWT_SECRET=hunter3\n")
    file.chmod(0o600)
    environ = child_environment(load_settings(), home, None)
    with_token, with_secret = set(), set()
    for child in services(
        home, ui_port=3000, code_socket=SOCKET, api=("127.0.0.1", 1), environ=environ
    ):
        # Or it would read the file itself.
        assert child.environ["ARCADIA_ENV_FILE"] == "", child.name
        with_token |= {child.name} if "hunter2" in str(child.environ) else set()
        with_secret |= {child.name} if "hunter3" in str(child.environ) else set()
    assert (with_token, with_secret) == ({"code-server"}, {"api"})


def test_loopback_alone(home: Home) -> None:
    for child in services(home, ui_port=3000, code_socket=SOCKET, simulator_port=2):
        assert "0.0.0.0" not in child.command
        if "--host" in child.command:
            assert child.command[list(child.command).index("--host") + 1] == "127.0.0.1"


def test_the_terminal_shows_what_somebody_must_act_on(home: Home) -> None:
    [alarms] = [
        child
        for child in services(home, ui_port=3000, code_socket=SOCKET)
        if child.name == "alarms"
    ]
    at = "2026-11-26 18:59:25,138 WARNING Arcadia:"
    assert not alarms.loud.search(f"{at} 13 new alarms, worst warning")
    assert not alarms.loud.search(f"{at} warning: drift #1 droplet web-01")
    assert not alarms.loud.search(f"{at} ended: job inventory_sync failed")
    assert alarms.loud.search(f"{at} 13 new alarms, worst error")
    assert alarms.loud.search(f"{at} critical: warehouse; 2 ended")
    assert alarms.loud.search("18:59:25,138 WARNING alarms: slack did not take the message")
    assert alarms.loud.search("✗ error · account out of reach: GET /v2/account got no answer")
    assert not alarms.loud.search("✗ warning · drift #1 droplet web-01: size_slug a → b")


def test_a_failed_run_is_one_line_at_the_terminal(home: Home) -> None:
    """And not one for each of a hundred steps that were skipped."""
    [code] = [
        child
        for child in services(home, ui_port=3000, code_socket=SOCKET)
        if child.name == "code-server"
    ]
    run = "2026-11-26 21:36:00 +0000 - dagster - ERROR - first_refresh - daf30576"
    assert code.loud.search(f'{run} - 134 - RUN_FAILURE - Execution of run for "x" failed.')
    assert not code.loud.search(f"{run} - volumes - Dependencies for step volumes failed: ['x'].")
    assert not code.loud.search(f'{run} - 134 - x - STEP_FAILURE - Execution of step "x" failed.')
    assert code.loud.search("Traceback (most recent call last):")
    assert code.loud.search("2026-11-26 21:36:00 +0000 - dagster.code_server - ERROR - no memory")


def test_without_a_token_the_simulators_data_stay_apart_from_an_accounts(
    home: Home, warehouse: Warehouse, libpq_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings({"ARCADIA_HOME": str(home.path), "ARCADIA_DATABASE_URL": libpq_url})
    account = open_account(home)

    def sync(team: str) -> None:
        at = datetime.now(UTC)
        with warehouse.transaction() as connection:
            connection.execute(
                cloud_sync_runs.insert().values(
                    account=team, kind="droplet", started_at=at, ended_at=at, complete=True
                )
            )

    sync(account.team_uuid)
    monkeypatch.setenv("SPACES_ACCESS_KEY_ID", "a real team's")
    environ = child_environment(settings, home, 4010)
    assert environ["DO_API_TOKEN"] == account.token
    assert not [name for name in environ if name.startswith("SPACES_")]
    sync("a real team")
    with pytest.raises(OperationsError, match="mirrors the account a real team"):
        child_environment(settings, home, 4010)


def await_answer(home: Home, killed: int) -> None:
    """Wait for the server that takes the place of one that was killed."""
    server = ServerFolder(home.path)
    for _ in range(1200):
        if server.pid() not in (None, killed) and server.answers():
            return
        time.sleep(0.1)
    raise AssertionError("the embedded PostgreSQL did not come back")


def test_up_serves_refuses_a_second_one_and_leaves_nothing_behind(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    port, api_port = free_port(), free_port()
    environ = {
        **os.environ, "ARCADIA_HOME": str(home.path), "ARCADIA_API_PORT": str(api_port),
        "ARCADIA_JWT_SECRET": "s" * 64,
    }  # fmt: skip
    command = [*ARCADIA, "up", "--port", str(port)]
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as up:
        try:
            assert up.stdout is not None
            said = []
            for line in up.stdout:
                said.append(line)
                if "Ctrl-C stops everything" in line:
                    break
            text = "".join(said)
            assert "this is the simulator" in text, text
            url = f"http://127.0.0.1:{port}"
            assert f"Dagster UI: {url}" in text
            health = requests.get(f"http://127.0.0.1:{api_port}/api/health", timeout=60).json()
            assert (health["service"], health["ready"]) == ("arcadia-cloud", True)
            query = "{repositoriesOrError{... on RepositoryConnection{nodes{schedules{name}}}}}"
            answer = requests.post(f"{url}/graphql", json={"query": query}, timeout=60).json()
            (repository,) = answer["data"]["repositoriesOrError"]["nodes"]
            schedules = {schedule["name"] for schedule in repository["schedules"]}
            assert {"inventory_schedule", "housekeeping_schedule"} <= schedules

            second = subprocess.run(
                command, env=environ, capture_output=True, text=True, check=False, timeout=60
            )
            assert second.returncode == 1
            assert f"process {up.pid}" in second.stderr
            assert url in second.stderr

            # What runs code listens where no other user can come.
            workspace = (home.dagster / "workspace.yaml").read_text()
            folder = Path(re.search(r'socket: "(.*)"', workspace)[1]).parent
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            launched = requests.get(f"{url}/graphql", params={"query": "{version}"}, timeout=60)
            assert launched.status_code == 405

            children = home.read_state()["children"]
            assert len(children) == 7
            by_name = {str(child["name"]): int(child["pid"]) for child in children}
            for name in ("postgres", "simulator", "daemon", "webserver"):
                assert "ARCADIA_JWT_SECRET" not in psutil.Process(by_name[name]).environ()
            first = ServerFolder(home.path).pid()
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await_answer(home, first)
            # Its connections are dead, and the first request is answered all the same.
            runs = {"query": "{runsOrError(limit:1){__typename}}"}
            answer = requests.post(f"{url}/graphql", json=runs, timeout=60)
            assert answer.json() == {"data": {"runsOrError": {"__typename": "Runs"}}}
            postgres = ServerFolder(home.path).pid()
        finally:
            # As after a terminal that was closed: whatever it says now is an error.
            if up.stdout is not None:
                up.stdout.close()
            up.send_signal(signal.SIGTERM)
        assert up.wait(60) == 0
    assert postgres is not None
    for pid in (*(child["pid"] for child in children), first, postgres):
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"
    assert not folder.exists()
    assert not home.state.exists()
    assert not home.in_use()
