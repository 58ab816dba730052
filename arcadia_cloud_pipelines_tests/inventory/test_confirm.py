"""A person's word that a loss is real: for what, for whom, for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.inventory.confirm import VALID_FOR, NothingToConfirm, confirm_loss
from arcadia_cloud_pipelines.inventory.tables import cloud_loss_confirmations, cloud_sync_runs
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def sync(warehouse: Warehouse, hours_ago: float, **values: object) -> None:
    at = NOW - timedelta(hours=hours_ago)
    row = {"account": "team", "kind": "droplet", "complete": True, **values}
    with warehouse.transaction() as connection:
        connection.execute(cloud_sync_runs.insert().values(started_at=at, ended_at=at, **row))


def confirm(warehouse: Warehouse, kind: str = "droplet") -> object:
    return confirm_loss(warehouse, kind, actor="ada", reason=None, now=NOW)


def confirmations(warehouse: Warehouse) -> list[tuple[str, str, datetime]]:
    table = cloud_loss_confirmations.c
    with warehouse.transaction() as connection:
        return list(
            connection.execute(sa.select(table.account, table.kind, table.valid_until)).tuples()
        )


def test_an_implausible_loss_is_confirmed_for_its_account_and_a_week(warehouse: Warehouse) -> None:
    sync(warehouse, 2, account="other", implausible=True, missing=99)
    sync(warehouse, 1, implausible=True, missing=12)
    done = confirm_loss(warehouse, "droplet", actor="ada", reason="moved", now=NOW)
    assert (done.account, done.missing, done.withheld) == ("team", 12, {})
    assert confirmations(warehouse) == [("team", "droplet", NOW + VALID_FOR)]


def test_fields_gone_empty_can_be_confirmed(warehouse: Warehouse) -> None:
    sync(warehouse, 1, withheld={"tags": 7})
    done = confirm_loss(warehouse, "droplet", actor="ada", reason=None, now=NOW)
    assert (done.missing, done.withheld) == (0, {"tags": 7})


def test_no_such_kind(warehouse: Warehouse) -> None:
    with pytest.raises(
        NothingToConfirm, match=r"'drplet' is not a kind of resource: use one of .*droplet"
    ):
        confirm(warehouse, "drplet")


def test_a_kind_without_a_sync(warehouse: Warehouse) -> None:
    with pytest.raises(NothingToConfirm, match="never listed"):
        confirm(warehouse, "volume")


def test_nothing_implausible_in_the_newest_sync(warehouse: Warehouse) -> None:
    sync(warehouse, 2, implausible=True, missing=12)
    sync(warehouse, 1)
    with pytest.raises(NothingToConfirm, match="no implausible loss"):
        confirm(warehouse)
    assert confirmations(warehouse) == []


def test_projects_can_be_lost_too(warehouse: Warehouse) -> None:
    sync(warehouse, 1, kind="project", implausible=True, missing=11)
    confirm(warehouse, "project")
    assert [row[1] for row in confirmations(warehouse)] == ["project"]
