"""Starts deploy/compose/compose.yaml with podman, where there is no Compose and no registry.

Every service runs as the file says: networks and names, published ports, secrets of `secrets.sh`,
read-only root, capabilities, limits, restart policy and health check. Two images are others, for
they cannot be had everywhere: PostgreSQL is the one in our own image, and DigitalOcean is the
simulator, on the code server's loopback, for no token is sent elsewhere without TLS. A refresh is
asked for through the UI, its rows are looked at in the API's container, the daemon is killed, and
everything is stopped. Exits with 0 when all was well.

    tools/build_image.sh localhost/arcadia:latest
    .venv/bin/python -m tools.try_compose localhost/arcadia:latest

As root, with Debian's podman, runc, catatonit, netavark and aardvark-dns.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from arcadia_cloud_pipelines.operations.ports import free_port

FOLDER = Path(__file__).parents[1] / "deploy/compose"
FILE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
ORDER = ("prepare", "code-server", "daemon", "webserver", "api", "alarms")
PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
NAME = "arcadia-try-"
# What a machine that is itself a container may not raise.
LIMITS = ("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096")
SERVER = """set -e
B=$(dirname $(find /opt/arcadia/venv -name initdb -type f | head -1))
$B/initdb -D /tmp/pg -U arcadia -A scram-sha-256 --pwfile=/run/secrets/postgres_password -E UTF8 >/dev/null
echo 'host all all all scram-sha-256' >> /tmp/pg/pg_hba.conf
$B/pg_ctl -D /tmp/pg -w -o '-k /tmp -c listen_addresses=*' start >/dev/null
export PGPASSWORD=$(cat /run/secrets/postgres_password)
for name in arcadia dagster; do $B/createdb -h /tmp -U arcadia $name; done
sleep infinity"""  # noqa: E501
REFRESH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName:
"arcadia_cloud_pipelines", repositoryName: "__repository__", jobName: "inventory_sync"}}) {
__typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
CLOSED = """
import os, shutil
status = dict(line.split(":", 1) for line in open("/proc/1/status").read().splitlines())
assert os.getuid() == 10001, os.getuid()
assert int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, status["CapEff"]
assert status["NoNewPrivs"].strip() == "1"
for folder in ("/", "/opt/arcadia", "/etc", "/usr", "/run", "/dev/shm"):
    try:
        open(folder + "/written", "w").close()
    except OSError:
        continue
    assert folder == "/dev/shm", folder + " can be written"
assert not [tool for tool in ("cc", "gcc", "uv", "pip", "make") if shutil.which(tool)]
routes = [line.split()[1] for line in open("/proc/net/route").read().splitlines()[1:]]
print("outside" if "00000000" in routes else "inside", *sorted(os.listdir("/run/secrets")))
"""
"""Fails unless the container is closed; prints whether it gets outside, and its secrets."""


def podman(*arguments: object, check: bool = True) -> str:
    """Run podman, and return what it prints."""
    done = subprocess.run(
        [*PODMAN, *map(str, arguments)], text=True, capture_output=True, check=False
    )
    if check and done.returncode:
        raise SystemExit(f"podman {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def flags(name: str, service: dict[str, Any], secrets: Path, ports: dict[str, int]) -> list[object]:
    """Return podman's options for a service of the file."""
    found: list[object] = ["--name", f"{NAME}{name}", *LIMITS]
    for network in service["networks"]:
        found += ["--network", f"{NAME}{network}:alias={name}"]
    for limit, option in (("mem_limit", "memory"), ("cpus", "cpus"), ("pids_limit", "pids-limit")):
        found += [f"--{option}={service[limit]}"]
    if service.get("init"):
        found += ["--init"]
    if service.get("read_only"):
        found += ["--read-only", "--read-only-tmpfs=false"]
    found += [f"--cap-drop={capability}" for capability in service.get("cap_drop", ())]
    found += [f"--security-opt={one.split(':')[0]}" for one in service.get("security_opt", ())]
    found += [f"--tmpfs={path}" for path in service.get("tmpfs", ())]
    found += [f"--volume={NAME}{volume}" for volume in service.get("volumes", ())]
    for variable, value in service.get("environment", {}).items():
        if not value.startswith("${"):
            found += ["-e", f"{variable}={value}"]
    for secret in service.get("secrets", ()):
        found += [f"--volume={secrets / secret}:/run/secrets/{secret}:ro"]
    for published in service.get("ports", ()):
        address, _, inner = published.rsplit(":", 2)
        # Whatever else runs on this machine may have the file's own.
        found += ["-p", f"{address}:{ports.setdefault(name, free_port())}:{inner}"]
    return found


