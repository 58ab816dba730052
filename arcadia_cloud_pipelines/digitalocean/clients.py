"""The clients of one run: one for each token and thread, shared by all purposes that use it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ..settings import Purpose, Settings, SettingsError
from ..settings.secret import Secret
from ..warehouse.engine import Warehouse
from .accounts import ExpectedAccounts, KnownAccounts, account_of, know_accounts
from .budget import CallBudget
from .calls import SharedCalls
from .client import DigitalOcean
from .errors import DigitalOceanError
from .whose import Account


class Clients:
    """Gives the client of a purpose; two purposes with one token share client and budget."""

    def __init__(self, settings: Settings, warehouse: Warehouse | None = None) -> None:
        """Connect to nothing yet.

        Args:
            settings: tokens, and where the API is.
            warehouse: where processes count their calls together; each its own when None.
        """
        self._settings = settings
        self._warehouse = warehouse
        self._lock = threading.Lock()
        self._clients: dict[Secret, dict[int, DigitalOcean]] = {}
        """By token, then by thread."""

    @property
    def settings(self) -> Settings:
        """Return the settings that they were made from."""
        return self._settings

    def for_purpose(self, purpose: Purpose) -> DigitalOcean:
        """The client for one purpose, which is the calling thread's alone.

        Raises:
            SettingsError: there is no token for it.
        """
        token = self._settings.token(purpose)
        thread = threading.get_ident()
        with self._lock:
            of_token = self._clients.setdefault(token, {})
            if thread not in of_token:
                other = next(iter(of_token.values()), None)
                of_token[thread] = other.twin() if other else self._connect(token, purpose)
            return of_token[thread]

    def _connect(self, token: Secret, purpose: Purpose) -> DigitalOcean:
        budget = None
        if self._warehouse is not None:
            budget = CallBudget(shared=SharedCalls(self._warehouse, token))
        client = DigitalOcean(
            self._settings.api_url, token, budget=budget,
            token_from=self._settings.token_sources.get(purpose),
        )  # fmt: skip
        client.remember_outages()
        if self._settings.team is not None:
            self._expect(client, token, self._settings.team)
        if self._warehouse is not None:
            know_accounts(client, self._warehouse)
        return client

    def _expect(self, client: DigitalOcean, token: Secret, team: str) -> None:
        """Have the client refuse another team's account, and say whose its failures are."""
        expected = self._settings.expected_account
        others = self._settings.other_teams
        known = None
        if self._warehouse is not None:
            known = KnownAccounts(self._warehouse, token, team)
            client.presumed_account = expected_account(self._settings, self._warehouse)
        client.know(lambda _: ExpectedAccounts(expected, team, others, known))

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for of_token in self._clients.values():
                for client in of_token.values():
                    client.close()


def expected_account(settings: Settings, warehouse: Warehouse) -> str | None:
    """Return the account of a team: what its entry says, else what its token was found to be of."""
    if settings.expected_account is not None or settings.team is None:
        return settings.expected_account
    return account_of(warehouse, settings.team)


def ask_each_token(
    clients: Clients, purposes: Iterable[Purpose]
) -> dict[Purpose, Account | DigitalOceanError | SettingsError]:
    """Return the account that each purpose's token sees, or why that is not known.

    Raises:
        DigitalOceanError: no token was answered; the error is the first one's.
        SettingsError: there is no token.
    """
    answers: dict[Purpose, Account | DigitalOceanError | SettingsError] = {}
    for purpose in purposes:
        try:
            answers[purpose] = clients.for_purpose(purpose).account()
        except (DigitalOceanError, SettingsError) as error:
            answers[purpose] = error
    errors = [answer for answer in answers.values() if isinstance(answer, Exception)]
    if errors and len(errors) == len(answers):
        raise errors[0]
    return answers
