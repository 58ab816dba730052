"""What Dagster knows of this deployment, listed by hand: a change here is a change for people."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module

from arcadia_cloud_pipelines.dagster_support import runs as dagster_runs
from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.inventory.tables import cloud_projects, cloud_resources

INVENTORY = {
    # asset: kind, pool
    "projects": (None, "cloud_sync_fast"),
    "droplets": ("droplet", "cloud_sync_fast"),
    "volumes": ("volume", "cloud_sync_fast"),
    "databases": ("database", "cloud_sync_full"),
    "kubernetes_clusters": ("kubernetes_cluster", "cloud_sync_full"),
    "load_balancers": ("load_balancer", "cloud_sync_full"),
    "reserved_ips": ("reserved_ip", "cloud_sync_fast"),
    "domains": ("domain", "cloud_sync_full"),
    "droplet_snapshots": ("droplet_snapshot", "cloud_sync_full"),
    "volume_snapshots": ("volume_snapshot", "cloud_sync_full"),
    "registries": ("registry", "cloud_sync_full"),
    "addons": ("addon", "cloud_sync_slow"),
    "vector_databases": ("vector_database", "cloud_sync_slow"),
    "dedicated_inferences": ("dedicated_inference", "cloud_sync_slow"),
    "custom_models": ("custom_model", "cloud_sync_slow"),
    "knowledge_bases": ("knowledge_base", "cloud_sync_slow"),
    "agents": ("agent", "cloud_sync_slow"),
    "domain_records": ("domain_record", "cloud_sync_slow"),
    "database_replicas": ("database_replica", "cloud_sync_slow"),
    "nfs_snapshots": ("nfs_snapshot", "cloud_sync_full"),
    "nfs_shares": ("nfs_share", "cloud_sync_full"),
    "images": ("image", "cloud_sync_full"),
    "backup_policies": ("backup_policy", "cloud_sync_full"),
    "autoscale_pools": ("autoscale_pool", "cloud_sync_full"),
    "alert_policies": ("alert_policy", "cloud_sync_slow"),
    "uptime_alerts": ("uptime_alert", "cloud_sync_slow"),
    "uptime_checks": ("uptime_check", "cloud_sync_slow"),
    "ssh_keys": ("ssh_key", "cloud_sync_slow"),
    "spaces_keys": ("spaces_key", "cloud_sync_slow"),
    "function_namespaces": ("function_namespace", "cloud_sync_slow"),
    "apps": ("app", "cloud_sync_full"),
    "certificates": ("certificate", "cloud_sync_slow"),
    "cdn_endpoints": ("cdn_endpoint", "cloud_sync_slow"),
    "partner_attachments": ("partner_attachment", "cloud_sync_slow"),
    "byoip_prefixes": ("byoip_prefix", "cloud_sync_slow"),
    "reserved_ipv6s": ("reserved_ipv6", "cloud_sync_fast"),
    "firewalls": ("firewall", "cloud_sync_full"),
    "nat_gateways": ("nat_gateway", "cloud_sync_full"),
    "vpc_peerings": ("vpc_peering", "cloud_sync_full"),
    "vpcs": ("vpc", "cloud_sync_full"),
    "node_pools": ("node_pool", "cloud_sync_full"),
    "registry_repositories": ("registry_repository", "cloud_sync_slow"),
    "tags": ("tag", "cloud_sync_slow"),
    "microvms": ("microvm", "cloud_sync_full"),
    "microvm_checkpoints": ("microvm_checkpoint", "cloud_sync_full"),
    "nfs_access_points": ("nfs_access_point", "cloud_sync_full"),
    "autoscale_members": ("autoscale_member", "cloud_sync_slow"),
    "vpc_subnets": ("vpc_subnet", "cloud_sync_slow"),
    "vpc_routes": ("vpc_route", "cloud_sync_slow"),
    "byoip_ips": ("byoip_ip", "cloud_sync_slow"),
    "database_pools": ("database_pool", "cloud_sync_slow"),
    "database_users": ("database_user", "cloud_sync_slow"),
    "logical_databases": ("logical_database", "cloud_sync_slow"),
    "database_firewall_rules": ("database_firewall_rule", "cloud_sync_slow"),
    "database_topics": ("database_topic", "cloud_sync_slow"),
    "database_log_sinks": ("database_log_sink", "cloud_sync_slow"),
    "database_indexes": ("database_index", "cloud_sync_slow"),
    "app_deployments": ("app_deployment", "cloud_sync_full"),
    "app_alerts": ("app_alert", "cloud_sync_slow"),
    "function_triggers": ("function_trigger", "cloud_sync_slow"),
    "function_keys": ("function_key", "cloud_sync_slow"),
    "agent_workspaces": ("agent_workspace", "cloud_sync_slow"),
    "model_routers": ("model_router", "cloud_sync_slow"),
    "inference_keys": ("inference_key", "cloud_sync_slow"),
    "openai_keys": ("openai_key", "cloud_sync_slow"),
    "anthropic_keys": ("anthropic_key", "cloud_sync_slow"),
    "agent_keys": ("agent_key", "cloud_sync_slow"),
    "knowledge_base_sources": ("knowledge_base_source", "cloud_sync_slow"),
    "indexing_jobs": ("indexing_job", "cloud_sync_slow"),
    "inference_tokens": ("inference_token", "cloud_sync_slow"),
    "agent_configs": ("agent_config", "cloud_sync_slow"),
    "agent_templates": ("agent_template", "cloud_sync_slow"),
    "agent_triggers": ("agent_trigger", "cloud_sync_slow"),
    "agent_sessions": ("agent_session", "cloud_sync_slow"),
    "gateway_connections": ("gateway_connection", "cloud_sync_slow"),
    "gateway_toolbelts": ("gateway_toolbelt", "cloud_sync_slow"),
    "gateway_mcp_servers": ("gateway_mcp_server", "cloud_sync_slow"),
    "alert_rules": ("alert_rule", "cloud_sync_slow"),
    "notification_channels": ("notification_channel", "cloud_sync_slow"),
    "log_destinations": ("log_destination", "cloud_sync_slow"),
    "teams": ("team", "cloud_sync_slow"),
    "security_scans": ("security_scan", "cloud_sync_slow"),
    "spaces_buckets": ("spaces_bucket", "cloud_sync_slow"),
}
BILLING = {
    "balance_snapshots",
    "invoices",
    "invoice_files",
    "cost_lines",
    "kept_months",
    "open_month_lines",
    "rate_card",
    "account_facts",
    "daily_costs",
    "cost_allocations",
    "statement_proposals",
    "cost_forecasts",
    "reviewed_budgets",
    "prepayments",
}
READ_FROM_THE_API = {
    "balance_snapshots", "invoices", "open_month_lines", "rate_card", "account_facts",
    "daily_costs", "prepayments",
}  # fmt: skip
SCHEDULES = {
    # schedule: cron, assets
    "balance_schedule": ("7 * * * *", {"balance_snapshots"}),
    "inventory_schedule": (
        "15 * * * *",
        INVENTORY.keys() | {"account", "actions", "reviewed_tag_policy"},
    ),
    "billing_history_schedule": ("23 2 * * *", {"invoices"}),
    "open_month_schedule": ("43 2 * * *", {"open_month_lines"}),
    "account_and_rates_schedule": ("53 2 * * *", {"rate_card", "account_facts", "prepayments"}),
    "kept_months_schedule": ("28 * * * *", {"kept_months"}),
    "daily_costs_schedule": ("3 9 * * *", {"daily_costs"}),
    "forecast_schedule": ("13 9 * * *", {"cost_forecasts", "reviewed_budgets"}),
    "allocation_schedule": ("37 4 * * *", {"cost_allocations", "statement_proposals"}),
}
CHECKS = ("complete", "fresh", "plausible")
MORE_CHECKS = {"projects": ("classified", "nothing_overlooked")}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """A schedule cannot be evaluated with an ephemeral one."""
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as made:
        yield made


def test_the_group_inventory_is_these_assets() -> None:
    graph = defs.resolve_asset_graph()
    group = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).group_name == "inventory"
    }
    assert group == INVENTORY.keys() | {"account", "actions", "resources", "reviewed_tag_policy"}


def test_whatever_reads_the_api_waits_for_the_account_to_be_asked() -> None:
    """Dagster skips them where that fails; alone, each still runs."""
    graph = defs.resolve_asset_graph()
    children = {key.to_user_string() for key in graph.get(dg.AssetKey("account")).child_keys}
    assert children == INVENTORY.keys() | {"actions"} | READ_FROM_THE_API


def test_between_the_kinds_and_their_readers_stands_one_asset() -> None:
    """Virtual, so never a step; whoever reads it still waits for every kind of its run."""
    graph = defs.resolve_asset_graph()
    resources = graph.get(dg.AssetKey("resources"))
    assert resources.is_virtual
    assert {k.to_user_string() for k in resources.parent_keys} == INVENTORY.keys()
    readers = {"cost_lines", "daily_costs", "open_month_lines", "terraform_specs", "drift_records"}
    assert readers <= {k.to_user_string() for k in resources.child_keys}
    plan = create_execution_plan(defs.resolve_implicit_global_asset_job_def())
    assert "resources" not in plan.step_keys_to_execute
    for reader in readers:
        waits_for = plan.get_step_by_key(reader).get_execution_dependency_keys()
        assert waits_for >= INVENTORY.keys(), reader


@pytest.mark.parametrize("asset", INVENTORY)
def test_each_asset_has_its_kind_pool_owner_and_columns(asset: str) -> None:
    kind, pool = INVENTORY[asset]
    graph = defs.resolve_asset_graph()
    spec = graph.get(dg.AssetKey(asset))
    assert spec.tags.get("kind") == kind
    assert spec.pools == {pool}
    assert list(spec.owners) == ["team:platform"]
    assert {"digitalocean", "postgres"} <= spec.kinds
    assert spec.description
    assert spec.freshness_policy is not None
    table = cloud_projects if asset == "projects" else cloud_resources
    assert spec.metadata["dagster/table_name"] == f"public.{table.name}"
    columns = spec.metadata["dagster/column_schema"].columns
    assert [column.name for column in columns] == [column.name for column in table.columns]
    assert all(column.description for column in columns)
    checks = {k.name for k in graph.asset_check_keys if k.asset_key == dg.AssetKey(asset)}
    assert checks == {*CHECKS, *MORE_CHECKS.get(asset, ())}


def test_the_schedule_of_the_inventory() -> None:
    schedule = defs.resolve_schedule_def("inventory_schedule")
    assert schedule.cron_schedule == "15 * * * *"
    assert schedule.execution_timezone == "UTC"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    job = defs.resolve_job_def(schedule.job_name)
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    assert keys == INVENTORY.keys() | {"account", "actions", "reviewed_tag_policy"}


@pytest.mark.parametrize(
    ("status", "runs"),
    [
        (None, True),
        (dg.DagsterRunStatus.SUCCESS, True),
        (dg.DagsterRunStatus.FAILURE, True),
        (dg.DagsterRunStatus.CANCELED, True),
        (dg.DagsterRunStatus.NOT_STARTED, False),
        (dg.DagsterRunStatus.STARTING, False),
        (dg.DagsterRunStatus.STARTED, False),
        (dg.DagsterRunStatus.CANCELING, False),
    ],
)
def test_a_tick_is_skipped_while_a_run_is_under_way(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus | None, runs: bool
) -> None:
    schedule = defs.resolve_schedule_def("inventory_schedule")
    instance.wipe()
    if status is not None:
        instance.add_run(dg.DagsterRun(job_name=schedule.job_name, run_id="r-1", status=status))
    tick = schedule.evaluate_tick(
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 11, 20, 12, 15, tzinfo=UTC),
        )
    )
    assert len(tick.run_requests or []) == int(runs)
    assert (tick.skip_message is None) is runs
    if not runs:
        assert "r-1" in str(tick.skip_message)


def test_a_run_that_waits_for_its_turn_is_under_way() -> None:
    """Such a run cannot be made without a daemon: ask the list itself."""
    assert dg.DagsterRunStatus.QUEUED in dagster_runs.IN_FLIGHT


def test_every_schedule_and_sensor_runs_by_default_in_utc() -> None:
    for schedule in defs.schedules or []:
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING, schedule.name
        assert schedule.execution_timezone == "UTC", schedule.name
    for sensor in defs.sensors or []:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING, sensor.name


def test_runs_are_one_process() -> None:
    assert defs.executor is dg.in_process_executor


def test_definitions_load_as_dagster_loads_them() -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_group_billing_is_these_assets() -> None:
    graph = defs.resolve_asset_graph()
    group = {
        key.to_user_string()
        for key in graph.get_all_asset_keys()
        if graph.get(key).group_name == "billing"
    }
    assert group == BILLING
    for asset in BILLING - {"invoice_files"}:
        assert graph.get(dg.AssetKey(asset)).pools == {"cloud_billing"}
    assert not graph.get(dg.AssetKey("cost_lines")).is_partitioned


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_schedule_runs_by_default_at_its_minute(name: str) -> None:
    cron, assets = SCHEDULES[name]
    schedule = defs.resolve_schedule_def(name)
    assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    job = defs.resolve_job_def(schedule.job_name)
    selected = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert selected == set(assets)


def test_what_is_overlooked_is_looked_for_once_a_week() -> None:
    schedule = defs.resolve_schedule_def("overlooked_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("33 5 * * 1", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    key = dg.AssetCheckKey(dg.AssetKey("projects"), "nothing_overlooked")
    job = defs.resolve_job_def(schedule.job_name)
    assert set(job.asset_layer.executable_asset_keys) == set()
    assert set(job.asset_layer.asset_graph.asset_check_keys) == {key}
    # It asks the API and lists kinds anew: not with every hourly refresh.
    hourly = defs.resolve_job_def(defs.resolve_schedule_def("inventory_schedule").job_name)
    of_projects = {k.name for k in hourly.asset_layer.asset_graph.asset_check_keys
                   if k.asset_key == key.asset_key}  # fmt: skip
    assert of_projects == {"complete", "plausible", "fresh", "classified"}
    (node,) = job.nodes
    assert node.definition.pool == "cloud_sync_slow"


def test_no_two_schedules_begin_in_the_same_minute() -> None:
    minutes = [str(schedule.cron_schedule).split()[0] for schedule in defs.schedules or []]
    assert len(minutes) == len(set(minutes))


def test_the_sensor_runs_by_default() -> None:
    sensor = defs.resolve_sensor_def("invoice_ingest_sensor")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.job_name == "invoice_ingest"


def test_every_asset_that_a_schedule_fills_says_when_it_is_late() -> None:
    scheduled = {
        key
        for schedule in defs.schedules or ()
        for key in defs.resolve_job_def(schedule.job_name).asset_layer.executable_asset_keys
    }
    late = {spec.key for spec in defs.resolve_all_asset_specs() if spec.freshness_policy is None}
    assert not scheduled & late


def test_a_code_server_finds_one_set_of_definitions() -> None:
    """As it loads the module: two at its level are none."""
    [found] = loadable_targets_from_python_module("arcadia_cloud_pipelines.definitions", None)
    assert found.target_definition is defs


def test_every_asset_leads_to_its_source() -> None:
    """A kind to its entry, a view to its SQL, any other to its function."""
    lines = {}
    for asset in defs.assets or ():
        assert isinstance(asset, dg.AssetsDefinition | dg.AssetSpec)
        for spec in [asset] if isinstance(asset, dg.AssetSpec) else asset.specs:
            known = spec.metadata.get("dagster/code_references")
            if known is not None:
                (place,) = known.code_references
                line = Path(place.file_path).read_text("utf-8").splitlines()[place.line_number - 1]
                lines[spec.key.to_user_string()] = (Path(place.file_path).name, line.strip())
    assert lines["droplets"] == ("compute.py", 'name="droplet",')
    assert lines["cost_by_project"][0] == "cost_by_project.sql"
    assert lines["cost_lines"][0] == "assets.py"
    everything = set(defs.resolve_asset_graph().get_all_asset_keys())
    without = everything - {dg.AssetKey(name) for name in lines}
    assert without == {dg.AssetKey("resources"), dg.AssetKey("invoice_files")}


def test_garbage_is_collected_again_also_where_loading_failed() -> None:
    """A code server that could not load lives on and shows why."""
    program = (
        "import gc, sys; sys.modules['arcadia_cloud_pipelines.marts'] = None\n"
        "try: import arcadia_cloud_pipelines.definitions\n"
        "except ImportError: print(gc.isenabled())"
    )
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=dict(os.environ), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout == "True\n"
