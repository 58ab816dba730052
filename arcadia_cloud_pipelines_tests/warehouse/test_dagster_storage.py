"""Dagster's storage on connections that are held."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import psycopg2
import pytest
import sqlalchemy as sa
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef

from arcadia_cloud_pipelines.warehouse import (
    dagster_connections,
    dagster_pools,
    dagster_storage,
    idle_connections,
)
from arcadia_cloud_pipelines.warehouse.dagster_marks import WHOLE_ACCOUNT
from arcadia_cloud_pipelines.warehouse.dagster_storage import ArcadiaStorage

from ..conftest import libpq

STORAGE = {"module": dagster_storage.__name__, "class": ArcadiaStorage.__name__, "config": {}}


@pytest.fixture
def instance(
    empty_database: sa.URL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[DagsterInstance]:
    """An instance that tries every connection before use, as after half a second of rest."""
    monkeypatch.setattr(idle_connections, "IDLE_SECONDS", 0)
    url = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    overrides = {"storage": {"custom": STORAGE}, "telemetry": {"enabled": False}}
    with DagsterInstance.from_ref(
        InstanceRef.from_dir(str(tmp_path), overrides=overrides)
    ) as instance:
        yield instance


@pytest.fixture
def engine(instance: DagsterInstance) -> sa.Engine:
    """The engine that its three storages share."""
    storages = (instance.event_log_storage, instance.run_storage, instance.schedule_storage)
    [engine] = {storage._engine for storage in storages}  # type: ignore[union-attr]
    return engine


def connections(url: sa.URL) -> int:
    """Other sessions on the database of `url`."""
    return _ask(url, "SELECT count(*) FROM pg_stat_activity WHERE datname = %s")


def end_all(url: sa.URL) -> None:
    """End every session, as a restart of the server does."""
    _ask(
        url,
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = %s",
    )


def _ask(url: sa.URL, question: str) -> int:
    connection = psycopg2.connect(libpq(url.set(database="postgres")))
    try:
        with connection.cursor() as cursor:
            cursor.execute(question, (url.database,))
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])
    finally:
        connection.close()


@dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="thing")])
def thing() -> dg.MaterializeResult:
    """An asset with a check."""
    return dg.MaterializeResult(
        metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True)]
    )


def test_a_run_reads_back_as_dagster_postgres_would_have_stored_it(
    instance: DagsterInstance,
) -> None:
    result = dg.materialize([thing], instance=instance)
    assert result.success
    key = dg.AssetKey("thing")
    event = instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["rows"].value == 3
    [record] = instance.event_log_storage.get_asset_records([key])
    assert record.asset_entry.last_run_id == result.run_id
    [tags] = instance.event_log_storage.get_event_tags_for_asset(key)
    assert "dagster/data_version" in tags
    check = dg.AssetCheckKey(key, "good")
    [execution] = instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
    assert execution.status.value == "SUCCEEDED"
    types = [entry.dagster_event_type for entry in instance.all_logs(result.run_id)]
    assert types[-1] == dg.DagsterEventType.RUN_SUCCESS
    assert dg.DagsterEventType.ASSET_CHECK_EVALUATION in types


def test_a_step_that_waits_for_a_slot_asks_again_soon(instance: DagsterInstance) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("cloud_billing", 1)
    assert storage.claim_concurrency_slot("cloud_billing", "a", "x").is_claimed
    waiting = storage.claim_concurrency_slot("cloud_billing", "b", "x")
    assert not waiting.is_claimed
    assert waiting.sleep_interval == dagster_pools.CLAIM_SECONDS


def test_a_run_opens_few_connections(
    instance: DagsterInstance, engine: sa.Engine, empty_database: sa.URL
) -> None:
    opened: list[object] = []
    sa.event.listen(engine, "connect", lambda *_: opened.append(1))
    assert dg.materialize([thing], instance=instance).success
    assert len(opened) <= dagster_connections.POOL_SIZE
    assert connections(empty_database) <= dagster_connections.POOL_SIZE


def test_the_first_question_after_a_restart_is_answered(
    instance: DagsterInstance, empty_database: sa.URL
) -> None:
    assert dg.materialize([thing], instance=instance).success
    end_all(empty_database)
    assert len(instance.get_runs()) == 1


@pytest.mark.needs_server("session")
def test_the_first_request_of_the_ui_after_a_restart_is_answered(
    instance: DagsterInstance, engine: sa.Engine, empty_database: sa.URL
) -> None:
    instance.optimize_for_webserver(statement_timeout=4321, pool_recycle=3600, max_overflow=20)
    instance.optimize_for_webserver(statement_timeout=4321, pool_recycle=3600, max_overflow=20)
    assert instance.get_runs() == []
    end_all(empty_database)
    assert instance.get_runs() == []
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SHOW statement_timeout")) == "4321ms"


@pytest.mark.needs_server("session")
def test_a_fork_leaves_the_connections_of_its_parent_alone(engine: sa.Engine) -> None:
    def session() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(sa.text("SELECT pg_backend_pid()")) or 0)

    mine = session()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.write(writer, str(session()).encode())
        os._exit(0)
    os.close(writer)
    theirs = int(os.read(reader, 100))
    os.close(reader)
    os.waitpid(child, 0)
    assert theirs != mine
    assert session() == mine


def test_the_log_leaves_out_what_a_check_says_twice(instance: DagsterInstance) -> None:
    check = dg.AssetCheckKey(dg.AssetKey("thing"), "good")
    planned: list[str] = []

    @dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="thing")], name="thing")
    def looks() -> dg.MaterializeResult:
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])
        planned.append(latest[check].status.value)
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    run_id = dg.materialize([looks], instance=instance).run_id
    assert planned == ["PLANNED"]
    types = [entry.dagster_event_type for entry in instance.all_logs(run_id)]
    assert dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED in types
    assert dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED not in types
    outputs = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    names = [entry.get_dagster_event().step_output_data.output_name for entry in outputs]
    assert names == ["result"]


def test_the_log_keeps_the_output_of_a_check_that_gates(instance: DagsterInstance) -> None:
    @dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="thing", blocking=True)], name="thing")
    def gated() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    run_id = dg.materialize([gated], instance=instance).run_id
    outputs = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    names = [entry.get_dagster_event().step_output_data.output_name for entry in outputs]
    assert sorted(names) == ["result", "thing_good"]


def test_what_a_run_plans_is_stored_at_once(instance: DagsterInstance, engine: sa.Engine) -> None:
    assets = [
        dg.AssetSpec(f"thing_{number}") for number in range(20)
    ]  # fmt: skip

    @dg.multi_asset(specs=assets, can_subset=True)
    def many() -> Iterator[dg.MaterializeResult]:
        yield dg.MaterializeResult("thing_7")

    written: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda _c, _u, text, *_: written.append(text))
    run_id = dg.materialize([many], instance=instance).run_id
    assert len([text for text in written if "unnest" in text]) == 1
    planned = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    assert len(planned) == len(assets)
    records = instance.get_asset_records([spec.key for spec in assets])
    assert {record.asset_entry.last_run_id for record in records} == {run_id}
    info = instance.get_latest_planned_materialization_info(dg.AssetKey("thing_3"))
    assert info is not None
    assert info.run_id == run_id


def test_columns_are_asked_for_once(instance: DagsterInstance, engine: sa.Engine) -> None:
    asked: list[str] = []
    sa.event.listen(
        engine,
        "before_cursor_execute",
        lambda _c, _u, statement, *_: asked.append(statement),
    )
    for _ in range(3):
        assert instance.event_log_storage.has_table("asset_keys")  # type: ignore[attr-defined]
        assert not instance.event_log_storage.has_table("not_there")  # type: ignore[attr-defined]
    # What is there is known from the first answer on; what is not may still come.
    assert len([text for text in asked if "pg_class" in text]) == 4


@pytest.mark.parametrize("whole_account", [True, False])
def test_what_an_outage_kept_from_being_read_stays_as_it_was(
    instance: DagsterInstance, whole_account: bool
) -> None:
    """Dagster calls all that a failed run did not fill failed: here that is one step's asset."""
    out = False

    @dg.asset
    def account() -> None:
        if out:
            marks = {WHOLE_ACCOUNT: True} if whole_account else None
            raise dg.Failure("no answer", marks, allow_retries=False)

    @dg.asset(deps=[account], check_specs=[dg.AssetCheckSpec("complete", asset="droplets")])
    def droplets() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    @dg.asset
    def budgets() -> None:
        """Ask nobody."""

    def materialize() -> str:
        assets = [account, droplets, budgets]
        return dg.materialize(assets, instance=instance, raise_on_error=False).run_id

    def planned() -> dict[str, str]:
        """The run that the UI calls the latest of each asset."""
        infos = {
            name: instance.get_latest_planned_materialization_info(dg.AssetKey(name))
            for name in ("account", "droplets", "budgets")
        }
        return {name: info.run_id for name, info in infos.items() if info is not None}

    def checked() -> tuple[str, str]:
        key = dg.AssetCheckKey(dg.AssetKey("droplets"), "complete")
        [record] = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        return record.run_id, record.status.value

    good = materialize()
    out = True
    bad = materialize()
    skipped = good if whole_account else bad
    assert planned() == {"account": bad, "droplets": skipped, "budgets": bad}
    assert checked() == ((good, "SUCCEEDED") if whole_account else (bad, "PLANNED"))
    [droplets_record] = instance.get_asset_records([dg.AssetKey("droplets")])
    assert droplets_record.asset_entry.last_run_id == skipped
    out = False
    healed = materialize()
    assert set(planned().values()) == {healed}
    assert checked() == (healed, "SUCCEEDED")


