"""Shares refreshes between two Celery workers, kills them in the middle, and looks what came of it.

    .venv/bin/python -m tools.try_celery redis        # or rabbitmq: Debian's package must be there

Starts the broker, a simulated account with DigitalOcean's own rate limits, `arcadia up` with
ARCADIA_EXECUTOR=celery, and two `arcadia service worker`. Then: both have executed steps of the
first refresh; a step whose worker is killed is given out once more, its run succeeds, its pool is
free and what is stored agrees with itself; no call was refused, which a budget of each worker by
itself could not do; a worker that is told to end leaves nothing behind. The exit code is 0 when all
of that holds.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import requests
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.ports import free_port
from arcadia_cloud_pipelines.settings import BROKER_URL
from arcadia_cloud_pipelines.simulator import NOW, REAL_LIMITS, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import running_dagster_url, running_warehouse
from benchmarks.consistency import contradictions
from benchmarks.kill_deployment import KINDS, LAUNCH, NOT_OVER, Deployment, wait

PATIENCE = 900.0
PROJECTS = 150
"""Each is asked for its members: more calls than a minute has."""
EXECUTED = "Executing steps % in celery worker"
AGAIN = "%the step droplets %is given out once more%"
"""Others that the dead worker was at are given out again, too."""
COUNTED = "SELECT sum(calls) FROM cloud_api_calls WHERE path = ''"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start a Redis with a password; yield its address."""
    port, password = free_port(), "of-this-trial"
    command = [
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--requirepass", password,
        "--dir", str(folder), "--save", "",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"redis://:{password}@127.0.0.1:{port}/0"
        finally:
            process.terminate()


@contextmanager
def rabbitmq(folder: Path) -> Iterator[str]:
    """Start a RabbitMQ of its own; yield its address."""
    port, mapper, node = free_port(), free_port(), free_port()
    for name in ("mnesia", "log"):
        (folder / name).mkdir()
    (folder / "enabled").write_text("[].\n")
    (folder / "conf.conf").write_text("loopback_users.guest = true\n")
    shutil.chown(folder, "rabbitmq") if os.getuid() == 0 else None
    for path in folder.rglob("*") if os.getuid() == 0 else ():
        shutil.chown(path, "rabbitmq")
    environ = {
        **os.environ, "RABBITMQ_NODENAME": f"trial{port}@localhost", "HOME": str(folder),
        "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(node), "ERL_EPMD_PORT": str(mapper),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"), "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled"),
        "RABBITMQ_CONFIG_FILE": str(folder / "conf"),
    }  # fmt: skip
    user = {"user": "rabbitmq", "group": "rabbitmq"} if os.getuid() == 0 else {}
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    process = subprocess.Popen(
        [program], env=environ, stdout=subprocess.DEVNULL, start_new_session=True, cwd=folder,
        **user,
    )  # fmt: skip
    try:
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        for left in psutil.process_iter(["name", "environ"]):
            # Erlang's port mapper goes into a session of its own.
            if (left.info["environ"] or {}).get("ERL_EPMD_PORT") == str(mapper):
                left.kill()


BROKERS = {"redis": redis, "rabbitmq": rabbitmq}


class Worker:
    """One `arcadia service worker`, in a session of its own."""

    def __init__(self, up: Deployment, name: str) -> None:
        """Start it."""
        self.name = name
        environ = {
            **os.environ, "ARCADIA_HOME": str(up.home.path),
            "ARCADIA_DATABASE_URL": _libpq(running_warehouse(up.settings).engine.url),
            "DAGSTER_POSTGRES_URL": _libpq(running_dagster_url(up.settings)),
        }  # fmt: skip
        self._command = [sys.executable, "-m", "arcadia_cloud_pipelines.cli.main", "service"]
        self._options = ["worker", "--worker-name", name, "--steps", "3"]
        self._environ = environ
        self.log = up.home.path / f"{name}.log"
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self._command, *self._options], env=environ, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def answers(self) -> bool:
        """Ask its health check."""
        command = [*self._command, *self._options, "--check"]
        return subprocess.run(command, env=self._environ, capture_output=True).returncode == 0

    def kill(self) -> None:
        """Kill it with all its children, as when a machine dies."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> list[int]:
        """Tell it to end; return which children are left."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.terminate()
        self.process.wait(60)
        return [child.pid for child in psutil.wait_procs(children, 5)[1]]


def _libpq(url: object) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


