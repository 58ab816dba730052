"""Everything there is of one kind, out of one or several of the API's lists.

What belongs here: which lists a kind takes, and whether they prove that all was seen.
What does not: how a list is paged (`digitalocean/pages.py`), and what becomes of the objects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Protocol
from urllib.parse import quote

from ..digitalocean import (
    BadAnswer,
    DigitalOcean,
    DigitalOceanError,
    Listing,
    NotFound,
    OnPage,
    error_of_one,
    fan_out,
    read_listing,
)
from ..digitalocean.errors import clean
from ..kinds import KIND_BY_NAME, Endpoint, Json, Kind
from .sightings import Sighting, identity_reader, sighting_reader

logger = logging.getLogger(__name__)

Progress = Callable[[str], None]

NAMED = 3
"""Parents that a reason names; of the others it says how many."""


@dataclass(frozen=True)
class KindListing:
    """The API's answer about one kind."""

    items: list[Json]
    expected: int | None
    """Distinct things the API says there are; None where it gives no total."""
    complete: bool
    reason: str | None
    """Why it is not complete."""
    unknown_fields: frozenset[str] = frozenset()
    """Fields of which the API would not say, this time, what they hold."""
    available: bool = True
    """False when nobody may list it: the items were learnt elsewhere."""
    regions: frozenset[str] | None = None
    """Regions that were asked for, "" for objects without one; None for all."""
    whose_unknown: bool = False
    """True where nothing says that the objects are this account's."""
    started_at: datetime | None = None
    """When the oldest list that it is made of was begun, where that was before the kind's turn."""
    seen: list[Sighting] | None = None
    """The objects in place of `items`, where each was made a sighting as soon as it was read."""


class Read(Protocol):
    """Lists a kind: now, or as another kind of the run did a moment ago."""

    def __call__(
        self, client: DigitalOcean, kind: Kind, progress: Progress | None = None
    ) -> KindListing:
        """Return its listing; raises what `list_kind` raises."""


@dataclass
class _Parts:
    """Several lists on their way to be one."""

    kind: Kind
    keep: Callable[[Json], Sighting] | None = None
    """What to hold of an object; the object when None."""
    items: dict[str, Any] = field(default_factory=dict)
    read: int = 0
    totals: list[int | None] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    started_at: datetime | None = None

    def rest_on(self, parents: KindListing) -> None:
        """Take over what the parents' listing says of this one: why it is not whole, how old."""
        if parents.reason is not None:
            self.reasons.append(parents.reason)
        begun = [at for at in (self.started_at, parents.started_at) if at is not None]
        self.started_at = min(begun, default=None)

    def add(self, listing: Listing) -> None:
        """Take what one list held; the first to show an object is not asked again."""
        identity = identity_reader(self.kind)
        held: Sequence[Any] = listing.items
        self.read += len(held)
        self.items.update(
            (identity(one) if self.keep is None else one.provider_id, one) for one in held
        )
        self.totals.append(listing.total)
        if listing.reason is not None:
            self.reasons.append(listing.reason)

    def joined(self) -> KindListing:
        """Return all of it, without what is another kind's."""
        known = [total for total in self.totals if total is not None]
        kept = [
            item
            for item in self.items.values()
            if not any(item.get(name) == value for name, value in self.kind.leave_out.items())
        ]
        return KindListing(
            items=[] if self.keep else kept,
            seen=kept if self.keep else None,
            # An object of two lists is one, and another kind's object is none of this one.
            expected=sum(known) - (self.read - len(kept))
            if len(known) == len(self.totals) and sum(known) < 2**31
            else None,
            complete=not self.reasons,
            reason="; ".join(self.reasons) or None,
            started_at=self.started_at,
        )


def list_kind(
    client: DigitalOcean,
    kind: Kind,
    progress: Progress | None = None,
    read: Read | None = None,
    others: Supplements | None = None,
) -> KindListing:
    """List every object of one kind, each once.

    Children are asked for parent by parent, after a listing of the parents. Where the children of
    one cannot be read, those of the others are returned, as not complete. Only a parent that is
    really gone is left out, and its children with it.

    Args:
        client: asks.
        kind: its entry in the registry.
        progress: told how far the listing is.
        read: lists the parents; now when None.
        others: what is to be added to each object. Then the sightings alone are held, where the
            kind allows: 50,000 droplets take half a gigabyte as objects, and a tenth as sightings.

    Raises:
        DigitalOceanError: a list of the kind itself, or of the parents, could not be read, or the
            children of no parent could.
    """
    plain = not kind.leave_out and all(endpoint.per is None for endpoint in kind.endpoints)
    parts = _Parts(kind, others.reader() if others is not None and plain else None)
    for endpoint in kind.endpoints:
        if endpoint.per is None:
            telling = _telling(kind, parts, progress)
            parts.add(_list(client, kind, endpoint, endpoint.path, telling, keep=parts.keep))
            continue
        parent_kind = KIND_BY_NAME[endpoint.per]
        listed = (read or list_kind)(client, parent_kind, progress)
        parts.rest_on(listed)
        if endpoint.inside:
            parts.add(children_inside(kind, endpoint, listed.items))
        else:
            parents = [
                identity_reader(parent_kind)(item)
                for item in listed.items
                if not any(item.get(name) in none for name, none in endpoint.unless.items())
            ]
            _add_children(parts, client, endpoint, parents, progress)
    listing = parts.joined()
    if others is not None:
        others.complete(listing.items)
    return listing


