"""Slots of Dagster's pools: taken at once where nobody waits, in turn where somebody does."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from .test_dagster_storage import engine, instance

__all__ = ["engine", "instance"]

POOL = "cloud_billing"


@pytest.fixture
def storage(instance: DagsterInstance) -> object:
    """A storage with a pool of one slot."""
    instance.event_log_storage.set_concurrency_slots(POOL, 1)
    return instance.event_log_storage


def claim(storage: Any, step: str) -> bool:
    return bool(storage.claim_concurrency_slot(POOL, "run", step).is_claimed)


def waiting(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM pending_steps")) or 0)


def test_a_free_slot_is_taken_without_a_line(storage: Any, engine: sa.Engine) -> None:
    assert claim(storage, "a")
    assert waiting(engine) == 0
    assert storage.get_concurrency_run_ids() == {"run"}
    storage.free_concurrency_slot_for_step("run", "a")
    assert storage.get_concurrency_run_ids() == set()
    assert claim(storage, "b")


def test_a_pool_holds_no_more_than_its_slots(storage: Any) -> None:
    assert claim(storage, "a")
    assert not claim(storage, "b")
    assert not claim(storage, "c")


def test_who_waits_goes_first_and_in_turn(storage: Any, engine: sa.Engine) -> None:
    assert claim(storage, "a")
    assert not claim(storage, "b")
    assert not claim(storage, "c")
    storage.free_concurrency_slot_for_step("run", "a")
    # The slot is free, but two wait for it.
    assert not claim(storage, "d")
    assert claim(storage, "b")
    storage.free_concurrency_slot_for_step("run", "b")
    assert not claim(storage, "d")
    assert claim(storage, "c")
    storage.free_concurrency_slot_for_step("run", "c")
    assert claim(storage, "d")
    storage.free_concurrency_slot_for_step("run", "d")
    assert waiting(engine) == 0


def test_the_slots_of_a_run_that_ended_are_free(storage: Any, engine: sa.Engine) -> None:
    assert claim(storage, "a")
    assert not claim(storage, "b")
    storage.free_concurrency_slots_for_run("run")
    assert waiting(engine) == 0
    assert claim(storage, "c")


def test_a_slot_that_was_taken_away_meanwhile_does_not_come_back(storage: Any) -> None:
    assert claim(storage, "a")
    storage.set_concurrency_slots(POOL, 0)
    storage.free_concurrency_slot_for_step("run", "a")
    assert not claim(storage, "b")
    storage.set_concurrency_slots(POOL, 1)
    assert claim(storage, "b") or claim(storage, "b")


def test_two_whose_turn_it_is_do_not_take_the_same_slot(storage: Any, engine: sa.Engine) -> None:
    """The second one asks between what the first one reads and what it writes."""
    for step in ("a", "b"):
        storage.add_pending_step(POOL, "run", step, should_assign=True)
    taken: list[bool] = []

    def let_the_other_go_first(_c: object, _u: object, text: str, *_: object) -> None:
        if "UPDATE concurrency_slots" in text and not taken:
            taken.append(False)
            taken.append(claim(storage, "b"))

    sa.event.listen(engine, "before_cursor_execute", let_the_other_go_first)
    taken.append(storage._claim_concurrency_slot(POOL, "run", "a").value == "CLAIMED")
    assert taken == [False, True, False]


def test_who_came_as_the_last_one_left_is_called(storage: Any) -> None:
    """Then nobody is there who calls the next when he leaves."""
    storage.add_pending_step(POOL, "run", "a", should_assign=False)
    assert claim(storage, "a") or claim(storage, "a")


def test_nobody_is_called_before_a_slot_is_free(storage: Any, engine: sa.Engine) -> None:
    assert claim(storage, "a")
    assert not claim(storage, "b")
    assert not claim(storage, "c")
    assert not claim(storage, "c")
    storage.free_concurrency_slot_for_step("run", "a")
    assert not claim(storage, "c"), "it is the turn of b"
    assert claim(storage, "b")
