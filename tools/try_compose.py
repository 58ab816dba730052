"""Starts deploy/compose/compose.yaml with podman, where there is no Compose and no registry.

Every service runs with the read-only root, the capabilities, the environment, the secrets and the
health check that the file gives it. Three things differ, for they need what may not be here: all
share the host's network, PostgreSQL is the one in our own image, and DigitalOcean is the simulator.
One refresh is asked for through the UI, and its rows are looked at in the API's container.

    tools/try_compose.py IMAGE
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml

COMPOSE = Path(__file__).parents[1] / "deploy/compose/compose.yaml"
SIMULATOR, POSTGRES = 4010, 5499
ORDER = ("prepare", "code-server", "daemon", "webserver", "api", "alarms")
PODMAN = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
NAME = "arcadia-try-"


def podman(*arguments: object, check: bool = True) -> str:
    """Run podman, and return what it prints."""
    done = subprocess.run(
        [*PODMAN, *map(str, arguments)], text=True, capture_output=True, check=False
    )
    if check and done.returncode:
        raise SystemExit(f"podman {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def flags(service: dict[str, Any], secrets: Path) -> list[object]:
    """Return podman's options for a service of the file."""
    found: list[object] = [
        "--network",
        "host",
        "--init",
        "--ulimit",
        "nofile=20000:20000",
        "--ulimit",
        "nproc=4096:4096",
    ]
    for host in ("postgres", "code-server"):
        found += ["--add-host", f"{host}:127.0.0.1"]
    if service.get("read_only"):
        found += ["--read-only", "--read-only-tmpfs=false"]
    found += [word for name in service.get("cap_drop", ()) for word in ("--cap-drop", name)]
    found += [
        w
        for name in service.get("security_opt", ())
        for w in ("--security-opt", name.split(":")[0])
    ]
    found += [word for path in service.get("tmpfs", ()) for word in ("--tmpfs", path)]
    found += [word for volume in service.get("volumes", ()) for word in ("-v", f"{NAME}{volume}")]
    for name, value in service.get("environment", {}).items():
        if not value.startswith("${"):
            found += ["-e", f"{name}={value}"]
    for name in service.get("secrets", ()):
        found += ["-v", f"{secrets / name}:/run/secrets/{name}:ro"]
    return found


def wait_for(what: str, ask: Any, seconds: float = 180) -> None:
    """Ask again and again until it is true."""
    begun = time.monotonic()
    while not ask():
        if time.monotonic() - begun > seconds:
            raise SystemExit(f"{what} did not come within {seconds:.0f} s")
        time.sleep(1)
    print(f"{what}: {time.monotonic() - begun:.0f} s", flush=True)


def healthy(name: str, test: list[str]) -> bool:
    """Run a service's own health check in its container."""
    return (
        subprocess.run(
            [*PODMAN, "exec", f"{NAME}{name}", *test[1:]], capture_output=True, check=False
        ).returncode
        == 0
    )


