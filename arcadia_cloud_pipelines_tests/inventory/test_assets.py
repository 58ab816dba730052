"""The inventory in Dagster: real runs of the real definitions, against the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.inventory import checks
from arcadia_cloud_pipelines.inventory.assets import ASSETS, LISTINGS
from arcadia_cloud_pipelines.inventory.kinds import KINDS, REGISTRY
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve
from arcadia_cloud_pipelines.times import utc_now
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .. import s3
from ..s3 import Answer, answering, listing, slept
from .helpers import T0, TestClients, query, rows, syncs

__all__ = ["slept"]  # a fixture

ASSET_NAMES = ["projects", *(kind.asset for kind in REGISTRY)]


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster retries at once."""
    from dagster._core.definitions.policy import RetryPolicy

    monkeypatch.setattr(RetryPolicy, "calculate_delay", lambda *_: 0.0)


class Deployment:
    """What runs need, and what they leave."""

    def __init__(
        self, instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
    ) -> None:
        self.instance = instance
        self.warehouse = warehouse
        self.server = server
        self.clients = TestClients(server.url, server.token)

    def run(self, *assets: str) -> dg.ExecuteInProcessResult:
        selection = [dg.AssetKey(asset) for asset in assets or ASSET_NAMES]
        bound = dg.Definitions(
            assets=ASSETS, asset_checks=checks.CHECKS, executor=dg.in_process_executor,
            resources={"clients": self.clients, "warehouse": self.warehouse, **LISTINGS},
        )  # fmt: skip
        return bound.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=selection, raise_on_error=False
        )


