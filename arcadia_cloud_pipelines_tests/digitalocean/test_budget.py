from __future__ import annotations

import threading
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from arcadia_cloud_pipelines.digitalocean.budget import (
    LONGEST_WAIT,
    BudgetExhausted,
    CallBudget,
    budget_for,
)
from arcadia_cloud_pipelines.digitalocean.rate_headers import retry_after
from arcadia_cloud_pipelines.digitalocean.rate_limits import LIMITS, ON_THE_WAY, Limit
from arcadia_cloud_pipelines.settings.secret import Secret

from .conftest import FakeClock


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.3, 7.0, 59.9]), min_size=1, max_size=30),
    st.integers(10, 40),
)
def test_never_more_than_the_minute_allows(gaps: list[float], each: int) -> None:
    clock = FakeClock()
    budget = CallBudget(clock=clock)
    times: list[float] = []
    for gap in gaps:
        clock.now += gap
        for _ in range(each):
            budget.acquire("/v2/droplets")
            times.append(clock.now)
    for earlier, later in zip(times, times[250:], strict=False):
        assert later - earlier >= 60


@given(
    st.lists(st.sampled_from([0.0, 0.1, 7.0]), min_size=20, max_size=30),
    st.lists(st.floats(0, ON_THE_WAY), min_size=1, max_size=40),
)
def test_never_more_arrive_than_the_minute_allows(gaps: list[float], ways: list[float]) -> None:
    """The API counts when a request arrives; each is for some time on its way."""
    clock = FakeClock()
    budget = CallBudget(clock=clock)
    arrived: list[float] = []
    for gap in gaps:
        clock.now += gap
        for number in range(40):
            budget.acquire("/v2/droplets")
            arrived.append(clock.now + ways[number % len(ways)])
    arrived.sort()
    for earlier, later in zip(arrived, arrived[250:], strict=False):
        assert later - earlier >= 60 - 1e-6


def test_the_hour_and_no_needless_wait() -> None:
    clock = FakeClock()
    budget = CallBudget(limits=[Limit(3, 100), Limit(5, 250)], clock=clock)
    start = clock.now
    times = []
    for _ in range(7):
        budget.acquire("/v2/x")
        times.append(clock.now - start)
    assert times == [0, 0, 0, 100, 100, 250, 250]


def test_too_long_a_wait_is_refused_and_not_counted() -> None:
    clock = FakeClock()
    budget = CallBudget(limits=[Limit(1, 3600)], clock=clock)
    budget.acquire("/v2/x")
    with pytest.raises(BudgetExhausted) as caught:
        budget.acquire("/v2/x")
    assert caught.value.seconds == 3600
    assert clock.slept == []
    clock.now += 3600
    assert budget.acquire("/v2/x") == 0


def test_waits_add_up_to_the_longest_at_most() -> None:
    clock = FakeClock()
    budget = CallBudget(limits=[], clock=clock)
    budget.note(429, {"retry-after": "200"})
    original = clock.sleep

    def sleep(seconds: float) -> None:
        original(seconds)
        budget.note(429, {"retry-after": "200"})

    clock.sleep = sleep  # type: ignore[method-assign]
    with pytest.raises(BudgetExhausted):
        budget.acquire("/v2/x")
    assert sum(clock.slept) <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("path", "requests", "seconds"),
    [
        ("/v2/account/keys", 10, 60),
        ("/v2/cdn/endpoints", 5, 10),
        ("/v2/cdn/endpoints/abc", 5, 10),
        ("/v2/account", 250, 60),
        ("/v2/cdn/endpointsX", 250, 60),
    ],
)
def test_limits_of_paths(path: str, requests: int, seconds: float) -> None:
    clock = FakeClock()
    budget = CallBudget(clock=clock)
    for _ in range(requests):
        assert budget.acquire(path) == 0
    assert budget.acquire(path) == pytest.approx(seconds + ON_THE_WAY)
    assert budget.acquire("/v2/other") == 0


def test_published_limits() -> None:
    assert {(one.requests, one.seconds, one.path) for one in LIMITS} == {
        (250, 60, ""),
        (5000, 3600, ""),
        (10, 60, "/v2/account/keys"),
        (5, 10, "/v2/cdn/endpoints"),
    }


