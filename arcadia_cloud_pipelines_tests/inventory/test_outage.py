"""An outage of the account is found out once a run, and told in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import dagster as dg
import pytest

from arcadia_cloud_pipelines.billing import account_assets
from arcadia_cloud_pipelines.billing.assets import ASSETS as BILLING
from arcadia_cloud_pipelines.digitalocean import DigitalOcean, DigitalOceanError
from arcadia_cloud_pipelines.inventory import checks
from arcadia_cloud_pipelines.inventory.assets import ACCOUNT, ASSETS, LISTINGS
from arcadia_cloud_pipelines.settings import Purpose
from arcadia_cloud_pipelines.simulator import RunningSimulator
from arcadia_cloud_pipelines.simulator.faults import Fault
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import StillClock, TestClients, client, rows, syncs, untouched

KINDS = ["droplets", "volumes", "domains", "tags", "domain_records", "projects"]


class Outage(NamedTuple):
    """One sort of outage: what the simulator does, what people read, and how often it is asked."""

    fault: str | int
    options: dict[str, Any]
    says: str
    advice: str
    calls: int


# Errors that may pass by themselves are asked for nine times, those that do not once.
OUTAGES = {
    "revoked": Outage(401, {}, "answered 401", "set a valid one in DO_API_TOKEN", 1),
    "no scope": Outage(
        403, {}, "did not say which account the token is of", "the scope account:read", 2
    ),
    "no such path": Outage(
        404, {}, "did not say which account the token is of", "scope account:read", 2
    ),
    "rate limit": Outage(429, {"retry_after": 3000}, "answered 429", "run it again after", 1),
    "rate limit for ever": Outage(429, {"retry_after": 20}, "answered 429", "run it again", 3),
    "maintenance": Outage(503, {}, "answered 503", "run it again later", 9),
    "gateway": Outage(502, {"html": True}, "a proxy or gateway may have", "run it again later", 9),
    "html": Outage("html", {}, "is HTML, not JSON", "check that DO_API_URL is the", 9),
    "not json": Outage("not_json", {}, "is not valid JSON", "check that DO_API_URL is", 9),
    "empty": Outage("empty", {}, "is not valid JSON", "check that DO_API_URL is", 9),
    "elsewhere": Outage("redirect", {}, "a redirect to another host", "set DO_API_URL", 1),
    "reset": Outage("reset", {}, "the connection was reset", "check the network", 9),
    "cut short": Outage("truncate", {}, "was cut short", "check that DO_API_URL", 9),
}


class RunClients(TestClients):
    """As the resource of a run: what is found out of the account is remembered."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.client = client(url, token)
        self.client.remember_outages()

    def for_purpose(self, purpose: Purpose) -> DigitalOcean:
        return self.client.twin()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(
    instance: dg.DagsterInstance, warehouse: Warehouse, clients: TestClients, *assets: str
) -> dg.ExecuteInProcessResult:
    bound = dg.Definitions(
        assets=[*ASSETS, *BILLING, *account_assets.ASSETS], asset_checks=[checks.fresh],
        executor=dg.in_process_executor,
        resources={"clients": clients, "warehouse": warehouse, **LISTINGS},
    )  # fmt: skip
    return bound.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name) for name in assets or (ACCOUNT, *KINDS)],
        raise_on_error=False,
    )


