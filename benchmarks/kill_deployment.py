"""Kill each process of a real `arcadia up` at random instants, and see that it heals by itself.

    .venv/bin/python -m benchmarks.kill_deployment [--instants 40] [--seed 1] [--patience 1]

The victims take turns: the server of PostgreSQL and its keeper, code server, daemon, webserver,
API, alarms, the worker of a run, and the supervisor itself, which is started again after 5 s as
systemd does. A run is under way at most of the kills. After each, all must answer within 30 s; the
run must be over within two minutes, repeated once where its worker died, and its pool free;
somebody must have been told once; and what is stored must agree with itself. The table has a row a
victim; the exit code is 0 when every instant was survived.

`--patience` multiplies both times, for a machine that does other things beside.
`--home FOLDER` and `--done FILE` go on where an earlier one stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import requests
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.liveness import answers_grpc
from arcadia_cloud_pipelines.operations.ports import free_port
from arcadia_cloud_pipelines.settings import Settings, load_settings
from arcadia_cloud_pipelines.warehouse.embedded_server import ServerFolder
from arcadia_cloud_pipelines.warehouse.engine import running_dagster_url, running_warehouse

from .consistency import contradictions

VICTIMS = (
    "worker", "postgres", "daemon", "code-server", "worker", "supervisor", "webserver", "api",
    "postgres keeper", "alarms",
)  # fmt: skip
"""In turns; the worker of a run and PostgreSQL twice as often as the others."""
ANSWERS_WITHIN, OVER_WITHIN = 30.0, 120.0
ALL_ANSWER_WITHIN = 60.0
"""After the supervisor itself: every process is started anew, one after the other."""
KINDS = ("account", "droplets", "volumes", "databases")
LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName:
"arcadia_cloud_pipelines", repositoryName: "__repository__", jobName: "inventory_sync",
assetSelection: [%s]}}) {
__typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
NOT_OVER = ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")


class Deployment:
    """One `arcadia up`, and the ways to ask it."""

    def __init__(self, folder: Path) -> None:
        """Start nothing yet."""
        self.home = Home(folder)
        self.port, self.api_port = free_port(), free_port()
        self.settings: Settings = load_settings({"ARCADIA_HOME": str(folder)})
        self.said: list[str] = []
        self.heard = 0
        """How much was said before the newest start."""

    def start(self) -> None:
        """Start it, and read along."""
        environ = {
            **os.environ, "ARCADIA_HOME": str(self.home.path),
            "ARCADIA_API_PORT": str(self.api_port), "ARCADIA_ENV_FILE": "",
        }  # fmt: skip
        command = [
            sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "up",
            "--port", str(self.port),
        ]  # fmt: skip
        self.heard = len(self.said)
        self.process = subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.said.append(line)

    def settle(self) -> None:
        """Wait until all is there and the first runs are over.

        Raises:
            SystemExit: it did not start within ten minutes.
        """
        if wait(self.is_ready, 600) is None:
            raise SystemExit("arcadia up did not start: " + "".join(self.said[-5:]))
        busy = "SELECT 1 FROM runs WHERE status IN ('QUEUED', 'STARTING', 'STARTED')"
        over = "SELECT 1 FROM runs WHERE status IN ('SUCCESS', 'FAILURE')"
        wait(lambda: bool(self.dagster(over)) and not self.dagster(busy), 900, 2.0)

    def is_ready(self) -> bool:
        """Return whether the newest supervisor said that all is there."""
        return any("Ctrl-C stops" in line for line in self.said[self.heard :])

    def stop(self) -> int:
        """Stop it as Ctrl-C does, and return how it ended."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def pid_of(self, name: str) -> int | None:
        """Return the process of a child, or of the server of PostgreSQL itself."""
        if name == "postgres":
            return ServerFolder(self.home.path).pid()
        name = "postgres" if name == "postgres keeper" else name
        for child in self.home.read_state().get("children", ()):
            if child["name"] == name:
                return int(child["pid"])
        return None

    def graphql(self, query: str) -> dict[str, Any]:
        """Ask the UI."""
        answer = requests.post(
            f"http://127.0.0.1:{self.port}/graphql", json={"query": query}, timeout=20
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()["data"]
        return found

    def dagster(self, statement: str, **values: Any) -> list[Any]:
        """Ask Dagster's database."""
        url = running_dagster_url(self.settings)
        assert url is not None
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return list(connection.execute(sa.text(statement), values))

    def simulator(self, what: str, **body: Any) -> None:
        """Tell the simulated account something."""
        pid = self.pid_of("simulator")
        assert pid is not None
        command = psutil.Process(pid).cmdline()
        port = command[command.index("--port") + 1]
        requests.post(f"http://127.0.0.1:{port}/_simulator/{what}", json=body, timeout=20)

    def silent(self, since: float) -> list[str]:
        """Return who does not answer now: each is asked what only a working one can."""

        def beaten() -> bool:
            newest = self.dagster(
                "SELECT extract(epoch FROM max(timestamp)) FROM daemon_heartbeats"
            )
            return float(newest[0][0] or 0) > since

        def located() -> bool:
            query = "{repositoriesOrError{... on RepositoryConnection{nodes{name}}}}"
            return bool(self.graphql(query)["repositoriesOrError"].get("nodes"))

        def healthy() -> bool:
            url = f"http://127.0.0.1:{self.api_port}/api/health"
            return bool(requests.get(url, timeout=10).json()["ready"])

        def alive(name: str) -> Callable[[], bool]:
            return lambda: psutil.Process(self.pid_of(name) or 0).status() != "zombie"

        def pinged() -> bool:
            workspace = (self.home.dagster / "workspace.yaml").read_text()
            found = re.search(r'socket: "(.*)"', workspace)
            return found is not None and answers_grpc(socket=found[1])()

        asked: dict[str, Callable[[], bool]] = {
            "PostgreSQL": ServerFolder(self.home.path).answers, "UI": located,
            "code server": pinged,
            "API": healthy, "daemon": beaten, "alarms": alive("alarms"),
        }  # fmt: skip
        found = []
        for name, ask in asked.items():
            good = False
            with suppress(Exception):
                good = ask()
            if not good:
                found.append(name)
        return found


def wait(question: Callable[[], Any], seconds: float, each: float = 0.5) -> float | None:
    """Ask until the answer is true; return after how many seconds it was, or None."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        with suppress(Exception):
            if question():
                return time.monotonic() - begun
        time.sleep(each)
    return None


class Instant:
    """One kill and what came of it."""

    def __init__(self, up: Deployment, number: int, seed: int, patience: float) -> None:
        """Kill nothing yet."""
        self.up, self.number, self.patience = up, number, patience
        self.chance = random.Random(f"{seed} {number}")
        self.victim = VICTIMS[number % len(VICTIMS)]
        self.problems: list[str] = []
        self.ended: str | None = None
        """How the run ended that was under way."""

    def run(self) -> dict[str, Any]:
        """Kill, and look."""
        run_id = self._launch()
        heard = len(self.up.said)
        killed, killed_at = self._kill(run_id)
        answered = self._answers(killed, killed_at)
        over = self._over(run_id)
        self._told(heard)
        warehouse = running_warehouse(self.up.settings)
        assert warehouse is not None
        with warehouse.transaction() as connection:
            self.problems += contradictions(connection)
        warehouse.engine.dispose()
        return {
            "number": self.number, "victim": self.victim, "killed": killed is not None,
            "run": self.ended, "answered": answered, "over": over, "problems": self.problems,
        }  # fmt: skip

    def _launch(self) -> str | None:
        if self.victim not in ("worker", "supervisor", "postgres") and self.chance.random() < 0.5:
            return None
        self.up.simulator("advance", hours=1)
        self.up.simulator(
            "faults", path_glob="/v2/*", kind="slow", times=8, after=self.chance.randrange(8),
            seconds=self.chance.uniform(1, 4),
        )  # fmt: skip
        launch = LAUNCH % ", ".join(f'{{path: ["{name}"]}}' for name in KINDS)
        launched = self.up.graphql(launch)["launchRun"]
        if "run" not in launched:
            raise SystemExit(f"no run could be started: {launched}")
        return str(launched["run"]["runId"])

    def _worker(self, run_id: str) -> int | None:
        statement = "SELECT pid FROM arcadia_run_workers WHERE run_id = :run_id"
        found = self.up.dagster(statement, run_id=run_id)
        return int(found[0][0]) if found else None

    def _kill(self, run_id: str | None) -> tuple[int | None, float]:
        if self.victim == "worker":
            assert run_id is not None
            if wait(lambda: self._worker(run_id), 120, 0.1) is None:
                self.problems.append("the run did not begin within 120 s")
            time.sleep(self.chance.uniform(0, 5))
            victim = self._worker(run_id)
        else:
            time.sleep(self.chance.uniform(0, 15))
            victim = (
                self.up.process.pid if self.victim == "supervisor" else self.up.pid_of(self.victim)
            )
        at = time.time()
        if victim is not None:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        if self.victim == "supervisor":
            self.up.process.wait()
            time.sleep(5)
            self.up.start()
        return victim, at

    def _answers(self, killed: int | None, killed_at: float) -> float | None:
        # A daemon must have beaten since; of the others another process must be there.
        since = killed_at if self.victim in ("daemon", "supervisor", "postgres") else 0.0

        def back() -> bool:
            if self.victim == "supervisor" and not self.up.is_ready():
                return False
            there = self.victim in ("worker", "supervisor") or self.up.pid_of(self.victim) not in (
                None,
                killed,
            )
            return there and not self.up.silent(since)

        whole = self.victim == "supervisor"
        limit = (ALL_ANSWER_WITHIN if whole else ANSWERS_WITHIN) * self.patience
        answered = wait(back, limit)
        if answered is None:
            self.problems.append(f"silent after {limit:.0f} s: {', '.join(self.up.silent(since))}")
            wait(back, 300)
        return answered

    def _over(self, run_id: str | None) -> float | None:
        if run_id is None:
            return None
        limit = OVER_WITHIN * self.patience
        status = "SELECT status FROM runs WHERE run_id = :run_id"
        over = wait(
            lambda: self.up.dagster(status, run_id=run_id)[0][0] not in NOT_OVER, limit, 1.0
        )
        if over is None:
            self.problems.append(f"run {run_id} was not over after {limit:.0f} s")
            return None
        ended = self.ended = str(self.up.dagster(status, run_id=run_id)[0][0])
        again = (
            "SELECT r.run_id, r.status FROM runs AS r JOIN run_tags AS t ON t.run_id = r.run_id"
            " WHERE t.key = 'dagster/parent_run_id' AND t.value = :run_id"
        )
        if ended == "FAILURE":
            # The repetition waits for its turn.
            wait(
                lambda: (found := self.up.dagster(again, run_id=run_id))
                and all(row.status not in NOT_OVER for row in found),
                3 * limit, 1.0,
            )  # fmt: skip
        repeats = self.up.dagster(again, run_id=run_id)
        if [row.status for row in repeats] != (["SUCCESS"] if ended == "FAILURE" else []):
            self.problems.append(f"run {run_id} ended as {ended} and was repeated as {repeats}")
        if ended == "FAILURE":
            self._alarmed(run_id)
        self._free()
        return over

    def _alarmed(self, run_id: str) -> None:
        """Somebody was told that the run was interrupted: by one episode at that time."""
        warehouse = running_warehouse(self.up.settings)
        assert warehouse is not None
        statement = sa.text(
            "SELECT count(*) FROM cloud_alarms WHERE kind = 'run_interrupted'"
            " AND key LIKE '%inventory_sync%'"
            " AND (closed_at IS NULL OR closed_at > now() - interval '10 minutes')"
        )

        def episodes() -> int:
            with warehouse.transaction() as connection:
                return int(connection.execute(statement).scalar_one())

        wait(lambda: episodes() == 1, 150, 2.0)
        if (count := episodes()) != 1:
            self.problems.append(f"run {run_id} was interrupted, and {count} alarms say so")
        warehouse.engine.dispose()

    def _free(self) -> None:
        held = (
            "SELECT s.concurrency_key, s.run_id, r.status FROM concurrency_slots AS s"
            " JOIN runs AS r USING (run_id) WHERE r.status IN ('SUCCESS', 'FAILURE', 'CANCELED')"
        )
        limit = OVER_WITHIN * self.patience
        if wait(lambda: not self.up.dagster(held), limit, 1.0) is None:
            self.problems.append(f"slots of runs that are over: {self.up.dagster(held)}")

    def _told(self, heard: int) -> None:
        """The supervisor tells of each death once; of its own, the next one tells."""
        name = "postgres" if self.victim == "postgres keeper" else self.victim
        if name in ("worker", "supervisor"):
            return
        wait(lambda: f"{name} " in "".join(self.up.said[heard:]), 10)
        text = "".join(self.up.said[heard:])
        count = len(re.findall(rf"\b{re.escape(name)} (?:died|is restarted)", text))
        if count != 1:
            self.problems.append(f"the death of {name} was told {count} times")


def report(entries: list[dict[str, Any]]) -> int:
    """Print a row a victim; return the exit code."""
    print(f"{'':18}{'instants':>9}{'healed':>8}{'answers, s':>18}{'run over, s':>18}")
    for victim in sorted({entry["victim"] for entry in entries}):
        mine = [entry for entry in entries if entry["victim"] == victim]
        good = sum(not entry["problems"] for entry in mine)
        figures = ""
        for name in ("answered", "over"):
            seconds = [entry[name] for entry in mine if entry[name] is not None]
            text = f"{statistics.median(seconds):.0f}, ≤ {max(seconds):.0f}" if seconds else ""
            figures += f"{text:>18}"
        print(f"{victim:18}{len(mine):9}{good:8}{figures}")
    good = sum(not entry["problems"] for entry in entries)
    print(f"{good} of {len(entries)}")
    return 0 if good == len(entries) else 1


def main() -> int:
    """Read the arguments, start the deployment, and kill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instants", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", type=float, default=1.0)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--done", type=Path, help="file of the instants that are over")
    arguments = parser.parse_args()
    done: dict[int, dict[str, Any]] = {}
    if arguments.done is not None and arguments.done.exists():
        lines = arguments.done.read_text().splitlines()
        done = {entry["number"]: entry for entry in map(json.loads, lines)}
    # What ends this must not leave the deployment running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    home = arguments.home or Path(tempfile.mkdtemp(prefix="arcadia-kill-"))
    up = Deployment(home)
    up.start()
    try:
        up.settle()
        for number in range(arguments.instants):
            if number in done:
                continue
            entry = Instant(up, number, arguments.seed, arguments.patience).run()
            done[number] = entry
            print(json.dumps(entry), flush=True)
            if arguments.done is not None:
                with arguments.done.open("a") as file:
                    file.write(json.dumps(entry) + "\n")
    finally:
        code = up.stop()
        (home / "said.log").write_text("".join(up.said))
    if code:
        print(f"arcadia up ended with status {code}")
    return report([done[n] for n in range(arguments.instants)]) or code


if __name__ == "__main__":
    sys.exit(main())
