"""Short forms of the kill test and of the soak (`benchmarks/`): a few instants, a few days."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

import benchmarks
from arcadia_cloud_pipelines.warehouse.embedded import EmbeddedPostgres
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from benchmarks.consistency import contradictions
from benchmarks.soak_faults import year

ROOT = Path(benchmarks.__file__).parent.parent


def run(module: str, *arguments: str) -> str:
    """In a process of its own: it forks, and it replaces clocks."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT, env={**os.environ, "ARCADIA_ENV_FILE": ""}, capture_output=True, text=True,
        check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_work_that_is_killed_leaves_nothing_half_done(postgres: EmbeddedPostgres) -> None:
    url = postgres.url("postgres").render_as_string(hide_password=False)
    works = ("sync", "detection", "statements")
    chosen = [word for work in works for word in ("--work", work)]
    said = run("kill_functions", "--server", url, "--counted", "--instants", "6", *chosen)
    assert said.splitlines()[-1] == "6 of 6"
    for work in works:
        (row,) = [line for line in said.splitlines() if line.startswith(f"{work} ")]
        assert row.split()[1:] == ["2", "2", "2"], "each was killed, and survived it"


def test_a_few_days_with_an_outage_a_restart_a_kill_and_a_wrong_clock_go_by() -> None:
    start = datetime(2028, 2, 28, tzinfo=UTC)
    troubles = {trouble.what for trouble in year(20, start, start + timedelta(days=4))}
    assert {"outage", "over", "restart", "kill", "product clock", "glitch"} <= troubles
    said = run(
        "soak", "--start", "2028-02-28", "--days", "4", "--seed", "20", "--droplets", "5"
    )  # fmt: skip
    assert said.splitlines()[-1] == "the year passed"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE cloud_resources SET name = 'other' WHERE id = (SELECT min(id) FROM"
         " cloud_resources)", "do not give its row: name"),
        ("INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)"
         " SELECT id, 'discovered', now(), '{}' FROM cloud_resources LIMIT 1",
         "a resource is discovered once"),
        ("UPDATE cloud_sync_runs SET discovered = discovered + 1",
         "what syncs say they did is what the events say"),
        ("INSERT INTO cloud_drift_sweeps (started_at, ended_at, specs, opened, updated, closed,"
         " open_after, ignored, kinds_swept, kinds_skipped, rules_expired)"
         " VALUES (now(), now(), 0, 1, 0, 0, 0, 0, '{}', '{}', '{}')",
         "what detection runs say they opened"),
        ("INSERT INTO cloud_invoices (account, invoice_uuid, amount, period, ingest_status,"
         " ingested_at, line_count, lines_total, first_seen_at)"
         " VALUES ('a', 'u', 1, '2028-01-01', 'ingested', now(), 1, 1, now())",
         "an ingested invoice has its lines"),
    ],
)  # fmt: skip
def test_what_does_not_agree_is_found(warehouse: Warehouse, statement: str, says: str) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO cloud_resources (account, kind, provider_id, name, first_seen_at,"
                " last_seen_at) VALUES ('a', 'droplet', '1', 'web', now(), now())"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO cloud_resource_events (resource_id, event, occurred_at, changes)"
                ' SELECT id, \'discovered\', now(), \'{"name": {"from": null, "to": "web"}}\''
                " FROM cloud_resources"
            )
        )
        connection.execute(
            sa.text(
                "INSERT INTO cloud_sync_runs (account, kind, started_at, ended_at, complete,"
                " discovered) VALUES ('a', 'droplet', now(), now(), true, 1)"
            )
        )
        assert contradictions(connection) == []
        connection.execute(sa.text(statement))
        assert says in "; ".join(contradictions(connection))