def test_the_end_of_a_run_is_shown_to_the_daemon_once_the_run_is_over(
    instance: DagsterInstance,
) -> None:
    """It looks once, and repeats the run only where its status says that it failed."""

    def end(run: dg.DagsterRun) -> None:
        failure = dg.DagsterEvent("PIPELINE_FAILURE", run.job_name)
        entry = dg.EventLogEntry(
            None, 40, "", run.run_id, 0.0, job_name="job", dagster_event=failure
        )
        instance.event_log_storage.store_event(entry)

    def shown() -> list[str]:
        logs = instance.event_log_storage.get_logs_for_all_runs_by_log_id(
            after_cursor=0, dagster_event_type={dg.DagsterEventType.RUN_FAILURE}
        )
        return [entry.run_id for entry in logs.values()]

    job = dg.define_asset_job("job").resolve(
        asset_graph=dg.Definitions([thing]).resolve_asset_graph()
    )
    started = dg.DagsterRunStatus.STARTED
    one, two, three, gone = (instance.create_run_for_job(job, status=started) for _ in range(4))
    for run in (gone, one, two, three):
        end(run)
    instance.delete_run(gone.run_id)
    instance.report_run_failed(one)
    instance.report_run_failed(three)
    assert shown() == [one.run_id]
    instance.report_run_failed(two)
    assert shown() == [one.run_id, two.run_id, three.run_id, one.run_id, three.run_id, two.run_id]


