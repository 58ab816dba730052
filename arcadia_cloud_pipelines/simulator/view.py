"""Who asks the simulated account, and what that one sees."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import orjson

from .lives import ResourceId

if TYPE_CHECKING:
    from .account import SimulatedAccount

Item = TypeVar("Item")

API_BASE = "https://api.digitalocean.com"
VARIANTS = 4
HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Token:
    """A personal access token of the account."""

    name: str
    value: str
    scopes: frozenset[str] | None
    """None: every scope, as the classic tokens have."""

    def can(self, scope: str | None) -> bool:
        """Say if it carries the scope."""
        return scope is None or self.scopes is None or scope in self.scopes


class View:
    """The account as one request sees it: when, with which scopes, in which order."""

    def __init__(
        self,
        account: SimulatedAccount,
        at: datetime,
        scopes: frozenset[str] | None = None,
        variant: int = 0,
        base_url: str = API_BASE,
    ) -> None:
        self.account = account
        self.at = at
        self.scopes = scopes
        self.variant = variant
        self.base_url = base_url
        self.seconds = int(at.timestamp())
        self.epoch = self.seconds // HOUR_SECONDS
        """The hour: noise is constant within one and other in the next."""
        # One view serves a page of objects within one lock: what it looked up stays true.
        self._fragments: dict[tuple[str, str], orjson.Fragment] = {}
        self._holders: dict[tuple[str, str], dict[ResourceId, list[ResourceId]]] = {}

    def can(self, scope: str) -> bool:
        """Say if this reader's token carries the scope."""
        return self.scopes is None or scope in self.scopes

    def order(self, items: Sequence[Item]) -> list[Item]:
        """The items in the order of this request: no list of the API promises one."""
        if len(items) < 2 or self.variant == 0:
            return list(items)
        cut = self.variant % len(items)
        turned = [*items[cut:], *items[:cut]]
        return turned[::-1] if self.variant == VARIANTS - 1 else turned

    def chance(self, key: object, one_in: int) -> bool:
        """Noise: true for this key in about one of so many hours."""
        return zlib.crc32(f"{key}:{self.epoch}".encode()) % one_in == 0

    def region(self, slug: str) -> orjson.Fragment:
        """A region object, rendered."""
        return self._fragment("region", slug)

    def size(self, slug: str) -> orjson.Fragment:
        """A size object, rendered."""
        return self._fragment("size", slug)

    def image(self, key: str) -> orjson.Fragment:
        """An image object, rendered."""
        return self._fragment("image", key)

    def _fragment(self, what: str, slug: str) -> orjson.Fragment:
        found = self._fragments.get((what, slug))
        if found is None:
            full = self.can("sizes:read")
            found = self._fragments[what, slug] = self.account.fragment((what, slug, full), self)
        return found

    def holders(self, kind: str, field: str) -> dict[ResourceId, list[ResourceId]]:
        """Resources of `kind` by the values their fact `field` holds (a value or a list)."""
        found = self._holders.get((kind, field))
        if found is None:
            found = self._holders[kind, field] = self.account.holders(kind, field, self.at)
        return found

    def project_of(self, urn: str) -> str:
        """The id of the project a URN is in."""
        return self.account.project_of(urn, self.at)
