"""Metrics, asked over HTTP of a real warehouse and a real Dagster storage."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.test_utils import create_run_for_test
from prometheus_client.parser import text_string_to_metric_families

from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.metrics.collect import HELP, ORCHESTRATION, WAREHOUSE
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.settings.teams import TAG
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..api.conftest import Api, serve

TOKEN = "a token for the metrics".ljust(40, "-")
AWAY = sa.make_url("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")


@pytest.fixture
def api(warehouse: Warehouse, empty_database: sa.URL) -> Iterator[Api]:
    yield from serve(warehouse, metrics_token=Secret(TOKEN), dagster_url=empty_database)


def scrape(api: Api, token: str = TOKEN) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = api.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def only(samples: dict, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def test_every_metric_says_what_it_is() -> None:
    assert {*WAREHOUSE, *ORCHESTRATION, "arcadia_up"} == set(HELP)


def test_they_are_private(api: Api) -> None:
    """Nobody reads them but an admin, and whoever has their own token."""
    for role, status in (("admin", 200), ("acme", 403), ("nobody", 403), ("no token", 401)):
        assert api.get("/metrics", role).status_code == status, role
    for token in (TOKEN[:-1], TOKEN + "-", "", "é"):
        headers = {"Authorization": f"Bearer {token}".encode()}
        assert api.client.get("/metrics", headers=headers).status_code == 401, token
    # Their token opens nothing else.
    answer = api.client.get("/api/v1/sync", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 401


def test_without_a_token_of_their_own_only_an_admin_reads_them(warehouse: Warehouse) -> None:
    for api in serve(warehouse):
        assert api.get("/metrics", "admin").status_code == 200
        assert api.client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 401


def test_ages_and_completeness_by_source(api: Api, instance: dg.DagsterInstance) -> None:
    api.resource("1")
    api.resource("2", deleted_at=datetime.now(UTC))
    now = datetime.now(UTC)
    with api.warehouse.transaction() as connection:
        for kind, hours, complete in (
            ("droplet", 1, True),
            ("volume", 9, True),
            ("volume", 1, False),
        ):
            at = now - timedelta(hours=hours)
            connection.execute(
                cloud_sync_runs.insert().values(
                    account="a", kind=kind, started_at=at, ended_at=at, complete=complete
                )
            )
    samples = scrape(api)
    age = only(samples, "arcadia_source_age_seconds", account="a", source="volume")
    assert 9 * 3600 <= age < 10 * 3600
    for source, complete, late in (("droplet", 1, 0), ("volume", 0, 1)):
        labels = {"account": "a", "source": source}
        assert only(samples, "arcadia_source_complete", **labels) == complete
        assert only(samples, "arcadia_source_late", **labels) == late
    assert only(samples, "arcadia_live_resources", account="a", kind="droplet") == 1
    assert only(samples, "arcadia_alarms", severity="critical") == 0
    assert only(samples, "arcadia_database_bytes", database="warehouse") > 1e6
    assert only(samples, "arcadia_database_bytes", database="dagster") > 1e6


def test_runs_that_wait_that_crashed_and_that_ended_well(
    api: Api, instance: dg.DagsterInstance
) -> None:
    """They are asked of Dagster's own database: a process that died counts nothing."""
    status = dg.DagsterRunStatus
    for job, one in (
        ("inventory_sync", status.SUCCESS),
        ("inventory_sync", status.FAILURE),
        ("invoices_sync", status.FAILURE),
        ("invoices_sync", status.SUCCESS),
        ("drift", status.NOT_STARTED),
        ("drift", status.STARTED),
    ):
        create_run_for_test(instance, job_name=job, status=one)
    # As the queue has it; a run of its own would need a code server.
    with instance.run_storage.connect() as connection:
        connection.execute(
            sa.text(
                "UPDATE runs SET status = 'QUEUED', create_timestamp = now() - interval '1 hour' "
                "WHERE status = 'NOT_STARTED'"
            )
        )
    samples = scrape(api)
    assert only(samples, "arcadia_up", database="dagster") == 1
    states = {state: only(samples, "arcadia_runs", state=state) for state in ("queued", "started")}
    assert states == {"queued": 1, "started": 1}
    assert only(samples, "arcadia_runs", state="canceling") == 0
    assert 3600 <= only(samples, "arcadia_queue_age_seconds") < 7200
    assert only(samples, "arcadia_job_failed", job="inventory_sync", team="") == 1
    assert only(samples, "arcadia_job_failed", job="invoices_sync", team="") == 0
    # A run without an end says nothing of when it ended.
    labels = (("job", "inventory_sync"), ("team", ""))
    assert ("arcadia_job_last_success_age_seconds", labels) not in samples


