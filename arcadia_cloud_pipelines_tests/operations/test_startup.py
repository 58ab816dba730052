"""What is put right before the processes start."""

from __future__ import annotations

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.operations.home import Home
from arcadia_cloud_pipelines.operations.startup import (
    fail_orphaned_runs,
    open_instance,
    prepare,
    set_pools,
)
from arcadia_cloud_pipelines.settings import Purpose, load_settings
from arcadia_cloud_pipelines.warehouse.revision import head_revision

Status = dg.DagsterRunStatus


@dg.job
def some_job() -> None:
    pass


def test_runs_that_nothing_works_on_are_failed_and_let_go_of_their_pool(
    instance: dg.DagsterInstance,
) -> None:
    storage = instance.event_log_storage
    set_pools(instance)
    runs = {
        status: instance.create_run_for_job(some_job, status=status)
        for status in (Status.STARTING, Status.STARTED, Status.NOT_STARTED, Status.SUCCESS)
    }
    dead = runs[Status.STARTED]
    storage.claim_concurrency_slot("cloud_billing", dead.run_id, "step")
    assert storage.get_concurrency_info("cloud_billing").active_slot_count == 1

    failed = fail_orphaned_runs(instance)

    assert set(failed) == {runs[Status.STARTING].run_id, dead.run_id}
    after = {s: instance.get_run_by_id(run.run_id) for s, run in runs.items()}
    assert {s: run.status for s, run in after.items() if run is not None} == {
        Status.STARTING: Status.FAILURE,
        Status.STARTED: Status.FAILURE,
        Status.NOT_STARTED: Status.NOT_STARTED,
        Status.SUCCESS: Status.SUCCESS,
    }
    assert storage.get_concurrency_info("cloud_billing").active_slot_count == 0
    assert fail_orphaned_runs(instance) == []


def test_every_pool_has_one_slot_unless_somebody_set_it(instance: dg.DagsterInstance) -> None:
    instance.event_log_storage.set_concurrency_slots("cloud_billing", 3)
    set_pools(instance)
    set_pools(instance)
    limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    assert limits == {p.value: 3 if p is Purpose.CLOUD_BILLING else 1 for p in Purpose}


def test_prepare_migrates_a_database_given_by_url(
    home: Home, empty_database: sa.URL, postgres: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("ARCADIA_DATABASE_URL", url)
    # Beside each other in one database is nobody's wish, but works.
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"{url}&options=-csearch_path%3Ddagster")
    engine = sa.create_engine(empty_database)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA dagster"))
    engine.dispose()
    prepared = prepare(load_settings(), home, lambda _: None)
    assert (prepared.before, prepared.after) == (None, head_revision())
    with open_instance(home) as instance:
        assert len(instance.event_log_storage.get_pool_limits()) == len(Purpose)
