"""What every kind of the registry keeps to, shown with its official and its simulated objects."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

import pytest

from arcadia_cloud_pipelines.digitalocean import DigitalOcean
from arcadia_cloud_pipelines.inventory.listing import list_kind
from arcadia_cloud_pipelines.inventory.sightings import Sighting, identity_reader
from arcadia_cloud_pipelines.kinds import KIND_BY_NAME, KINDS, Kind
from arcadia_cloud_pipelines.settings.secret import Secret
from arcadia_cloud_pipelines.simulator import SimulatedAccount, serve

from .helpers import T0, client
from .test_canaries import official, own_identity
from .test_sightings import EMPTY, Json, attrs, see, utc

EACH_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
COLUMNS = {  # of a sighting: of a kind
    "name": "title", "region": "region", "status": "status", "size_slug": "size_slug",
    "tags": "tags", "created_at": "created_at",
}  # fmt: skip
# In the OpenAPI specification, but in no example and not in the simulator.
UNSEEN: dict[str, set[str]] = {
    "app": {"in_progress_deployment", "pinned_deployment", "last_deployment_active_at"},
    "database": {"metrics_endpoints", "semantic_version"},
    "database_replica": {"size", "tags"},
    "dedicated_inference": {"spec.name"},
    "firewall": {"tags"},
}


@cache
def _simulated() -> dict[str, list[Json]]:
    with serve(SimulatedAccount(seed=7, droplets=12, now=T0, churn=0)) as server:
        asking = client(server.url, server.token)
        return {kind.name: list_kind(asking, kind).items for kind in KINDS}


def objects(kind: Kind) -> list[Json]:
    """Official and simulated objects."""
    return copy.deepcopy([*official(kind.name), *_simulated()[kind.name]])


def holders(item: Any, path: str) -> Iterator[tuple[Json, str]]:
    """Every object that has the last step of a dotted path, and that step."""
    step, _, rest = path.partition(".")
    for place in item if isinstance(item, list) else [item]:
        if isinstance(place, dict) and step in place:
            if rest:
                yield from holders(place[step], rest)
            else:
                yield place, step


def set_path(item: Json, path: str, value: Any) -> Json:
    """A copy with this value at a dotted path, made where it is missing."""
    item = copy.deepcopy(item)
    *parents, last = path.split(".")
    place = item
    for step in parents:
        if not isinstance(place.get(step), dict):
            place[step] = {}
        place = place[step]
    place[last] = value
    return item


def column_paths(kind: Kind) -> dict[str, str]:
    """Path of each column that the kind has."""
    paths = {column: getattr(kind, field) for column, field in COLUMNS.items()}
    return {column: path for column, path in paths.items() if path is not None}


# -- paging -------------------------------------------------------------------------------------


class Paged(DigitalOcean):
    """An API with a few items of one kind, and of the kind of its parents, a page at a time."""

    def __init__(self, kind: Kind, items: list[Json], pages: int) -> None:
        super().__init__("https://api.digitalocean.com", Secret("token-of-the-pages"))
        self.asked: list[tuple[str, Json]] = []
        self._kind = kind
        self._items = items
        self._pages = pages

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, *, scope: str | None = None,
        decides: bool = False,
    ) -> Json:  # fmt: skip
        query = dict(params or {})
        path = unquote(path)
        for endpoint in self._kind.endpoints:
            if endpoint.per and path == KIND_BY_NAME[endpoint.per].endpoints[0].path:
                assert scope == KIND_BY_NAME[endpoint.per].scope
                parents = [
                    item for item in official(endpoint.per)
                    if not any(item[field] in none for field, none in endpoint.unless.items())
                ]  # fmt: skip
                return {KIND_BY_NAME[endpoint.per].endpoints[0].envelope: parents[:1]}
        assert scope == self._kind.scope
        self.asked.append((path, query))
        (endpoint, *_) = self._kind.endpoints
        size = -(-len(self._items) // self._pages)
        if endpoint.cursor:
            begin = int(query.get("page_token", "token-0").partition("-")[2])
            more = f"token-{begin + size}" if begin + size < len(self._items) else ""
            return {endpoint.envelope: self._items[begin : begin + size], "next_page_token": more}
        page = query.get("page", 1)
        held: Any = self._items[(page - 1) * size : page * size]
        if endpoint.envelope == "policies" and self._kind.name == "backup_policy":
            held = {str(item["droplet_id"]): item for item in held}
        link = {"next": f"{self.base_url}{path}?page={page + 1}&per_page=200"}
        return {
            endpoint.envelope: held,
            "links": {"pages": link if page < self._pages else {}},
            "meta": {"total": len(self._items)},
        }


def numbered(kind: Kind, count: int) -> list[Json]:
    """Copies of an official object, each with an identity of its own."""
    (item, *_) = official(kind.name)
    own = own_identity(kind)
    is_number = isinstance(item[own], int)
    made = [item | {own: n if is_number else f"id-{n}"} for n in range(1, count + 1)]
    return [copy.deepcopy(item) | {"type": "custom"} if kind.leave_out else item for item in made]


@pytest.mark.parametrize(
    "kind", [k for k in KINDS if not k.endpoints[0].inside], ids=lambda kind: kind.name
)
def test_every_page_is_read(kind: Kind) -> None:
    paged = kind.endpoints[0].paged
    assert {endpoint.paged for endpoint in kind.endpoints} == {paged}
    api = Paged(kind, numbered(kind, 5), 3 if paged else 1)
    listing = list_kind(api, kind)
    assert listing.complete, listing.reason
    identities = [identity_reader(kind)(item) for item in listing.items]
    assert len(set(identities)) == len(identities) == 5
    (endpoint, *_) = kind.endpoints
    assert listing.expected == (None if endpoint.cursor else 5)
    most = endpoint.per_page
    asked = [
        tuple(query.get(name) for name in ("page", "per_page", "page_size", "page_token"))
        for _, query in api.asked
    ]
    if endpoint.cursor:
        wanted_pages: list[Any] = [(None, None, most, t) for t in (None, "token-2", "token-4")]
    else:
        wanted_pages = [(page, most, None, None) for page in (1, 2, 3)]
    assert asked == (wanted_pages * len(kind.endpoints) if paged else [(None,) * 4])
    wanted = [e.params for e in kind.endpoints for _ in range(3 if paged else 1)]
    for (path, query), params in zip(api.asked, wanted, strict=True):
        assert params.items() <= query.items(), path
        assert "{" not in path
    for endpoint in kind.endpoints:
        if endpoint.per:
            parents = {str(identity_reader(KIND_BY_NAME[endpoint.per])(p))
                       for p in official(endpoint.per)}  # fmt: skip
            assert {item[endpoint.parent_field] for item in listing.items} <= parents


# -- where things are read from -----------------------------------------------------------------


@EACH_KIND
def test_the_identity_is_text(kind: Kind) -> None:
    for item in objects(kind):
        *parts, own = kind.identity.split("/")
        before = "".join(f"{item[part]}/" for part in parts)
        assert see(kind, item).provider_id == f"{before}{item[own]}"
        assert item[own] != ""
        assert see(kind, item | {own: "7"}).provider_id == f"{before}7"
        assert see(kind, item | {own: 7}).provider_id == f"{before}7"


@EACH_KIND
def test_columns_are_read_from_where_the_registry_says(kind: Kind) -> None:
    paths = column_paths(kind)
    for item in objects(kind):
        before = see(kind, item)
        for column in COLUMNS.keys() - paths.keys():
            assert not getattr(before, column), column
        for column, path in paths.items():
            given: Any = {"tags": ["b", "a", "b"], "created_at": "2024-02-29T23:59:59Z"}
            value = given.get(column, "x-value")
            after = see(kind, set_path(item, path, value))
            wanted = {"tags": ("a", "b"), "created_at": utc(2024, 2, 29, 23, 59, 59)}
            changed = {c for c in COLUMNS if getattr(before, c) != getattr(after, c)}
            assert getattr(after, column) == wanted.get(column, "x-value")
            assert changed <= {c for c, p in paths.items() if p == path}, column
            assert attrs(after) == attrs(before), f"{column} is in attrs too"
            assert (after.content_hash != before.content_hash) == bool(changed)


@EACH_KIND
def test_every_column_is_filled_by_some_object(kind: Kind) -> None:
    """A path that no object has would be a slip."""
    seen = [see(kind, item) for item in objects(kind)]
    for column, path in column_paths(kind).items():
        filled = any(getattr(sighting, column) for sighting in seen)
        assert filled or path in UNSEEN.get(kind.name, ()), column


@EACH_KIND
def test_attrs_repeat_no_column(kind: Kind) -> None:
    for item in objects(kind):
        kept = attrs(see(kind, item))
        # Of these names history would take one for the other.
        assert not kept.keys() & {*COLUMNS, "account", "project_id", "deleted_at", kind.identity}
        for path in column_paths(kind).values():
            assert not list(holders(kept, path)), path


@EACH_KIND
def test_what_only_has_the_name_of_a_column_is_decided_upon(kind: Kind) -> None:
    """It is not stored; if it is worth something, it wants the column."""
    used = {path.partition(".")[0] for path in (*column_paths(kind).values(), *kind.noise)}
    for item in objects(kind):
        assert not {key for key in item.keys() & COLUMNS.keys() if item[key] not in EMPTY} - used


# -- noise --------------------------------------------------------------------------------------


@EACH_KIND
def test_no_noise_alters_the_hash(kind: Kind) -> None:
    unseen = set(kind.noise)
    columns = set(column_paths(kind).values())
    for item in objects(kind):
        before = see(kind, item)
        for path in kind.noise:
            found = list(holders(item, path))
            if found:
                unseen.discard(path)
            inside = [column for column in columns if column.startswith(f"{path}.")]
            for holder, step in found:
                was = holder[step]
                # Of what holds a column only the rest is noise.
                other = copy.deepcopy(was) if isinstance(was, dict) and inside else {}
                changed = other | {"noise": 1} if inside else "other"
                for value in (changed, *([] if inside else (None, 7, ["x"], {"y": "z"}))):
                    holder[step] = value
                    assert see(kind, item) == before, path
                holder[step] = was
    assert unseen <= UNSEEN.get(kind.name, set()), "noise that nothing has: a slip?"


@EACH_KIND
def test_everything_else_does(kind: Kind) -> None:
    """Each path that is neither noise nor secret nor another's: changed, it is a change."""
    for item in official(kind.name)[:1]:
        before: Sighting = see(kind, item)
        for path, value in leaves(json.loads(before.attrs)):
            changed = json.loads(json.dumps(item))
            places = list(holders(changed, path))
            for holder, step in places:
                holder[step] = "other" if isinstance(value, str) else 424242
            if places:
                assert see(kind, changed).content_hash != before.content_hash, path


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted path of everything that is no object, in lists too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, value