def test_a_run_ends_even_if_what_it_skipped_cannot_be_left_as_it_was(
    instance: DagsterInstance, engine: sa.Engine, empty_database: sa.URL
) -> None:
    """Such as in a deadlock: what the UI says of skipped assets is less than the end of a run."""
    with engine.connect() as connection:
        connection.execute(
            sa.text(f'ALTER DATABASE "{empty_database.database}" SET lock_timeout = 100')
        )
    engine.dispose()
    other = psycopg2.connect(libpq(empty_database))

    @dg.asset
    def account() -> None:
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM asset_keys WHERE asset_key = '[\"droplets\"]' FOR UPDATE")
        raise dg.Failure("no answer", {WHOLE_ACCOUNT: True}, allow_retries=False)

    @dg.asset(deps=[account])
    def droplets() -> None:
        """Is skipped."""

    try:
        run_id = dg.materialize([account, droplets], instance=instance, raise_on_error=False).run_id
    finally:
        other.close()
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_a_check_that_was_planned_twice_is_planned_once(instance: DagsterInstance) -> None:
    """Dagster stores plans again, one by one, when the connection broke before the answer."""
    store = instance.event_log_storage.store_event_batch

    def store_and_break(events: Sequence[dg.EventLogEntry]) -> None:
        store(events)
        raise ConnectionError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(instance.event_log_storage, "store_event_batch", store_and_break)
        assert dg.materialize([thing], instance=instance).success
    check = dg.AssetCheckKey(dg.AssetKey("thing"), "good")
    [execution] = instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
    assert execution.status.value == "SUCCEEDED"