def failures(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The error of each failed step, and no step was tried again."""
    assert not result.success
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
    return {
        str(event.step_key): event.step_failure_data.error
        for event in result.all_events
        if event.is_step_failure
    }


def started(result: dg.ExecuteInProcessResult) -> set[str]:
    return {str(event.step_key) for event in result.all_events if event.is_step_start}


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    return {e.asset_key.to_user_string() for e in result.get_asset_materialization_events()
            if e.asset_key is not None}  # fmt: skip


def shown(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the pages of assets say, beside that a run failed."""
    return {
        name: record.asset_observation.metadata["problem"].value
        for name in (ACCOUNT, *KINDS)
        for record in instance.fetch_observations(dg.AssetKey(name), limit=1).records
        if record.asset_observation is not None
    }


def assert_one_sentence(error: Any, outage: Outage) -> None:
    """The page of the run shows the cause and the remedy, and nothing that hides them."""
    assert outage.says in error.message
    assert outage.advice in error.message
    assert error.message.count("\n") == 1, "one line"
    assert (error.stack, error.cause, error.context) == ([], None, None)


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_at_the_start_fails_one_step_and_skips_the_kinds(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator, outage: Outage
) -> None:
    planned = server.account.faults.add("/v2/*", outage.fault, None, **outage.options)
    result = run(instance, warehouse, RunClients(server.url, server.token))
    found = failures(result)
    assert found.keys() == {ACCOUNT}
    assert_one_sentence(found[ACCOUNT], outage)
    assert shown(instance) == {ACCOUNT: found[ACCOUNT].message.rstrip()}
    assert planned.fired == outage.calls
    # No check changed its mind, and nothing says that a kind was asked for.
    assert started(result) == {ACCOUNT}
    assert not result.get_asset_check_evaluations()
    assert not syncs(warehouse)
    server.account.faults.clear()
    assert run(instance, warehouse, RunClients(server.url, server.token)).success
    assert rows(warehouse, "droplet")


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_an_outage_in_the_middle_fails_one_step_too(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator, outage: Outage
) -> None:
    assert run(instance, warehouse, RunClients(server.url, server.token)).success
    evaluated = len(KINDS) * 2
    before = rows(warehouse)
    server.account.faults.add("/v2/*", outage.fault, None, after=2, **outage.options)
    result = run(instance, warehouse, RunClients(server.url, server.token))
    found = failures(result)
    assert len(found) == 1
    ((step, error),) = found.items()
    assert step in KINDS
    if "used up until" in error.message:  # no question was needed to know
        outage = outage._replace(says="the token's rate limit is used up", advice="wait and run it")
    assert_one_sentence(error, outage)
    assert materialized(result) < {ACCOUNT, *KINDS}
    assert len(result.get_asset_check_evaluations()) < evaluated
    assert {e.passed for e in result.get_asset_check_evaluations()} <= {True}
    for row in syncs(warehouse):
        assert row["complete"] or row["error"]
    # Nothing was struck, and the next tick goes on.
    assert {key: row["deleted_at"] for key, row in rows(warehouse).items()} == dict.fromkeys(before)
    assert all(row["stale_strike_count"] == 0 for row in rows(warehouse).values())
    server.account.faults.clear()
    assert run(instance, warehouse, RunClients(server.url, server.token)).success


@pytest.mark.parametrize("sort", ["revoked", "no scope", "no such path", "maintenance", "html"])
def test_what_is_no_kind_is_skipped_for_an_outage_as_well(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator, sort: str
) -> None:
    """A first refresh reads bills and actions in the same run."""
    outage = OUTAGES[sort]
    others = (
        "actions", "balance_snapshots", "invoices", "open_month_lines", "rate_card",
        "account_facts", "prepayments", "daily_costs", "cost_lines",
    )  # fmt: skip
    server.account.faults.add("/v2/*", outage.fault, None, after=1, **outage.options)
    result = run(
        instance, warehouse, RunClients(server.url, server.token), ACCOUNT, "droplets", *others
    )
    found = failures(result)
    assert len(found) == 1, found
    (error,) = found.values()
    assert_one_sentence(error, outage)
    assert materialized(result) == {ACCOUNT}


def test_after_an_outage_in_the_middle_nothing_is_asked_any_more(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> None:
    planned: list[Fault] = []
    planned.append(server.account.faults.add("/v2/*", 401, None, after=1))
    run(instance, warehouse, RunClients(server.url, server.token))
    # Those under way at a time, and one question about the account.
    assert planned[0].fired <= 8 + 1


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1", "the connection was refused"),
        ("https://no-such-host.invalid", "the host name was not found"),
    ],
)
def test_no_way_to_the_api(
    instance: dg.DagsterInstance, warehouse: Warehouse, url: str, says: str
) -> None:
    result = run(instance, warehouse, RunClients(url, "dop_v1_" + "a" * 64))
    found = failures(result)
    assert found.keys() == {ACCOUNT}
    assert_one_sentence(
        found[ACCOUNT], Outage("", {}, f"GET /v2/account got no answer: {says}", "the network", 0)
    )


