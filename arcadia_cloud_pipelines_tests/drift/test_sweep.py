"""The sweep: what it leaves alone, resources that are gone, what it writes, and taking turns."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.drift import decisions
from arcadia_cloud_pipelines.drift.accept import AlreadyResolved, accept
from arcadia_cloud_pipelines.drift.inbox import list_drift
from arcadia_cloud_pipelines.drift.swept_kinds import STALE_AFTER, reason_to_skip
from arcadia_cloud_pipelines.drift.words import accepted_text
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query, statements
from .helpers import (
    T0,
    TEAM,
    at,
    change,
    desire,
    drift,
    events,
    execute,
    inbox,
    listed,
    resource,
    spec_of,
    swept,
)


@pytest.mark.parametrize(
    ("sync", "hours", "reason"),
    [
        ({}, 2, "more than 2:00:00 ago"),
        ({"complete": False}, 0.1, "not complete"),
        ({"complete": False, "account": None}, 0.1, "not complete"),
        ({"implausible": True}, 0.1, "implausible"),
        ({"kind": "volume"}, 0.1, "never listed"),
        ({"account": "team-b"}, 0.1, "never listed"),
    ],
)
def test_stale_or_incomplete_inventory_neither_opens_nor_closes(
    warehouse: Warehouse, sync: dict[str, Any], hours: float, reason: str
) -> None:
    listed(warehouse, hours=-10)
    drifting = resource(warehouse, 1, size_slug="b")
    desire(warehouse, drifting, size_slug="a")
    swept(warehouse, -9.9)
    change(warehouse, drifting, size_slug="a")  # would close
    desire(warehouse, resource(warehouse, 2, size_slug="b"), size_slug="a")  # would open
    if reason == "never listed":
        execute(warehouse, "DELETE FROM cloud_sync_runs")
    listed(warehouse, **sync)

    result = swept(warehouse, hours)
    assert (result.opened, result.updated, result.closed) == (0, 0, 0)
    assert inbox(warehouse) == [(drifting, "size_slug", "a", "b")]
    assert reason in result.kinds_skipped[f"{TEAM}/droplet"]
    assert result.kinds_swept == ()
    [_, row] = query(warehouse, "SELECT * FROM cloud_drift_sweeps ORDER BY id")
    assert row["kinds_skipped"] == result.kinds_skipped


def test_two_values_are_one_setting_in_one_field_of_one_kind(warehouse: Warehouse) -> None:
    """What was judged the same is so for that field, that kind and that source of specs alone."""
    listed(warehouse, "droplet")
    listed(warehouse, "domain")

    def compared(kind: str, desired: Any, *, terraform: bool = False, **live: Any) -> int:
        row = resource(warehouse, f"{kind}-{len(made)}", kind=kind, **live)
        made.append(row)
        [field] = live or ("flag",)
        desire(warehouse, row, **{field: desired})
        if terraform:
            execute(
                warehouse,
                "UPDATE cloud_provisioned SET source_spec = jsonb_build_object("
                "'terraform/x', spec) WHERE resource_id = :row",
                row=row,
            )
        return row

    made: list[int] = []
    # The same setting stands before and after what differs, in whatever order they are read.
    compared("droplet", "Fra1", region="fra1")
    other_field = compared("droplet", "Fra1", name="fra1")
    compared("droplet", "Fra1", region="fra1")
    compared("domain", "Ex.com", name="ex.com")
    other_kind = compared("droplet", "Ex.com", name="ex.com")
    compared("domain", "Ex.com", name="ex.com")
    compared("droplet", False, terraform=True)
    by_hand = compared("droplet", False)
    compared("droplet", False, terraform=True)
    swept(warehouse)
    assert {row[0] for row in inbox(warehouse)} == {other_field, other_kind, by_hand}


def test_other_kinds_go_on(warehouse: Warehouse) -> None:
    listed(warehouse, "droplet", complete=False)
    listed(warehouse, "volume")
    desire(warehouse, resource(warehouse, kind="droplet"), region="ams3")
    volume = resource(warehouse, kind="volume")
    desire(warehouse, volume, region="ams3")
    result = swept(warehouse)
    assert [row[0] for row in inbox(warehouse)] == [volume]
    assert (result.kinds_swept, result.specs) == ((f"{TEAM}/volume",), 1)
    assert list(result.kinds_skipped) == [f"{TEAM}/droplet"]


def test_a_complete_listing_after_a_failed_one_counts(warehouse: Warehouse) -> None:
    listed(warehouse, hours=-1, complete=False)
    listed(warehouse, hours=0)
    desire(warehouse, resource(warehouse), region="ams3")
    assert swept(warehouse).opened == 1


def test_the_edge_of_staleness() -> None:
    assert reason_to_skip(T0, complete=True, implausible=False, now=T0 + STALE_AFTER) is not None
    just = T0 + STALE_AFTER - at(0).resolution
    assert reason_to_skip(T0, complete=True, implausible=False, now=just) is None


def test_a_withheld_field_is_left_alone_and_others_are_not(warehouse: Warehouse) -> None:
    listed(warehouse, hours=-1)
    droplet = resource(warehouse, tags=["a"])
    desire(warehouse, droplet, tags=["b"])
    swept(warehouse, -0.9)
    listed(warehouse, withheld={"tags": 12})
    desire(warehouse, droplet, tags=["a"], region="ams3")
    result = swept(warehouse)
    assert [row[1] for row in inbox(warehouse)] == ["tags", "region"]
    assert "tags" in result.kinds_skipped[f"{TEAM}/droplet"]


# --- resources that are gone --------------------------------------------------------------------


def test_desired_and_gone(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, size_slug="b")
    desire(warehouse, droplet, size_slug="a")
    swept(warehouse, 0.1)
    change(warehouse, droplet, deleted_at=at(0.15))
    result = swept(warehouse, 0.2)
    assert (result.opened, result.closed) == (1, 1)
    assert [row[:3] for row in inbox(warehouse)] == [(droplet, "deleted_at", None)]
    assert events(warehouse)[-1]["changes"]["deleted_at"]["from"] is None
    # Seen again: both close, or come back, by themselves.
    change(warehouse, droplet, deleted_at=None)
    swept(warehouse, 0.3)
    assert [row[1] for row in inbox(warehouse)] == ["size_slug"]


def test_accepting_that_it_is_gone(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, deleted_at=at(0))
    desire(warehouse, droplet, region="ams3")
    swept(warehouse, 0.1)
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    assert swept(warehouse, 0.2).open_after == 0
    assert spec_of(warehouse, droplet)["spec_version"] == 2
    # That it is back is news.
    change(warehouse, droplet, deleted_at=None)
    swept(warehouse, 0.3)
    assert {row[1] for row in inbox(warehouse)} == {"deleted_at", "region"}


def test_destroyed_and_recreated(warehouse: Warehouse) -> None:
    listed(warehouse)
    old = resource(
        warehouse, 1, name="web", deleted_at=at(0), created_at=at(-100), seen=(at(-99), at(-2))
    )
    desire(warehouse, old, size_slug="s-1vcpu-1gb", region="ams3")
    resource(warehouse, 2, name="web", created_at=at(-200))  # older: no successor
    new = resource(warehouse, 3, name="Web", created_at=at(-1), seen=(at(-0.5), at(0)))
    swept(warehouse, 0.1)
    [record] = drift(warehouse)
    assert (record["field"], record["successor_id"]) == ("deleted_at", new)
    accept(warehouse, record["id"], actor="bob", reason="rebuilt")
    assert spec_of(warehouse, new)["spec"] == {"size_slug": "s-1vcpu-1gb", "region": "ams3"}
    swept(warehouse, 0.2)
    assert inbox(warehouse) == [(new, "region", "ams3", "fra1")]


def gone(warehouse: Warehouse, provider_id: int, last: float = -2, **fields: Any) -> int:
    """A droplet called web that was last seen then, is gone, and has a spec."""
    made = resource(
        warehouse, provider_id, name="web", deleted_at=at(0), created_at=at(-100),
        seen=(at(-99), at(last)), **fields,
    )  # fmt: skip
    desire(warehouse, made, region="fra1")
    return made


Times = tuple[float | None, float, float]


@pytest.mark.parametrize(
    ("namesakes", "successor"),
    [
        # Created, first seen, last seen; None when the provider does not say when.
        pytest.param([(-1, -0.5, 0)], 0, id="made after it was last seen"),
        pytest.param([(None, -0.5, 0)], 0, id="first seen after it was last seen"),
        pytest.param([(-50, -49, 0)], None, id="younger, and beside it for years"),
        pytest.param([(None, -49, 0)], None, id="beside it, and nobody says when it was made"),
        pytest.param([(-3, -0.5, 0)], None, id="made while it was there, seen later"),
        pytest.param([(-1, -2, 0)], None, id="seen together, whatever its clock says"),
        pytest.param([(-1, -0.5, 0), (-0.9, -0.5, 0)], None, id="two of them"),
        pytest.param([(-50, -49, 0), (-1, -0.5, 0)], 1, id="one old, one new"),
    ],
)
def test_a_successor_came_into_being_after_the_gone_one_was_last_seen(
    warehouse: Warehouse, namesakes: list[Times], successor: int | None
) -> None:
    listed(warehouse)
    gone(warehouse, 1)
    made = [
        resource(
            warehouse, n + 2, name="web", created_at=None if created is None else at(created),
            seen=(at(first), at(last)),
        )
        for n, (created, first, last) in enumerate(namesakes)
    ]  # fmt: skip
    swept(warehouse, 0.1)
    [record] = drift(warehouse)
    assert record["successor_id"] == (None if successor is None else made[successor])
    accept(warehouse, record["id"], actor="bob")
    specs = query(warehouse, "SELECT resource_id FROM cloud_provisioned WHERE resource_id <> 1")
    assert len(specs) == (0 if successor is None else 1)


def test_one_new_namesake_of_two_gone_ones_is_nobodys_successor(warehouse: Warehouse) -> None:
    listed(warehouse)
    gone(warehouse, 1)
    gone(warehouse, 2)
    resource(warehouse, 3, name="web", created_at=at(-1), seen=(at(-0.5), at(0)))
    swept(warehouse, 0.1)
    assert [d["successor_id"] for d in drift(warehouse)] == [None, None]


def test_other_kinds_and_teams_hold_no_successor(warehouse: Warehouse) -> None:
    listed(warehouse)
    gone(warehouse, 1)
    later = {"name": "web", "created_at": at(-1), "seen": (at(-0.5), at(0))}
    resource(warehouse, 2, kind="volume", **later)
    resource(warehouse, 3, account="team-b", **later)
    resource(warehouse, 4, deleted_at=at(0), **later)
    swept(warehouse, 0.1)
    assert [d["successor_id"] for d in drift(warehouse)] == [None]


def test_a_false_successor_of_an_earlier_release_is_taken_back(warehouse: Warehouse) -> None:
    listed(warehouse)
    gone(warehouse, 1)
    beside = resource(warehouse, 2, name="web", created_at=at(-50), seen=(at(-49), at(0)))
    swept(warehouse, 0.1)
    execute(warehouse, "UPDATE cloud_drift SET successor_id = :id", id=beside)
    assert swept(warehouse, 0.2).updated == 1
    assert [d["successor_id"] for d in drift(warehouse)] == [None]


def test_a_successor_that_went_meanwhile_is_given_nothing(warehouse: Warehouse) -> None:
    listed(warehouse)
    gone(warehouse, 1)
    new = resource(warehouse, 2, name="web", created_at=at(-1), seen=(at(-0.5), at(0)))
    swept(warehouse, 0.1)
    change(warehouse, new, deleted_at=at(0.15))
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    assert swept(warehouse, 0.2).open_after == 0


def test_gone_is_gone_whenever_it_was(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = gone(warehouse, 1)
    swept(warehouse, 0.1)
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    change(warehouse, droplet, deleted_at=at(0.2))
    assert swept(warehouse, 0.3).opened == 0


def test_gone_reads_as_gone(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = gone(warehouse, 1)
    resource(warehouse, 2, name="web", created_at=at(-1), seen=(at(-0.5), at(0)))
    swept(warehouse, 0.1)
    [record] = list_drift(warehouse)
    since = "gone since 2026-11-20 12:00 UTC"
    assert record.shown == ("(the whole resource)", "exists", f"{since}, recreated as 2")
    assert record.says == f"{since}, recreated as 2"
    accepted = accept(warehouse, record.id, actor="bob")
    said = accepted_text(accepted.field, accepted.after)
    assert said == f"the resource is {since}, and nothing is desired of it any more"
    change(warehouse, droplet, deleted_at=None)
    swept(warehouse, 0.2)
    [record] = list_drift(warehouse)
    assert record.says == f"{since} → exists"
    accepted = accept(warehouse, record.id, actor="bob")
    assert "desired to exist again" in accepted_text(accepted.field, accepted.after)


# --- what it writes -----------------------------------------------------------------------------


@pytest.mark.needs_server("statistics")
def test_when_nothing_changed_only_the_sweeps_row_is_written(warehouse: Warehouse) -> None:
    listed(warehouse)
    for n in range(30):
        desire(warehouse, resource(warehouse, n, size_slug="b"), size_slug="a", region="fra1")
    swept(warehouse, 0.1)
    written = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS n FROM pg_stat_user_tables"
    flush = "SELECT pg_stat_force_next_flush()"
    query(warehouse, flush)
    [before] = query(warehouse, written)
    versions = query(warehouse, "SELECT xmin::text, ctid::text FROM cloud_drift ORDER BY id")
    with statements(warehouse) as sent:
        swept(warehouse, 0.2)
    writing = [s for s in sent if re.search("INSERT|UPDATE|DELETE|CREATE|COPY", s)]
    assert len(writing) == 1
    assert "INTO cloud_drift_sweeps" in writing[0]
    query(warehouse, flush)
    assert query(warehouse, written)[0]["n"] - before["n"] == 1
    assert versions == query(
        warehouse, "SELECT xmin::text, ctid::text FROM cloud_drift ORDER BY id"
    )


def test_the_number_of_statements_does_not_grow(warehouse: Warehouse) -> None:
    listed(warehouse)
    counts = []
    for first, last in ((0, 3), (3, 60)):
        for n in range(first, last):
            desire(warehouse, resource(warehouse, n), region="ams3", size_slug="x", tags=["y"])
        with statements(warehouse) as sent:
            swept(warehouse, 0.1 + last / 1000)
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 16


def test_the_database_keeps_one_open_record_per_field(warehouse: Warehouse) -> None:
    listed(warehouse)
    desire(warehouse, resource(warehouse), region="ams3")
    swept(warehouse)
    copy = "INSERT INTO cloud_drift (resource_id, field) SELECT resource_id, field FROM cloud_drift"
    with pytest.raises(sa.exc.IntegrityError, match="cloud_drift_open_key"):
        execute(warehouse, copy)
    execute(warehouse, "UPDATE cloud_drift SET status = 'stale', resolved_at = now()")
    execute(warehouse, copy)


@pytest.mark.parametrize("table", ["cloud_provisioned_history", "cloud_drift_decisions"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET actor = 'eve'", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_the_trails_are_append_only(warehouse: Warehouse, table: str, statement: str) -> None:
    listed(warehouse)
    desire(warehouse, resource(warehouse), region="ams3")
    swept(warehouse)
    accept(warehouse, drift(warehouse)[0]["id"], actor="bob")
    with pytest.raises(sa.exc.IntegrityError, match="append-only"):
        execute(warehouse, statement.format(table))


# --- taking turns -------------------------------------------------------------------------------


def test_two_sweeps_at_once_open_each_record_once(warehouse: Warehouse) -> None:
    listed(warehouse)
    for n in range(50):
        desire(warehouse, resource(warehouse, n), region="ams3")
    barrier = threading.Barrier(3)
    failures: list[BaseException] = []

    def run() -> None:
        barrier.wait()
        try:
            swept(warehouse)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert len(drift(warehouse)) == len(events(warehouse)) == 50


def test_accepting_during_a_sweep_waits_for_it(warehouse: Warehouse) -> None:
    """A sweep that read the old spec must not open again what is accepted meanwhile."""
    listed(warehouse)
    desire(warehouse, resource(warehouse, size_slug="b"), size_slug="a")
    swept(warehouse, 0.1)
    [record] = drift(warehouse)
    results: list[object] = []
    threads: list[threading.Thread] = []

    def take() -> None:
        results.append(accept(warehouse, record["id"], actor="bob"))

    def between(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "count(*) FROM cloud_drift WHERE status" in statement and not threads:
            threads.append(threading.Thread(target=take))
            threads[0].start()
            # It cannot get through before the sweep ends: it waits for the lock.
            wait_for_lock(warehouse)
            assert results == []

    sa.event.listen(warehouse.engine, "before_cursor_execute", between)
    swept(warehouse, 0.2)
    sa.event.remove(warehouse.engine, "before_cursor_execute", between)
    threads[0].join(30)
    assert len(results) == 1
    assert swept(warehouse, 0.3).open_after == 0
    assert [d["status"] for d in drift(warehouse)] == ["accepted"]


def wait_for_lock(warehouse: Warehouse) -> None:
    """Until somebody waits for an advisory lock."""
    engine = sa.create_engine(warehouse.engine.url, poolclass=sa.NullPool)
    sql = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with engine.connect() as connection:
        for _ in range(5_000):
            if connection.execute(sql).scalar_one():
                return
            connection.rollback()
    raise AssertionError("nobody waits")


def test_only_one_of_many_accepts_wins(warehouse: Warehouse) -> None:
    listed(warehouse)
    droplet = resource(warehouse, size_slug="b")
    desire(warehouse, droplet, size_slug="a")
    swept(warehouse)
    [record] = drift(warehouse)
    won: list[object] = []
    lost: list[AlreadyResolved] = []

    def take(name: str) -> None:
        try:
            won.append(accept(warehouse, record["id"], actor=name))
        except AlreadyResolved as error:
            lost.append(error)

    threads = [threading.Thread(target=take, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(won), len(lost)) == (1, 3)
    assert spec_of(warehouse, droplet)["spec_version"] == 2


def test_a_sweep_that_fails_leaves_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(warehouse)
    desire(warehouse, resource(warehouse), region="ams3")

    def broken(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "count(*) FROM cloud_drift WHERE status" in statement:
            raise RuntimeError("the machine stops")

    sa.event.listen(warehouse.engine, "before_cursor_execute", broken)
    with pytest.raises(RuntimeError):
        swept(warehouse)
    sa.event.remove(warehouse.engine, "before_cursor_execute", broken)
    assert drift(warehouse) == events(warehouse) == []
    assert query(warehouse, "SELECT * FROM cloud_drift_sweeps") == []


def test_a_pair_of_values_comes_once_and_is_judged_for_all_that_have_it(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(warehouse)
    ids = [resource(warehouse, n, memory=1024) for n in range(1, 6)]
    for one in ids[:4]:
        desire(warehouse, one, memory="1024")
    desire(warehouse, ids[4], memory="2048")
    judged: list[tuple[str, Any, Any]] = []
    same = decisions.same

    def counted(name: str, desired: Any, actual: Any, *rest: Any) -> bool:
        judged.append((name, desired, actual))
        return same(name, desired, actual, *rest)

    monkeypatch.setattr(decisions, "same", counted)
    swept(warehouse)
    assert judged.count(("memory", "1024", 1024)) == 1
    assert inbox(warehouse) == [(ids[4], "memory", "2048", 1024)]

    # One of those that look alike differs now: the others are not drawn into it.
    change(warehouse, ids[0], memory=512)
    swept(warehouse, 0.2)
    assert sorted(inbox(warehouse)) == [
        (ids[0], "memory", "1024", 512), (ids[4], "memory", "2048", 1024)
    ]  # fmt: skip

    # It is as desired again, though not to the letter: its record closes.
    change(warehouse, ids[0], memory=1024)
    swept(warehouse, 0.3)
    assert inbox(warehouse) == [(ids[4], "memory", "2048", 1024)]
