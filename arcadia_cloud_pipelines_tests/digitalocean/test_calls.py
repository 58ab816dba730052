"""One budget for all processes: what one spends, the others cannot."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcadia_cloud_pipelines.digitalocean.budget import BudgetExhausted, CallBudget
from arcadia_cloud_pipelines.digitalocean.calls import SharedCalls
from arcadia_cloud_pipelines.digitalocean.clients import Clients
from arcadia_cloud_pipelines.digitalocean.rate_limits import Limit
from arcadia_cloud_pipelines.settings import Purpose, load_settings
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

TOKEN = Secret("dop_v1_" + "ab" * 32)
HOURLY = [Limit(5, 3600)]
T0 = datetime(2026, 11, 24, tzinfo=UTC)


def budget(warehouse: Warehouse, limits: Sequence[Limit], token: Secret = TOKEN) -> CallBudget:
    """The budget of one process; a wait of an hour is told at once, so no test waits."""
    return CallBudget(limits=limits, shared=SharedCalls(warehouse, token))


def stored(warehouse: Warehouse) -> list[tuple[str, int]]:
    with warehouse.transaction() as connection:
        query = sa.text("SELECT path, sum(calls) FROM cloud_api_calls GROUP BY path ORDER BY path")
        return [(path, int(calls)) for path, calls in connection.execute(query)]


def age(warehouse: Warehouse, by: timedelta) -> None:
    """Let time pass for all that was counted."""
    with warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE cloud_api_calls SET second = second - :by"), {"by": by})


def test_two_processes_spend_from_one_budget(warehouse: Warehouse) -> None:
    one, other = (budget(warehouse, HOURLY) for _ in range(2))
    for spender in (one, other, one, other, one):
        assert spender.acquire("/v2/droplets") == 0
    for spender in (one, other):
        with pytest.raises(BudgetExhausted) as refused:
            spender.acquire("/v2/droplets")
        assert 3500 < refused.value.seconds <= 3601
    assert stored(warehouse) == [("", 5)], "what was refused is not counted"


def test_what_an_hour_has_passed_is_free_again(warehouse: Warehouse) -> None:
    spender = budget(warehouse, HOURLY)
    for _ in range(5):
        spender.acquire("/v2/droplets")
    age(warehouse, timedelta(seconds=3602))
    other = budget(warehouse, HOURLY)
    for _ in range(5):
        assert other.acquire("/v2/droplets") == 0
    age(warehouse, timedelta(hours=2))
    other = budget(warehouse, HOURLY)
    other.acquire("/v2/droplets")
    assert stored(warehouse) == [("", 1)], "what no limit looks at is forgotten"


def test_a_real_other_process(warehouse: Warehouse) -> None:
    program = f"""
import sqlalchemy as sa
from arcadia_cloud_pipelines.digitalocean.budget import CallBudget, Limit
from arcadia_cloud_pipelines.digitalocean.calls import SharedCalls
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
warehouse = Warehouse(
    sa.make_url({warehouse.engine.url.render_as_string(hide_password=False)!r}), embedded=False
)
shared = SharedCalls(warehouse, Secret({TOKEN.reveal()!r}))
budget = CallBudget(limits=[Limit(5, 3600)], shared=shared)
for _ in range(5):
    budget.acquire("/v2/droplets")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600)
    with pytest.raises(BudgetExhausted):
        budget(warehouse, HOURLY).acquire("/v2/droplets")


def test_tokens_do_not_share_and_are_not_stored(warehouse: Warehouse) -> None:
    for token in (TOKEN, Secret("dop_v1_" + "cd" * 32)):
        spender = budget(warehouse, HOURLY, token)
        for _ in range(5):
            assert spender.acquire("/v2/droplets") == 0
    with warehouse.transaction() as connection:
        rows = connection.execute(sa.text("SELECT c::text FROM cloud_api_calls AS c")).scalars()
        text = "\n".join(rows)
    assert "ab" * 8 not in text
    assert "dop_v1" not in text


def test_a_path_has_a_limit_of_its_own_beside_the_general_one(warehouse: Warehouse) -> None:
    limits = [Limit(5, 3600), Limit(2, 3600, "/v2/cdn/endpoints")]
    for _ in range(2):
        budget(warehouse, limits).acquire("/v2/cdn/endpoints")
    with pytest.raises(BudgetExhausted):
        budget(warehouse, limits).acquire("/v2/cdn/endpoints/1")
    for _ in range(3):
        budget(warehouse, limits).acquire("/v2/droplets")
    with pytest.raises(BudgetExhausted):
        budget(warehouse, limits).acquire("/v2/droplets")
    assert stored(warehouse) == [("", 5), ("/v2/cdn/endpoints", 2)]


