"""What the doctor finds, and that each finding says what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.common import folders
from arcadia_cloud_pipelines.common.times import utc_now
from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.operations.doctor import Verdict, examine
from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.simulated import open_account
from arcadia_cloud_pipelines.settings import Settings, load_settings
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.s3 import DENIED, KEY_ID, PATTERN, SECRET, answering, closed_port, listing

NOW = datetime.now(UTC)


@pytest.fixture
def server() -> Iterator[RunningSimulator]:
    with serve(SimulatedAccount(droplets=3)) as running:
        yield running


@pytest.fixture
def environ(home: Home, libpq_url: str, empty_database: sa.URL) -> dict[str, str]:
    dagster = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    return {
        "ARCADIA_HOME": str(home.path),
        "ARCADIA_DATABASE_URL": libpq_url,
        "DAGSTER_POSTGRES_URL": dagster,
    }


def found(
    environ: Mapping[str, str], now: datetime | None = None
) -> dict[str, tuple[Verdict, str]]:
    settings: Settings = load_settings(environ)
    findings = list(examine(settings, lambda: now or utc_now()))
    for finding in findings:
        assert (finding.state is Verdict.WRONG) == (finding.remedy is not None), finding
    return {finding.subject: (finding.state, finding.text) for finding in findings}


def wrong(environ: Mapping[str, str], now: datetime | None = None) -> list[str]:
    return [name for name, (state, _) in found(environ, now).items() if state is Verdict.WRONG]


def sync(warehouse: Warehouse, account: str, at: datetime, **values: object) -> None:
    row = {"kind": "droplet", "complete": True, **values}
    with warehouse.transaction() as connection:
        connection.execute(
            cloud_sync_runs.insert().values(account=account, started_at=at, ended_at=at, **row)
        )


def test_all_is_well_with_a_good_token(
    environ: dict[str, str], server: RunningSimulator, warehouse: Warehouse
) -> None:
    sync(warehouse, server.account.team_uuid, NOW - timedelta(minutes=30))
    environ |= {"DO_API_URL": server.url, "DO_API_TOKEN": server.token}
    findings = found(environ, datetime.now(UTC))
    assert [name for name, (state, _) in findings.items() if state is Verdict.WRONG] == []
    for subject in ("warehouse", "schema", "token", "clock", "freshness", "folder", "scopes"):
        assert findings[subject][0] is Verdict.WELL, findings[subject]
    # But for the one without the token that asks for the time.
    made = len(server.requests) - 1
    assert findings["rate limit"] == (Verdict.WELL, f"{made} of 5,000 calls in the last hour")
    assert server.token not in str(findings)
    assert server.account.violations == []


def test_missing_scopes_are_named(environ: dict[str, str], server: RunningSimulator) -> None:
    token = server.account.add_token(
        "narrow", scopes=["account:read", "droplet:read", "project:read"]
    )
    environ |= {"DO_API_URL": server.url, "DO_API_TOKEN": token}
    missing = wrong(environ, datetime.now(UTC))
    assert "scope block_storage:read" in missing
    assert "scope droplet:read" not in missing
    assert "scope project:read" not in missing


def test_a_token_that_is_not_valid(environ: dict[str, str], server: RunningSimulator) -> None:
    environ |= {
        "DO_API_URL": server.url,
        "DO_API_TOKEN": server.token,
        "DO_API_TOKEN_CLOUD_BILLING": "dop_v1_nonsense",
    }
    findings = found(environ, datetime.now(UTC))
    state, text = findings["token cloud_billing"]
    assert state is Verdict.WRONG
    assert "401" in text
    assert "nonsense" not in text


def test_a_clock_that_is_off(environ: dict[str, str], server: RunningSimulator) -> None:
    environ |= {"DO_API_URL": server.url, "DO_API_TOKEN": server.token}
    assert "clock" in wrong(environ, datetime.now(UTC) + timedelta(minutes=5))


def test_no_token_is_fine_with_the_simulators_data_and_not_with_an_accounts(
    environ: dict[str, str], home: Home, warehouse: Warehouse
) -> None:
    sync(warehouse, open_account(home).team_uuid, NOW - timedelta(days=3))
    assert wrong(environ) == []
    assert found(environ)["token"][0] is Verdict.NEITHER
    sync(warehouse, "a real team", NOW - timedelta(days=1))
    assert "token" in wrong(environ)


def test_stale_data_of_an_account(
    environ: dict[str, str], server: RunningSimulator, warehouse: Warehouse
) -> None:
    environ |= {"DO_API_URL": server.url, "DO_API_TOKEN": server.token}
    now = datetime.now(UTC)
    sync(warehouse, "team", now - timedelta(hours=5))
    sync(warehouse, "team", now - timedelta(hours=1), complete=False, error="cut short")
    sync(warehouse, "team", now, kind="volume")
    sync(warehouse, "team", now, kind="database", complete=False, available=False)
    state, text = found(environ, now)["freshness"]
    assert state is Verdict.WRONG
    assert "droplet 5 hours ago" in text
    assert "volume" not in text
    assert "database" not in text


def test_an_unmigrated_database(environ: dict[str, str]) -> None:
    environ["ARCADIA_DATABASE_URL"] = environ["DAGSTER_POSTGRES_URL"]
    assert "schema" in wrong(environ)


def test_a_dagster_database_that_is_away(environ: dict[str, str]) -> None:
    environ["DAGSTER_POSTGRES_URL"] = "postgresql://me:hunter2@127.0.0.1:1/x"
    findings = found(environ)
    assert findings["Dagster storage"][0] is Verdict.WRONG
    assert "hunter2" not in str(findings)


def test_spaces_without_keys_is_said_and_not_wrong(
    environ: dict[str, str], warehouse: Warehouse, server: RunningSimulator
) -> None:
    now = datetime.now(UTC)
    sync(warehouse, "team", now)
    sync(warehouse, "team", now, kind="spaces_bucket", complete=False, available=False)
    environ |= {"DO_API_URL": server.url, "DO_API_TOKEN": server.token}
    findings = found(environ, now)
    state, text = findings["Spaces"]
    assert state is Verdict.NEITHER
    assert "SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY" in text
    assert findings["freshness"][0] is Verdict.WELL


def test_the_keys_of_spaces_are_tried(environ: dict[str, str]) -> None:
    with answering(listing("a", "b")) as one, answering(listing("c")) as two:
        environ |= {
            "SPACES_ACCESS_KEY_ID": KEY_ID, "SPACES_SECRET_ACCESS_KEY": SECRET,
            "SPACES_ENDPOINT": PATTERN, "SPACES_REGIONS": f"{one.region} {two.region}",
        }  # fmt: skip
        assert found(environ)["Spaces"] == (Verdict.WELL, "3 buckets in 2 regions")
        down = closed_port()
        findings = found(environ | {"SPACES_REGIONS": f"{one.region} {down}"})
        assert findings["Spaces"][0] is Verdict.WRONG
        assert f"ListBuckets in {down} got no answer" in findings["Spaces"][1]
        one.answers = two.answers = [DENIED]
        settings = load_settings(environ)
        (denied,) = [f for f in examine(settings) if f.subject == "Spaces"]
    assert denied.state is Verdict.WRONG
    assert "full access in SPACES_ACCESS_KEY_ID" in str(denied.remedy)
    assert KEY_ID not in str(findings) + str(denied)


def test_the_folder_of_another_user_is_one_sentence(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders.os, "geteuid", lambda: 4242)
    findings = found({"ARCADIA_HOME": str(home.path)})
    for subject in ("folder", "warehouse", "Dagster storage"):
        assert findings[subject][0] is Verdict.WRONG
        assert "this is number 4242: run the command as" in findings[subject][1]


def test_a_simulator_with_a_time_of_its_own_is_no_wrong_clock(
    environ: dict[str, str], warehouse: Warehouse
) -> None:
    """As `simulate --resume` serves it: its answers' Date stands still."""

    class Frozen(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(401)
            self.send_header("Date", "Thu, 20 Nov 2025 12:00:00 GMT")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Frozen) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environ |= {
            "DO_API_URL": f"http://127.0.0.1:{server.server_address[1]}",
            "DO_API_TOKEN": "dop_v1_x",
        }
        clock = found(environ, datetime.now(UTC))["clock"]
        server.shutdown()
    assert clock[0] is Verdict.NEITHER, clock


