"""What is wrong with the whole account is found out once, and told in one sentence."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from arcadia_cloud_pipelines.digitalocean import DigitalOcean, DigitalOceanError
from arcadia_cloud_pipelines.inventory import checks
from arcadia_cloud_pipelines.inventory.assets import ASSETS, LISTINGS
from arcadia_cloud_pipelines.settings import Purpose
from arcadia_cloud_pipelines.simulator import RunningSimulator
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from .helpers import TestClients, rows, syncs

NAMES = ["droplets", "volumes", "domains", "tags"]
SENTENCES = [
    (401, {}, "answered 401", "set a valid one in DO_API_TOKEN", 1),
    (403, {}, "did not say whose account it is", "account:read", 2),
    (429, {"retry_after": 3000}, "answered 429", "run it again after", 1),
    (503, {}, "answered 503", "run it again later", 5),
    (500, {"html": True}, "a proxy or gateway may have answered", "run it again later", 5),
    ("html", {}, "is HTML, not JSON", "check that DO_API_URL is the DigitalOcean API", 5),
    ("not_json", {}, "is not valid JSON", "check that DO_API_URL is the DigitalOcean API", 5),
    ("redirect", {}, "a redirect to another host", "set DO_API_URL", 1),
    ("reset", {}, "got no answer", "check the network", 5),
]


class OneClient(TestClients):
    """As the resource of a run: one answer about the account for all that use the token."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        self.client = super().for_purpose(Purpose.CLOUD_SYNC_FULL)

    def for_purpose(self, purpose: Purpose) -> DigitalOcean:
        return self.client.twin()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(
    instance: dg.DagsterInstance, warehouse: Warehouse, clients: OneClient
) -> dg.ExecuteInProcessResult:
    bound = dg.Definitions(
        assets=ASSETS, asset_checks=checks.CHECKS, executor=dg.in_process_executor,
        resources={"clients": clients, "warehouse": warehouse, **LISTINGS},
    )  # fmt: skip
    return bound.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey(n) for n in NAMES], raise_on_error=False
    )


@pytest.mark.parametrize(
    ("fault", "options", "says", "advice", "calls"), SENTENCES, ids=[str(s[0]) for s in SENTENCES]
)
def test_an_outage_is_asked_for_once_and_said_in_a_sentence(
    instance: dg.DagsterInstance, warehouse: Warehouse, server: RunningSimulator,
    fault: str | int, options: dict[str, object], says: str, advice: str, calls: int,
) -> None:  # fmt: skip
    planned = server.account.faults.add("/v2/*", fault, times=None, **options)  # type: ignore[arg-type]
    result = run(instance, warehouse, OneClient(server.url, server.token))
    assert not result.success
    assert planned.fired == calls, "one question about the account for the whole run"
    assert not [e for e in result.all_events if e.is_step_up_for_retry]
    failures = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert len(failures) == len(NAMES)
    for failure in failures:
        text = str(failure.error)
        assert says in text
        assert advice in text
        assert "Exceeded max_retries" not in text
        assert failure.error is not None
        assert failure.error.cause is None, "the sentence alone"
    # No check changed its mind, every kind left its row, and the next run goes on.
    assert not result.get_asset_check_evaluations() or all(
        check.check_name == "fresh" for check in result.get_asset_check_evaluations()
    )
    left = {row["kind"]: row["complete"] for row in syncs(warehouse)}
    assert left == dict.fromkeys(("droplet", "volume", "domain", "tag"), False)
    server.account.faults.clear()
    assert run(instance, warehouse, OneClient(server.url, server.token)).success
    assert rows(warehouse, "droplet")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://no-such-host.invalid"])
def test_no_way_to_the_api(instance: dg.DagsterInstance, warehouse: Warehouse, url: str) -> None:
    clients = OneClient(url, "dop_v1_" + "a" * 64)
    result = run(instance, warehouse, clients)
    assert not result.success
    texts = [str(e.step_failure_data.error) for e in result.all_events if e.is_step_failure]
    assert len(texts) == len(NAMES)
    assert all("GET /v2/account got no answer" in text for text in texts)
    assert not [e for e in result.all_events if e.is_step_up_for_retry]


def test_a_failed_question_about_the_account_is_not_asked_again(server: RunningSimulator) -> None:
    planned = server.account.faults.add("/v2/account", 401, times=None)
    client = OneClient(server.url, server.token).client
    twin = client.twin()
    for asked in (client, twin, client):
        with pytest.raises(DigitalOceanError) as caught:
            asked.account()
        assert caught.value.account_wide
    assert planned.fired == 1