class Trial:
    """One deployment with its workers."""

    def __init__(self, up: Deployment, simulator: str) -> None:
        """Start nothing yet."""
        self.up, self.simulator = up, simulator
        self.problems: list[str] = []

    def _over(self, run_id: str) -> str:
        status = "SELECT status FROM runs WHERE run_id = :run_id"
        ask = lambda: self.up.dagster(status, run_id=run_id)[0][0]  # noqa: E731
        if wait(lambda: ask() not in NOT_OVER, PATIENCE, 1.0) is None:
            self.problems.append(f"run {run_id} is not over after {PATIENCE:.0f} s")
        return str(ask())

    def _events(self, run_id: str, like: str) -> list[str]:
        statement = "SELECT event FROM event_logs WHERE run_id = :run_id AND event LIKE :like"
        return [row[0] for row in self.up.dagster(statement, run_id=run_id, like=f"%{like}%")]

    def first_refresh(self, workers: list[Worker]) -> None:
        """Wait for what `arcadia up` begins by itself, and see who did it."""
        found = "SELECT run_id FROM runs ORDER BY id LIMIT 1"
        if wait(lambda: self.up.dagster(found), 120, 1.0) is None:
            raise SystemExit("no run began")
        run_id, begun = str(self.up.dagster(found)[0][0]), time.monotonic()
        status = self._over(run_id)
        executed = self._events(run_id, EXECUTED)
        steps = Counter(
            worker.name for worker in workers for event in executed if f"{worker.name}@" in event
        )
        print(f"first refresh: {status} in {time.monotonic() - begun:.0f} s, steps {dict(steps)}")
        if status != "SUCCESS" or len(steps) < len(workers):
            self.problems.append(f"the first refresh ended as {status}, steps {dict(steps)}")

    def killed(self, kill: object) -> None:
        """Kill whoever works on a step of a run, and see that the run succeeds all the same."""
        body = {"path_glob": "/v2/droplets", "kind": "slow", "times": 1, "seconds": 6}
        requests.post(f"{self.simulator}/_simulator/faults", json=body, timeout=20)
        launch = LAUNCH % ", ".join(f'{{path: ["{name}"]}}' for name in KINDS)
        run_id = str(self.up.graphql(launch)["launchRun"]["run"]["runId"])
        noted = (
            "SELECT pid FROM arcadia_run_workers WHERE run_id = :run_id AND step_key = 'droplets'"
        )
        if wait(lambda: self.up.dagster(noted, run_id=run_id), 180, 0.2) is None:
            self.problems.append("nobody began the step")
            return
        time.sleep(1)
        victim = int(self.up.dagster(noted, run_id=run_id)[0][0])
        begun = time.monotonic()
        what = kill(victim)
        status = self._over(run_id)
        given = len(self._events(run_id, AGAIN))
        print(f"{what}: {status} after {time.monotonic() - begun:.0f} s, given out again {given}")
        if (status, given) != ("SUCCESS", 1):
            self.problems.append(f"{what}: {status}, given out again {given} times")
        held = "SELECT count(*) FROM concurrency_slots WHERE run_id = :run_id"
        if wait(lambda: self.up.dagster(held, run_id=run_id)[0][0] == 0, 120, 1.0) is None:
            self.problems.append(f"{what}: a pool is held by a run that is over")

    def account(self) -> None:
        """See what was stored, and what the API was asked."""
        warehouse = running_warehouse(self.up.settings)
        with warehouse.transaction() as connection:
            self.problems += contradictions(connection)
            counted = connection.execute(sa.text(COUNTED)).scalar_one()
        seen = requests.get(f"{self.simulator}/_simulator/requests", timeout=60).json()["requests"]
        refused = [one["path"] for one in seen if one["status"] == 429]
        print(f"{len(seen)} calls, {counted} counted; refused for their number: {refused}")
        # We count when a call is sent, the API when it arrives: on a busy machine one may be early.
        if len(refused) > len(seen) / 200:
            self.problems.append(f"{len(refused)} calls beyond the rate limit")


def run(trial: Trial, up: Deployment) -> None:
    """Go through all of it."""
    up.start()
    workers: list[Worker] = []
    try:
        if wait(up.is_ready, 300) is None:
            raise SystemExit("".join(up.said))
        workers += [Worker(up, "one"), Worker(up, "two")]
        for worker in workers:
            took = wait(worker.answers, 120, 1.0)
            print(f"worker {worker.name} answers after {took} s", flush=True)
        trial.first_refresh(workers)

        def machine(victim: int) -> str:
            parent = psutil.Process(victim).ppid()
            dead = next(worker for worker in workers if worker.process.pid == parent)
            dead.kill()
            return f"worker {dead.name} killed with all its processes"

        def child(victim: int) -> str:
            os.kill(victim, signal.SIGKILL)
            return "the process of a step killed"

        trial.killed(machine)
        workers = [w for w in workers if w.process.poll() is None] + [Worker(up, "three")]
        wait(workers[-1].answers, 120, 1.0)
        trial.killed(child)
        trial.account()
        for worker in workers:
            begun = time.monotonic()
            left = worker.end()
            code = worker.process.returncode
            print(f"worker {worker.name} ended in {time.monotonic() - begun:.0f} s, exit {code}")
            if left or code:
                trial.problems.append(f"worker {worker.name} left {left}, exit {code}")
    finally:
        for worker in workers:
            worker.kill()
        up.stop()


def main(name: str) -> int:
    """Try one broker."""
    account = SimulatedAccount(now=NOW)
    for number in range(PROJECTS):
        account.create("project", name=f"project-{number}")
    folder = Path(tempfile.mkdtemp(prefix=f"arcadia-{name}-"))
    folder.chmod(0o755)
    (folder / "broker").mkdir()
    with (
        BROKERS[name](folder / "broker") as broker,
        serve(account, limits=REAL_LIMITS, control=True) as simulator,
    ):
        os.environ |= {
            "ARCADIA_EXECUTOR": "celery", BROKER_URL: broker, "ARCADIA_STRIKE_MINUTES": "0",
            "DO_API_URL": simulator.url, "DO_API_TOKEN": account.token,
        }  # fmt: skip
        up = Deployment(folder / "home")
        trial = Trial(up, simulator.url)
        run(trial, up)
    for problem in trial.problems:
        print(problem)
    if not trial.problems:
        shutil.rmtree(folder)
    print(f"{name}: {'all well' if not trial.problems else 'look into ' + str(folder)}")
    return 1 if trial.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
