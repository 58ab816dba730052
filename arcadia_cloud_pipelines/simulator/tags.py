"""Tags as a list of their own: `/v2/tags`, which counts what carries each."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from .api import Call, page_of
from .lives import Life
from .registry import KINDS, Route, register_route

# Counter -> the kinds it counts, and where their single object is. A droplet snapshot is an image.
_COUNTERS = {
    "droplets": (("droplet", "/v2/droplets"),),
    "images": (("image", "/v2/images"), ("droplet_snapshot", "/v2/images")),
    "volumes": (("volume", "/v2/volumes"),),
    "volume_snapshots": (("volume_snapshot", "/v2/snapshots"),),
    "databases": (("database", "/v2/databases"),),
}


def _tags_of(call: Call) -> dict[str, dict[str, list[tuple[Life, str]]]]:
    """What carries each tag, by counter; only what the token may see."""
    found: dict[str, dict[str, list[tuple[Life, str]]]] = {}
    for counter, kinds in _COUNTERS.items():
        for kind, path in kinds:
            # Snapshots of droplets are seen among the images.
            scope = "image:read" if counter == "images" else KINDS[kind].scope
            for life in call.account.alive(kind):
                for tag in life.facts["tags"]:
                    counters = found.setdefault(tag, {name: [] for name in _COUNTERS})
                    if call.token.can(scope):
                        counters[counter].append((life, path))
    return found


def _counter(call: Call, carriers: list[tuple[Life, str]]) -> dict[str, Any]:
    counted: dict[str, Any] = {"count": len(carriers)}
    if carriers:
        life, path = max(carriers, key=lambda c: (c[0].versions[-1].valid_from, str(c[0].id)))
        counted["last_tagged_uri"] = f"{call.view.base_url}{path}/{life.id}"
    return counted


def _tags(call: Call) -> Response:
    found = _tags_of(call)

    def render(tag: str) -> dict[str, Any]:
        counters = {name: _counter(call, carriers) for name, carriers in found[tag].items()}
        everything = [carrier for carriers in found[tag].values() for carrier in carriers]
        return {"name": tag, "resources": {**_counter(call, everything), **counters}}

    return page_of(call, "tags", sorted(found), render, links="empty")


register_route(
    Route(
        method="GET",
        path="/v2/tags",
        scope="tag:read",
        handle=_tags,
        params=frozenset({"page", "per_page"}),
    )
)
