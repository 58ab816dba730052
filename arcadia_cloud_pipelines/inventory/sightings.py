"""API objects made into sightings: what the ledger records, and nothing it must not.

This is the edge where credentials, personal data and noise are dropped: nothing behind it ever
sees them. No network and no database here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import orjson

from ..common.redaction import holds_secret, names_secret, without_mails
from ..common.times import database_time, parse_time
from ..kinds import Json, Kind


class Sighting(NamedTuple):
    """One resource as one listing showed it."""

    provider_id: str
    name: str | None
    region: str | None
    status: str | None
    size_slug: str | None
    tags: tuple[str, ...]
    """Sorted, each once."""
    created_at: datetime | None
    attrs: bytes
    """A JSON object, keys and lists sorted."""
    project: str | None
    """The project uuid that the object itself carries, for kinds that do."""
    content_hash: bytes
    """Digest of all of the above but the identity."""


_ANYWHERE = "*."
LONGEST = 500
"""Letters of an identity, a name or a tag: an entry of an index holds 2,700 bytes. DigitalOcean's
own limits are half of it."""
DEEPEST = 50
"""Levels of an object that are stored where it is nested beyond what orjson writes."""
_DROP = object()
_COLUMNS = {"name", "region", "status", "size_slug", "tags", "created_at"}
_Plan = dict[str, Any]


@cache
def _kept_name(name: str) -> str | None:
    """Return the name as jsonb can hold it, None when it names a secret."""
    return None if names_secret(name) else without_mails(name).replace("\0", "\ufffd")


def _walk(path: str) -> Callable[[Json], Any]:
    """A function that reads a dotted path, giving None wherever it ends early."""
    steps = path.split(".")
    if len(steps) == 1:
        key = steps[0]
        return lambda item: item.get(key)

    def read(item: Json) -> Any:
        value: Any = item
        for step in steps:
            if not isinstance(value, dict):
                return None
            value = value.get(step)
        return value

    return read


@cache  # each object of a supplement and each field of a spec asks
def _plan(kind: Kind) -> _Plan:
    """Plan what to leave out of `attrs`, as a tree of the object's own shape."""
    plan: _Plan = {}

    def drop(path: str) -> None:
        *parents, last = path.split(".")
        node = plan
        for step in parents:
            node = node.setdefault(step, {})
            if node is _DROP:
                return
        node[last] = _DROP

    # What has a column of its own is not repeated.
    columns = (
        kind.identity, kind.title, kind.region, kind.status, kind.size_slug, kind.tags,
        kind.created_at,
    )  # fmt: skip
    secret = (path for path in kind.secret if not path.startswith(_ANYWHERE))
    # Nor is what only has the name of a column: events and history could not tell them apart.
    for path in (*filter(None, columns), *kind.noise, *secret, "project_id", *_COLUMNS):
        drop(path)
    return plan


@cache
def _anywhere(kind: Kind) -> frozenset[str]:
    """Names that are left out at any depth."""
    return frozenset(
        path.removeprefix(_ANYWHERE) for path in kind.secret if path.startswith(_ANYWHERE)
    )


def dropped_fields(kind: Kind) -> frozenset[str]:
    """Top-level fields that are never stored, though an earlier release may have.

    Not those that have a column: a tag that empties everywhere is no dropped field.
    """
    dropped = {key for key, rule in _plan(kind).items() if rule is _DROP}
    return frozenset(dropped | _anywhere(kind)) - _COLUMNS


def _clean(value: Any, plan: _Plan | None) -> Any:
    """`value` without noise, secrets and emptiness; lists sorted, for no order is promised.

    "", null, [] and {} all mean "nothing" and are used interchangeably between kinds (and within
    one kind over the years), so all of them become None.
    """
    # JSON has these types and no subclasses of them; `type` is twice as fast as `isinstance`, and
    # this runs for every field of every object.
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is dict:
        kept = {}
        # {"name": "DB_PASS", "value": "x"}: the name of the field stands in a field.
        label = value.get("key") or value.get("name") if "value" in value else None
        if type(label) is str and names_secret(label):
            value = {name: inner for name, inner in value.items() if name != "value"}
        for key, inner in value.items():
            if inner is None:
                continue
            rule = plan.get(key) if plan else None
            name = None if rule is _DROP else _kept_name(key)
            if name is None:
                continue
            # A call for each text and number is most of what an object costs.
            kind = type(inner)
            if kind is str:
                inner = _text(inner)
            elif kind is dict or kind is list:
                inner = _clean(inner, rule)
            if inner is not None:
                kept[name] = inner
        return kept or None
    if kind is list:
        items = [c for item in value if (c := _clean(item, plan)) is not None]
        if len(items) > 1:
            items.sort(key=_order)
        return items or None
    return value


