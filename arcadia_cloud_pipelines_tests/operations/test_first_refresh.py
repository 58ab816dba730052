"""What a first start begins by itself, and what it leaves to the schedules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.operations.definitions import first_refresh_sensor
from arcadia_cloud_pipelines.operations.first_refresh import AFTER, MOST_ATTEMPTS, Past, due

Status = dg.DagsterRunStatus
OVER = Past(runs=1, succeeded=True)
AT_WORK = Past(runs=1, reason_to_wait="under way", under_way=True)
FAILED = Past(runs=1)
AT_ONCE = {"inventory_sync", "balance_snapshot", "billing_history", "account_and_rates"}


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def test_what_needs_nothing_begins_at_once() -> None:
    assert set(due({})) == AT_ONCE


def test_what_reads_the_others_waits_until_they_are_over() -> None:
    begun = dict.fromkeys(AT_ONCE, AT_WORK)
    assert due(begun) == []
    begun["inventory_sync"] = OVER
    assert due(begun) == ["terraform_import"]
    begun["billing_history"] = OVER
    begun["terraform_import"] = OVER
    assert due(begun) == ["open_month", "drift_sweep"]


def test_one_that_failed_is_tried_again_a_few_times_and_stops_nothing_else() -> None:
    past = dict.fromkeys(AFTER, OVER) | {"inventory_sync": FAILED, "drift_sweep": Past()}
    assert due(past) == ["inventory_sync", "drift_sweep"]
    past["inventory_sync"] = Past(runs=1, reason_to_wait="failed a moment ago")
    assert due(past) == ["drift_sweep"]
    past["inventory_sync"] = Past(runs=MOST_ATTEMPTS)
    assert due(past) == ["drift_sweep"]


def test_after_the_first_time_the_schedules_go_on() -> None:
    assert due(dict.fromkeys(AFTER, OVER)) == []


def asked(instance: dg.DagsterInstance) -> set[str]:
    """The jobs that one look of the sensor asks for."""
    context = dg.build_sensor_context(instance=instance, definitions=defs)
    found = first_refresh_sensor(context)
    return (
        {str(r.job_name) for r in found.run_requests} if hasattr(found, "run_requests") else set()
    )


def test_the_sensor_asks_once_and_not_beside_a_tick_under_way(
    instance: dg.DagsterInstance,
) -> None:
    assert asked(instance) == AT_ONCE
    for name in AT_ONCE - {"inventory_sync"}:
        instance.add_run(dg.DagsterRun(job_name=name, run_id=name, status=Status.SUCCESS))
    # As a schedule's tick leaves it.
    tick = dg.DagsterRun(job_name="inventory_sync", run_id="tick", status=Status.STARTED)
    instance.add_run(tick)
    assert asked(instance) == set()
    instance.report_run_failed(tick, "the machine went away")
    assert asked(instance) == {"open_month", "terraform_import"}


def test_every_job_of_a_first_refresh_exists_and_the_sensor_may_start_it() -> None:
    sensor = defs.resolve_sensor_def("first_refresh_sensor")
    assert {target.job_name for target in sensor.targets} == set(AFTER)
    assert {defs.resolve_job_def(name).name for name in AFTER} == set(AFTER)