def test_a_clock_that_is_off_is_seen_without_a_token(
    environ: dict[str, str], warehouse: Warehouse
) -> None:
    assert "clock" not in wrong(environ, datetime.now(UTC))
    state, text = found(environ, datetime.now(UTC) - timedelta(minutes=5))["clock"]
    assert state is Verdict.WRONG
    assert "behind the warehouse's" in text


@pytest.mark.parametrize("answered_before", [True, False])
def test_after_a_401_buckets_that_were_never_listed_are_not_late(
    environ: dict[str, str], server: RunningSimulator, warehouse: Warehouse, answered_before: bool
) -> None:
    now = datetime.now(UTC)
    bucket = {"kind": "spaces_bucket", "complete": False}
    sync(warehouse, "team", now - timedelta(hours=1))
    if answered_before:
        sync(warehouse, "team", now - timedelta(hours=1), available=False, **bucket)
    sync(warehouse, "team", now, error="GET /v2/projects answered 401", **bucket)
    environ |= {"DO_API_URL": server.url, "DO_API_TOKEN": server.token}
    state, text = found(environ, now)["freshness"]
    assert (state, "never" in text) == (Verdict.WELL, False)


def test_a_listing_dated_in_the_future_is_not_fresh(
    environ: dict[str, str], server: RunningSimulator, warehouse: Warehouse
) -> None:
    now = datetime.now(UTC)
    sync(warehouse, "team", now + timedelta(hours=5))
    environ |= {"DO_API_URL": server.url, "DO_API_TOKEN": server.token}
    state, text = found(environ, now)["freshness"]
    assert state is Verdict.WRONG
    assert "in the future" in text