def test_jobs_and_accounts_by_team(api: Api, instance: dg.DagsterInstance) -> None:
    status = dg.DagsterRunStatus
    for job, team, one in (
        ("inventory_sync", None, status.FAILURE),  # before there were teams
        ("drift", None, status.SUCCESS),
        ("inventory_sync", "one", status.SUCCESS),
        ("inventory_sync", "two", status.FAILURE),
        ("inventory_sync", "gone", status.FAILURE),
    ):
        create_run_for_test(
            instance, job_name=job, status=one, tags={} if team is None else {TAG: team}
        )
    with instance.run_storage.connect() as connection:
        connection.execute(
            sa.text(
                "UPDATE runs SET create_timestamp = create_timestamp - interval '3 days' "
                "WHERE run_id IN (SELECT run_id FROM run_tags WHERE value = 'gone')"
            )
        )
    with api.warehouse.transaction() as connection:
        connection.execute(
            sa.text("INSERT INTO cloud_token_accounts (token, account, source, team, noted_at) "
                    "VALUES ('1', 'a', 'team', 'one', now()), ('2', 'b', 'team', 'two', now()), "
                    "('3', 'c', 'team', 'two', now() - interval '1 day')")
        )  # fmt: skip
    samples = scrape(api)
    failed = {
        (labels["job"], labels["team"]): value
        for name, given in samples
        if name == "arcadia_job_failed" and (labels := dict(given))
        for value in [samples[name, given]]
    }
    assert failed == {
        ("drift", ""): 0, ("inventory_sync", "one"): 0, ("inventory_sync", "two"): 1,
    }  # fmt: skip
    assert only(samples, "arcadia_team_account", team="two", account="b") == 1
    assert ("arcadia_team_account", (("account", "c"), ("team", "two"))) not in samples


def test_a_database_that_is_away_costs_its_own_metrics(warehouse: Warehouse) -> None:
    for api in serve(warehouse, metrics_token=Secret(TOKEN), dagster_url=AWAY):
        samples = scrape(api)
        assert only(samples, "arcadia_up", database="dagster") == 0
        assert only(samples, "arcadia_up", database="warehouse") == 1
        assert not any(name == "arcadia_runs" for name, _ in samples)


def test_foreign_text_in_a_label_is_data(api: Api) -> None:
    """An account or kind with quotes and breaks cannot add a metric of its own."""
    hostile = 'x"} 1\narcadia_up{database="warehouse'
    api.resource("1", kind=hostile)
    samples = scrape(api)
    assert only(samples, "arcadia_live_resources", account="a", kind=hostile) == 1


def test_a_warehouse_that_is_not_migrated_is_not_up(empty_database: sa.URL) -> None:
    opened = Warehouse(empty_database, embedded=False)
    for api in serve(opened, metrics_token=Secret(TOKEN)):
        assert scrape(api) == {("arcadia_up", (("database", "warehouse"),)): 0}


ROOT = Path(__file__).parents[2]


def test_the_rules_and_the_page_name_metrics_that_are_there() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        named = set(re.findall(r"arcadia_\w+", rule["expr"]))
        assert named, rule
        assert named <= set(HELP)
        assert rule["annotations"].keys() == {"summary", "description"}
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    for name, text in HELP.items():
        assert re.search(rf"^\| `{name}` \| .*\| {re.escape(text)} \|$", page, re.M), name
