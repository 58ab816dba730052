"""Dagster's own scheduler over our schedules: no tick is missed and none comes twice."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import create_test_daemon_workspace_context, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._scheduler.scheduler import ScheduleIterationTimes, launch_scheduled_runs
from dagster._utils.schedules import cron_string_iterator

from arcadia_cloud_pipelines.dagster_support.runs import skipping_overlap
from arcadia_cloud_pipelines.definitions import defs as product

# Two of our schedules, with jobs that need nothing.


@dg.job(name="hourly")
def hourly_job() -> None: ...


@dg.job(name="daily")
def daily_job() -> None: ...


defs = dg.Definitions(
    jobs=[hourly_job, daily_job],
    schedules=[
        skipping_overlap(name="hourly_s", cron="15 * * * *", job=hourly_job, description="x"),
        skipping_overlap(name="daily_s", cron="23 2 * * *", job=daily_job, description="x"),
    ],
)

YEAR = (datetime(2027, 12, 1, tzinfo=UTC), datetime(2028, 12, 1, tzinfo=UTC))


class Scheduler:
    """Dagster's daemon, at a time that the test says."""

    def __init__(self, context: IWorkspaceProcessContext, instance: dg.DagsterInstance) -> None:
        self._context, self._instance = context, instance
        self._times: dict[str, ScheduleIterationTimes] = {}

    def at(self, now: datetime) -> None:
        with freeze_time(now):
            list(launch_scheduled_runs(self._context, logging.getLogger("x"), now, self._times))
        # Each run is over at once.
        with self._instance.run_storage._engine.connect() as connection:
            connection.execute(sa.text("UPDATE runs SET status = 'SUCCESS'"))

    def through(self, start: datetime, end: datetime, minutes: int = 20) -> None:
        now = start
        while now < end:
            self.at(now)
            now += timedelta(minutes=minutes)

    def starts_again(self) -> None:
        """A process knows what it read before; another one does not."""
        self._times = {}

    def runs(self) -> list[tuple[str, datetime]]:
        """Job and time of each run, in the order of the times."""
        return sorted(
            (
                (record.dagster_run.job_name, datetime.fromisoformat(tag))
                for record in self._instance.get_run_records()
                if (tag := record.dagster_run.tags.get(".dagster/scheduled_execution_time"))
            ),
            key=lambda run: (run[1], run[0]),
        )


@pytest.fixture
def scheduler(instance: dg.DagsterInstance) -> Iterator[Scheduler]:
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(
            executable_path=None, python_file=None, module_name=__name__, working_directory=None,
            attribute="defs", package_name=None,
        ),
        location_name="test",
    )  # fmt: skip
    with create_test_daemon_workspace_context(
        InProcessWorkspaceLoadTarget(origin), instance
    ) as context:
        yield Scheduler(context, instance)