def wait_for(what: str, ask: Callable[[], Any], seconds: float = 180) -> None:
    """Ask again and again until it is true."""
    begun = time.monotonic()
    while not ask():
        if time.monotonic() - begun > seconds:
            said = podman("logs", "--tail", 5, NAME + what.split(",")[0], check=False)
            raise SystemExit(f"{what} did not come within {seconds:.0f} s\n{said}")
        time.sleep(0.5)
    print(f"{what}: {time.monotonic() - begun:.0f} s", flush=True)


def healthy(name: str, test: list[str]) -> bool:
    """Run a service's own health check in its container."""
    command = [*PODMAN, "exec", f"{NAME}{name}", *test[1:]]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def ask_ui(port: int, query: str) -> dict[str, Any]:
    """Ask the Dagster UI, through its published port and its guard."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)["data"]
    return found


def start_postgres(image: str, secrets: Path) -> None:
    """Start PostgreSQL under the file's name and with its password, with both databases."""
    password = f"{secrets}/postgres_password:/run/secrets/postgres_password:ro"
    podman(
        "run", "-d", "--init", *LIMITS, "--entrypoint", "sh", "--name", f"{NAME}postgres",
        "--network", f"{NAME}inside:alias=postgres", "--volume", password, image, "-c", SERVER,
    )  # fmt: skip
    ready = "$(find /opt -name pg_isready -type f | head -1) -q -h 127.0.0.1 -U arcadia -d dagster"
    wait_for("PostgreSQL", lambda: healthy("postgres", ["CMD", "sh", "-c", ready]))


def start_simulator(image: str, network: str) -> str:
    """Start the simulator of DigitalOcean in a network; return its token, the same each time."""
    name = f"{NAME}simulator"
    podman("rm", "-f", "-t", 0, name, check=False)
    podman("run", "-d", "--init", *LIMITS, "--name", name, "--network", network, image, "simulate")
    token = lambda: re.search(r"DO_API_TOKEN=(\S+)", podman("logs", name))  # noqa: E731
    wait_for("simulator", token)
    return token()[1]


def start(image: str, secrets: Path) -> dict[str, int]:
    """Start the file's services in order, each healthy and closed; return the published ports."""
    ports: dict[str, int] = {}
    for name in ORDER:
        service = FILE["services"][name]
        address = ["-e", "DO_API_URL=http://127.0.0.1:4010"] * (name == "code-server")
        how = ["--rm"] if name == "prepare" else ["-d", f"--restart={service['restart']}"]
        options = [*flags(name, service, secrets, ports), *address]
        said = podman("run", *how, *options, image, *service["command"])
        if name == "prepare":
            print(said)
            continue
        if name == "code-server":
            start_simulator(image, f"container:{NAME}{name}")
        wait_for(name, lambda name=name, of=service: healthy(name, of["healthcheck"]["test"]))
        closed = podman("exec", f"{NAME}{name}", "python", "-c", CLOSED)
        expected = " ".join([
            "outside" if "outside" in service["networks"] else "inside",
            *sorted(service["secrets"]),
        ])  # fmt: skip
        if closed != expected:
            raise SystemExit(f"{name} has {closed}, and should have {expected}")
    return ports


