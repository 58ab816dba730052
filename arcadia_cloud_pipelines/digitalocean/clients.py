"""The clients of one process: one for each token, shared by all purposes that use it."""

from __future__ import annotations

from ..settings import Purpose, Secret, Settings
from .client import DigitalOcean


class Clients:
    """Gives the client of a purpose; two purposes with one token share client and budget."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clients: dict[Secret, DigitalOcean] = {}

    @property
    def settings(self) -> Settings:
        """What they were made from."""
        return self._settings

    def for_purpose(self, purpose: Purpose) -> DigitalOcean:
        """The client for one purpose.

        Raises:
            SettingsError: there is no token for it.
        """
        token = self._settings.token(purpose)
        if token not in self._clients:
            self._clients[token] = DigitalOcean(self._settings.api_url, token)
        return self._clients[token]

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()
