"""Accounts whose rows nobody looks at any more, and a person's word that one of them is over.

Where a domain, an address or a bucket moves to another team, or a token of another team is set, the
first account's rows are never struck: nothing is asked of it. They stay until somebody says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..kinds import PROJECT, REGISTRY, UNKNOWN
from ..settings import Purpose
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements

if TYPE_CHECKING:
    # The status of the mirror needs no client of the API.
    from ..digitalocean import Account

_SQL = Statements(__file__)


class NothingToRetire(Exception):
    """There is no such account, nothing of it is live, or it is the one that is mirrored."""


@dataclass(frozen=True)
class StaleAccount:
    """An account with live rows that was not listed for hours, while another one was."""

    account: str
    rows: int
    """Resources and projects that count as live."""
    synced_at: datetime | None
    """Begin of its newest listing."""

    def __str__(self) -> str:
        when = f"{self.synced_at:%Y-%m-%d %H:%M} UTC" if self.synced_at else "never"
        return (
            f"{self.rows:,} live rows are of account {self.account}, which was listed last {when}. "
            f"If it is over: `arcadia inventory retire-account {self.account}`"
        )


@dataclass(frozen=True)
class ForeignRows:
    """Things that a newest listing showed and whose rows are live ones of another account."""

    kind: str
    account: str
    """The one that listed them."""
    rows: int

    def __str__(self) -> str:
        return (
            f"{self.rows:,} of {self.kind} that account {self.account} lists are live rows of "
            "another account and were left alone"
        )


@dataclass(frozen=True)
class Retired:
    """The numbers of what was marked as deleted."""

    account: str
    resources: int
    projects: int


def stale_accounts(warehouse: Warehouse) -> list[StaleAccount]:
    """Return the accounts whose rows nobody looks at any more."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return [StaleAccount(*row) for row in _SQL.run(connection, "stale")]


def foreign_rows(warehouse: Warehouse) -> list[ForeignRows]:
    """Return what the newest listing of each kind showed of other accounts' rows."""
    warehouse.check_migrated()
    with warehouse.transaction() as connection:
        return [ForeignRows(*row) for row in _SQL.run(connection, "foreign")]


def odd_tokens(accounts: Mapping[Purpose, Account]) -> list[str]:
    """Return a sentence for each purpose whose token is of another account than most are.

    Args:
        accounts: of the token of each purpose.
    """
    uuids = [account.uuid for account in accounts.values()]
    usual = max(dict.fromkeys(uuids), key=uuids.count, default=None)
    return [
        f"the token of {purpose.value} is of account {account.name or account.uuid}, the others' "
        f"of {usual}: set DO_API_TOKEN_{purpose.name} to one of the same team"
        for purpose, account in accounts.items()
        if account.uuid != usual
    ]


def retire_account(
    warehouse: Warehouse,
    account: str,
    *,
    actor: str,
    reason: str | None,
    teams: Mapping[str, str] = MappingProxyType({}),
) -> Retired:
    """Mark every live row of an account as deleted, with its event.

    Whatever another account lists of it later is that account's, as `restored`.

    Args:
        warehouse: where.
        account: as `cloud_resources.account` has it.
        actor: who says so.
        reason: why, in their words.
        teams: the account of each team that is mirrored.

    Raises:
        NothingToRetire: nothing of it is live, it is the account that was listed last, or a team's.
        WarehouseError: the warehouse is away or not migrated; nothing was changed.
    """
    warehouse.check_migrated()
    # In the order in which syncs take them: the projects first, unknown last.
    kinds = [PROJECT.name, *sorted(kind.name for kind in REGISTRY), UNKNOWN]
    values = {"account": account, "actor": actor, "reason": reason}
    for team in (name for name, of in teams.items() if of == account):
        raise NothingToRetire(
            f"The account {account} is that of the team {team}, whose next sync would bring "
            "everything back: take the team out of the file that ARCADIA_ACCOUNTS names first."
        )
    with warehouse.transaction() as connection:
        for kind in dict.fromkeys(kinds):
            _SQL.run(connection, "lock", {"kind": kind})
        if _SQL.run(connection, "newest").scalar_one_or_none() == account:
            raise NothingToRetire(
                f"The account {account} is the one that was listed last: its next sync would bring "
                "everything back. Set the token of the other account first, and run a sync."
            )
        resources = _SQL.run(connection, "retire_resources", values).scalar_one()
        projects = _SQL.run(connection, "retire_projects", values).scalar_one()
        if not resources and not projects:
            raise NothingToRetire(
                f"The account {account} has no live resource or project: take an account that "
                "`arcadia inventory status` shows."
            )
        _SQL.run(connection, "close_memberships", values)
        _SQL.run(connection, "note", values | {"resources": resources, "projects": projects})
    return Retired(account, resources, projects)
