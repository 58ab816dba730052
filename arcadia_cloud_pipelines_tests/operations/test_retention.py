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
    forget,
    forget_checks,
    forget_events,
    forget_output,
    forget_runs,
    forget_snapshots,
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


def counts(engine: sa.Engine, *tables: str) -> list[int]:
    with engine.connect() as connection:
        return [
            connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in tables
        ]


LATER = datetime.now(UTC) + timedelta(days=1)


def everything_again(instance: dg.DagsterInstance, times: int) -> list[str]:
    job = dg.define_asset_job("things", selection=dg.AssetSelection.assets("thing"))
    defs = dg.Definitions([thing], asset_checks=[good], jobs=[job],
                          executor=dg.in_process_executor)  # fmt: skip
    definition = defs.resolve_job_def("things")
    return [definition.execute_in_process(instance=instance).run_id for _ in range(times)]


@pytest.mark.parametrize("batch", [1, 7, 10_000])
def test_of_each_asset_check_and_job_the_newest_stays(
    instance: dg.DagsterInstance, engine: sa.Engine, batch: int
) -> None:
    *old, newest = everything_again(instance, 3)
    assert forget_checks(engine, LATER, batch) == 2
    assert forget_events(engine, LATER, batch) > 20
    assert types(engine) == {
        "ASSET_MATERIALIZATION": 1, "ASSET_MATERIALIZATION_PLANNED": 1,
        "ASSET_CHECK_EVALUATION": 1,
    }  # fmt: skip
    assert forget_runs(engine, LATER, batch) == len(old)
    forget_snapshots(engine, newest=0)

    key = dg.AssetKey("thing")
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.run_id == newest
    assert instance.get_latest_materialization_code_versions([key])
    check = dg.AssetCheckKey(key, "good")
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    assert record.status.value == "SUCCEEDED"
    assert record.run_id == newest
    [run] = instance.get_runs()
    assert run.run_id == newest
    assert instance.get_job_snapshot(run.job_snapshot_id or "")
    assert instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id or "")
    assert instance.all_asset_keys() == [key]
    # And it goes on.
    everything_again(instance, 1)


def test_the_newest_of_each_partition_stays(
    instance: dg.DagsterInstance, engine: sa.Engine
) -> None:
    for partition in ("a", "b", "a", None, None):
        instance.report_runless_asset_event(dg.AssetMaterialization("files", partition=partition))
    assert forget_events(engine, LATER) == 2
    key = dg.AssetKey("files")
    assert instance.get_materialized_partitions(key) == {"a", "b"}
    assert types(engine)["ASSET_MATERIALIZATION"] == 3


def test_what_belongs_to_a_run_under_way_stays(
    instance: dg.DagsterInstance, engine: sa.Engine
) -> None:
    run = instance.add_run(dg.DagsterRun("things", "r-1", status=dg.DagsterRunStatus.STARTED))
    instance.report_engine_event("it works", run)
    assert forget_events(engine, LATER) == 0
    assert forget_runs(engine, LATER) == 0


def test_each_night_reads_on_from_where_the_last_one_stopped(
    instance: dg.DagsterInstance, engine: sa.Engine
) -> None:
    everything_again(instance, 2)
    with engine.begin() as connection:
        last = connection.execute(sa.text("SELECT max(id) FROM event_logs")).scalar_one()
    forget_events(engine, LATER)
    with engine.begin() as connection:
        mark = connection.execute(
            sa.text("SELECT value FROM kvs WHERE key = 'arcadia/retention/events'")
        ).scalar_one()
        assert int(mark) == last
    # What is young is not passed over: the next night looks at it.
    everything_again(instance, 1)
    assert forget_events(engine, datetime.now(UTC) - timedelta(days=1)) == 0
    assert forget_events(engine, LATER) > 10


def test_an_event_dated_in_the_future_keeps_nothing_back(
    instance: dg.DagsterInstance, engine: sa.Engine
) -> None:
    everything_again(instance, 1)
    with engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE event_logs SET timestamp = now() + interval '9 years' WHERE id = "
                    "(SELECT min(id) FROM event_logs WHERE dagster_event_type IS NULL "
                    "OR dagster_event_type = 'RUN_SUCCESS' OR dagster_event_type LIKE 'STEP%')")
        )  # fmt: skip
    assert forget_events(engine, datetime.now(UTC) + timedelta(minutes=1)) > 5


def test_all_of_it_together_on_an_empty_and_on_a_young_instance(
    instance: dg.DagsterInstance, engine: sa.Engine, tmp_path: Path
) -> None:
    nothing = forget(engine, tmp_path, NOW)
    assert set(vars(nothing).values()) == {0}
    everything_again(instance, 2)
    tables = ("event_logs", "runs", "asset_check_executions", "snapshots")
    before = counts(engine, *tables)
    forget(engine, tmp_path, datetime.now(UTC))
    assert counts(engine, *tables) == before