def test_nonsense_in_settings_is_said(environ: dict[str, str], tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nnonsense = 1\n")
    environ |= {
        "ARCADIA_NOTIFY_URLS": "json://localhost nosuch://CANARY",
        "ARCADIA_ALARM_RULES": str(tmp_path / "none.toml"),
        "ARCADIA_HEARTBEAT_URL": "http://example.com/CANARY",
        "ARCADIA_PROJECT_RULES": str(rules),
        "ARCADIA_ALLOCATION_RULES": str(rules),
        "ARCADIA_TERRAFORM_STATES": f"{tmp_path}/*.tfstate:https://u:CANARY@h/s",
        "ARCADIA_STATE_SOURCES": str(rules),
    }
    findings = list(examine(load_settings(environ)))
    said = [f"{f.subject}: {f.text}" for f in findings if f.state is Verdict.WRONG]
    for expected in (
        "ARCADIA_NOTIFY_URLS 2: this is not an address", "none.toml is not a file",
        "ARCADIA_HEARTBEAT_URL must be", "project rules:",
        "allocation rules: " + str(rules), "Terraform states: There is no",
        "ARCADIA_TERRAFORM_STATES: https:… cannot be used", f"states: {rules} has no [[source",
    ):  # fmt: skip
        assert any(expected in text for text in said), (expected, said)
    assert "CANARY" not in str(findings)


def test_all_that_alarms_are_raised_for_is_asked_and_nothing_is_changed(
    environ: dict[str, str], instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    run = instance.add_run(
        dg.DagsterRun(job_name="things", run_id="r-1", status=dg.DagsterRunStatus.STARTED)
    )
    instance.report_run_failed(run, "its worker died")
    later = datetime.now(UTC) + timedelta(minutes=20)
    state, text = found(environ, later)["run_failed"]
    assert state is Verdict.WRONG
    assert "its worker died" in text
    with warehouse.transaction() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM cloud_alarms")).scalar() == 0
