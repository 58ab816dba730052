"""The assets, checks and the sensor of billing, in real Dagster runs against the simulated API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from arcadia_cloud_pipelines.billing import account_assets, sensors
from arcadia_cloud_pipelines.billing.assets import ASSETS, INVOICE_FILES, PARTITIONS
from arcadia_cloud_pipelines.billing.checks import CHECKS
from arcadia_cloud_pipelines.billing.definitions import defs
from arcadia_cloud_pipelines.dagster_support.runs import reason_to_wait
from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.settings import load_settings
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .conftest import NOW, sync_inventory


class OneClient:
    """What the assets take as `clients`: the test's own client for every purpose."""

    def __init__(self, client: DigitalOcean, server: RunningSimulator) -> None:
        self._client = client
        self.settings = load_settings({"DO_API_URL": server.url, "DO_API_TOKEN": server.token})

    def for_purpose(self, _purpose: Any) -> DigitalOcean:
        return self._client


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def resources(
    warehouse: Warehouse, client: DigitalOcean, server: RunningSimulator
) -> dict[str, Any]:
    sync_inventory(warehouse, client)
    return {"warehouse": warehouse, "clients": OneClient(client, server)}


def run(
    instance: dg.DagsterInstance,
    resources: dict[str, Any],
    *assets: str,
    config: dict[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialise some assets with their checks."""
    bound = dg.Definitions(
        assets=[*ASSETS, *account_assets.ASSETS],
        asset_checks=CHECKS,
        resources=resources,
        executor=dg.in_process_executor,
    )
    job = bound.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(asset) for asset in assets],
        run_config={"ops": {"cost_lines": {"config": config}}} if config else None,
        raise_on_error=False,
    )


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (made,) = result.asset_materializations_for_node(asset)[-1:]
    return {name: value.value for name, value in made.metadata.items()}


def test_everything_materialises_and_says_what_people_ask(
    instance: dg.DagsterInstance, resources: dict[str, Any], account: SimulatedAccount
) -> None:
    balance = run(instance, resources, "balance_snapshots")
    assert balance.success
    said = metadata(balance, "balance_snapshots")
    usage = said["month_to_date_usage"].replace(",", "")
    assert usage == account.billing.balance()["month_to_date_usage"]
    assert said["accrual"].startswith("![")
    assert len(said["accrual"]) < 30_000

    assert run(instance, resources, "invoices").success
    ingest = run(instance, resources, "cost_lines")
    assert ingest.success
    said = metadata(ingest, "cost_lines")
    invoices = account.billing.invoices()
    assert said["invoices_ingested"] == len(invoices)
    # Of the lines; a credit that only the summary has is none.
    assert said["dollars"] == f"{sum(i.amount - i.credit for i in invoices):,}"
    assert "resource_id" in str(said["matched_by"])
    assert len(said["cost_by_month"]) < 30_000
    checks = {check.check_name: check for check in ingest.get_asset_check_evaluations()}
    assert checks["reconciled"].passed
    assert "matched" in checks
    assert run(instance, resources, "open_month_lines").success

    # The grid: one partition for each invoice, each of them in.
    keys = set(instance.get_dynamic_partitions(str(PARTITIONS.name)))
    assert len(keys) == len(invoices)
    assert min(keys).startswith("2025-01_")
    assert instance.get_materialized_partitions(INVOICE_FILES) == keys


def test_a_bad_invoice_fails_the_run_for_it_alone_and_a_skewed_one_fails_the_check(
    instance: dg.DagsterInstance,
    resources: dict[str, Any],
    warehouse: Warehouse,
    account: SimulatedAccount,
) -> None:
    bad, skewed, *_ = account.billing.invoices()
    account.billing.skew(skewed.uuid, "5.00")
    account.billing.replace_csv(bad.uuid, b"<html>")
    run(instance, resources, "invoices")
    result = run(instance, resources, "cost_lines")

    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert bad.uuid in str(failure.step_failure_data.error)
    status = query(
        warehouse, "SELECT ingest_status, count(*) AS n FROM cloud_invoices GROUP BY 1 ORDER BY 1"
    )
    others = len(account.billing.invoices()) - 1
    assert [(r["ingest_status"], r["n"]) for r in status] == [("failed", 1), ("ingested", others)]

    account.billing.replace_csv(bad.uuid, None)
    mended = run(instance, resources, "cost_lines", config={"invoice_uuids": [bad.uuid]})
    assert mended.success
    checks = {check.check_name: check for check in mended.get_asset_check_evaluations()}
    assert not checks["reconciled"].passed
    assert checks["reconciled"].severity == dg.AssetCheckSeverity.ERROR
    assert "5.00" in checks["reconciled"].description


def test_an_unknown_uuid_is_told_and_not_retried(
    instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    result = run(instance, resources, "cost_lines", config={"invoice_uuids": ["nope"]})
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert "nope" in str(failure.step_failure_data.error)


def evaluate(
    instance: dg.DagsterInstance, warehouse: Warehouse, cursor: str | None = None
) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, definitions=defs, resources={"warehouse": warehouse}
    )
    return sensors.invoice_ingest_sensor(context)  # type: ignore[return-value]


def test_the_sensor_asks_for_all_in_one_run_and_then_for_nothing(
    instance: dg.DagsterInstance,
    resources: dict[str, Any],
    warehouse: Warehouse,
    account: SimulatedAccount,
) -> None:
    assert isinstance(evaluate(instance, warehouse), dg.SkipReason)
    run(instance, resources, "invoices")
    asked = evaluate(instance, warehouse)
    assert isinstance(asked, dg.SensorResult)
    (request,) = asked.run_requests or ()
    config = request.run_config["ops"]["cost_lines"]["config"]
    assert set(config["invoice_uuids"]) == {i.uuid for i in account.billing.invoices()}

    run(instance, resources, "cost_lines")
    again = evaluate(instance, warehouse)
    # Lines are unmatched and the inventory is new to the sensor: one run to match them again.
    assert isinstance(again, dg.SensorResult)
    (request,) = again.run_requests or ()
    assert request.run_config["ops"]["cost_lines"]["config"]["invoice_uuids"] == []
    assert isinstance(evaluate(instance, warehouse, again.cursor), dg.SkipReason)


@pytest.mark.parametrize(
    ("status", "minutes", "waits"),
    [
        (dg.DagsterRunStatus.STARTED, 500, True),
        (dg.DagsterRunStatus.FAILURE, 29, True),
        (dg.DagsterRunStatus.FAILURE, 31, False),
        (dg.DagsterRunStatus.FAILURE, -500_000, False),  # by a clock that was ahead
        (dg.DagsterRunStatus.SUCCESS, 1, False),
    ],
)
def test_the_sensor_waits_for_a_run_and_after_a_failure(
    status: dg.DagsterRunStatus, minutes: int, waits: bool
) -> None:
    record = dg.RunRecord(
        storage_id=1,
        dagster_run=dg.DagsterRun(job_name="invoice_ingest", status=status),
        create_timestamp=NOW,
        update_timestamp=NOW,
        end_time=NOW.timestamp() - minutes * 60,
    )
    assert (reason_to_wait(record, NOW) is not None) == waits
