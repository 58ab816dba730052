"""The first hour of a deployment whose account is out of reach, as people see it."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from arcadia_cloud_pipelines.kinds import KINDS
from arcadia_cloud_pipelines.operations.ports import free_port
from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.embedded import running_url
from arcadia_cloud_pipelines.warehouse.embedded_server import WAREHOUSE_DATABASE
from benchmarks.first_start import SOURCES, plan, query

from .browser import Deployment, browser, deployment, needs_chromium

SENTENCE = (
    "GET /v2/account got no answer: the connection was refused: check the network, DO_API_URL and "
    "status.digitalocean.com, then run it again."
)
OUT = "DigitalOcean account out of reach"


class Phone:
    """Takes the messages of alarms."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    @contextmanager
    def listening(self) -> Iterator[str]:
        """The address to give to ARCADIA_NOTIFY_URLS."""
        messages = self.messages

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = json.loads(self.rfile.read(int(self.headers["content-length"])))
                messages.append(said["message"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"json://127.0.0.1:{server.server_port}"
            server.shutdown()

    def of_the_outage(self) -> list[str]:
        """The lines about it, in whatever message: others may be told in the same."""
        lines = [line for message in self.messages for line in message.splitlines()]
        return [line.partition(":")[0] for line in lines if OUT in line]


def eventually(what: str, found: Callable[[], Any]) -> Any:
    """Wait until it is so; the limit only ends a test that would hang."""
    for _ in range(9000):
        if answer := found():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"never came: {what}")


def runs(ui: Deployment) -> dict[str, list[tuple[str, str]]]:
    """Status and id of the runs of each job, the newest first."""
    told = json.loads(ui.ask("{runsOrError{... on Runs{results{jobName status id}}}}"))
    found: dict[str, list[tuple[str, str]]] = {}
    for run in told["data"]["runsOrError"]["results"]:
        found.setdefault(run["jobName"], []).append((run["status"], run["id"]))
    return found


def tell_alarms(ui: Deployment) -> None:
    """Look now, and not within the minute that `up` takes."""
    command = [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "alarms", "tell"]
    environ = {**os.environ, "ARCADIA_HOME": str(ui.home)}
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=300)


def let_minutes_pass(ui: Deployment) -> None:
    """Make the last message an old one: two messages of a channel are minutes apart."""
    url = running_url(ui.home, WAREHOUSE_DATABASE)
    assert url is not None
    with sa.create_engine(url).begin() as connection:
        connection.execute(
            sa.text("UPDATE cloud_alarm_deliveries SET sent_at = sent_at - interval '1 hour'")
        )


def outages(ui: Deployment) -> list[tuple[bool, str]]:
    """Each alarm of an account out of reach: if it is over, and its text."""
    rows = query(ui.home, "SELECT closed_at IS NOT NULL, text FROM cloud_alarms "
                 "WHERE key LIKE 'account_out%' ORDER BY id")  # fmt: skip
    return [(bool(closed), str(said)) for closed, said in rows]


def sources(ui: Deployment) -> set[str]:
    """The sources that have a first complete reading."""
    return {
        name
        for name, statement in SOURCES.items()
        # And the projects.
        if query(ui.home, statement.format(kinds=len(KINDS) + 1)) == [(True,)]
    }


LAUNCH = """mutation{launchRun(executionParams:{
  selector:{repositoryName:"__repository__",repositoryLocationName:"arcadia_cloud_pipelines",
            pipelineName:"inventory_sync",assetSelection:[{path:["account"]}],
            assetCheckSelection:[]}})
  {__typename}}"""


@needs_chromium
def test_an_account_out_of_reach_from_the_start_is_told_once_and_heals(
    tmp_path: Path, monkeypatch: Any
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    account = SimulatedAccount(droplets=3, now=now, history_start=now - timedelta(days=100))
    port = free_port()
    state = tmp_path / "one.tfstate"
    with serve(account) as server:
        plan(server.url, account.token, state)
    phone = Phone()
    with (
        phone.listening() as address,
        deployment(
            tmp_path / "home",
            DO_API_URL=f"http://127.0.0.1:{port}",
            DO_API_TOKEN=account.token,
            ARCADIA_TERRAFORM_STATES=str(state),
            ARCADIA_NOTIFY_URLS=address,
        ) as ui,
    ):
        monkeypatch.setenv("ARCADIA_NOTIFY_URLS", address)
        _assert_it_is_told(ui)
        tell_alarms(ui)
        ((over, said),) = outages(ui)
        assert (over, SENTENCE in said) == (False, True)
        assert eventually("a message", phone.of_the_outage) == [f"✗ error · {OUT}"]

        with serve(account, port):
            # As the next tick does, in at most an hour.
            assert "LaunchRunSuccess" in ui.ask(LAUNCH)
            _assert_it_heals(ui)
            let_minutes_pass(ui)
            tell_alarms(ui)
            ((over, _),) = outages(ui)
            assert over
            eventually("the end's message", lambda: len(phone.of_the_outage()) > 1)
        assert phone.of_the_outage() == [f"✗ error · {OUT}", f"✓ {OUT}"]
        with browser() as page:
            shown = page.open(f"{ui.url}/assets/account", "token of")
        assert SENTENCE not in shown, "the page tells of what is now"


def _assert_it_is_told(ui: Deployment) -> None:
    """One failed run, whose cause and remedy stand at the terminal and on the pages."""
    eventually("a failed run", lambda: runs(ui).get("first_refresh", [("", "")])[0][0] == "FAILURE")
    assert list(runs(ui)) == ["first_refresh"]
    ((_, run),) = runs(ui)["first_refresh"]
    with browser() as page:
        shown = page.open(f"{ui.url}/runs/{run}", SENTENCE)
        for noise in ("Traceback", "Stack Trace", "Exceeded max_retries"):
            assert noise not in shown
        assert "Failed in" in page.open(f"{ui.url}/assets/account", SENTENCE, "Failed in")
        # No wall of red: what was skipped is as it was, and the terminal has a line.
        assert "Failed in" not in page.open(f"{ui.url}/assets/droplets", "No materializations")
    [line] = [line for line in ui.said if "code-server" in line]
    assert "RUN_FAILURE" in line


def _assert_it_heals(ui: Deployment) -> None:
    """As soon as the account answers, everything is read, in one run."""
    eventually("a run that succeeds", lambda: runs(ui)["first_refresh"][0][0] == "SUCCESS")
    assert sources(ui) == set(SOURCES)
    # No run after the other: what failed, and what healed.
    assert [status for status, _ in runs(ui)["first_refresh"]] == ["SUCCESS", "FAILURE"]
