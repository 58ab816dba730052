"""The model of a kind: all that is particular to one kind of resource, as data.

Paths are dotted (`region.slug`) and go into the items of lists by themselves (`node_pools.nodes`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..common.severity import Severity
from ..settings import Purpose

Json = dict[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """One listing of the API."""

    path: str
    envelope: str
    params: Mapping[str, str] = field(default_factory=dict)
    paged: bool = True
    cursor: bool = False
    """Paged by `page_size` and `page_token` instead of `page` and `per_page`."""
    per_page: int = 200
    """The most items of a page that the API gives."""
    per: str | None = None
    """The kind of the parents, where this is one call for each: `path` holds `{parent}`. Of a kind
    that is a part it is the whole's, and need not be said."""
    unless: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of a parent's field with which it has no such children, and is not asked for them.
    A value that nobody knew is asked: `{"engine": ("kafka",)}` leaves out those of Kafka alone."""
    inside: bool = False
    """Children without a call of their own: `path` is the parents' list, and each parent's object
    holds its children as `envelope`: a list, or an object where there is one at most."""
    optional: bool = False
    """A parent's object may come without them, and then has none."""
    inherit: tuple[str, ...] = ()
    """Fields that a child inside then has from its parent, where it has none of its own."""
    parent_field: str = "parent_id"
    """Where each item then says whose child it is, if it does not by itself."""


@dataclass(frozen=True)
class Supplement:
    """Another kind's listing that says more of the objects of this one."""

    field: str
    """The field of the object that takes it."""
    kind: str
    """The kind whose listing says it."""
    facts: Callable[[Iterable[Json]], Mapping[str, Json]]
    """What the items of that listing say, by the identity of whom they say it of. Must bear items
    of any shape."""


@dataclass(frozen=True)
class Edge:
    """A pointer from an object of this kind to another resource."""

    relation: str
    """A word for it, as `cloud_resource_edges.relation` has it."""
    to: str | None
    """The kind of the other end; None where its URN says it."""
    path: str | None
    """The SQL/JSON path, into `attrs`, of what names the other end: its identity, unless `by` says
    otherwise. None where both have the same identity."""
    by: Literal["id", "urn", "tag"] = "id"
    lack: str | None = None
    """The word of `cloud_orphans.reason` for a live one that points to nothing in this way, where
    it is then paid for in vain."""

    @classmethod
    def by_urn(cls, relation: str, path: str) -> Edge:
        """Return a pointer by URN, such as `do:droplet:123`."""
        return cls(relation, None, path, "urn")

    @classmethod
    def by_tag(cls, relation: str, to: str, path: str) -> Edge:
        """Return a pointer to all live resources of a kind that have a tag now."""
        return cls(relation, to, path, "tag")


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of resource: all that the mirror must know of it."""

    name: str
    """As `cloud_resources.kind` spells it."""
    asset: str
    """The Dagster asset: the plural."""
    description: str
    endpoints: tuple[Endpoint, ...]
    """Read one after the other; together they are the listing."""
    scope: str
    """The token scope that the listing needs, for messages."""
    identity: str = "id"
    """Path of what no other object of this kind has; `a/b` where only both together are that."""
    title: str = "name"
    """Path of the name."""
    region: str | None = None
    status: str | None = None
    size_slug: str | None = None
    tags: str | None = None
    tags_name_targets: bool = False
    """True for a firewall or an alert policy: its tags say what it is for, not what it is."""
    created_at: str | None = "created_at"
    noise: tuple[str, ...] = ()
    """Paths that change by themselves, or hold catalogue data: not stored, never a change."""
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For an object inside: the only keys of it that are stored."""
    secret: tuple[str, ...] = ()
    """Paths with credentials or personal data, beside what the generic net catches. `*.name` is
    that name at any depth."""
    leave_out: Mapping[str, str] = field(default_factory=dict)
    """Items with these values in these fields are listed here, but are another kind's."""
    supplements: tuple[Supplement, ...] = ()
    """What other listings say of the same objects. Where one fails, what it says is unknown, not
    gone; this kind's own listing is as complete as before."""
    adjust: Callable[[Json], Json] | None = None
    """Last resort, for what paths cannot say. Gets a shallow copy of the object."""
    part_of: tuple[str, str] | None = None
    """The kind of the whole that it is a part of, and the path of the whole's identity. Parts are
    paid for with their whole, and nobody plans them alone. Listings by parent are then by the
    whole, and an edge `part_of` points to it unless one of another name does."""
    free: bool = False
    """True where it costs nothing by itself, so that no line of an invoice is about it."""
    id_form: Literal["uuid", "integer", "name"] = "uuid"
    """What its identity looks like; an address is a name, too. A key on an invoice that looks like
    another form is not of this kind."""
    is_address: bool = False
    """True for a name that one account at a time has. Other names two accounts may both use."""
    listed_by_all: bool = False
    """True for what the accounts of one organisation all list: each has rows of its own."""
    billed_alone: bool = False
    """Whether each one of it has a line on the invoice of every month it lives through."""
    severities: Mapping[str, Severity] = field(default_factory=dict)
    """How bad it is when one of these fields is not as desired, where that is not as for every
    kind (`kinds/severity.py`)."""
    opens: Mapping[str, Callable[[Any, Any], bool]] = field(default_factory=dict)
    """For a field that says who may come in: whether the actual value (second) lets in more than
    the desired one (first). That is critical, less is an error. Must bear values of any shape."""
    adopted: tuple[str, ...] = ()
    """Fields that a spec made from what is there has beside those of every kind."""
    former_name: str | None = None
    """The name that it had before 2022, and that older texts of the API still use."""
    edges: tuple[Edge, ...] = ()
    """What its objects point to. Pointers that more than a path must find, such as a DNS record's
    address, stand in the view `cloud_resource_edges`; so does `in_vpc` by `vpc_uuid`."""
    urn_types: tuple[str, ...] = ()
    """Types that this kind has in `do:<type>:<id>` of the projects API."""
    goes_by: str | None = None
    """The kind whose name it goes by in the API's other lists, as members of projects and actions
    are: to those a droplet's snapshot is an image."""
    counter: str | None = None
    """The counter of `/v2/tags` that counts it; None for one that has none, or no tags."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Documented defaults of its fields, which a spec that leaves them out means."""
    dns_names: tuple[str, ...] = ()
    """Fields that hold DNS names, to which capitals and a last dot are nothing."""
    platform_tags: bool = False
    """True where DigitalOcean adds tags of its own, such as `k8s:worker`."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """Fields that specs have and its own object has not: the kind that each is the list of."""
    purpose: Purpose = Purpose.CLOUD_SYNC_SLOW
    """The token it is read with, and the Dagster pool it runs in."""

    def __post_init__(self) -> None:
        """Complete what follows from `part_of`, so that no entry says it twice."""
        if self.part_of is None:
            return
        whole, path = self.part_of
        by_whole = tuple(
            replace(one, per=whole, parent_field=path)
            if one.inside or "{parent}" in one.path
            else one
            for one in self.endpoints
        )
        # Entries are frozen for everybody else.
        object.__setattr__(self, "endpoints", by_whole)
        # Some name it by another word, such as `pool_of`.
        if not any(edge.to == whole for edge in self.edges):
            to_whole = Edge("part_of", whole, None if path == self.identity else f"$.{path}")
            object.__setattr__(self, "edges", (to_whole, *self.edges))

    @property
    def taggable(self) -> bool:
        """Return whether people can put tags on it. Some kinds have tags that name others."""
        return self.tags is not None and not self.tags_name_targets
