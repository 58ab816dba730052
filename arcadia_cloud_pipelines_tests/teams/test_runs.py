"""Each team has runs of its own: one that fails takes away nothing of another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.dagster_support.runs import FIRST_REFRESH, newest_run_speaks_against
from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.operations.definitions import first_refresh_sensor
from arcadia_cloud_pipelines.operations.first_refresh import OF_A_TEAM
from arcadia_cloud_pipelines.settings.teams import TAG
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

ASSETS = ["account", "projects", "droplets", "tags", "domains", "balance_snapshots"]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningSimulator]:
    with serve(SimulatedAccount(seed=7, droplets=3)) as running:
        yield running


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as made:
        yield made


@pytest.fixture
def warehouse(
    libpq_url: str, warehouse: Warehouse, server: RunningSimulator, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Warehouse:  # fmt: skip
    """A warehouse, and the settings of a deployment with the teams one and two."""
    monkeypatch.setenv("ARCADIA_DATABASE_URL", libpq_url)
    monkeypatch.setenv("ARCADIA_HOME", str(tmp_path))
    monkeypatch.setenv("DO_API_URL", server.url)
    monkeypatch.setenv("ONE", server.token)
    monkeypatch.setenv("TWO", "dop_v1_revoked")
    write(tmp_path, server.account.team_uuid)
    monkeypatch.setenv("ARCADIA_ACCOUNTS", str(tmp_path / "teams.toml"))
    return warehouse


def write(folder: Path, account: str) -> None:
    (folder / "teams.toml").write_text(
        f'[one]\naccount = "{account}"\ntoken = "ONE"\n[two]\naccount = "{"2" * 40}"\n'
        'token = "TWO"\n'
    )


def run(instance: dg.DagsterInstance, team: str | None) -> dg.ExecuteInProcessResult:
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey(name) for name in ASSETS],
        tags={} if team is None else {TAG: team}, raise_on_error=False,
    )  # fmt: skip


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        str(e.step_failure_data.user_failure_data.description)
        if e.step_failure_data.user_failure_data
        else str(e.step_failure_data.error)
        for e in result.all_events
        if e.is_step_failure
    ]


def accounts(warehouse: Warehouse, table: str) -> set[str]:
    with warehouse.transaction() as connection:
        return set(connection.execute(sa.text(f"SELECT account FROM {table}")).scalars())


def test_the_run_of_a_team_reads_that_team_and_one_that_fails_is_alone(
    warehouse: Warehouse, instance: dg.DagsterInstance, server: RunningSimulator
) -> None:
    good, bad = run(instance, "one"), run(instance, "two")
    assert good.success
    assert not bad.success
    assert any("401" in text for text in failures(bad))
    mine = server.account.team_uuid
    assert accounts(warehouse, "cloud_resources") == {mine}
    assert accounts(warehouse, "cloud_balance_snapshots") == {mine}
    # The failure is the other team's, and no row says otherwise.
    assert accounts(warehouse, "cloud_sync_runs") <= {mine, "2" * 40}
    with warehouse.transaction() as connection:
        failed = connection.execute(
            sa.text("SELECT DISTINCT account FROM cloud_sync_runs WHERE NOT complete")
        ).scalars()
        assert mine not in set(failed)


def test_a_token_of_another_account_is_refused_in_one_sentence(
    warehouse: Warehouse, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    write(tmp_path, "3" * 40)
    result = run(instance, "one")
    assert not result.success
    (told, *_) = [text for text in failures(result) if "of account" in text]
    assert "team one is account 3333" in told
    assert "\n" not in told.strip()
    assert accounts(warehouse, "cloud_resources") == set()
    assert accounts(warehouse, "cloud_token_accounts") == set()


def test_a_run_that_does_not_say_which_team_is_refused(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    result = run(instance, None)
    assert not result.success
    assert accounts(warehouse, "cloud_resources") == set()


@pytest.mark.parametrize("name", ["inventory_schedule", "balance_schedule"])
def test_a_schedule_has_a_run_for_each_team(
    warehouse: Warehouse, instance: dg.DagsterInstance, name: str
) -> None:
    tick = tick_of(name, instance)
    assert [request.tags[TAG] for request in tick.run_requests or ()] == ["one", "two"]
    # One that is still at work holds up no other team's.
    job = defs.resolve_schedule_def(name).job_name
    instance.add_run(
        dg.DagsterRun(job_name=job, run_id="1", status=dg.DagsterRunStatus.STARTED,
                      tags={TAG: "one"})
    )  # fmt: skip
    tick = tick_of(name, instance)
    assert [request.tags[TAG] for request in tick.run_requests or ()] == ["two"]


def tick_of(name: str, instance: dg.DagsterInstance) -> dg.ScheduleExecutionData:
    schedule = defs.resolve_schedule_def(name)
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 11, 1, tzinfo=UTC)
    )
    return schedule.evaluate_tick(context)


def test_what_asks_no_api_has_one_run_for_all_teams(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    (request,) = tick_of("drift_schedule", instance).run_requests or ()
    assert TAG not in request.tags


def test_a_job_has_a_run_for_each_team_if_it_asks_the_api(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    for schedule in defs.schedules or ():
        asks = schedule.job_name in {*OF_A_TEAM, "inventory_overlooked"}
        tick = tick_of(schedule.name, instance)
        tagged = {TAG in request.tags for request in tick.run_requests or ()}
        assert tagged == {asks}, schedule.name


def test_what_reads_a_setting_alone_works_without_a_team(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    """Budgets and policies are about all teams."""
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("reviewed_budgets")]
    )
    assert result.success


def asked(instance: dg.DagsterInstance) -> dict[str | None, set[str]]:
    """The assets that the first refresh asks for now, by the team of the run."""
    found = first_refresh_sensor(dg.build_sensor_context(instance=instance, definitions=defs))
    requests = found.run_requests or [] if isinstance(found, dg.SensorResult) else []
    assert all(request.job_name in (None, FIRST_REFRESH) for request in requests)
    return {
        request.tags.get(TAG): {key.to_user_string() for key in request.asset_selection or ()}
        for request in requests
    }


def test_a_first_start_begins_for_each_team(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    begun = asked(instance)
    assert begun.keys() == {"one", "two"}
    assert begun["one"] == begun["two"] >= {*ASSETS, "cost_lines"}
    # What asks no API reads what both write: it comes when neither has anything to read.
    assert not begun["one"] & {"drift_records", "terraform_specs", "reviewed_budgets"}


def fill(instance: dg.DagsterInstance, team: str | None, names: set[str]) -> None:
    """Have a run of the team fill these assets."""

    def make(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def one() -> dg.MaterializeResult:
            return dg.MaterializeResult()

        return one

    tags = {} if team is None else {TAG: team}
    assert dg.materialize([make(name) for name in names], instance=instance, tags=tags).success


def test_what_one_team_read_is_still_to_be_read_of_another(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    of_a_team = asked(instance)["one"]
    fill(instance, "one", of_a_team)
    assert asked(instance) == {"two": of_a_team}
    fill(instance, "two", of_a_team - {"droplets"})
    assert asked(instance) == {"two": {"droplets", "account"}}
    fill(instance, "two", {"droplets"})
    rest = asked(instance)
    assert rest.keys() == {None}
    assert {"drift_records", "terraform_specs"} <= rest[None]
    assert not rest[None] & of_a_team, "it has no token"
    fill(instance, None, rest[None])
    assert asked(instance) == {}


def test_a_first_refresh_holds_up_its_own_team_alone(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    both = asked(instance)
    instance.add_run(
        dg.DagsterRun(job_name=FIRST_REFRESH, run_id="r-1", status=dg.DagsterRunStatus.STARTED,
                      tags={TAG: "one"})
    )  # fmt: skip
    assert asked(instance) == {"two": both["two"]}
    tick = tick_of("balance_schedule", instance)
    assert [request.tags[TAG] for request in tick.run_requests or ()] == ["two"]
    assert "r-1" in str(newest_run_speaks_against(instance, "invoice_ingest", "one"))
    assert newest_run_speaks_against(instance, "invoice_ingest", "two") is None
    # What asks no API reads what it is about to write.
    assert "r-1" in str(tick_of("drift_schedule", instance).skip_message)