def _list(
    client: DigitalOcean, kind: Kind, endpoint: Endpoint, path: str, on_page: OnPage | None = None,
    parent: str | None = None, keep: Callable[[Json], Sighting] | None = None,
) -> Listing:  # fmt: skip
    identity = identity_reader(kind)
    own = {} if parent is None else {endpoint.parent_field: parent}
    return read_listing(
        client, path, envelope=endpoint.envelope, identity=lambda item: identity(own | item),
        params=endpoint.params, paged=endpoint.paged, cursor=endpoint.cursor,
        per_page=endpoint.per_page, on_page=on_page, scope=kind.scope, keep=keep,
    )  # fmt: skip


def _telling(kind: Kind, parts: _Parts, progress: Progress | None) -> OnPage | None:
    """Return what tells `progress` of each page, beside what was read before."""
    if progress is None:
        return None
    before = parts.read

    def on_page(seen: int, total: int | None) -> None:
        of = "" if total is None else f" of {before + total:,}"
        progress(f"{kind.asset}: {before + seen:,}{of} listed")

    return on_page


# -- children of parents that have a list of their own ------------------------------------------


def _add_children(
    parts: _Parts,
    client: DigitalOcean,
    endpoint: Endpoint,
    parents: Sequence[str],
    progress: Progress | None,
) -> None:
    """Add the children of each parent, and a reason for each whose children could not be read.

    Raises:
        DigitalOceanError: no parent's children could be read.
    """
    kind = parts.kind
    unread: dict[str, DigitalOceanError] = {}
    listings = fan_out(client, parents, partial(_children_of, kind, endpoint))
    for number, (parent, listing) in enumerate(zip(parents, listings, strict=True), 1):
        if isinstance(listing, DigitalOceanError):
            unread[parent] = listing
        else:
            parts.add(listing)
        if progress is not None:
            of = f"{number:,} of {len(parents):,} parents"
            progress(f"{kind.asset}: {len(parts.items):,} listed, {of}")
    nothing_read = len(unread) == len(parents)
    for parent in _really_gone(client, endpoint, unread):
        logger.warning("%s: %s %s went away while listed", kind.asset, endpoint.per, parent)
        del unread[parent]
    if not unread:
        return
    if nothing_read:
        # What passes by itself goes first: then the run is tried again.
        raise min(unread.values(), key=lambda error: not error.transient)
    parts.reasons.append(_unread(endpoint, unread))


def _children_of(
    kind: Kind, endpoint: Endpoint, client: DigitalOcean, parent: str
) -> Listing | DigitalOceanError:
    """Return the children of one parent, each with the name of it, or why they are not known.

    Raises:
        DigitalOceanError: one that every other parent's children would meet, too.
    """
    try:
        path = endpoint.path.format(parent=quote(parent, safe=""))
        listing = _list(client, kind, endpoint, path, parent=parent)
    except DigitalOceanError as error:
        return error_of_one(client, error)
    for item in listing.items:
        item.setdefault(endpoint.parent_field, parent)
    return listing


def _really_gone(
    client: DigitalOcean, endpoint: Endpoint, unread: dict[str, DigitalOceanError]
) -> list[str]:
    """Return the parents that answered 404 and that a new listing of the parents lacks.

    A 404 alone proves nothing: a feature that is off and a proxy answer so, too.
    """
    missing = [parent for parent, error in unread.items() if isinstance(error, NotFound)]
    if not missing:
        return []
    parent_kind = KIND_BY_NAME[str(endpoint.per)]
    try:
        again = list_kind(client, parent_kind)
    except DigitalOceanError as error:
        logger.warning("what contains these resources could not be listed again: %s", error)
        return []
    if not again.complete:
        return []
    left = {identity_reader(parent_kind)(item) for item in again.items}
    return [parent for parent in missing if parent not in left]


