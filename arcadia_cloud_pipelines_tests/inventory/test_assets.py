"""The inventory in Dagster: real runs of the real definitions, against the simulator."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_plan_iterator

from arcadia_cloud_pipelines.common.times import utc_now
from arcadia_cloud_pipelines.definitions import defs
from arcadia_cloud_pipelines.inventory import checks
from arcadia_cloud_pipelines.inventory.assets import ASSETS, LISTINGS
from arcadia_cloud_pipelines.inventory.classify import Followed, Project
from arcadia_cloud_pipelines.kinds import KINDS, REGISTRY
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support import s3
from ..support.s3 import Answer, answering, listing, slept
from ..support.sql import query
from .helpers import T0, TestClients, before_statement, rows, syncs

__all__ = ["slept"]  # a fixture

ASSET_NAMES = [kind.asset for kind in REGISTRY]


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

    def job(self) -> dg.JobDefinition:
        bound = dg.Definitions(
            assets=ASSETS, asset_checks=checks.CHECKS, executor=dg.in_process_executor,
            resources={"clients": self.clients, "warehouse": self.warehouse, **LISTINGS},
        )  # fmt: skip
        return bound.resolve_implicit_global_asset_job_def()

    def run(self, *assets: str) -> dg.ExecuteInProcessResult:
        selection = [dg.AssetKey(asset) for asset in assets or ASSET_NAMES]
        return self.job().execute_in_process(
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
        assert next(iter(stored)) in str(said["preview"]) or len(stored) > 10
        for name in ("complete", "plausible"):
            assert check(result, kind.asset, name).passed
    assert metadata(result, "projects")["bootstrap"] == "created"
    runs = {row["run_id"] for row in syncs(deployment.warehouse)}
    assert runs == {result.run_id}
    assert {row["kind"] for row in syncs(deployment.warehouse)} == {
        "unknown", *(kind.name for kind in REGISTRY),
    }  # fmt: skip
    left = messages(deployment.instance, result)
    assert deployment.server.token not in left
    assert "SIMULATED-SECRET" not in left


def test_a_step_with_a_process_of_its_own_lists_its_kind_alone(deployment: Deployment) -> None:
    """As a worker of Celery executes it; otherwise each step would list what the run does."""
    job = deployment.job()
    run = deployment.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    plan = create_execution_plan(job, step_keys_to_execute=["volumes"])
    events = execute_plan_iterator(plan, InMemoryJob(job), run, deployment.instance)
    assert [e.step_key for e in events if e.is_step_success] == ["volumes"]
    assert {seen.path for seen in deployment.server.requests} == {"/v2/account", "/v2/volumes"}


def test_the_same_account_is_no_news(deployment: Deployment) -> None:
    """Dagster compares the versions to tell if what asks the account is behind."""
    seen = {
        (event.tags or {})["dagster/data_version"]
        for _ in range(2)
        for event in deployment.run("account").asset_materializations_for_node("account")
    }
    assert seen == {deployment.server.account.team_uuid}


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
    assert "No DigitalOcean token is set: run `arcadia init`, or set DO_API_TOKEN" in messages(
        deployment.instance, result
    )


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
    assert "static-images" in str(said["preview"])


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
    assert "`tags` became empty" in str(found.description)
    assert "`arcadia inventory confirm-loss droplet`" in str(found.description)


def test_a_superseded_sync_is_told(deployment: Deployment) -> None:
    for asset, kind in (("droplets", "droplet"), ("projects", "project")):
        deployment.run(asset)
        # Another sync of it began while this one listed, and was recorded first.
        later = partial(
            query,
            deployment.warehouse,
            "UPDATE cloud_sync_runs SET started_at = clock_timestamp() "
            "WHERE kind = :kind RETURNING 1",
            kind=kind,
        )
        with before_statement(deployment.warehouse, "arcadia.ledger", later):
            result = deployment.run(asset)
        assert result.success, "it changed nothing, which is no failure"
        found = check(result, asset, "complete")
        assert not found.passed
        assert "superseded" in str(found.description)


def follow(deployment: Deployment, file: Path | None) -> None:
    """As with ARCADIA_PROJECT_RULES."""
    deployment.clients.settings = dataclasses.replace(
        deployment.clients.settings, project_rules=file
    )


def owners(warehouse: Warehouse) -> dict[str, tuple[Any, ...]]:
    found = query(warehouse, "SELECT name, tenant_id, tenant_id_by, purpose FROM cloud_projects")
    return {row.pop("name"): tuple(row.values()) for row in found}


def test_a_newcomer_is_told_how_to_begin(deployment: Deployment) -> None:
    deployment.run("droplets")
    found = check(deployment.run("projects"), "projects", "classified")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    said = str(found.description)
    assert said.startswith("None of the 5 live projects has a tenant or a purpose")
    assert "with 14 live resources in them" in said, "an unknown member, too"
    for way in ("Set them", "`arcadia projects classify PROJECT --tenant", "ARCADIA_PROJECT_RULES"):
        assert way in said
    assert [found.metadata[name].value for name in ("unclassified", "resources")] == [5, 14]
    assert "skyai-internal" in str(found.metadata["projects"].value)


def test_projects_are_classified_by_the_rules_with_every_sync(
    deployment: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nname = "acme"\ntenant_id = "acme"\npurpose = "shop"\n')
    follow(deployment, file)
    result = deployment.run("projects")
    assert result.success
    assert metadata(result, "projects")["classified_by_rules"] == 2
    assert owners(deployment.warehouse)["acme"] == ("acme", "rule", "shop")
    found = check(result, "projects", "classified")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert str(found.description).startswith("4 of 5 live projects")
    assert "Default (no tenant_id or purpose), data" in str(found.description)
    assert "acme" not in str(found.description)
    assert "none -> acme" in messages(deployment.instance, result)

    # Named away from the rule, named into it, and the rest of them by another.
    account = deployment.server.account
    account.update("project", next(
        i for i in account.ids("project") if account.get("project", i)["name"] == "acme"
    ), name="acme-2")  # fmt: skip
    account.create("project", name="ACME")
    file.write_text(file.read_text() + '[[rule]]\nname = "*"\ntenant_id = "us"\npurpose = "p"\n')
    result = deployment.run("projects")
    assert metadata(result, "projects")["classified_by_rules"] == 12
    found = check(result, "projects", "classified")
    assert found.passed
    assert found.description == "All 6 live projects are classified."
    now = owners(deployment.warehouse)
    assert (now["acme-2"], now["ACME"]) == (("us", "rule", "p"), ("acme", "rule", "shop"))

    follow(deployment, None)
    found = check(deployment.run("projects"), "projects", "classified")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "6 projects were classified by rules and stay so" in str(found.description)
    assert owners(deployment.warehouse) == now


def test_broken_rules_stop_no_sync_and_fail_the_check(
    deployment: Deployment, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nname = "*"\ntenant_id = "us"\npurpose = "p"\n')
    follow(deployment, file)
    deployment.run("projects")
    file.write_text('[[rule]]\nname = "*"\n')
    deployment.server.account.create("project", name="new")
    result = deployment.run("projects")
    assert result.success
    assert metadata(result, "projects")["discovered"] == 1
    found = check(result, "projects", "classified")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    said = str(found.description)
    assert f'{file}, rule 1 (name = "*"): it gives nothing' in said
    assert "stays classified as it was" in said
    assert "1 of 6 live projects, with 0 live resources in them" in said
    assert owners(deployment.warehouse)["acme"] == ("us", "rule", "p")


def test_rules_are_applied_by_a_token_that_may_not_list_projects(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Who was taken out of the rules must lose access, whatever else fails."""
    deployment.run("projects")
    file = tmp_path / "rules.toml"
    file.write_text('[[rule]]\nname = "*"\ntenant_id = "us"\npurpose = "p"\n')
    narrow = deployment.server.account.add_token("narrow", ["account:read"])
    deployment.clients = TestClients(deployment.server.url, narrow)
    follow(deployment, file)
    assert check(deployment.run("projects"), "projects", "classified").passed
    assert owners(deployment.warehouse)["acme"] == ("us", "rule", "p")


