"""The account that a token sees, and whether the API answers anything about it at all.

Asked once for all connections of a token. Within a run a failure is remembered, too: what is true
of the whole account (no route, a revoked token, a proxy that answers) is found out once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import DigitalOceanError, Forbidden, NotFound


@dataclass(frozen=True)
class Account:
    """The account that a token sees.

    Attributes:
        uuid: the team's, or the person's where there is no team.
        name: the team's. None for a personal account, whose name is a person's, and where the
            token may not see it.
        source: `team` or `person` of `/v2/account`, else `project`: the owner of the default one.
        person: uuid of the person behind a team's token.
    """

    uuid: str
    name: str | None
    source: str = field(default="team", compare=False)
    person: str | None = field(default=None, repr=False, compare=False)


class Accounts(Protocol):
    """Remembers whose a token is."""

    def confirm(self, account: Account) -> None:
        """Remember it; raise `Forbidden` where there was a better answer before."""


class Asks(Protocol):
    """The one method of the client that asking takes."""

    def get(self, path: str, *, scope: str | None = None, decides: bool = False) -> dict[str, Any]:
        """Return the JSON object at a path."""


class Whose:
    """The one answer about the account that all connections of a token share."""

    def __init__(self) -> None:
        """Ask nothing yet."""
        self._lock = threading.Lock()
        self._account: Account | None = None
        self._known: Accounts | None = None
        self._outage: DigitalOceanError | None = None
        self._remembers = False

    def know(self, accounts: Callable[[], Accounts]) -> None:
        """Compare answers with those of before. Only the first call counts."""
        with self._lock:
            if self._known is None:
                self._known = accounts()
                self._account = None

    def remember_outages(self) -> None:
        """Ask no more once asking failed: for as long as one run takes, and not longer."""
        self._remembers = True

    def account(self, ask: Callable[[], Account]) -> Account:
        """Return the account, asked for only once.

        Raises:
            DigitalOceanError: asking failed, now or earlier in the run; it is `account_wide`.
        """
        with self._lock:
            if self._account is None or self._outage is not None:
                self._account = self._ask(ask)
            return self._account

    def outage(self) -> DigitalOceanError | None:
        """Return what was found to be wrong with the whole account."""
        return None if self._outage is None else copy(self._outage)

    def cause(self, error: DigitalOceanError, ask: Callable[[], Account]) -> DigitalOceanError:
        """Return what is wrong with the whole account, or `error` where that still answers.

        An endpoint that fails in the middle of a run may be alone in that, or the first of all.
        """
        if error.account_wide or not self._remembers:
            return error
        with self._lock:
            try:
                self._account = self._ask(ask)
            except DigitalOceanError as outage:
                return outage
            return error

    def _ask(self, ask: Callable[[], Account]) -> Account:
        if self._outage is not None:
            raise copy(self._outage)
        try:
            account = ask()
            if self._known is not None:
                self._known.confirm(account)
        except DigitalOceanError as error:
            error.account_wide = True
            self._outage = copy(error) if self._remembers else None
            raise
        return account


def ask_account(client: Asks) -> Account:
    """Ask the API whose the token is: the team, else the person, else who owns the default project.

    Raises:
        Forbidden: neither may be read.
        DigitalOceanError: anything else that goes wrong.
    """
    refusal: DigitalOceanError | None = None
    try:
        account = client.get("/v2/account", scope="account:read", decides=True).get("account")
    except (Forbidden, NotFound) as error:
        refusal = error
    else:
        team = _dig(account, "team")
        if uuid := _text(team, "uuid"):
            return Account(uuid, _text(team, "name"), person=_text(account, "uuid"))
        if uuid := _text(account, "uuid"):
            return Account(uuid, None, source="person")
    # A token without account:read may still see the default project, whose owner is the account.
    try:
        default = client.get("/v2/projects/default", scope="project:read", decides=True)
        project = default.get("project")
    except (Forbidden, NotFound) as error:
        refusal = refusal or error
    else:
        if uuid := _text(project, "owner_uuid"):
            return Account(uuid, None, source="project")
    raise Forbidden(
        "GET /v2/account",
        "did not say which account the token is of, and neither did the default project",
        advice="give the token the scope account:read",
        status=refusal.status if refusal else 200,
        error_id=refusal.error_id if refusal else None,
        request_id=refusal.request_id if refusal else None,
    )


def _dig(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None


def _text(value: object, name: str) -> str | None:
    found = _dig(value, name)
    return found.strip() or None if isinstance(found, str) else None
