"""The account that each token belongs to, remembered across runs.

A token that suddenly says less (403 on `/v2/account`, a team that is missing from it) would make
another account out of the same infrastructure: every row of the first would stay as a ghost. So a
weaker answer is never taken where there was a better one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import sqlalchemy as sa

from ..settings.secret import Secret
from ..warehouse.engine import Warehouse
from ..warehouse.statements import Statements
from .client import DigitalOcean
from .errors import Forbidden
from .whose import Account

_SQL = Statements(__file__)

_BETTER = {"team": (), "person": ("team",), "project": ("team", "person")}
"""For each source of an account those that are better."""


class KnownAccounts:
    """Remembers in the warehouse whose a token is. Safe to share between threads."""

    def __init__(self, warehouse: Warehouse, token: Secret, team: str | None = None) -> None:
        """Ask nothing yet.

        Args:
            warehouse: where.
            token: a digest of it is stored, from which it cannot be found.
            team: whose it is, by the name in the file of teams.
        """
        self._warehouse = warehouse
        self._token = _digest(token.reveal())
        self._team = team

    def confirm(self, account: Account) -> None:
        """Remember the account, unless it is a worse answer than one of before.

        Raises:
            Forbidden: the API named this token's, or this deployment's, account better before.
            WarehouseError: the warehouse is away.
        """
        values: dict[str, object] = {
            "token": self._token,
            "account": account.uuid,
            "source": account.source,
            "person": account.person and _digest(account.person),
            "fallback": _digest(account.uuid),
            "better": list(_BETTER[account.source]),
            "team": self._team,
        }
        with self._warehouse.transaction() as connection:
            before = self._better(connection, values)
            if before is None:
                _SQL.run(connection, "remember", values)
        if before is not None and before != account.uuid:
            raise Forbidden(
                "GET /v2/account",
                f"does not say any more that this token is of account {before}, only that it is "
                f"of {account.uuid}, so nothing was recorded",
                advice="give the token the scope account:read, or set one of the right team",
            )

    def holder(self, account: str, others: Iterable[str]) -> str | None:
        """Return which of these other teams an account is of already; None where none is."""
        values = {"token": self._token, "account": account, "others": sorted(others)}
        with self._warehouse.transaction() as connection:
            found: str | None = _SQL.run(connection, "holder", values).scalar_one_or_none()
        return found

    @staticmethod
    def _better(connection: sa.Connection, values: dict[str, object]) -> str | None:
        found: str | None = _SQL.run(connection, "better", values).scalar_one_or_none()
        return found


class ExpectedAccounts:
    """Refuses an account that is not the team's; the others are for `known` to judge."""

    def __init__(
        self, expected: str | None, team: str, others: Iterable[str], known: KnownAccounts | None
    ) -> None:
        """Remember what is expected.

        Args:
            expected: the account, 40 hex digits; any that no other team has when None.
            team: whose tokens these are, by the name in the file of teams.
            others: the other teams of the file.
            known: remembers accounts that are as expected.
        """
        self._expected = expected
        self._team = team
        self._others = tuple(others)
        self._known = known

    def confirm(self, account: Account) -> None:
        """Remember the account.

        Raises:
            Forbidden: it is another one, or a worse answer than one of before.
        """
        if self._expected not in (None, account.uuid):
            raise Forbidden(
                "GET /v2/account",
                f"says that this token is of account {account.uuid}, while the team {self._team} "
                f"is account {self._expected}, so nothing was recorded",
                advice=f"set a token of {self._team}, or correct its `account` in the file that "
                "ARCADIA_ACCOUNTS names",
            )
        if self._known is None:
            return
        holder = None if self._expected else self._known.holder(account.uuid, self._others)
        if holder is not None:
            raise Forbidden(
                "GET /v2/account",
                f"says that this token of {self._team} is of account {account.uuid}, which is that "
                f"of the team {holder}, so nothing was recorded",
                advice="take one of the two out of the file that ARCADIA_ACCOUNTS names, or say "
                "the `account` of both there",
            )
        self._known.confirm(account)


def account_of(warehouse: Warehouse, team: str) -> str | None:
    """Return the account that a team's newest token was found to be of; None where none was."""
    with warehouse.transaction() as connection:
        found: str | None = _SQL.run(connection, "of_team", {"team": team}).scalar_one_or_none()
    return found


def accounts_of(warehouse: Warehouse, teams: Iterable[str]) -> dict[str, str]:
    """Return the same by team, without the teams of which nothing was found."""
    with warehouse.transaction() as connection:
        return dict(_SQL.run(connection, "of_teams", {"teams": sorted(teams)}).tuples().all())


def know_accounts(client: DigitalOcean, warehouse: Warehouse) -> None:
    """Have a client, and its clones, remember in the warehouse whose account its token is of."""
    if isinstance(client, DigitalOcean):
        client.know(lambda token: KnownAccounts(warehouse, token))


def presumed_account(client: DigitalOcean) -> str | None:
    """Return the account that a failure is about before the API said whose the token is.

    None for a deployment of one team, which no other team's failure can be taken for.
    """
    return client.presumed_account if isinstance(client, DigitalOcean) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
