"""Each process of the deployment has the secrets that it needs, and no others."""

from __future__ import annotations

import configparser
import socket
from pathlib import Path

import pytest

from arcadia_cloud_pipelines.operations.child_environment import for_child
from arcadia_cloud_pipelines.operations.deployed_processes import database_process, services
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.service_manager import notify

SECRETS = {
    "DO_API_TOKEN", "DO_API_TOKEN_CLOUD_BILLING", "DO_API_TOKEN_METERING_FILE",
    "SPACES_ACCESS_KEY_ID", "SPACES_SECRET_ACCESS_KEY", "ARCADIA_JWT_SECRET",
    "ARCADIA_JWT_SECRET_PREVIOUS_FILE", "ARCADIA_NOTIFY_URLS", "ARCADIA_DATABASE_URL",
    "DAGSTER_POSTGRES_URL_FILE", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN",
    "ARCADIA_HEARTBEAT_URL",
}  # fmt: skip
PLAIN = {"PATH", "ARCADIA_HOME", "DAGSTER_HOME", "DO_API_URL", "HTTPS_PROXY", "PGSSLROOTCERT"}


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("postgres", set()),
        ("simulator", set()),
        ("webserver", {"DAGSTER_POSTGRES_URL_FILE", "PGPASSWORD"}),
        ("daemon", {"DAGSTER_POSTGRES_URL_FILE", "PGPASSWORD"}),
        ("api", {"ARCADIA_DATABASE_URL", "PGPASSWORD", "ARCADIA_JWT_SECRET",
                 "ARCADIA_JWT_SECRET_PREVIOUS_FILE"}),
        ("alarms", {"ARCADIA_DATABASE_URL", "DAGSTER_POSTGRES_URL_FILE", "PGPASSWORD",
                    "ARCADIA_NOTIFY_URLS", "ARCADIA_HEARTBEAT_URL"}),
        ("code-server", SECRETS - {"ARCADIA_JWT_SECRET", "ARCADIA_JWT_SECRET_PREVIOUS_FILE"}),
    ],
)  # fmt: skip
def test_each_has_the_secrets_that_it_needs(name: str, needs: set[str]) -> None:
    environ = dict.fromkeys(SECRETS | PLAIN, "x")
    assert for_child(name, environ).keys() == needs | PLAIN


def test_the_api_reads_dagsters_storage_only_for_its_metrics() -> None:
    for name in ("ARCADIA_METRICS_TOKEN", "ARCADIA_METRICS_TOKEN_FILE"):
        environ = dict.fromkeys({"DAGSTER_POSTGRES_URL", name}, "x")
        assert for_child("api", environ).keys() == environ.keys()
        for other in ("webserver", "daemon", "code-server", "alarms"):
            assert name not in for_child(other, environ)


def test_every_process_gets_the_environment(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    environ = {"ARCADIA_HOME": "x"}
    children = services(
        home,
        ui_port=1,
        code_socket=tmp_path / "s",
        simulator_port=3,
        api=("127.0.0.1", 4),
        environ=environ,
    )
    for child in (*children, database_process(home, environ)):
        assert child.environ["ARCADIA_HOME"] == "x", child.name


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notify("READY=1")  # to nobody
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_the_unit_in_the_documentation_is_whole() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    unit = configparser.ConfigParser(strict=True)
    unit.read_string(text.split("```ini\n")[1].split("```")[0])
    assert unit["Service"]["User"] == "arcadia"
    assert unit["Service"]["Type"] == "notify"
    assert unit["Install"]["WantedBy"] == "multi-user.target"
