"""Runs that fail, are done again and run in part look the same as with dagster-postgres itself."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.instance.ref import InstanceRef
from dagster._core.loader import LoadingContextForTest

from .test_dagster_storage import STORAGE

BROKEN = {"second"}
"""Assets that fail."""

THEIRS = {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}


@dg.asset(
    check_specs=[
        dg.AssetCheckSpec("soft", asset="first"),
        dg.AssetCheckSpec("gate", asset="first", blocking=True),
    ]
)
def first() -> dg.MaterializeResult:
    results = [dg.AssetCheckResult(passed=True, check_name=name) for name in ("soft", "gate")]
    return dg.MaterializeResult(check_results=results)


@dg.asset(deps=[first])
def second() -> None:
    if "second" in BROKEN:
        raise dg.Failure("no", allow_retries=False)


@dg.asset(deps=[second], check_specs=[dg.AssetCheckSpec("soft", asset="third")])
def third() -> dg.MaterializeResult:
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


@dg.asset_check(asset=first)
def apart() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.multi_asset_check(
    specs=[dg.AssetCheckSpec("one", asset="first"), dg.AssetCheckSpec("two", asset="second")],
    can_subset=True,
)
def several(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    for key in context.selected_asset_check_keys:
        yield dg.AssetCheckResult(passed=True, check_name=key.name, asset_key=key.asset_key)


DEFS = dg.Definitions(
    assets=[first, second, third],
    asset_checks=[apart, several],
    jobs=[dg.define_asset_job("everything")],
    executor=dg.in_process_executor,
)


def everything() -> dg.JobDefinition:
    return DEFS.resolve_job_def("everything")


@contextmanager
def stored(folder: str, storage: dict[str, Any]) -> Iterator[dg.DagsterInstance]:
    overrides = {"storage": storage, "telemetry": {"enabled": False}}
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(folder, overrides=overrides)) as made:
        yield made


def look(instance: dg.DagsterInstance, run_ids: list[str]) -> dict[str, Any]:
    """What the UI shows of checks, assets and the newest run, and offers to do again."""

    async def checks() -> dict[str, list[str]]:
        loading, shown = LoadingContextForTest(instance), {}
        for key in DEFS.resolve_asset_graph().asset_check_keys:
            history = instance.event_log_storage.get_asset_check_execution_history(key, limit=9)
            shown[str(key)] = [(await one.resolve_status(loading)).value for one in history]
        return shown

    run = instance.get_run_by_id(run_ids[-1])
    assert run is not None
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    assets = instance.get_asset_records([first.key, second.key, third.key])
    return {
        "run": run.status,
        "checks": asyncio.run(checks()),
        "steps": {
            (one.step_key, one.status, one.attempts)
            for one in instance.get_run_step_stats(run.run_id)
        },
        "again": instance.run_domain.get_keys_to_reexecute(run.run_id, plan),
        "assets": {
            str(one.asset_entry.asset_key): run_ids.index(one.asset_entry.last_run_id)
            for one in assets
        },
    }


def scenario(instance: dg.DagsterInstance) -> list[dict[str, Any]]:
    """A run fails, is done again from there, and a part of it runs alone."""
    run_ids, looks = [], []
    BROKEN.add("second")
    for again, part in ((False, None), (True, None), (False, first)):
        options = dg.ReexecutionOptions.from_failure(run_ids[-1], instance) if again else None
        result = dg.execute_job(
            dg.reconstructable(everything),
            instance,
            reexecution_options=options,
            asset_selection=part and [part.key],
        )
        run_ids.append(result.run_id)
        looks.append(look(instance, run_ids))
        BROKEN.clear()
    return looks


def test_failed_and_repeated_runs_look_as_with_dagsters_own_storage(
    empty_database: sa.URL, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any
) -> None:
    url = empty_database.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
    with stored(str(tmp_path_factory.mktemp("theirs")), THEIRS) as instance:
        theirs = scenario(instance)
        instance.wipe()
    with stored(str(tmp_path_factory.mktemp("ours")), {"custom": STORAGE}) as instance:
        engine = instance.event_log_storage._engine  # type: ignore[attr-defined]
        with engine.connect() as connection:
            connection.execute(sa.text("TRUNCATE asset_check_executions, asset_keys"))
        ours = scenario(instance)
    assert ours == theirs
    again = [look["again"] for look in ours]
    assert again[0][0] == {second.key, third.key}, "the control: the first run failed"
    assert again[1:] == [(set(), set()), (set(), set())]