def _unread(endpoint: Endpoint, unread: dict[str, DigitalOceanError]) -> str:
    """Return the sentence that names the parents whose children could not be read."""
    named = "; ".join(
        f"{clean(parent, limit=80)}: {error}" for parent, error in [*unread.items()][:NAMED]
    )
    more = f"; and {len(unread) - NAMED:,} more" if len(unread) > NAMED else ""
    return f"{len(unread):,} {endpoint.per} whose list could not be read: {named}{more}"


# -- children inside their parents' objects -----------------------------------------------------


def children_inside(kind: Kind, endpoint: Endpoint, parents: Iterable[Json]) -> Listing:
    """Return the children that the objects of their parents hold, each once; nobody counts them.

    A parent whose children cannot be read is named, and costs itself alone.
    """
    identity = identity_reader(kind)
    parent_identity = identity_reader(KIND_BY_NAME[str(endpoint.per)])
    found: dict[str, Json] = {}
    unread: dict[str, DigitalOceanError] = {}
    missing = []
    for parent in parents:
        name = parent_identity(parent)
        if endpoint.envelope not in parent and not endpoint.optional:
            missing.append(f"{endpoint.per} {name} came without {endpoint.envelope!r}")
        try:
            children = {}
            held = parent.get(endpoint.envelope) or ()
            for child in [held] if isinstance(held, dict) else held:
                child.setdefault(endpoint.parent_field, name)
                for inherited in endpoint.inherit:
                    child.setdefault(inherited, parent.get(inherited))
                children[identity(child)] = child
        except (LookupError, TypeError, AttributeError):
            problem = (
                f"answered 200, but has a {endpoint.per} whose {endpoint.envelope!r} is not a list"
            )
            unread[name] = BadAnswer(f"GET {endpoint.path}", problem, status=200)
        else:
            found |= children
    reasons = missing[:NAMED] + ([_unread(endpoint, unread)] if unread else [])
    reason = "; ".join(reasons) or None
    return Listing(list(found.values()), None, complete=not reason, reason=reason, api_calls=0)


# -- what other kinds' listings say ---------------------------------------------------------------


@dataclass
class Supplements:
    """What other kinds' listings say of the objects of one kind, read when the first is there.

    So nothing else is asked where the kind itself cannot be listed.
    """

    client: DigitalOcean
    kind: Kind
    read: Read | None = None
    """Lists the other kinds; now when None."""
    unknown: set[str] = field(default_factory=set)
    """Fields whose listing could not be read, or is not whole: what is stored of them stays."""
    begun: list[datetime] = field(default_factory=list)
    """When those listings were begun that were read before the kind's turn."""

    @cached_property
    def _known(self) -> dict[str, Mapping[str, Json]]:
        """Field → identity of the object → value."""
        known = {}
        for supplement in self.kind.supplements:
            try:
                other = (self.read or list_kind)(self.client, KIND_BY_NAME[supplement.kind])
            except DigitalOceanError as error:
                reason: str | None = str(error)
            else:
                reason = other.reason
            if reason is None:
                self.begun += [] if other.started_at is None else [other.started_at]
                known[supplement.field] = supplement.facts(other.items)
                continue
            self.unknown.add(supplement.field)
            logger.warning(
                "%s: %s keeps its stored value, because it could not be read: %s",
                self.kind.asset,
                supplement.field,
                reason,
            )
        return known

    def complete(self, items: Iterable[Json]) -> None:
        """Add to each object what is said of it; None is for one of which nothing is."""
        identity = identity_reader(self.kind)
        for item in items if self.kind.supplements else ():
            item.update({name: of.get(identity(item)) for name, of in self._known.items()})

    def reader(self) -> Callable[[Json], Sighting]:
        """Return what makes a sighting of an object and of what is said of it."""
        read = sighting_reader(self.kind)

        def completed(item: Json) -> Sighting:
            self.complete((item,))
            return read(item)

        return completed if self.kind.supplements else read

    def noted_in(self, listing: KindListing) -> KindListing:
        """Return a listing of the kind that says what is unknown of it, and how old it is."""
        begun = self.begun if listing.started_at is None else [*self.begun, listing.started_at]
        return replace(
            listing, unknown_fields=frozenset(self.unknown), started_at=min(begun, default=None)
        )


def list_whole(
    client: DigitalOcean, kind: Kind, progress: Progress | None, read: Read | None = None
) -> KindListing:
    """List every object of one kind, with all that is said of it anywhere."""
    others = Supplements(client, kind, read)
    return others.noted_in(list_kind(client, kind, progress, read, others))