@pytest.fixture
def deployment(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> Deployment:
    return Deployment(instance, warehouse, server)


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {
        event.materialization.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
    }


def check(result: dg.ExecuteInProcessResult, asset: str, name: str) -> dg.AssetCheckEvaluation:
    (found,) = [
        e for e in result.get_asset_check_evaluations()
        if (e.asset_key.to_user_string(), e.check_name) == (asset, name)
    ]  # fmt: skip
    return found


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {name: value.value for name, value in event.metadata.items()}


def messages(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    """Everything that the run left in Dagster's own storage."""
    return "\n".join(
        f"{entry.user_message} {entry.to_json()}" for entry in instance.all_logs(result.run_id)
    )


def test_every_asset_materialises(deployment: Deployment) -> None:
    result = deployment.run()
    assert result.success
    assert materialized(result) == set(ASSET_NAMES)
    for kind in KINDS:
        stored = rows(deployment.warehouse, kind.name)
        assert len(stored) == len(deployment.server.account.ids(kind.name)) > 0
        said = metadata(result, kind.asset)
        assert (said["dagster/row_count"], said["discovered"]) == (len(stored), len(stored))
        assert said["complete"] is True
        assert next(iter(stored)) in said["preview"] or len(stored) > 10
        for name in ("complete", "plausible"):
            assert check(result, kind.asset, name).passed
    assert metadata(result, "projects")["bootstrap"] == "created"
    runs = {row["run_id"] for row in syncs(deployment.warehouse)}
    assert runs == {result.run_id}
    assert {row["kind"] for row in syncs(deployment.warehouse)} == {
        "project", "unknown", *(kind.name for kind in REGISTRY),
    }  # fmt: skip
    left = messages(deployment.instance, result)
    assert deployment.server.token not in left
    assert "SIMULATED-SECRET" not in left


def test_one_kind_that_fails_leaves_the_others(deployment: Deployment) -> None:
    wrong = "dop_v1_" + "f" * 64
    deployment.server.account.faults.add("/v2/volumes", 401, times=None)
    result = deployment.run()
    assert not result.success
    assert materialized(result) == set(ASSET_NAMES) - {"volumes"}
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    assert failure.step_key == "volumes"
    text = messages(deployment.instance, result)
    assert "GET /v2/volumes?page=1&per_page=200 answered 401" in text
    assert "DO_API_TOKEN" in text
    assert wrong not in text
    assert deployment.server.token not in text
    assert not [e for e in result.all_events if e.is_step_up_for_retry], "no retry helps"


def test_what_passes_by_itself_is_tried_again(deployment: Deployment) -> None:
    # The client asks five times, Dagster once more.
    deployment.server.account.faults.add("/v2/volumes", 503, times=5)
    result = deployment.run("volumes")
    assert result.success
    assert len([e for e in result.all_events if e.is_step_up_for_retry]) == 1
    failed, good = syncs(deployment.warehouse)
    assert "503" in failed["error"]
    assert good["complete"]


def test_a_missing_token_fails_with_the_sentence(deployment: Deployment) -> None:
    deployment.clients = TestClients(deployment.server.url, None)
    result = deployment.run("volumes")
    assert not result.success
    assert "No DigitalOcean token: set DO_API_TOKEN" in messages(deployment.instance, result)


def test_an_unmigrated_warehouse_fails_with_the_command(
    deployment: Deployment, empty_database: sa.URL
) -> None:
    deployment.warehouse = Warehouse(empty_database, embedded=False)
    result = deployment.run("volumes", "projects")
    assert not result.success
    assert messages(deployment.instance, result).count("run `arcadia migrate`") >= 2
    deployment.warehouse.engine.dispose()


def test_a_warehouse_that_is_down_fails_with_its_name(deployment: Deployment) -> None:
    url = deployment.warehouse.engine.url.set(query={"host": "/nowhere"}, password="sesame")
    deployment.warehouse = Warehouse(url, embedded=False)
    result = deployment.run("volumes")
    text = messages(deployment.instance, result)
    assert "The warehouse /nowhere/" in text
    assert "sesame" not in text


# -- buckets ------------------------------------------------------------------------------------


def test_buckets_go_last_and_are_known_by_name(deployment: Deployment) -> None:
    result = deployment.run()
    steps = [e.step_key for e in result.all_events if e.is_step_success]
    assets = [step for step in steps if step in ASSET_NAMES]
    assert assets[-1] == "spaces_buckets"
    assert len(rows(deployment.warehouse, "spaces_bucket")) == 3
    found = check(result, "spaces_buckets", "complete")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "SPACES_ACCESS_KEY_ID and SPACES_SECRET_ACCESS_KEY are not set" in str(found.description)
    assert check(result, "spaces_buckets", "plausible").passed
    said = metadata(result, "spaces_buckets")
    assert (said["dagster/row_count"], said["complete"]) == (3, False)
    assert "static-images" in said["preview"]


def test_buckets_alone_on_an_empty_warehouse(deployment: Deployment) -> None:
    result = deployment.run("spaces_buckets")
    assert result.success
    assert materialized(result) == {"spaces_buckets"}
    assert metadata(result, "spaces_buckets")["dagster/row_count"] == 0


@pytest.mark.parametrize(
    ("asset", "path"),
    [("projects", "/v2/projects"), ("cdn_endpoints", "/v2/cdn/endpoints"),
     ("spaces_keys", "/v2/spaces/keys")],
)  # fmt: skip
def test_what_names_buckets_may_fail(deployment: Deployment, asset: str, path: str) -> None:
    deployment.server.account.faults.add(path, 401, times=None)
    result = deployment.run("projects", "cdn_endpoints", "spaces_keys", "spaces_buckets")
    assert not result.success
    assert materialized(result) == {
        "projects", "cdn_endpoints", "spaces_keys", "spaces_buckets",
    } - {asset}  # fmt: skip
    assert len(rows(deployment.warehouse, "spaces_bucket")) == 2


def test_buckets_are_listed_with_keys(deployment: Deployment, slept: list[float]) -> None:
    with answering(listing("assets"), Answer(503)) as server:
        spaces = s3.settings(server.region)
        deployment.clients.settings = replace(deployment.clients.settings, spaces=spaces)
        result = deployment.run("spaces_buckets")
        assert result.success
        assert check(result, "spaces_buckets", "complete").passed
        failed = deployment.run("spaces_buckets")
    assert not failed.success
    assert len([e for e in failed.all_events if e.is_step_up_for_retry]) == 1
    text = messages(deployment.instance, result) + messages(deployment.instance, failed)
    assert "ListBuckets in every region answered 503" in text
    assert rows(deployment.warehouse, "spaces_bucket").keys() == {"assets"}
    for secret in (s3.KEY_ID, s3.SECRET, server.requests[0].headers["Authorization"][-64:]):
        assert secret not in text


# -- checks -------------------------------------------------------------------------------------


def test_complete_tells_why_not(deployment: Deployment) -> None:
    with serve(SimulatedAccount(seed=2, droplets=210, now=T0, churn=0)) as server:
        server.account.faults.add("/v2/droplets", "shift", times=None, page=2)
        deployment.clients = TestClients(server.url, server.token)
        result = deployment.run("droplets")
    assert result.success
    found = check(result, "droplets", "complete")
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    assert "read twice" in str(found.description)


def test_a_kind_without_scope_says_which_and_fails_nothing(deployment: Deployment) -> None:
    narrow = deployment.server.account.add_token("narrow", ["account:read", "droplet:read"])
    deployment.clients = TestClients(deployment.server.url, narrow)
    result = deployment.run()
    assert result.success
    found = check(result, "databases", "complete")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "database:read" in str(found.description)
    assert check(result, "droplets", "complete").passed
    assert not check(result, "projects", "complete").passed


def test_plausible_says_how_to_confirm_a_loss(deployment: Deployment) -> None:
    deployment.run("droplets")
    for droplet in deployment.server.account.ids("droplet")[:8]:
        deployment.server.account.hide("droplet", droplet)
    result = deployment.run("droplets")
    found = check(result, "droplets", "plausible")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "8 live rows are missing" in str(found.description)
    assert "`arcadia inventory confirm-loss droplet`" in str(found.description)


def test_plausible_says_which_field_went_empty(deployment: Deployment) -> None:
    deployment.run("droplets")
    narrow = deployment.server.account.add_token("narrow", ["account:read", "droplet:read"])
    deployment.clients = TestClients(deployment.server.url, narrow)
    found = check(deployment.run("droplets"), "droplets", "plausible")
    assert not found.passed
    assert "`tags` came back empty" in str(found.description)
    assert "`arcadia inventory confirm-loss droplet`" in str(found.description)


def test_a_superseded_sync_is_told(deployment: Deployment) -> None:
    for asset, kind in (("droplets", "droplet"), ("projects", "project")):
        deployment.run(asset)
        query(
            deployment.warehouse,
            "UPDATE cloud_sync_runs SET started_at = now() + '1 day' "
            "WHERE kind = :kind RETURNING 1",
            kind=kind,
        )
        result = deployment.run(asset)
        assert result.success, "it changed nothing, which is no failure"
        found = check(result, asset, "complete")
        assert not found.passed
        assert "superseded" in str(found.description)


@contextmanager
def aged(warehouse: Warehouse, kind: str, age: timedelta) -> Iterator[None]:
    now = utc_now()
    query(
        warehouse,
        "INSERT INTO cloud_sync_runs (kind, started_at, ended_at, complete) "
        "VALUES (:kind, :at, :at, true), (:kind, :now, :now, false) RETURNING 1",
        kind=kind, at=now - age, now=now,
    )  # fmt: skip
    yield


@pytest.mark.parametrize(
    ("age", "passed", "words"),
    [(timedelta(hours=1), True, "60 minutes ago"), (timedelta(hours=4), False, "240 minutes ago"),
     (None, False, "Never")],
)  # fmt: skip
def test_fresh_is_the_age_of_the_newest_complete_listing(
    warehouse: Warehouse, age: timedelta | None, passed: bool, words: str
) -> None:
    if age is not None:
        with aged(warehouse, "volume", age):
            pass
    result = dg.materialize(
        [*ASSETS, checks.fresh],
        selection=dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("volumes"), "fresh")),
        resources={"warehouse": warehouse, "clients": None, **LISTINGS},
    )
    (found,) = result.get_asset_check_evaluations()
    assert (found.passed, found.severity) == (passed, dg.AssetCheckSeverity.WARN)
    assert words in str(found.description)


def test_the_real_definitions_hold_what_is_tested_here() -> None:
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert set(ASSET_NAMES) <= keys