def graphql(query: str) -> dict[str, Any]:
    """Ask the Dagster UI, through its guard."""
    request = urllib.request.Request(
        "http://127.0.0.1:3000/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def write_secrets(folder: Path, token: str) -> None:
    """Write each secret into a file that the containers' user can read."""
    url = f"postgresql://postgres@postgres:{POSTGRES}"
    contents = {
        "postgres_password": "", "warehouse_url": f"{url}/arcadia", "dagster_url": f"{url}/dagster",
        "jwt_secret": "x" * 64, "do_api_token": token, "notify_urls": "json://127.0.0.1:1",
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o644)


def start_beyond(image: str) -> str:
    """Start PostgreSQL and the simulator of DigitalOcean; return the simulator's token."""
    server = (
        "set -e; B=$(dirname $(find /opt/arcadia/venv -name initdb -type f | head -1)); "
        "$B/initdb -D /tmp/pg -U postgres -A trust -E UTF8 >/dev/null; "
        f"$B/pg_ctl -D /tmp/pg -w -o '-p {POSTGRES} -k /tmp -c listen_addresses=127.0.0.1' start "
        f">/dev/null; $B/createdb -h /tmp -p {POSTGRES} -U postgres arcadia; "
        f"$B/createdb -h /tmp -p {POSTGRES} -U postgres dagster; sleep infinity"
    )
    common = (
        "run",
        "-d",
        "--network",
        "host",
        "--init",
        "--ulimit",
        "nofile=20000:20000",
        "--ulimit",
        "nproc=4096:4096",
    )
    podman(*common, "--name", f"{NAME}postgres", "--entrypoint", "sh", image, "-c", server)
    podman(*common, "--name", f"{NAME}simulator", image, "simulate", "--port", SIMULATOR)
    ready = [
        "x",
        "sh",
        "-c",
        f"$(find /opt -name pg_isready -type f | head -1) -q -h 127.0.0.1 -p {POSTGRES} "
        "-U postgres -d dagster",
    ]
    wait_for("PostgreSQL", lambda: healthy("postgres", ready))
    token = lambda: re.search(r"DO_API_TOKEN=(\S+)", podman("logs", f"{NAME}simulator"))  # noqa: E731
    wait_for("simulator", token)
    return token()[1]


REFRESH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName:
"arcadia_cloud_pipelines", repositoryName: "__repository__", jobName: "inventory_sync"}}) {
__typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""


def main(image: str) -> None:
    """Start, refresh, look, stop."""
    services = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    folder = Path(tempfile.mkdtemp(prefix="arcadia-secrets-"))
    folder.chmod(0o755)
    begun = time.monotonic()
    try:
        write_secrets(folder, start_beyond(image))
        for name in ORDER:
            service = services[name]
            address = (
                ("-e", f"DO_API_URL=http://127.0.0.1:{SIMULATOR}") if name == "code-server" else ()
            )
            run = ("run", "--rm") if name == "prepare" else ("run", "-d")
            print(
                podman(
                    *run,
                    "--name",
                    f"{NAME}{name}",
                    *flags(service, folder),
                    *address,
                    image,
                    *service["command"],
                )[:120],
                flush=True,
            )
            if "healthcheck" in service:
                test = service["healthcheck"]["test"]
                wait_for(name, lambda name=name, test=test: healthy(name, test))
        launched = graphql(REFRESH)["data"]["launchRun"]
        print(launched)
        run_id = launched["run"]["runId"]
        ask = f'{{runOrError(runId: "{run_id}") {{... on Run {{status}}}}}}'
        status = lambda: graphql(ask)["data"]["runOrError"]["status"]  # noqa: E731
        wait_for("refresh", lambda: status() in ("SUCCESS", "FAILURE", "CANCELED"), 300)
        if status() != "SUCCESS":
            raise SystemExit(f"the refresh ended as {status()}")
        print(podman("exec", f"{NAME}api", "arcadia", "inventory", "status"))
        print(podman("exec", f"{NAME}api", "id"))
        print(f"whole: {time.monotonic() - begun:.0f} s")
        for name in reversed(ORDER[1:]):
            at = time.monotonic()
            podman("stop", "-t", 60, f"{NAME}{name}")
            code = podman("inspect", "-f", "{{.State.ExitCode}}", f"{NAME}{name}")
            print(f"{name} stopped in {time.monotonic() - at:.0f} s, exit {code}")
    finally:
        for name in (*ORDER, "simulator", "postgres"):
            logs = subprocess.run(
                [*PODMAN, "logs", "--tail", "40", f"{NAME}{name}"],
                capture_output=True,
                text=True,
                check=False,
            )
            (Path(tempfile.gettempdir()) / f"{NAME}{name}.log").write_text(
                logs.stdout + logs.stderr
            )
            podman("rm", "-f", "-t", 0, f"{NAME}{name}", check=False)
        podman("volume", "rm", "-f", f"{NAME}state", check=False)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(sys.argv[1])