def due(start: datetime, end: datetime) -> list[tuple[str, datetime]]:
    """What the cron strings say, found without Dagster."""
    found = []
    now = start
    while now < end:
        if now.minute == 15:
            found.append(("hourly", now))
        if (now.hour, now.minute) == (2, 23):
            found.append(("daily", now))
        now += timedelta(minutes=1)
    return found


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_every_schedule_ticks_by_utc_all_year_whatever_the_machines_zone(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    for schedule in product.schedules or ():
        assert isinstance(schedule, dg.ScheduleDefinition)
        assert schedule.execution_timezone == "UTC", schedule.name
        ticks = []
        for tick in cron_string_iterator(YEAR[0].timestamp(), str(schedule.cron_schedule), "UTC"):
            if tick >= YEAR[1]:
                break
            ticks.append(tick)
        steps = Counter(b - a for a, b in itertools.pairwise(ticks))
        assert len(steps) == 1, (schedule.name, steps)
        (step,) = steps
        assert step in (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
        assert ticks[-1] + step >= YEAR[1]
        if step < timedelta(days=7):
            assert sum(tick.date().isoformat() == "2028-02-29" for tick in ticks) == (
                24 if step == timedelta(hours=1) else 1
            )


@pytest.mark.parametrize(
    "start",
    [
        datetime(2027, 12, 31, 22, tzinfo=UTC),
        datetime(2028, 2, 28, 22, tzinfo=UTC),
        datetime(2028, 2, 29, 22, tzinfo=UTC),
        datetime(2028, 3, 26, tzinfo=UTC),  # summer time begins in Europe
        datetime(2028, 10, 29, tzinfo=UTC),  # and ends
    ],
)
def test_the_ends_of_days_months_and_years_and_summer_time_cost_no_tick(
    scheduler: Scheduler, start: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    end = start + timedelta(hours=6)
    scheduler.through(start, end)
    assert scheduler.runs() == due(start, end - timedelta(minutes=20))


def test_of_what_a_daemon_missed_while_it_was_away_the_newest_tick_runs_once(
    scheduler: Scheduler,
) -> None:
    start = datetime(2028, 5, 1, tzinfo=UTC)
    scheduler.at(start)
    scheduler.starts_again()
    back = start + timedelta(hours=9, minutes=30)
    scheduler.at(back)
    scheduler.at(back + timedelta(minutes=1))
    assert scheduler.runs() == [
        ("daily", start.replace(hour=2, minute=23)),
        ("hourly", start.replace(hour=9, minute=15)),
    ]


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=3), timedelta(days=4000)])
@pytest.mark.parametrize("first", [True, False])
def test_a_clock_that_was_ahead_stops_no_schedule(
    scheduler: Scheduler, ahead: timedelta, first: bool
) -> None:
    start = datetime(2028, 5, 1, 1, tzinfo=UTC)
    if not first:
        scheduler.through(start - timedelta(hours=3), start)
    before = len(scheduler.runs())
    scheduler.at(start + ahead)
    scheduler.at(start + ahead + timedelta(minutes=61))
    # The supervisor replaces the daemon when the clock is set back.
    scheduler.starts_again()
    end = start + timedelta(hours=5)
    scheduler.through(start, end)
    wrong = [run for run in scheduler.runs() if run[1] > end]
    right = [run for run in scheduler.runs()[before:] if start <= run[1] <= end]
    wanted = due(start, end - timedelta(minutes=20))
    if ahead > timedelta(hours=5):
        assert right == wanted
        assert len(wrong) <= 3
    else:
        # What the wrong clock had run already does not run again.
        assert sorted(set(right)) == sorted(wanted)
        assert len(right) == len(set(right))


def test_a_sensor_goes_on_when_the_clock_was_ahead(
    scheduler: Scheduler, instance: dg.DagsterInstance
) -> None:
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        SensorInstigatorData,
        TickData,
        TickStatus,
    )
    from dagster._daemon.sensor import is_under_min_interval

    with scheduler._context.create_request_context() as context:
        schedule = context.code_locations[0].get_repositories()["__repository__"].get_schedules()[0]
    now = datetime(2028, 5, 1, tzinfo=UTC)
    years = (now + timedelta(days=900)).timestamp()
    state = InstigatorState(
        schedule.get_remote_origin(), InstigatorType.SENSOR, InstigatorStatus.RUNNING,
        SensorInstigatorData(last_tick_timestamp=years, last_tick_start_timestamp=years,
                             min_interval=60, cursor="kept"),
    )  # fmt: skip
    with freeze_time(now):
        instance.add_instigator_state(state)
        for timestamp in (now.timestamp() - 60, years):
            instance.create_tick(
                TickData("x", "x", InstigatorType.SENSOR, TickStatus.SKIPPED, timestamp, [],
                         selector_id=state.selector_id)
            )  # fmt: skip
        read = instance.get_instigator_state(state.instigator_origin_id, state.selector_id)
        assert read is not None
        sensor = type("Sensor", (), {"min_interval_seconds": 60})()
        assert not is_under_min_interval(read, sensor)
        assert read.instigator_data.cursor == "kept"
        (newest,) = instance.get_ticks("x", state.selector_id, limit=1)
        assert newest.timestamp == now.timestamp() - 60
