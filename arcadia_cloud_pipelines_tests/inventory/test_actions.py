"""The log of actions: read from its newest end, and joined to the changes that it explains."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from arcadia_cloud_pipelines.digitalocean import CallBudget, DigitalOcean
from arcadia_cloud_pipelines.inventory import actions as log
from arcadia_cloud_pipelines.inventory.actions import parse_action, sync_actions
from arcadia_cloud_pipelines.inventory.sync import sync_kind
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import RunningSimulator, SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

from ..support.sql import query

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def account() -> SimulatedAccount:
    return SimulatedAccount(
        seed=7, droplets=12, now=NOW, history_start=datetime(2025, 1, 10, tzinfo=UTC), churn=0
    )


@pytest.fixture
def server(account: SimulatedAccount) -> Iterator[RunningSimulator]:
    with serve(account) as running:
        yield running


@pytest.fixture
def client(server: RunningSimulator) -> Iterator[DigitalOcean]:
    with DigitalOcean(server.url, Secret(server.token), budget=CallBudget(limits=())) as opened:
        yield opened


def test_only_what_is_new_is_read_again(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    first = sync_actions(warehouse, client, now=lambda: account.now)
    assert (first.available, first.complete) == (True, True)
    assert first.new == first.read > 0
    again = sync_actions(warehouse, client, now=lambda: account.now)
    assert again.new == 0
    web = account.ids("droplet")[0]
    account.update("droplet", web, size_slug="s-8vcpu-16gb")
    assert sync_actions(warehouse, client, now=lambda: account.now).new == 1
    (row,) = query(warehouse, "SELECT * FROM cloud_actions WHERE status = 'in-progress'")
    assert (row["type"], row["kind"], row["provider_id"]) == ("resize", "droplet", str(web))
    account.advance(hours=1)
    sync_actions(warehouse, client, now=lambda: account.now)
    assert query(warehouse, "SELECT 1 FROM cloud_actions WHERE completed_at IS NULL") == []


@pytest.mark.parametrize("newest_first", [True, False])
def test_any_order_of_the_log_is_read_to_the_same_end(
    newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """250 actions, an hour each: three pages of 100, of which the newest two are new."""
    entries = [
        {"id": n, "type": "resize", "started_at": (NOW - timedelta(hours=250 - n)).isoformat()}
        for n in range(250)
    ]
    if newest_first:
        entries.reverse()
    asked: list[int] = []

    class Client:
        def get(self, _path: str, params: dict[str, int], **_: Any) -> dict[str, Any]:
            asked.append(params["page"])
            begin = (params["page"] - 1) * 100
            return {"actions": entries[begin : begin + 100], "meta": {"total": 250}}

    monkeypatch.setattr(log, "PER_PAGE", 100)
    found, complete = log._read(Client(), NOW - timedelta(hours=120))  # type: ignore[arg-type]
    ids = {entry["id"] for entry in found}
    assert complete
    assert ids >= set(range(130, 250))
    assert asked == ([1, 2, 3] if newest_first else [1, 3, 2])


@pytest.mark.parametrize(
    "item",
    [None, {}, {"id": "1", "type": "a", "started_at": "2026-01-01T00:00:00Z"},
     {"id": 1, "type": "a"}, {"id": 1, "type": "", "started_at": "2026-01-01T00:00:00Z"}],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_costs_itself_alone(item: Any) -> None:
    assert parse_action(item) is None


def test_a_change_says_what_caused_it(
    warehouse: Warehouse, client: DigitalOcean, account: SimulatedAccount
) -> None:
    droplet = KIND_BY_NAME["droplet"]

    def refresh() -> None:
        sync_actions(warehouse, client, now=lambda: account.now)
        sync_kind(warehouse, client, droplet, now=lambda: account.now)

    refresh()
    web, other = account.ids("droplet")[:2]
    account.advance(hours=1)
    account.update("droplet", web, size_slug="s-8vcpu-16gb")
    account.update("droplet", other, tags=["new"])
    account.advance(hours=1)
    refresh()
    account.advance(hours=1)
    account.delete("droplet", other)
    for _ in range(3):
        account.advance(hours=1)
        refresh()
    told = query(
        warehouse,
        f"""
        SELECT c.event, c.field, c.cause, c.actor FROM marts.changes AS c
        JOIN cloud_resources AS r ON r.id = c.resource_id
        WHERE r.provider_id IN ('{web}', '{other}') AND c.occurred_at > '{NOW.isoformat()}'
          AND (c.field IN ('size_slug', 'tags') OR c.event = 'deleted')
        ORDER BY c.event_id, c.field
        """,
    )
    found = {(row["event"], row["field"]): row["cause"] for row in told}
    assert found["updated", "size_slug"] == "resize"
    assert found["tagged", "tags"] is None
    assert {cause for (event, _), cause in found.items() if event == "deleted"} == {"destroy"}
    assert {row["actor"] for row in told} == {"unknown"}