NOW = FakeClock().now


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"retry-after": "29"}, 29),
        (503, {"Retry-After": "29"}, 29),
        (429, {"retry-after": "0"}, 1),
        (429, {"retry-after": http_date(NOW + 40)}, 40),
        (429, {"retry-after": http_date(NOW - 40)}, 1),
        (429, {"retry-after": http_date(1000), "date": http_date(980)}, 20),
        (429, {"retry-after": "soon"}, None),
        (429, {"retry-after": "-5"}, None),
        (429, {"retry-after": "1e9"}, None),
        (429, {}, None),
        # The burst limit: remaining 0 and a far reset, but retry-after is what counts.
        (
            429,
            {
                "retry-after": "29",
                "ratelimit-remaining": "0",
                "ratelimit-reset": f"{NOW + 3000:.0f}",
            },
            29,
        ),
        # The hourly limit.
        (429, {"RateLimit-Remaining": "0", "RateLimit-Reset": f"{NOW + 90:.0f}"}, 90),
        (429, {"ratelimit-reset": f"{NOW - 90:.0f}"}, 1),
        # With requests left the reset is not why it was refused.
        (429, {"ratelimit-remaining": "7", "ratelimit-reset": f"{NOW + 90:.0f}"}, None),
        (503, {"ratelimit-remaining": "0", "ratelimit-reset": f"{NOW + 90:.0f}"}, None),
        # A clock here that is an hour off does no harm.
        (429, {"ratelimit-reset": "5030", "date": http_date(5000)}, 30),
    ],
)
def test_retry_after(status: int, headers: dict[str, str], expected: float | None) -> None:
    got = retry_after(status, CaseInsensitiveDict(headers), FakeClock())
    assert got == (None if expected is None else pytest.approx(expected, abs=1))


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (200, {"ratelimit-remaining": "1", "ratelimit-reset": f"{NOW + 30:.0f}"}, 0),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": f"{NOW + 30:.0f}"}, 30),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": f"{NOW + 3000:.0f}"}, 60),
        (200, {"ratelimit-remaining": "0", "ratelimit-reset": f"{NOW - 30:.0f}"}, 1),
        (200, {"ratelimit-remaining": "0"}, 0),
        (200, {"ratelimit-remaining": "none", "ratelimit-reset": "x"}, 0),
        (200, {}, 0),
        (429, {"retry-after": "29", "ratelimit-remaining": "0"}, 29),
        (429, {}, 1),
    ],
)
def test_answers_are_obeyed(status: int, headers: dict[str, str], wait: float) -> None:
    budget = CallBudget(clock=FakeClock())
    budget.note(status, CaseInsensitiveDict(headers))
    assert budget.acquire("/v2/x") == pytest.approx(wait, abs=1e-3)


def test_a_nonsense_header_blocks_for_an_hour_at_most() -> None:
    clock = FakeClock()
    budget = CallBudget(clock=clock)
    budget.note(429, {"retry-after": "999999999"})
    with pytest.raises(BudgetExhausted) as caught:
        budget.acquire("/v2/x")
    assert caught.value.seconds == pytest.approx(3600)


def test_a_later_milder_answer_does_not_shorten_a_block() -> None:
    budget = CallBudget(clock=FakeClock())
    budget.note(429, {"retry-after": "50"})
    budget.note(429, {"retry-after": "5"})
    assert budget.acquire("/v2/x") == pytest.approx(50)


def test_one_budget_per_token() -> None:
    one, two = Secret("token-one-of-test"), Secret("token-two-of-test")
    assert budget_for(one) is budget_for(Secret("token-one-of-test"))
    assert budget_for(one) is not budget_for(two)
    assert "token-one" not in repr(budget_for(one))


def test_threads_do_not_overspend() -> None:
    clock = FakeClock()
    budget = CallBudget(limits=[Limit(100, 60), Limit(100, 3600)], clock=clock)
    done: list[int] = []

    def spend() -> None:
        for _ in range(20):
            try:
                budget.acquire("/v2/x")
            except BudgetExhausted:
                continue
            done.append(1)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 100


def test_a_raised_hourly_limit_raises_the_minute_with_it() -> None:
    clock = FakeClock()
    budget = CallBudget(clock=clock)
    budget.note(200, {"ratelimit-limit": "10000"})
    assert sum(budget.acquire("/v2/droplets") for _ in range(500)) == 0
    assert budget.acquire("/v2/droplets") > 0


@pytest.mark.parametrize("limit", ["250", "5000", "no number", "0"])
def test_no_other_limit_changes_the_budget(limit: str) -> None:
    clock = FakeClock()
    budget = CallBudget(clock=clock)
    budget.note(200, {"ratelimit-limit": limit})
    assert sum(budget.acquire("/v2/droplets") for _ in range(250)) == 0
    assert budget.acquire("/v2/droplets") > 0


def test_a_raised_limit_leaves_narrower_paths_alone() -> None:
    clock = FakeClock()
    budget = CallBudget(clock=clock)
    budget.note(200, {"ratelimit-limit": "1000000"})
    assert sum(budget.acquire("/v2/cdn/endpoints") for _ in range(5)) == 0
    assert budget.acquire("/v2/cdn/endpoints") > 0