def refresh(ui: int) -> None:
    """Ask the UI for a refresh, and wait until it has succeeded."""
    run_id = ask_ui(ui, REFRESH)["launchRun"]["run"]["runId"]
    ask = f'{{runOrError(runId: "{run_id}") {{... on Run {{status}}}}}}'
    status = lambda: ask_ui(ui, ask)["runOrError"]["status"]  # noqa: E731
    wait_for("refresh", lambda: status() in ("SUCCESS", "FAILURE", "CANCELED"), 300)
    if status() != "SUCCESS":
        raise SystemExit(f"the refresh ended as {status()}")
    lines = podman("exec", f"{NAME}api", "arcadia", "inventory", "status").splitlines()[1:]
    complete = [line.split() for line in lines if " yes " in line]
    rows = sum(int(words[-1]) for words in complete)
    print(f"{len(complete)} of {len(lines)} kinds complete, {rows} rows in them")
    if len(complete) < len(lines) - 1:
        # Buckets need a key of Spaces, which the file leaves to people.
        raise SystemExit("\n".join(lines))


def kill(name: str) -> None:
    """Kill a service's first process, and wait until it is healthy again without a hand."""
    pid = lambda: int(podman("inspect", "-f", "{{.State.Pid}}", f"{NAME}{name}"))  # noqa: E731
    before = pid()
    os.kill(before, signal.SIGKILL)
    test = FILE["services"][name]["healthcheck"]["test"]
    wait_for(f"{name}, killed, is back", lambda: pid() not in (0, before) and healthy(name, test))


def stop() -> None:
    """Stop the services in order; each must end by itself, with 0."""
    for name in reversed(ORDER[1:]):
        begun = time.monotonic()
        podman("stop", "-t", 60, f"{NAME}{name}")
        code = podman("inspect", "-f", "{{.State.ExitCode}}", f"{NAME}{name}")
        print(f"{name} stopped in {time.monotonic() - begun:.0f} s, exit {code}")
        if code != "0":
            raise SystemExit(f"{name} ended with {code}")


@contextmanager
def place() -> Iterator[Path]:
    """Make networks and secrets; yield the folder of secrets; remove everything in the end."""
    folder = Path(tempfile.mkdtemp(prefix="arcadia-compose-"))
    try:
        shutil.copy(FOLDER / "secrets.sh", folder)
        subprocess.run(["sh", folder / "secrets.sh"], check=True, capture_output=True)
        for network, of in FILE["networks"].items():
            podman("network", "create", *["--internal"] * of.get("internal", False), NAME + network)
        yield folder / "secrets"
    finally:
        for name in ("simulator", *ORDER, "postgres"):
            podman("rm", "-f", "-t", 0, NAME + name, check=False)
        for network in FILE["networks"]:
            podman("network", "rm", "-f", NAME + network, check=False)
        podman("volume", "rm", "-f", f"{NAME}state", check=False)
        shutil.rmtree(folder)


def main(image: str) -> None:
    """Start, refresh, kill, stop."""
    # Debian's podman takes the older kind of networks by default, which knows no names.
    settings = Path(tempfile.gettempdir(), f"{NAME}containers.conf")
    settings.write_text('[network]\nnetwork_backend = "netavark"\n')
    os.environ["CONTAINERS_CONF"] = str(settings)
    begun = time.monotonic()
    with place() as secrets:
        start_postgres(image, secrets)
        (secrets / "do_api_token").write_text(start_simulator(image, "none"))
        (secrets / "notify_urls").write_text("json://127.0.0.1:1")
        ports = start(image, secrets)
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['api']}/api/ready", timeout=20):
            print(f"everything answers after {time.monotonic() - begun:.0f} s")
        refresh(ports["webserver"])
        kill("daemon")
        refresh(ports["webserver"])
        stop()
    print(f"whole: {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1])
