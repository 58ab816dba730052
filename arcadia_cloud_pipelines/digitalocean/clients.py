"""The clients of one process: one for each token and thread, shared by all purposes that use it."""

from __future__ import annotations

import threading

from ..settings import Purpose, Secret, Settings
from .client import DigitalOcean


class Clients:
    """Gives the client of a purpose; two purposes with one token share client and budget."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[tuple[Secret, int], DigitalOcean] = {}
        self._first: dict[Secret, DigitalOcean] = {}

    @property
    def settings(self) -> Settings:
        """What they were made from."""
        return self._settings

    def for_purpose(self, purpose: Purpose) -> DigitalOcean:
        """The client for one purpose, which is the calling thread's alone.

        Raises:
            SettingsError: there is no token for it.
        """
        token = self._settings.token(purpose)
        key = (token, threading.get_ident())
        with self._lock:
            if key not in self._clients:
                first = self._first.get(token)
                client = first.twin() if first else DigitalOcean(self._settings.api_url, token)
                self._clients[key] = client
                self._first.setdefault(token, client)
            return self._clients[key]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for client in self._clients.values():
                client.close()
