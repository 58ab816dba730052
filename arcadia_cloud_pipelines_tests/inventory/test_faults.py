"""What goes wrong: the text is clear, nothing stored is harmed, and the next sync goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.digitalocean import DigitalOceanError, Unauthorized, Unreachable
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.settings import Purpose, SettingsError
from arcadia_cloud_pipelines.simulator import SECRET_PREFIX, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse
from arcadia_cloud_pipelines.warehouse.errors import (
    WarehouseError,
    WarehouseNotMigrated,
    WarehouseUnreachable,
)

from ..support.sql import query
from .helpers import (
    T0,
    Mirror,
    TestClients,
    before_statement,
    client,
    cut_connections,
    everything,
    rows,
    stored,
    syncs,
    untouched,
)

DROPLETS = "/v2/droplets"


@pytest.fixture
def account() -> SimulatedAccount:
    """More than two pages of droplets."""
    return SimulatedAccount(seed=7, droplets=410, now=T0, churn=0)


@pytest.fixture
def synced(mirror: Mirror) -> Mirror:
    """A mirror with a past: one droplet has a strike already, one was renamed since."""
    mirror.sync()
    mirror.account.hide("droplet", mirror.account.ids("droplet")[3])
    mirror.sync()
    mirror.account.update("droplet", mirror.account.ids("droplet")[5], name="renamed")
    return mirror


@pytest.fixture(autouse=True)
def _no_leak(warehouse: Warehouse, server: Any, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """After every test: the token is in no table and no log."""
    caplog.set_level("DEBUG")
    yield
    try:
        text = everything(warehouse) + caplog.text
    except WarehouseError:
        text = caplog.text
    assert SECRET_PREFIX not in text
    assert not [token for token in server.account.tokens if token in text]


def refused(mirror: Mirror, error: type[Exception] = DigitalOceanError, **options: Any) -> str:
    """A sync that fails: rows stay, the failure has its row; gives back the text."""
    with untouched(mirror.warehouse), pytest.raises(error) as caught:
        mirror.sync(**options)
    last = syncs(mirror.warehouse)[-1]
    assert (last["error"], last["complete"], last["rows_seen"]) == (str(caught.value), False, None)
    assert last["api_calls"] > 0 or isinstance(caught.value, WarehouseError)
    return str(caught.value)


def goes_on(mirror: Mirror) -> None:
    """The next sync is as if nothing had happened: the rename and the second strike."""
    result = mirror.sync()
    assert (result.complete, result.recorded.updated, result.recorded.struck) == (True, 1, 1)
    assert result.recorded.discovered == 0


# -- tokens -----------------------------------------------------------------------------------


def test_a_wrong_token_is_named_but_not_shown(synced: Mirror) -> None:
    wrong = "dop_v1_" + "0" * 64
    text = refused(synced, Unauthorized, token=wrong)
    assert "401" in text
    assert "DO_API_TOKEN" in text
    assert wrong not in text + everything(synced.warehouse)
    goes_on(synced)


def test_a_token_revoked_in_the_middle(synced: Mirror) -> None:
    token = synced.account.add_token("short-lived")
    synced.account.faults.add(DROPLETS, "hook", call=lambda: synced.account.revoke_token(token))
    assert "401" in refused(synced, Unauthorized, token=token)
    goes_on(synced)


def test_a_missing_token_says_which_variable(synced: Mirror) -> None:
    with pytest.raises(SettingsError, match=r"set DO_API_TOKEN .*CLOUD_SYNC_FULL"):
        TestClients(synced.server.url, None).for_purpose(Purpose.CLOUD_SYNC_FULL)


@pytest.mark.parametrize("kind", ["droplet", "database"])
def test_a_missing_scope_is_not_available_and_fails_nothing(synced: Mirror, kind: str) -> None:
    narrow = synced.account.add_token("narrow", ["account:read", "volume:read"])
    with untouched(synced.warehouse):
        result = synced.sync(kind, token=narrow)
    assert (result.available, result.complete) == (False, False)
    assert result.error is not None
    assert f"the scope {kind}:read" in result.error
    last = syncs(synced.warehouse)[-1]
    assert (last["available"], last["error"]) == (False, result.error)
    goes_on(synced)


def test_a_feature_never_used_is_not_available(synced: Mirror) -> None:
    synced.account.faults.add("/v2/databases", 404)
    result = synced.sync("database")
    assert (result.available, result.complete, result.recorded.struck) == (False, False, 0)


def test_a_scope_that_is_lost_blanks_fields_and_changes_nothing(synced: Mirror) -> None:
    full = rows(synced.warehouse)
    narrow = synced.account.add_token("narrow", ["account:read", "droplet:read"])
    result = synced.sync(token=narrow)
    assert "tags" in result.recorded.withheld
    assert result.recorded.updated == 1, "the rename"
    narrowed = rows(synced.warehouse)
    for identity, row in full.items():
        for field in ("tags", "attrs", "size_slug", "region"):
            assert narrowed[identity][field] == row[field]
    assert synced.sync().recorded.updated == 0


# -- the network ------------------------------------------------------------------------------


def test_an_unreachable_host(synced: Mirror) -> None:
    with serve(synced.account) as gone:
        pass
    with untouched(synced.warehouse), pytest.raises(Unreachable, match=r"refused.*DO_API_URL"):
        sync_kind(
            synced.warehouse, client(gone.url, gone.token), KIND_BY_NAME["droplet"],
            now=synced.now,
        )  # fmt: skip
    last = syncs(synced.warehouse)[-1]
    assert last["account"] is None
    assert "refused" in last["error"]
    goes_on(synced)


FAULTS: list[tuple[Any, dict[str, Any], str]] = [
    (429, {}, "429"),
    (500, {}, "500"),
    (503, {"html": True}, "503"),
    ("reset", {}, "reset"),
    ("truncate", {}, "cut short"),
    ("html", {}, "HTML"),
    ("not_json", {}, "not valid JSON"),
    ("empty", {}, "not valid JSON"),
    ("loop_next", {}, "already read"),
    ("redirect", {}, "redirect"),
]


@pytest.mark.parametrize(("fault", "options", "words"), FAULTS, ids=lambda value: str(value))
def test_a_fault_in_the_middle_that_stays(
    synced: Mirror, fault: Any, options: dict[str, Any], words: str
) -> None:
    synced.account.faults.add(DROPLETS, fault, times=None, page=2, **options)
    text = refused(synced)
    assert DROPLETS in text
    assert words in text
    synced.account.faults.clear()
    goes_on(synced)


def test_of_a_link_to_another_host_only_its_number_is_used(synced: Mirror) -> None:
    synced.account.faults.add(DROPLETS, "other_host_next", times=1, page=2)
    goes_on(synced)


PASSING = [429, 500, 502, "reset", "truncate", "html", "not_json"]


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_in_the_middle_that_passes_is_not_noticed(synced: Mirror, fault: Any) -> None:
    synced.account.faults.add(DROPLETS, fault, times=2, page=2)
    goes_on(synced)
    assert synced.account.faults.pending == []


def test_a_fault_in_the_second_of_two_listings_loses_the_first_too(synced: Mirror) -> None:
    synced.account.faults.add(DROPLETS, 500, times=None, query="*type=gpus*")
    assert "type=gpus" in refused(synced)
    synced.account.faults.clear()
    goes_on(synced)


# -- pages that shift ---------------------------------------------------------------------------


@pytest.mark.parametrize("by", [1, -1], ids=["one is seen twice", "one is missed"])
def test_pages_that_always_shift_strike_nothing(synced: Mirror, by: int) -> None:
    synced.account.faults.add(DROPLETS, "shift", times=None, page=2, by=by)
    result = synced.sync()
    assert (result.complete, result.recorded.struck, result.recorded.deleted) == (False, 0, 0)
    assert result.error is not None
    assert "read twice" in result.error
    assert result.recorded.updated == 1, "what was seen is recorded"
    assert not [r for r in rows(synced.warehouse).values() if r["deleted_at"]]
    synced.account.faults.clear()
    assert synced.sync().recorded.struck == 1


@pytest.mark.parametrize("by", [1, -1])
def test_pages_that_shift_once_are_read_again(synced: Mirror, by: int) -> None:
    synced.account.faults.add(DROPLETS, "shift", page=2, by=by)
    goes_on(synced)


def test_deletions_while_it_is_read_strike_nobody_else(synced: Mirror) -> None:
    account = synced.account
    victims = iter(account.ids("droplet")[10:])
    account.faults.add(
        DROPLETS, "hook", times=None, page=2, call=lambda: account.delete("droplet", next(victims))
    )
    for _ in range(4):
        synced.sync()
    account.faults.clear()
    deleted = {i for i, r in rows(synced.warehouse).items() if r["deleted_at"]}
    struck = {i for i, r in rows(synced.warehouse).items() if r["stale_strike_count"]}
    living = {str(i) for i in account.ids("droplet")} - {str(account.ids("droplet")[3])}
    assert not (deleted | struck) & living


# -- losses -----------------------------------------------------------------------------------


def test_an_empty_answer_is_implausible(synced: Mirror) -> None:
    for droplet in synced.account.ids("droplet"):
        synced.account.hide("droplet", droplet)
    for _ in range(4):
        result = synced.sync()
        assert (result.complete, result.recorded.implausible) == (True, True)
    assert not [r for r in rows(synced.warehouse).values() if r["deleted_at"]]


# -- the warehouse ----------------------------------------------------------------------------


def test_a_warehouse_that_is_down(synced: Mirror) -> None:
    url = synced.warehouse.engine.url.set(query={"host": "/nowhere"}, password="sesame")
    down = Warehouse(url, embedded=False)
    asked = len(synced.server.requests)
    with pytest.raises(WarehouseUnreachable, match=r"/nowhere/test_.*does not answer") as caught:
        Mirror(down, synced.server).sync()
    assert "sesame" not in str(caught.value) + repr(down)
    assert len(synced.server.requests) == asked, "asked before any work"


def test_a_warehouse_that_is_not_migrated_names_the_command(
    server: Any, empty_database: sa.URL
) -> None:
    bare = Warehouse(empty_database, embedded=False)
    with pytest.raises(WarehouseNotMigrated, match="run `arcadia migrate`"):
        Mirror(bare, server).sync()
    bare.engine.dispose()


@pytest.mark.parametrize(
    "part", ["pg_advisory_xact_lock", "CREATE TEMP TABLE compared", "INSERT INTO cloud_sync_runs"]
)
def test_a_connection_lost_while_recording_has_its_sync_row(synced: Mirror, part: str) -> None:
    with before_statement(synced.warehouse, part, lambda: cut_connections(synced.warehouse)):
        text = refused(synced, WarehouseUnreachable)
    assert "run it again" in text
    goes_on(synced)


def test_a_connection_lost_while_listing_is_not_noticed(synced: Mirror) -> None:
    synced.account.faults.add(
        DROPLETS, "hook", page=2, call=lambda: cut_connections(synced.warehouse)
    )
    goes_on(synced)


KILLED = """
import os, signal, sys
import sqlalchemy as sa
from arcadia_cloud_pipelines_tests.inventory.helpers import *
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME

warehouse = Warehouse(sa.make_url(sys.argv[1]), embedded=False)

@sa.event.listens_for(warehouse.engine, "before_cursor_execute")
def stop(_connection, _cursor, statement, *_):
    if "INSERT INTO cloud_sync_runs" in statement:
        print("recorded, not committed", flush=True)
        signal.pause()

sync_kind(warehouse, client(sys.argv[2], sys.argv[3]), KIND_BY_NAME["droplet"], now=lambda: at(50))
"""


def test_a_process_killed_in_the_transaction_leaves_everything(synced: Mirror) -> None:
    url = synced.warehouse.engine.url.render_as_string(hide_password=False)
    with untouched(synced.warehouse):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, url, synced.server.url, synced.server.token],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "recorded, not committed\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        process.stdout.close()
    # The next one waits for the lock of the dead one's backend, and gets it.
    goes_on(synced)


def test_two_syncs_at_once(synced: Mirror) -> None:
    synced.hours += 1
    barrier = threading.Barrier(2)

    def one() -> Any:
        barrier.wait(10)
        return sync_kind(
            synced.warehouse, client(synced.server.url, synced.server.token),
            KIND_BY_NAME["droplet"], now=synced.now,
        )  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        results = [f.result(30) for f in [pool.submit(one), pool.submit(one)]]
    assert sorted(r.recorded.updated for r in results) == [0, 1]
    told = query(synced.warehouse, "SELECT 1 FROM cloud_resource_events WHERE event = 'updated'")
    assert len(told) == 1


def test_one_kind_that_fails_leaves_the_others(synced: Mirror) -> None:
    synced.account.faults.add(DROPLETS, 500, times=None)
    refused(synced)
    assert synced.sync("volume").complete
    assert len(stored(synced.warehouse)["cloud_resources"]) > len(rows(synced.warehouse, "droplet"))
