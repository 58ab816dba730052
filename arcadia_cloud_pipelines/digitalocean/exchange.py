"""One call of the API, its answer, and what is made of it, as plain values.

A failed attempt is passed on as a value, so that no exception with the request in it, and the
token in that, is chained to what is raised in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import DigitalOceanError

T = TypeVar("T")


@dataclass(frozen=True)
class ApiCall:
    """One request, as often as it is sent."""

    method: str
    url: str
    endpoint: str
    path: str
    accept: str
    body: bytes | None = None
    scope: str | None = None
    decides: bool = False
    """Whether a whole run hangs on it: it is answered, or given up, within a minute."""

    @property
    def unsure(self) -> str:
        """Return what to add to a failure of a call that may have been acted on."""
        return "" if self.method == "GET" else ", and it is not known whether it was acted on"


@dataclass(frozen=True)
class ApiAnswer:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_redirect(self) -> bool:
        """Return true for a status of 3xx."""
        return 300 <= self.status < 400

    @property
    def is_html(self) -> bool:
        """Return true for a page, whatever its type is said to be."""
        kind = self.headers.get("content-type", "").lower()
        start = self.body[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
        return "html" in kind or start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head"))


@dataclass(frozen=True)
class Failure:
    """A failed attempt."""

    error: DigitalOceanError
    again: bool = False
    """Whether another attempt may help."""
    refused: bool = False
    """Whether DigitalOcean certainly did not act on the request (429)."""
    wait: float | None = None
    """Seconds the answer asked for."""


@dataclass(frozen=True)
class Success(Generic[T]):
    """An attempt that gave a value."""

    value: T