def project(number: int, **fields: Any) -> Project:
    known = {"environment": None, "tenant_id": "t", "tenant_id_by": "hand", "purpose": "p",
             "purpose_by": "hand", "resources": 1_000}  # fmt: skip
    return Project(number, f"u-{number}", f"p{number}", **{**known, **fields})


def test_at_most_twenty_projects_are_named() -> None:
    projects = [project(0), *(project(n, purpose=None, purpose_by=None) for n in range(1, 24))]
    found = checks.classified_result(projects, Followed(), by_rules=False)
    said = str(found.description)
    assert said.startswith("23 of 24 live projects, with 23,000 live resources in them")
    assert "p20 (no purpose) and 3 more" in said
    assert "p21" not in said
    assert "p21" not in str(found.metadata["projects"].value)
    last = checks.classified_result(projects[:21], Followed(), by_rules=False)
    assert "p20 (no purpose). Set them" in str(last.description)
    missing = project(1, tenant_id=None, tenant_id_by=None)
    said = str(checks.classified_result([missing], Followed(), by_rules=False).description)
    assert "p1 (no tenant_id)" in said
    assert checks.classified_result([], Followed(), by_rules=False).passed


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


def look(deployment: Deployment) -> dg.ExecuteInProcessResult:
    """Run the weekly job's one check."""
    key = dg.AssetCheckKey(dg.AssetKey("projects"), "nothing_overlooked")
    return dg.materialize(
        [*ASSETS, checks.nothing_overlooked],
        selection=dg.AssetSelection.checks(key),
        resources={"clients": deployment.clients, "warehouse": deployment.warehouse, **LISTINGS},
        raise_on_error=False,
    )