def test_tls_with_somebody_else(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> None:
    """A server that does not speak TLS where it should."""
    clients = RunClients(server.url.replace("http://", "https://"), server.token)
    found = failures(run(instance, warehouse, clients))
    assert found.keys() == {ACCOUNT}
    assert "TLS failed" in found[ACCOUNT].message


def test_one_kind_alone_says_it_itself(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> None:
    planned = server.account.faults.add("/v2/*", 401, times=None)
    result = run(instance, warehouse, RunClients(server.url, server.token), "droplets", "volumes")
    found = failures(result)
    assert len(found) == 1, "one sentence, whoever comes first"
    assert "set a valid one in DO_API_TOKEN" in next(iter(found.values())).message
    assert planned.fired == 1
    assert materialized(result) == set()
    server.account.faults.clear()
    assert run(instance, warehouse, RunClients(server.url, server.token), "droplets").success, (
        "a kind runs without the account's asset"
    )


def test_one_kind_that_fails_is_not_taken_for_an_outage(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> None:
    server.account.faults.add("/v2/volumes", 503, times=None)
    result = run(instance, warehouse, RunClients(server.url, server.token))
    failed = [event for event in result.all_events if event.is_step_failure]
    assert [event.step_key for event in failed] == ["volumes"]
    (again,) = [event for event in result.all_events if event.is_step_up_for_retry]
    assert again.step_key == "volumes"
    for error in (failed[0].step_failure_data.error, again.step_retry_data.error):
        assert error is not None
        assert error.message.startswith("GET /v2/volumes")
        assert "answered 503" in error.message
        assert (error.stack, error.cause) == ([], None), "no `Exceeded max_retries of 1`"
    assert shown(instance).keys() == {"volumes"}
    assert materialized(result) == {ACCOUNT, *KINDS} - {"volumes"}


class TwoTokens(TestClients):
    """One purpose has a token of its own, which was revoked."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.good = RunClients(url, token)
        self.bad = RunClients(url, "dop_v1_" + "f" * 64)

    def for_purpose(self, purpose: Purpose) -> DigitalOcean:
        clients = self.bad if purpose is Purpose.CLOUD_SYNC_SLOW else self.good
        return clients.for_purpose(purpose)


def test_a_token_that_is_dead_costs_its_own_kinds_alone(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> None:
    result = run(instance, warehouse, TwoTokens(server.url, server.token))
    found = failures(result)

    assert len(found) == 1
    assert found.keys() <= {"tags", "domain_records"}
    assert materialized(result) == {ACCOUNT, *KINDS} - {"tags", "domain_records"}


def test_no_token_at_all(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> None:
    found = failures(run(instance, warehouse, TestClients(server.url, None)))
    assert found.keys() == {ACCOUNT}
    assert_one_sentence(
        found[ACCOUNT], Outage("", {}, "No DigitalOcean token", "set DO_API_TOKEN", 0)
    )


def test_an_outage_leaves_what_is_mirrored(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator
) -> None:
    run(instance, warehouse, RunClients(server.url, server.token))
    server.account.faults.add("/v2/*", 403, times=None)
    with untouched(warehouse):
        run(instance, warehouse, RunClients(server.url, server.token))


def test_a_failed_question_about_the_account_is_asked_once_a_run(server: RunningSimulator) -> None:
    planned = server.account.faults.add("/v2/account", 401, times=None)
    asked = RunClients(server.url, server.token).client
    for one in (asked, asked.twin(), asked):
        with pytest.raises(DigitalOceanError) as caught:
            one.account()
        assert caught.value.account_wide
    assert planned.fired == 1
    # The memory ends with the run.
    planned.times = 1
    assert RunClients(server.url, server.token).client.account()


def test_the_question_about_the_account_ends_within_a_minute(server: RunningSimulator) -> None:
    server.account.faults.add("/v2/account", 429, None, retry_after=20)
    clock = StillClock()
    asked = RunClients(server.url, server.token).client
    asked._clock = clock
    asked._budget._clock = clock
    began = clock.now
    with pytest.raises(DigitalOceanError):
        asked.account()
    assert clock.now - began <= 60