def test_without_the_warehouse_each_process_counts_for_itself(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    away = Warehouse(sa.make_url("postgresql+psycopg2://u:s3cret@127.0.0.1:1/x"), embedded=False)
    spender = budget(away, HOURLY)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert spender.acquire("/v2/droplets") == 0
    with pytest.raises(BudgetExhausted):
        spender.acquire("/v2/droplets")
    assert len(caplog.records) == 1, "told once, not for each call"
    assert "s3cret" not in caplog.text
    with warehouse.transaction() as connection:
        connection.execute(sa.text("DROP TABLE cloud_api_calls CASCADE"))
    assert budget(warehouse, HOURLY).acquire("/v2/droplets") == 0


def test_clients_of_a_deployment_count_in_its_warehouse(warehouse: Warehouse) -> None:
    environ = {"DO_API_TOKEN": TOKEN.reveal(), "DO_API_URL": "http://127.0.0.1:1"}
    clients = [Clients(load_settings(environ), warehouse) for _ in range(2)]
    for made in clients:
        made.for_purpose(Purpose.METERING)._budget.acquire("/v2/droplets")
        made.close()
    assert stored(warehouse) == [("", 2)]


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("limits", "made", "now", "wait"),
    [
        # Nobody knows when in its second a call was made.
        ([Limit(2, 10)], [0.9, 5.0], 10.5, 0.5),
        # The first call must leave the window, not the last.
        ([Limit(3, 10)], [0, 1, 8], 9, 2),
        # Of several limits the strictest holds.
        ([Limit(2, 10), Limit(2, 60)], [0, 0], 5, 56),
        ([Limit(2, 10), Limit(2, 60)], [0], 5, 0),
    ],
)
def test_how_long_to_wait(
    warehouse: Warehouse, limits: list[Limit], made: list[float], now: float, wait: float
) -> None:
    calls = SharedCalls(warehouse, TOKEN)
    for seconds in made:
        assert calls.take(limits, at(seconds)) == 0
    assert calls.take(limits, at(now)) == pytest.approx(wait)


def test_what_an_account_is_granted_is_known_to_the_next_process(warehouse: Warehouse) -> None:
    one = budget(warehouse, HOURLY)
    for _ in range(5):
        one.acquire("/v2/droplets")
    one.note(200, {"ratelimit-limit": "10000"})
    for _ in range(5):
        budget(warehouse, HOURLY).acquire("/v2/droplets")
    with pytest.raises(BudgetExhausted):
        budget(warehouse, HOURLY).acquire("/v2/droplets")


def test_a_grant_is_the_tokens_and_not_a_paths_and_ends_when_nobody_confirms_it(
    warehouse: Warehouse,
) -> None:
    calls = SharedCalls(warehouse, TOKEN)
    calls.grant(10_000, T0)
    keys = [Limit(1, 60, "/v2/account/keys")]
    assert [calls.take(keys, at(0)) > 0 for _ in range(2)] == [False, True]
    other = SharedCalls(warehouse, Secret("dop_v1_" + "cd" * 32))
    everywhere = [Limit(1, 60)]
    assert [other.take(everywhere, at(0)) > 0 for _ in range(2)] == [False, True]
    assert [calls.take(everywhere, at(0)) > 0 for _ in range(3)] == [False, False, True]
    day = 86_400
    assert [calls.take(everywhere, at(day)) > 0 for _ in range(2)] == [False, True]


def test_what_the_others_refuse_is_not_counted_here() -> None:
    class Others:
        wait = 1000.0

        def take(self, _limits: Sequence[Limit]) -> float:
            return self.wait

        def grant(self, _hourly: int) -> None:
            pass

    others = Others()
    spender = CallBudget(limits=HOURLY, shared=others)
    for _ in range(9):
        with pytest.raises(BudgetExhausted):
            spender.acquire("/v2/droplets")
    others.wait = 0.0
    for _ in range(5):
        assert spender.acquire("/v2/droplets") == 0


STEPS = st.lists(
    st.tuples(st.floats(0, 90), st.sampled_from(["/v2/droplets", "/v2/account/keys"])),
    min_size=1, max_size=40,
)  # fmt: skip
LIMITS = [Limit(4, 10), Limit(9, 60), Limit(2, 20, "/v2/account/keys")]


@given(steps=STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_no_window_ever_holds_more_than_its_limit(
    warehouse: Warehouse, steps: list[tuple[float, str]]
) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.text("TRUNCATE cloud_api_calls"))
    calls = SharedCalls(warehouse, TOKEN)
    made: list[tuple[datetime, str]] = []
    now = T0
    for pause, path in steps:
        now += timedelta(seconds=pause)
        covering = [limit for limit in LIMITS if limit.covers(path)]
        wait = calls.take(covering, now)
        full = [
            limit for limit in covering
            if sum(limit.covers(p) and at > now - timedelta(seconds=limit.seconds)
                   for at, p in made) >= limit.requests
        ]  # fmt: skip
        if wait <= 0:
            assert not full
            made.append((now, path))
            continue
        # No longer than for the oldest call that is in the way, and the second it was made in.
        assert wait <= max(limit.seconds for limit in covering) + 1
        now += timedelta(seconds=wait)
        assert calls.take(covering, now) <= 0, "after the wait it may be made"
        made.append((now, path))
