"""The registry of resource kinds and routes.

A module per endpoint family registers its kinds here; listing, paging, scopes, single
objects, faults and lives then work without further code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, Literal

from .lives import Facts, Life, Price, ResourceId

if TYPE_CHECKING:
    from starlette.responses import Response

    from .account import SimulatedAccount
    from .call import Call
    from .view import View

Select = Callable[[Facts], bool]
LinksStyle = Literal["pages", "empty", "absent", "projects"]


def _everything(_params: Mapping[str, str]) -> Select | None:
    return None


def _only_facts(_view: View, life: Life, _facts: Facts) -> dict[str, Any]:
    return {"id": life.id}


def _no_size(_facts: Facts) -> str | None:
    return None


@dataclass(frozen=True, kw_only=True)
class SimulatedKind:
    """A kind of resource. Only the first block has no defaults."""

    name: str
    path: str
    """Kinds that share one are one list; then all but the prices should be the same."""
    envelope: str
    scope: str
    template: Callable[[SimulatedAccount, Random], Facts]
    """Facts of a new resource; what `create` overrides. It decides which fields exist."""

    new_id: Callable[[SimulatedAccount, Random], ResourceId] = field(
        default=lambda account, rng: account.new_uuid(rng)
    )
    render: Callable[[View, Life, Facts], dict[str, Any]] = _only_facts
    """What catalogue, clock and other resources add. Facts not in `consumed` go on top as
    they are, so a test can override any field of the object."""
    consumed: frozenset[str] = frozenset()
    """Facts that `render` turns into something else."""
    identity: str = "id"
    singular: str | None = None
    """Envelope of `GET {path}/{id}`; None: there is no such route."""
    parent: str | None = None
    """The kind whose ids stand for `{parent}` in the path: one list for each; the fact `parent`
    says whose a resource is."""
    within_parent: bool = False
    """Whether `identity` tells it apart within its parent alone: its id here is `parent/own`."""
    ends_with: str | None = None
    """The kind that the fact `parent` points to, where there is one list of all."""
    urn: str | None = None
    """The type in `do:<type>:<id>` for kinds that live in projects."""
    paged: bool = True
    links: LinksStyle = "pages"
    """How `links` looks when there is one page: `{"pages": {}}`, `{}`, no key, first and last."""
    per_page_first: bool = False
    page_tokens: bool = False
    """Whether a further page needs the token that the link to it carries."""
    params: frozenset[str] = frozenset()
    """Documented query parameters besides page and per_page."""
    select: Callable[[Mapping[str, str]], Select | None] = _everything
    blanks: Mapping[str, tuple[str, Any]] = field(default_factory=dict)
    """Field -> (scope it needs, what it holds without)."""
    refs: Mapping[str, str] = field(default_factory=dict)
    """Field -> kind it points to by id (a value or a list); cleared when that one is deleted."""
    tight_limit: tuple[int, int] | None = None
    """Requests and seconds, where the endpoint has a limit of its own."""
    populate: Callable[[SimulatedAccount, Random], None] | None = None
    """Makes the history of a fresh account."""
    live: Callable[[SimulatedAccount, Random, datetime], None] | None = None
    """One hour of life, which begins at the given instant."""
    price: Callable[[Facts, datetime], Price | None] | None = None
    list: Callable[[Call], Response] | None = None
    """Answers the list itself, where there is more in it than lives of this kind."""
    single: Callable[[Call, str], Response] | None = None
    """The same for a single object."""
    size: Callable[[Facts], str | None] = _no_size
    price_changes: tuple[datetime, ...] = ()
    """Instants at which list prices moved: an interval never crosses one."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """An endpoint that is not the list or the single object of a kind."""

    method: str
    path: str
    """May hold `{name}` for one path segment."""
    scope: str | None
    handle: Callable[[Call], Response]
    params: frozenset[str] = frozenset()


def sharing(kind: SimulatedKind) -> tuple[SimulatedKind, ...]:
    """The kinds of the list that this one is in."""
    return tuple(other for other in KINDS.values() if other.path == kind.path)


TAGGED = (
    "droplet", "droplet_snapshot", "image", "volume", "volume_snapshot", "database",
    "kubernetes_cluster",
)  # fmt: skip
"""Kinds with tags of their own: giving them one makes it a tag of the account."""

KINDS: dict[str, SimulatedKind] = {}
ROUTES: list[Route] = []


def register(kind: SimulatedKind) -> SimulatedKind:
    """Add a kind. The order of registration is the order in which history is made."""
    if kind.name in KINDS:
        raise ValueError(f"kind {kind.name} is registered twice")
    KINDS[kind.name] = kind
    return kind


def register_route(route: Route) -> Route:
    """Add an endpoint."""
    ROUTES.append(route)
    return route
