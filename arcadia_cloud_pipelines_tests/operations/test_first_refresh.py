"""What a first start begins by itself, and what it leaves to the schedules."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance_for_test import instance_for_test
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.workspace.load_target import ModuleTarget
from dagster._scheduler.scheduler import launch_scheduled_runs

from arcadia_cloud_pipelines.billing.definitions import balance_schedule
from arcadia_cloud_pipelines.dagster_support.errors import PlainFailure
from arcadia_cloud_pipelines.dagster_support.runs import (
    AFTER_A_FAILURE,
    FIRST_REFRESH,
    newest_run_speaks_against,
)
from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.operations import first_runs
from arcadia_cloud_pipelines.operations.definitions import first_refresh_sensor
from arcadia_cloud_pipelines.operations.first_refresh import MOST_ATTEMPTS, Past, due, is_over
from arcadia_cloud_pipelines.warehouse.dagster_marks import WHOLE_ACCOUNT

LOG = logging.getLogger(__name__)
Status = dg.DagsterRunStatus
ACCOUNT = "account"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_what_was_never_filled_is_read_in_one_go() -> None:
    assert due({"droplets", "invoices"}, Past()) == {"droplets", "invoices"}
    assert due(set(), Past()) == frozenset()
    assert is_over(set(), Past())


def test_one_run_at_a_time() -> None:
    assert due({"droplets"}, Past(under_way="Run 1 is under way.")) == frozenset()


def test_what_a_failed_asset_kept_others_from_is_read_without_it() -> None:
    missing = {"volumes", "cost_lines", "drift_records"}
    past = Past(failed=frozenset({"volumes"}), attempts=1)
    assert due(missing, past) == {"cost_lines", "drift_records"}
    # Half an hour later its failure is no longer new.
    assert due({"volumes"}, Past(attempts=1)) == {"volumes"}
    assert is_over({"volumes"}, Past(attempts=MOST_ATTEMPTS))
    assert due({"volumes"}, Past(attempts=MOST_ATTEMPTS)) == frozenset()


def test_an_outage_is_waited_for_and_uses_up_no_attempt() -> None:
    missing = {ACCOUNT, "droplets"}
    assert due(missing, Past(outage=True, outage_is_new=True, outages=1)) == frozenset()
    assert due(missing, Past(outage=True, outages=1)) == missing
    enough = Past(outage=True, outages=MOST_ATTEMPTS)
    assert due(missing, enough) == frozenset(), "the schedules' runs find out when it is over"
    assert not is_over(missing, enough)
    assert due({"droplets"}, Past(outages=MOST_ATTEMPTS)) == {"droplets"}, "it answered since"


def keys() -> set[str]:
    layer = defs.resolve_job_def(FIRST_REFRESH).asset_layer
    return {key.to_user_string() for key in layer.executable_asset_keys}


def asked(
    instance: dg.DagsterInstance, cursor: str | None = None
) -> tuple[set[str], dict[str, str], str | None]:
    """What one look of the sensor asks for: assets, tags of the run, and its cursor after it."""
    context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
    found = first_refresh_sensor(context)
    if not isinstance(found, dg.SensorResult):
        return set(), {}, cursor
    requests = found.run_requests or []
    assert len(requests) <= 1
    return (
        {key.to_user_string() for one in requests for key in one.asset_selection or ()},
        {name: value for one in requests for name, value in one.tags.items()},
        found.cursor or cursor,
    )


def fill(instance: dg.DagsterInstance, *names: str) -> None:
    for name in names:
        instance.report_runless_asset_event(dg.AssetMaterialization(name))


def attempt(instance: dg.DagsterInstance, *failing: str, outage: bool = False) -> dg.DagsterRun:
    """A run that the sensor asks for now, in which these assets fail; the others are not in it."""
    selection, tags, _ = asked(instance)
    assert selection, "nothing is asked for"

    def make(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=[] if name == ACCOUNT else [ACCOUNT])
        def one() -> dg.MaterializeResult:
            if name in failing:
                marks = {WHOLE_ACCOUNT: True} if outage else None
                raise PlainFailure("GET /v2/x answered 503", marks)
            return dg.MaterializeResult()

        return one

    job = dg.Definitions(
        assets=[make(name) for name in selection & {ACCOUNT, *failing}],
        jobs=[dg.define_asset_job(FIRST_REFRESH, selection=dg.AssetSelection.all())],
        executor=dg.in_process_executor,
    ).resolve_job_def(FIRST_REFRESH)
    done = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    return done.dagster_run


def test_one_run_reads_everything(instance: dg.DagsterInstance) -> None:
    assert asked(instance)[0] == keys()
    fill(instance, *keys())
    assert asked(instance)[0] == set(), "whatever run filled them: a demo's, too"


def test_the_run_reads_what_schedules_and_sensors_fill() -> None:
    jobs = [s.job_name for s in defs.schedules or ()] + ["invoice_ingest"]
    filled = {
        key.to_user_string()
        for name in jobs
        for key in defs.resolve_job_def(name).asset_layer.executable_asset_keys
    }
    assert keys() == filled
    # The weekly look lists everything again: not at a first start.
    checks = defs.resolve_job_def(FIRST_REFRESH).asset_layer.asset_graph.asset_check_keys
    assert "nothing_overlooked" not in {key.name for key in checks}


def test_while_it_works_nothing_reads_the_same_beside_it(instance: dg.DagsterInstance) -> None:
    instance.add_run(dg.DagsterRun(job_name=FIRST_REFRESH, run_id="r-1", status=Status.STARTED))
    assert asked(instance)[0] == set()
    tick = balance_schedule.evaluate_tick(
        dg.build_schedule_context(
            instance=instance, scheduled_execution_time=datetime(2026, 11, 20, 12, 7, tzinfo=UTC)
        )
    )
    assert "r-1" in str(tick.skip_message)
    assert "r-1" in str(newest_run_speaks_against(instance, "invoice_ingest"))


def test_what_failed_waits_and_what_it_kept_others_from_does_not(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt(instance, "volumes", "agents")
    fill(instance, *keys() - {"volumes", "agents", "cost_lines"})
    assert asked(instance)[0] == {"cost_lines", ACCOUNT}
    fill(instance, "cost_lines")
    assert asked(instance)[0] == set()
    monkeypatch.setattr(first_runs, "utc_now", lambda: datetime.now(UTC) + AFTER_A_FAILURE)
    assert asked(instance)[0] == {"volumes", "agents", ACCOUNT}
    for _ in range(MOST_ATTEMPTS - 1):
        attempt(instance, "volumes", "agents")
    wanted, _, cursor = asked(instance)
    assert (wanted, cursor is not None) == (set(), True), "the schedules go on with them"


def test_after_an_outage_it_goes_on_as_soon_as_any_run_was_answered(
    instance: dg.DagsterInstance,
) -> None:
    attempt(instance, ACCOUNT, outage=True)
    assert asked(instance)[0] == set(), "one failed run, not one after the other"
    fill(instance, ACCOUNT)  # by a tick of the schedule
    assert asked(instance)[0] == keys()


def test_an_outage_is_waited_for_some_minutes_and_not_beyond_a_new_start(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt(instance, ACCOUNT, outage=True)
    assert asked(instance)[0] == set()
    with monkeypatch.context() as patched:
        later = datetime.now(UTC) + first_runs.AFTER_AN_OUTAGE
        patched.setattr(first_runs, "utc_now", lambda: later)
        assert asked(instance)[0] == keys()
    # Somebody sets the token that the run asked for, and starts again.
    monkeypatch.setattr(first_runs, "BEGAN", datetime.now(UTC))
    assert asked(instance)[0] == keys()


def test_an_outage_in_the_middle_is_waited_for_as_well(instance: dg.DagsterInstance) -> None:
    attempt(instance, "volumes", outage=True)
    assert first_runs.filled(instance, [dg.AssetKey(ACCOUNT)]), "it answered at first"
    assert asked(instance)[0] == set()
    fill(instance, ACCOUNT)
    assert asked(instance)[0] == keys()


def test_a_run_that_was_ended_from_outside_is_not_begun_again_at_once(
    instance: dg.DagsterInstance,
) -> None:
    _, tags, _ = asked(instance)
    run = dg.DagsterRun(
        job_name=FIRST_REFRESH, run_id="r-1", status=Status.STARTED, tags=tags,
        asset_selection=frozenset(map(dg.AssetKey, keys())),
    )  # fmt: skip
    instance.add_run(run)
    instance.report_run_canceled(run)
    assert asked(instance)[0] == set()


def test_when_all_is_done_the_sensor_looks_no_more(instance: dg.DagsterInstance) -> None:
    fill(instance, *keys())
    cursor = asked(instance)[2]
    assert cursor is not None
    instance.wipe()
    assert asked(instance, cursor)[0] == set(), "also after housekeeping took what was there"
    assert asked(instance, "another release")[0] == keys(), "a release that adds assets looks again"


def test_a_later_start_catches_up_once_what_the_schedules_missed() -> None:
    """Three days away are one run of each job, and not one for each tick."""
    first = datetime(2026, 11, 1, 12, 16, tzinfo=UTC)
    back = datetime(2026, 11, 4, 12, 10, tzinfo=UTC)
    queued = {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"}
    target = ModuleTarget("arcadia_cloud_pipelines.definitions", None, None, "arcadia")
    with (
        instance_for_test(overrides={"run_coordinator": queued}) as instance,
        create_test_daemon_workspace_context(target, instance) as workspace,
    ):

        def looked(now: datetime) -> list[str]:
            with freeze_time(now):
                list(launch_scheduled_runs(workspace, LOG, now, iteration_times={}))
            return sorted(run.job_name for run in instance.get_runs())

        assert looked(first) == [], "the first start is the sensor's"
        caught_up = looked(back)
        assert len(caught_up) == len(set(caught_up))
        assert {"inventory_sync", "billing_history", "drift_sweep"} < set(caught_up)
        assert looked(back + timedelta(minutes=1)) == caught_up
