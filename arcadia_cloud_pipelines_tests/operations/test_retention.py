"""What housekeeping deletes, and what it must not."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.definitions import housekeeping_job
from arcadia_cloud_pipelines.operations.retention import (
    KEEP_OUTPUT,
    forget_events,
    forget_output,
)
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.warehouse.engine import dagster_url

RUN = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dg.asset
def thing() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"dagster/row_count": 3})


@dg.asset_check(asset=thing)
def good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture
def engine(instance: dg.DagsterInstance) -> sa.Engine:
    return sa.create_engine(dagster_url(load_settings()), poolclass=sa.NullPool)


def types(engine: sa.Engine) -> dict[str | None, int]:
    query = sa.text("SELECT dagster_event_type, count(*) FROM event_logs GROUP BY 1")
    with engine.connect() as connection:
        return dict(connection.execute(query).tuples().all())


@pytest.mark.parametrize("batch", [1, 3, 10_000])
def test_old_events_go_and_what_they_say_of_assets_stays(
    instance: dg.DagsterInstance, engine: sa.Engine, batch: int
) -> None:
    dg.materialize([thing, good], instance=instance)
    before = types(engine)
    now = datetime.now(UTC)
    assert forget_events(engine, now - timedelta(days=1), batch) == 0
    assert types(engine) == before

    deleted = forget_events(engine, now + timedelta(days=1), batch)

    after = types(engine)
    assert deleted == sum(before.values()) - sum(after.values()) > 0
    assert after == {t: n for t, n in before.items() if t is not None and t.startswith("ASSET_")}
    assert {"ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"} <= after.keys()
    newest = instance.get_latest_materialization_event(dg.AssetKey("thing"))
    assert newest is not None
    assert newest.asset_materialization is not None
    assert newest.asset_materialization.metadata["dagster/row_count"].value == 3
    assert instance.get_run_records(limit=1)[0].dagster_run.status == dg.DagsterRunStatus.SUCCESS


def age(path: Path, when: datetime) -> None:
    os.utime(path, (when.timestamp(), when.timestamp()))


def test_output_of_old_runs_goes_and_nothing_else(tmp_path: Path) -> None:
    old = NOW - KEEP_OUTPUT - timedelta(hours=1)
    for name in (RUN, RUN.replace("1", "a"), RUN.replace("1", "b"), "event_logs"):
        log = tmp_path / name / "compute_logs" / "step.err"
        log.parent.mkdir(parents=True)
        log.write_text("output")
    (tmp_path / RUN.replace("1", "c")).symlink_to(tmp_path / "event_logs")
    for path in (*tmp_path.rglob("*"),):
        if path.is_symlink():
            continue
        age(path, old)
    kept = tmp_path / RUN.replace("1", "b")
    age(kept / "compute_logs" / "step.err", NOW)  # still written to

    assert forget_output(tmp_path, NOW - KEEP_OUTPUT) == 2

    assert {path.name for path in tmp_path.iterdir()} == {
        "event_logs", kept.name, RUN.replace("1", "c"),
    }  # fmt: skip
    assert forget_output(tmp_path / "nowhere", NOW) == 0


def test_the_job_runs_on_the_instance(instance: dg.DagsterInstance, engine: sa.Engine) -> None:
    dg.materialize([thing], instance=instance)
    before = types(engine)
    result = housekeeping_job.execute_in_process(instance=instance)
    assert result.success
    assert before.items() <= {**types(engine), **before}.items()
    assert types(engine)["ASSET_MATERIALIZATION"] == 1