def _text(text: str) -> str | None:
    """Return a text as it is stored: None where it is empty or holds a secret."""
    if not text or holds_secret(text):
        return None
    if "@" in text:
        text = without_mails(text)
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _without(value: Any, names: frozenset[str]) -> Any:
    """`value` without the fields of these names, at any depth."""
    if isinstance(value, dict):
        return {k: _without(inner, names) for k, inner in value.items() if k not in names}
    return [_without(inner, names) for inner in value] if isinstance(value, list) else value


def _order(item: Any) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def text_of(value: Any) -> str | None:
    """A column's text: numbers become text, emptiness and secrets become None."""
    if type(value) is str:
        return _text(value)
    if value is None or isinstance(value, (dict, list)):
        return None
    return orjson.dumps(value).decode()


def _column(value: Any) -> str | None:
    """Return `text_of`, cut to what PostgreSQL's indexes take."""
    text = text_of(value)
    return text if text is None or len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _cut(value: Any, depth: int) -> Any:
    """Return the value with `…` in place of what is nested deeper than `depth`."""
    if isinstance(value, dict):
        return {k: _cut(inner, depth - 1) for k, inner in value.items()} if depth else "…"
    if isinstance(value, list):
        return [_cut(inner, depth - 1) for inner in value] if depth else "…"
    return value


def identity_reader(kind: Kind) -> Callable[[Json], str]:
    """A function that reads an object's identity as text.

    Its errors: KeyError when the object has none.
    """

    def part(path: str) -> Callable[[Json], str]:
        read = _walk(path)

        def identity(item: Json) -> str:
            value = read(item)
            if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
                raise KeyError(path)
            return str(value).replace("\0", "\ufffd")

        return identity

    parts = [part(path) for path in kind.identity.split("/")]
    if len(parts) == 1:
        return parts[0]
    return lambda item: "/".join(read(item) for read in parts)


def sightings(kind: Kind, items: Iterable[Json]) -> list[Sighting]:
    """The API's objects as sightings.

    Args:
        kind: its entry in the registry.
        items: objects of the listing, as decoded from JSON.

    Raises:
        KeyError: an object has no identity. Everything else may be missing.
    """
    return list(map(sighting_reader(kind), items))


def sighting_reader(kind: Kind) -> Callable[[Json], Sighting]:
    """Return what makes a sighting of one object of a kind; raises what `sightings` raises."""
    plan = _plan(kind)
    anywhere = _anywhere(kind)
    identity = identity_reader(kind)
    name, region, status, size, tags, created = (
        _walk(path) if path else (lambda _item: None)
        for path in (kind.title, kind.region, kind.status, kind.size_slug, kind.tags,
                     kind.created_at)
    )  # fmt: skip

    def sighting(item: Json) -> Sighting:
        provider_id = identity(item)
        source = _without(item, anywhere) if anywhere else dict(item)
        for key, wanted in kind.keep.items():
            inner = source.get(key)
            if isinstance(inner, dict):
                source[key] = {k: inner[k] for k in wanted if k in inner}
        if kind.adjust is not None:
            source = kind.adjust(source)
        listed = tags(item)
        labels = sorted({_column(t) or "" for t in listed} - {""}) if type(listed) is list else []
        columns = (
            _column(name(item)), _column(region(item)), _column(status(item)),
            _column(size(item)), tuple(labels), parse_time(created(item)),
        )  # fmt: skip
        packed = orjson.dumps(_clean(source, plan) or {}, option=orjson.OPT_SORT_KEYS)
        # What orjson returns keeps the 4 kB that it was written into; a copy takes what it needs.
        attrs = bytes(memoryview(packed))
        project = text_of(item.get("project_id"))
        digest = hashlib.blake2b(orjson.dumps((*columns, project)), digest_size=16)
        digest.update(attrs)
        return Sighting(provider_id, *columns, attrs, project, digest.digest())

    def read(item: Json) -> Sighting:
        try:
            return sighting(item)
        except (TypeError, RecursionError):  # orjson's, of values nested beyond its limit
            return sighting(_cut(item, DEEPEST))

    return read


