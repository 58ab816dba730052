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

from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.operations import first_refresh
from arcadia_cloud_pipelines.operations.definitions import first_refresh_sensor
from arcadia_cloud_pipelines.operations.first_refresh import AFTER, FIRST, MOST_ATTEMPTS, Past

LOG = logging.getLogger(__name__)
Status = dg.DagsterRunStatus
OVER = Past(runs=1, succeeded=True)
AT_WORK = Past(runs=1, reason_to_wait="under way", under_way=True)
FAILED = Past(runs=1)
AT_ONCE = {"inventory_sync", "balance_snapshot", "billing_history", "account_and_rates"}


def due(past: dict[str, Past]) -> list[str]:
    return first_refresh.due(past, account_answers=True)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_what_needs_nothing_begins_at_once() -> None:
    assert set(due({})) == AT_ONCE


def test_where_the_account_does_not_answer_one_job_alone_fails_for_it() -> None:
    assert first_refresh.due({}, account_answers=False) == [FIRST]
    failed = {FIRST: Past(runs=1, reason_to_wait="failed a moment ago")}
    assert first_refresh.due(failed, account_answers=False) == []
    assert set(first_refresh.due(failed, account_answers=True)) == AT_ONCE - {FIRST} | {
        "daily_costs_read", "terraform_import",
    }  # fmt: skip


def test_what_reads_the_others_waits_until_they_are_over() -> None:
    begun = dict.fromkeys(AT_ONCE, AT_WORK)
    assert due(begun) == []
    begun["inventory_sync"] = OVER
    assert due(begun) == ["daily_costs_read", "terraform_import"]
    begun["billing_history"] = OVER
    begun["daily_costs_read"] = AT_WORK
    begun["terraform_import"] = OVER
    assert due(begun) == ["open_month", "drift_sweep"]
    begun |= dict.fromkeys((*AT_ONCE, "open_month", "drift_sweep", "daily_costs_read"), OVER)
    assert due(begun) == []
    begun["invoice_ingest"] = OVER
    assert due(begun) == ["cost_allocation", "cost_forecast"], (
        "once the lines are in, for which a sensor asks"
    )


def test_one_that_failed_is_tried_again_a_few_times_and_stops_nothing_else() -> None:
    past = dict.fromkeys(AFTER, OVER) | {"inventory_sync": FAILED, "drift_sweep": Past()}
    assert due(past) == ["inventory_sync", "drift_sweep"]
    past["inventory_sync"] = Past(runs=1, reason_to_wait="failed a moment ago")
    assert due(past) == ["drift_sweep"]
    past["inventory_sync"] = Past(runs=MOST_ATTEMPTS)
    assert due(past) == ["drift_sweep"]


def test_after_the_first_time_the_schedules_go_on() -> None:
    assert due(dict.fromkeys(AFTER, OVER)) == []


def asked(instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[set[str], str | None]:
    """The jobs that one look of the sensor asks for, and its cursor after it."""
    context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
    found = first_refresh_sensor(context)
    requests = found.run_requests or [] if isinstance(found, dg.SensorResult) else []
    return {str(request.job_name) for request in requests}, context.cursor


def ran(instance: dg.DagsterInstance, *names: str) -> None:
    for name in names:
        instance.add_run(dg.DagsterRun(job_name=name, run_id=name, status=Status.SUCCESS))


def answers(instance: dg.DagsterInstance) -> None:
    """A run learned whose the account is."""
    instance.report_runless_asset_event(dg.AssetMaterialization("account"))


def test_the_sensor_begins_with_the_inventory_and_goes_on_when_the_account_answered(
    instance: dg.DagsterInstance,
) -> None:
    assert asked(instance)[0] == {FIRST}
    # As a schedule's tick leaves it.
    tick = dg.DagsterRun(job_name=FIRST, run_id="tick", status=Status.STARTED)
    instance.add_run(tick)
    assert asked(instance)[0] == set()
    answers(instance)
    assert asked(instance)[0] == AT_ONCE - {FIRST}
    ran(instance, *AT_ONCE - {FIRST})
    assert asked(instance)[0] == set()
    instance.report_run_failed(tick, "the machine went away")
    assert asked(instance)[0] == {"open_month", "daily_costs_read", "terraform_import"}


def test_when_all_is_done_the_sensor_looks_no_more(instance: dg.DagsterInstance) -> None:
    ran(instance, *AFTER)
    wanted, cursor = asked(instance)
    assert wanted == set()
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    assert asked(instance, cursor)[0] == set(), "also after housekeeping took the runs"
    assert asked(instance, "balance_snapshot")[0] == {FIRST}, "a release that adds jobs looks again"


def test_every_job_of_a_first_refresh_exists_and_the_sensor_may_start_it() -> None:
    sensor = defs.resolve_sensor_def("first_refresh_sensor")
    assert {target.job_name for target in sensor.targets} == set(AFTER)
    assert {defs.resolve_job_def(name).name for name in AFTER} == set(AFTER)


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
        assert set(AFTER) < set(caught_up)
        assert looked(back + timedelta(minutes=1)) == caught_up