def test_nothing_overlooked_says_what_was(deployment: Deployment) -> None:
    account = deployment.server.account
    hidden = account.create("droplet", tags=["a|b"])["id"]
    account.hide("droplet", hidden)
    deployment.run()
    result = look(deployment)
    assert not materialized(result), "it lists nothing into the inventory"
    found = check(result, "projects", "nothing_overlooked")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "spaces_bucket, unknown: quantumvault, droplet" in str(found.description)
    overlooked = found.metadata["overlooked"]
    assert isinstance(overlooked, dg.TableMetadataValue)
    table = [tuple(record.data.values()) for record in overlooked.records]
    assert (
        "droplet",
        "fewer resources have a tag than it counts",
        "1",
        "0",
        "tag a|b (0 of 1)",
    ) in table
    assert "do:space:simulated-assets" in str(table)
    assert found.metadata["members"].value > 20
    assert deployment.server.token not in messages(deployment.instance, result)

    account.foreign.clear()
    account.delete("droplet", hidden)
    deployment.run("projects")
    query(
        deployment.warehouse,
        "UPDATE cloud_resources SET deleted_at = now() WHERE kind = 'unknown' RETURNING 1",
    )
    found = check(look(deployment), "projects", "nothing_overlooked")
    assert found.passed, found.description
    assert "members of projects are stored" in str(found.description)
    assert "tags agree with what is stored" in str(found.description)

    scopes = {"account:read", "project:read", *(kind.scope for kind in KINDS)} - {"tag:read"}
    narrow = account.add_token("no tags", scopes)
    deployment.clients = TestClients(deployment.server.url, narrow)
    found = check(look(deployment), "projects", "nothing_overlooked")
    assert found.passed
    assert "Tags were not compared: GET /v2/tags" in str(found.description)
    assert "tag:read" in str(found.description)


def test_nothing_overlooked_fails_with_the_sentence(deployment: Deployment) -> None:
    deployment.clients = TestClients(deployment.server.url, None)
    assert "No DigitalOcean token" in str(
        [e.event_specific_data for e in look(deployment).all_events if e.is_step_failure]
    )


def test_the_real_definitions_hold_what_is_tested_here() -> None:
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert set(ASSET_NAMES) <= keys