def known_fields(sighting: Sighting) -> dict[str, object]:
    """Return the fields that a sighting has, as events hold them."""
    columns = {
        "name": sighting.name, "region": sighting.region, "status": sighting.status,
        "size_slug": sighting.size_slug, "tags": sighting.tags or None,
        "created_at": sighting.created_at and database_time(sighting.created_at),
    }  # fmt: skip
    known: dict[str, object] = orjson.loads(sighting.attrs)
    return known | {name: value for name, value in columns.items() if value is not None}


def changes_from_nothing(sighting: Sighting, project_id: int | None) -> str:
    """Return what is known of a new resource, as the event of its discovery has it."""
    known = known_fields(sighting)
    if project_id is not None:
        known["project_id"] = project_id
    return orjson.dumps(
        {name: {"from": None, "to": value} for name, value in known.items()}
    ).decode()


def stores(kind: Kind, path: str) -> bool:
    """Tell whether the mirror holds a field of a kind: not what changes by itself, nor secrets.

    Args:
        kind: its entry in the registry.
        path: a field as `cloud_live_value` reads it; dotted where it lies inside another.
    """
    if path in _COLUMNS:
        return True
    steps = path.split(".")
    if steps[0] in _LIVE_NAMES:
        # Nothing is read inside of them.
        return len(steps) == 1
    node: Any = _plan(kind)
    anywhere = _anywhere(kind)
    for depth, step in enumerate(steps):
        node = node.get(step) if isinstance(node, dict) else None
        if node is _DROP or step in anywhere or names_secret(step):
            return False
        kept = kind.keep.get(step) if depth == 0 else None
        if kept is not None and len(steps) > 1 and steps[1] not in kept:
            return False
    return True


def stored_part(kind: Kind, path: str, value: Any) -> Any:
    """Return what of a field's value the mirror can hold: the rest could only be false drift.

    So an answer of the API can be desired as it is: of `{"slug": "fra1", "name": "Frankfurt"}`, a
    droplet's region, that is `"fra1"`; of its networks it is all but the gateways.

    Args:
        kind: its entry in the registry.
        path: a field that `holds` is true of.
        value: as JSON has it.
    """
    column = "size.slug" if path == "size" else _column_paths(kind).get(path)
    if column is not None:
        first, _, inside = column.partition(".")
        return _walk(inside)(value) if inside and first == path and type(value) is dict else value
    node: Any = _plan(kind)
    steps = path.split(".")
    for step in steps:
        node = node.get(step) if isinstance(node, dict) else None
    kept = kind.keep.get(path)
    if kept is not None and type(value) is dict:
        value = {key: inner for key, inner in value.items() if key in kept}
    return _pruned(_without(value, _anywhere(kind)), node if isinstance(node, dict) else {})


def _pruned(value: Any, plan: _Plan) -> Any:
    if type(value) is list:
        return [_pruned(item, plan) for item in value]
    if type(value) is not dict or not plan:
        return value
    return {
        key: _pruned(inner, rule if isinstance(rule := plan.get(key), dict) else {})
        for key, inner in value.items()
        if plan.get(key) is not _DROP
    }


def _column_paths(kind: Kind) -> dict[str, str | None]:
    return {
        "name": kind.title, "region": kind.region, "status": kind.status,
        "size_slug": kind.size_slug, "tags": kind.tags, "created_at": kind.created_at,
    }  # fmt: skip


_LIVE_NAMES = frozenset({"size", "vpc", "project", "project_id"})
"""What `cloud_live_value` finds under another name, whatever the kind calls it."""
