"""The folder of local state: one user at a time, and files that are never half."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from arcadia_cloud_pipelines.operations import home as home_module
from arcadia_cloud_pipelines.operations.home import AlreadyRunning, Home
from arcadia_cloud_pipelines.operations.simulated import open_account, save_account

HOLD = """
import sys
from pathlib import Path
from arcadia_cloud_pipelines.operations.home import Home
home = Home(Path(sys.argv[1]))
with home.exclusive():
    home.write_state({"command": "up", "pid": 4242, "url": "http://127.0.0.1:3000"})
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_told_who_and_where(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not home.in_use()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as holder:  # fmt: skip
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert home.in_use()
        with (
            pytest.raises(AlreadyRunning, match=r"4242.*http://127.0.0.1:3000"),
            home.exclusive(),
        ):
            pass
        assert holder.stdin is not None
        holder.stdin.close()
        holder.wait(10)
    assert not home.in_use()
    with home.exclusive():
        pass


def test_dagster_gets_the_checkouts_instance(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    ours = Path(home_module.__file__).parents[2] / "dagster.yaml"
    assert (home.dagster / "dagster.yaml").read_text() == ours.read_text()
    # What an installation without a checkout gets says the same of what matters.
    minimal = yaml.safe_load(home_module._MINIMAL_INSTANCE)
    full = yaml.safe_load(ours.read_text())
    for key in (
        "storage",
        "telemetry",
        "concurrency",
        "run_launcher",
        "run_monitoring",
        "run_retries",
    ):
        assert minimal[key] == full[key]


def test_a_broken_state_is_no_state(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert home.read_state() == {}
    home.state.write_text("{")
    assert home.read_state() == {}
    home.write_state({"pid": 1})
    assert home.read_state() == {"pid": 1}


def test_the_simulated_account_goes_on_where_it_stopped(tmp_path: Path) -> None:
    home = Home(tmp_path)
    account = open_account(home)
    account.advance_to(account.now + timedelta(days=9))
    save_account(home, account)
    again = open_account(home)
    assert (again.now, again.token, again.team_uuid) == (
        account.now, account.token, account.team_uuid,
    )  # fmt: skip
    assert again.ids("droplet") == account.ids("droplet")
    home.simulator.write_text("not JSON")
    assert open_account(home).team_uuid == account.team_uuid
