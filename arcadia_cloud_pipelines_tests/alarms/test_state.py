"""Each episode is told once and ended once, whatever happens in between."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import text

from arcadia_cloud_pipelines.alarms.delivery import announce, deliver
from arcadia_cloud_pipelines.alarms.model import Alarm, Answer, alarm_key
from arcadia_cloud_pipelines.alarms.state import (
    REOPEN_AFTER,
    newest_alarms,
    open_alarms,
    record_alarms,
    take_turn,
)
from arcadia_cloud_pipelines.common.severity import Severity
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query
from .helpers import CRITICAL, T0, Inbox, alarm, at, tick


def test_it_is_told_once_and_once_that_it_is_over(warehouse: Warehouse) -> None:
    inbox = Inbox()
    for minute in range(10):
        tick(warehouse, at(minute), [alarm("a")], {"x": inbox})
    assert inbox.lines() == ["✗ a"]
    assert "mend it" in inbox.taken[0][1]
    for minute in range(10, 20):
        tick(warehouse, at(minute), [], {"x": inbox})
    assert inbox.lines() == ["✗ a", "✓ a"]
    [episode] = newest_alarms(warehouse, 10)
    assert (episode.opened_at, episode.told_at, episode.closed_at) == (at(0), at(0), at(10))
    assert open_alarms(warehouse) == []


def test_no_answer_is_neither_bad_nor_well(warehouse: Warehouse) -> None:
    inbox = Inbox()
    tick(warehouse, at(0), [alarm("a"), alarm("b")], {"x": inbox})
    tick(warehouse, at(10), [], {"x": inbox}, unsure=frozenset({"thing/a", "thing/b"}))
    tick(warehouse, at(20), [], {"x": inbox}, well=frozenset())
    assert sorted(inbox.lines()) == ["✗ a", "✗ b"]
    tick(warehouse, at(30), [], {"x": inbox}, well=frozenset({"thing/a"}))
    assert inbox.lines()[2:] == ["✓ a"]
    assert [episode.key for episode in open_alarms(warehouse)] == ["thing/b"]


def test_an_answer_says_nothing_of_what_is_outside_its_question(warehouse: Warehouse) -> None:
    tick(warehouse, at(0), [alarm("a")], {})
    with warehouse.transaction() as connection:
        record_alarms(connection, Answer("thin%/"), at(1))
        record_alarms(connection, Answer("thing/a/"), at(1))
        with pytest.raises(ValueError, match="outside"):
            record_alarms(connection, Answer("other/", [alarm("a")]), at(1))
    assert len(open_alarms(warehouse)) == 1


def test_one_channel_that_fails_is_repeated_alone(warehouse: Warehouse) -> None:
    good, bad = Inbox(), Inbox()
    bad.broken = True
    for minute in range(5):
        tick(warehouse, at(minute), [alarm("a")], {"good": good, "bad": bad})
    assert good.lines() == ["✗ a"]
    waiting = query(warehouse, "SELECT * FROM cloud_alarm_deliveries WHERE sent_at IS NULL")
    assert [(w["channel"], w["attempts"], w["error"]) for w in waiting] == [
        ("bad", 3, "the channel is down")  # at 0, 1 and 3 minutes
    ]
    tick(warehouse, at(6), [], {"good": good, "bad": bad})  # it is over before it could be told
    bad.broken = False
    tick(warehouse, at(7), [], {"good": good, "bad": bad})
    assert good.lines() == bad.lines() == ["✗ a", "✓ a"]
    assert len(bad.taken) == 1


def test_a_channel_that_raises_anything_is_a_channel_that_fails(warehouse: Warehouse) -> None:
    def explode(title: str, text: str) -> None:
        raise RuntimeError("https://user:CANARY@host")

    with warehouse.transaction() as connection:
        record_alarms(connection, Answer("thing/", [alarm("a")]), T0)
        announce(connection, lambda *_: ["x"], ["x"], T0)
    assert deliver(warehouse, {"x": explode}, T0, until=None) == {"x": "RuntimeError"}
    assert "CANARY" not in str(query(warehouse, "SELECT * FROM cloud_alarm_deliveries"))


def test_what_waits_for_a_channel_that_is_gone_goes_where_it_would_go_today(
    warehouse: Warehouse,
) -> None:
    old, new = Inbox(), Inbox()
    old.broken = True
    tick(warehouse, at(0), [alarm("a")], {"old": old})
    tick(warehouse, at(10), [], {"new": new})
    assert new.lines() == ["✗ a", "✓ a"]


def test_a_storm_is_one_message_with_the_list(warehouse: Warehouse) -> None:
    inbox = Inbox()
    tick(warehouse, at(0), [alarm(f"kind-{n:02}") for n in range(45)], {"x": inbox})
    [(title, text_)] = inbox.taken
    assert title == "Arcadia: 45 new alarms, worst error"
    assert "… and " in text_
    assert text_.count("mend it") == 1
    assert len(text_) <= 2000
    # What comes in the next minutes waits for the others.
    for minute in (1, 2, 3):
        more = [alarm(f"kind-{n:02}") for n in range(45 + 5 * minute)]
        tick(warehouse, at(minute), more, {"x": inbox})
    assert len(inbox.taken) == 1
    tick(warehouse, at(5), more, {"x": inbox})
    assert inbox.taken[1][0] == "Arcadia: 15 new alarms, worst error"
    # But not what cannot wait.
    tick(warehouse, at(6), [*more, alarm("fire", severity=CRITICAL)], {"x": inbox})
    assert len(inbox.taken) == 3


def test_flapping_is_told_twice_an_hour_at_most(warehouse: Warehouse) -> None:
    inbox = Inbox()
    for minute in range(120):
        tick(warehouse, at(minute), [alarm("a")] if minute % 2 else [], {"x": inbox})
    assert len([line for line in inbox.lines() if line == "✗ a"]) <= 4
    assert len(query(warehouse, "SELECT FROM cloud_alarms")) == len(
        [line for line in inbox.lines() if line == "✗ a"]
    )


def test_what_must_stay_bad_for_a_while_is_not_told_before(warehouse: Warehouse) -> None:
    inbox = Inbox()
    slow = alarm("a", wait=timedelta(minutes=2))
    tick(warehouse, at(0), [slow], {"x": inbox})
    tick(warehouse, at(1), [slow], {"x": inbox})
    tick(warehouse, at(1.5), [], {"x": inbox})
    assert inbox.taken == []
    for minute in (2, 3, 4):
        tick(warehouse, at(minute), [slow], {"x": inbox})
    assert inbox.lines() == ["✗ a"]


AHEAD = 500_000
"""Minutes by which a clock was ahead for a while: a year."""


def test_what_a_clock_that_was_ahead_wrote_holds_nothing_up(warehouse: Warehouse) -> None:
    inbox = Inbox()
    inbox.broken = True
    tick(warehouse, at(AHEAD), [alarm("failed")], {"x": inbox})
    slow = Alarm(key="thing/slow", subject="slow", text="x", advice="y", wait=timedelta(minutes=2))
    tick(warehouse, at(AHEAD), [alarm("failed"), slow], {"x": inbox})
    tick(warehouse, at(AHEAD), [alarm("failed"), slow, alarm("over")], {"x": inbox})
    tick(warehouse, at(AHEAD + 1), [alarm("failed"), slow], {"x": inbox})
    inbox.broken = False
    tick(warehouse, at(0), [alarm("failed"), slow, alarm("over")], {"x": inbox})
    tick(warehouse, at(6), [alarm("failed"), slow, alarm("over")], {"x": inbox})
    told = inbox.lines()
    assert told.count("✗ failed") == told.count("✗ slow") == 1
    assert told.count("✗ over") == 2, "it is bad again, and that is not put off for a year"


def test_two_never_look_at_once(warehouse: Warehouse) -> None:
    with warehouse.transaction() as one, warehouse.transaction() as two:
        assert take_turn(one)
        assert not take_turn(two)
    with warehouse.transaction() as three:
        assert take_turn(three)


def test_two_never_send_to_one_channel_at_once(warehouse: Warehouse) -> None:
    """While one process sends, a second finds nothing to do."""
    inner = Inbox()

    def channel(title: str, message: str) -> None:
        assert deliver(warehouse, {"x": inner}, at(0), until=None) == {}

    with warehouse.transaction() as connection:
        record_alarms(connection, Answer("thing/", [alarm("a")]), T0)
        announce(connection, lambda *_: ["x"], ["x"], T0)
    assert deliver(warehouse, {"x": channel}, at(0), until=None) == {"x": None}
    assert deliver(warehouse, {"x": inner}, at(60), until=None) == {}
    assert inner.taken == []


def test_keys_are_short_and_apart_whatever_they_are_made_of() -> None:
    long = [alarm_key("unknown_product", "x" * 500 + end) for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(key) <= 200 for key in long)
    assert alarm_key("k", "a\x00\ud800b") == "k/a b"


def test_foreign_text_of_any_kind_can_be_kept(warehouse: Warehouse) -> None:
    inbox = Inbox()
    nasty = "a\x00b \ud800 \x1b[31m <@everyone> ![](http://x/graphql?query=mutation) @here"
    tick(warehouse, at(0), [alarm("a", subject=nasty, text=nasty * 20, advice=nasty)], {"x": inbox})
    [(title, told)] = inbox.taken
    for sent in (title, told):
        assert not set(sent) & set("\x00\x1b<>@[]`")
        assert "http://" not in sent


SEVERITIES = st.sampled_from(Severity)
NAMES = ("a", "b", "c")


class Alarms(RuleBasedStateMachine):
    """Any sequence of observations, failures, restarts and deaths, against a plain model."""

    warehouse: Warehouse

    @initialize()
    def begin(self) -> None:
        with self.warehouse.transaction() as connection:
            connection.execute(text("TRUNCATE cloud_alarms, cloud_alarm_deliveries"))
        self.now: datetime = T0
        self.channels = {"one": Inbox(), "two": Inbox()}
        self.bad: set[str] = set()
        self.open: set[str] = set()
        self.begun = dict.fromkeys(NAMES, 0)
        self.ended = dict.fromkeys(NAMES, 0)
        self.closed_at: dict[str, datetime] = {}

    @rule(
        minutes=st.sampled_from([0, 1, 4, 11, 31, 90]),
        states=st.fixed_dictionaries(
            {name: st.sampled_from(["bad", "well", "unsure"]) for name in NAMES}
        ),
        severity=SEVERITIES,
        dies=st.booleans(),
    )
    def look(self, minutes: int, states: dict[str, str], severity: Severity, dies: bool) -> None:
        self.now += timedelta(minutes=minutes)
        bad: list[Alarm] = []
        for name, state in states.items():
            if state == "bad":
                bad.append(alarm(name, severity=severity))
                quiet = self.closed_at.get(name)
                if name not in self.open and not (
                    quiet is not None and quiet > self.now - REOPEN_AFTER
                ):
                    self.open.add(name)
                    self.begun[name] += 1
            elif state == "well" and name in self.open:
                self.open.remove(name)
                self.ended[name] += 1
                self.closed_at[name] = self.now
        unsure = frozenset(f"thing/{name}" for name, s in states.items() if s == "unsure")
        tick(self.warehouse, self.now, bad, self.channels, unsure=unsure, send=not dies)

    @rule(name=st.sampled_from(["one", "two"]))
    def a_channel_breaks_or_is_mended(self, name: str) -> None:
        self.channels[name].broken = not self.channels[name].broken

    @rule()
    def the_process_is_started_again(self) -> None:
        self.warehouse.engine.dispose()

    @invariant()
    def nothing_is_told_that_did_not_happen_nor_twice(self) -> None:
        for inbox in self.channels.values():
            lines = inbox.lines()
            for name in NAMES:
                assert lines.count(f"✗ {name}") <= self.begun[name]
                assert lines.count(f"✓ {name}") <= self.ended[name]

    def teardown(self) -> None:
        """When channels work again everything is told: each beginning and each end, once."""
        if not hasattr(self, "now"):
            return
        for inbox in self.channels.values():
            inbox.broken = False
        for _ in range(3):
            self.now += timedelta(hours=2)
            deliver(self.warehouse, self.channels, self.now, until=None)
        for inbox in self.channels.values():
            lines = inbox.lines()
            for name in NAMES:
                assert lines.count(f"✗ {name}") == self.begun[name]
                assert lines.count(f"✓ {name}") == self.ended[name]


def test_any_sequence_of_events(warehouse: Warehouse) -> None:
    Alarms.warehouse = warehouse
    machine = Alarms.TestCase
    machine.settings = settings(
        max_examples=25, stateful_step_count=15, deadline=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    machine().runTest()
