"""Which account is whose: nothing is taken for another's, and nothing for over that only fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from arcadia_cloud_pipelines.digitalocean import Account, Forbidden
from arcadia_cloud_pipelines.digitalocean.accounts import (
    ExpectedAccounts,
    KnownAccounts,
    account_of,
    accounts_of,
)
from arcadia_cloud_pipelines.digitalocean.clients import Clients
from arcadia_cloud_pipelines.digitalocean.errors import Unauthorized
from arcadia_cloud_pipelines.inventory.accounts import NothingToRetire, retire_account
from arcadia_cloud_pipelines.inventory.freshness import kind_syncs, mirrored_teams
from arcadia_cloud_pipelines.inventory.ledger import Observation, record
from arcadia_cloud_pipelines.inventory.sightings import sightings
from arcadia_cloud_pipelines.inventory.tables import cloud_sync_runs
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, NAMED
from arcadia_cloud_pipelines.settings import Purpose, load_settings
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve
from arcadia_cloud_pipelines.warehouse.engine import Warehouse

A, B = "a" * 40, "b" * 40


def known(warehouse: Warehouse, token: str, team: str) -> KnownAccounts:
    return KnownAccounts(warehouse, Secret(token), team)


def expect(
    warehouse: Warehouse, token: str, team: str, *others: str, account: str | None = None
) -> ExpectedAccounts:
    return ExpectedAccounts(account, team, others, known(warehouse, token, team))


def test_a_team_is_known_by_its_name_whatever_token_it_has_now(warehouse: Warehouse) -> None:
    known(warehouse, "old", "one").confirm(Account(A, None))
    assert account_of(warehouse, "one") == A
    # A token was revoked and another one is not valid yet: failures are still the team's.
    settings = replace(
        load_settings({}), team="one", tokens={Purpose.METERING: Secret("another")},
    )  # fmt: skip
    clients = Clients(settings, warehouse)
    assert clients.for_purpose(Purpose.METERING).presumed_account == A
    clients.close()
    assert accounts_of(warehouse, ["one", "two"]) == {"one": A}


def test_the_second_of_two_teams_that_have_one_account_is_refused(warehouse: Warehouse) -> None:
    expect(warehouse, "t1", "one", "two").confirm(Account(A, None))
    with pytest.raises(Forbidden, match="which is that of the team one"):
        expect(warehouse, "t2", "two", "one").confirm(Account(A, None))
    assert account_of(warehouse, "two") is None
    # The one that was there goes on, and so does one with another name, as after a renaming.
    expect(warehouse, "t1", "one", "two").confirm(Account(A, None))
    expect(warehouse, "t3", "uno", "two").confirm(Account(A, None))
    # Where the entries say it, they decide.
    expect(warehouse, "t4", "two", "one", account=A).confirm(Account(A, None))


def test_a_token_that_goes_to_another_team_takes_its_account_along(warehouse: Warehouse) -> None:
    expect(warehouse, "t1", "one", "two").confirm(Account(A, None))
    expect(warehouse, "t1", "two", "one").confirm(Account(A, None))
    assert accounts_of(warehouse, ["one", "two"]) == {"two": A}


def test_what_a_revoked_token_says_names_its_variable() -> None:
    with serve(SimulatedAccount(seed=7, droplets=1)) as server:
        settings = replace(
            load_settings({"DO_API_URL": server.url}), team="one",
            tokens={Purpose.METERING: Secret("dop_v1_revoked")},
            token_sources={Purpose.METERING: "ONE_TOKEN"},
        )  # fmt: skip
        clients = Clients(settings)
        with pytest.raises(Unauthorized, match="set a valid one in ONE_TOKEN"):
            clients.for_purpose(Purpose.METERING).account()
        clients.close()


def test_an_account_of_a_team_is_looked_after_until_it_is_retired(warehouse: Warehouse) -> None:
    now = datetime.now(UTC)
    for account, hours in ((A, 1), (B, 40)):
        with warehouse.transaction() as connection:
            seen = sightings(KIND_BY_NAME["droplet"], [{"id": 1 if account == A else 2}])
            at = now - timedelta(hours=hours)
            record(connection, Observation(account, "droplet", at, seen, True))
            connection.execute(
                cloud_sync_runs.insert().values(
                    account=account, kind="droplet", started_at=at, ended_at=at, complete=True,
                    rows_seen=1,
                )
            )  # fmt: skip
    # One team that changed its account: nothing is said of the first one for ever.
    assert [*mirrored_teams(warehouse)] == [A]
    known(warehouse, "t1", "one").confirm(Account(A, None))
    known(warehouse, "t2", "two").confirm(Account(B, None))
    assert mirrored_teams(warehouse) == {A: "one", B: "two"}
    assert [sync.account for sync in kind_syncs(warehouse)] == [A, B]
    with pytest.raises(NothingToRetire, match="that of the team two"):
        retire_account(warehouse, B, actor="ann", reason=None, teams={"one": A, "two": B})
    # Taken out of the file first.
    assert retire_account(warehouse, B, actor="ann", reason=None, teams={"one": A}).resources == 1
    assert mirrored_teams(warehouse) == {A: "one"}


def test_what_is_an_organisations_is_a_row_of_each_team(warehouse: Warehouse) -> None:
    """Every team of an organisation lists all of its teams."""
    assert "team" in NAMED
    seen = sightings(KIND_BY_NAME["team"], [{"uuid": "t-1", "name": "labs"}])
    for account in (A, B):
        with warehouse.transaction() as connection:
            recorded = record(connection, Observation(account, "team", warehouse.now(), seen, True))
        assert (recorded.discovered, recorded.foreign) == (1, 0)
    with warehouse.transaction() as connection:
        rows = connection.execute(sa.text("SELECT account FROM cloud_resources ORDER BY 1"))
        assert rows.scalars().all() == [A, B]
