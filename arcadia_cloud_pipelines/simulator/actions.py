"""The account's log of actions, `/v2/actions`: what the lives of its droplets say, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from .call import Call
from .lives import Life, iso
from .paging import page_of
from .registry import Route, register_route

if TYPE_CHECKING:
    from .account import SimulatedAccount

_FIRST_ID = 36_804_636
_TAKES = timedelta(seconds=45)


def _of(life: Life) -> Iterator[tuple[Any, str]]:
    """Give the instant and the type of what was done to a droplet."""
    yield life.created_at, "create"
    for before, after in zip(life.versions, life.versions[1:], strict=False):
        old, new = before.facts, after.facts
        if old["size_slug"] != new["size_slug"]:
            yield after.valid_from, "resize"
        if old["name"] != new["name"]:
            yield after.valid_from, "rename"
        if old["status"] != new["status"]:
            yield after.valid_from, "power_on" if new["status"] == "active" else "power_off"
    if life.deleted_at is not None:
        yield life.deleted_at, "destroy"


def _log(account: SimulatedAccount) -> list[dict[str, Any]]:
    done = sorted(
        (at, life.id, type_, str(life.facts["region"]))
        for life in account.lives["droplet"].values()
        for at, type_ in _of(life)
        if at <= account.now
    )
    rows = [
        {
            "id": _FIRST_ID + number,
            "status": "completed" if at + _TAKES <= account.now else "in-progress",
            "type": type_,
            "started_at": iso(at),
            "completed_at": iso(at + _TAKES) if at + _TAKES <= account.now else None,
            "resource_id": life_id,
            "resource_type": "droplet",
            "region": None,
            "region_slug": region,
        }
        for number, (at, life_id, type_, region) in enumerate(done)
    ]
    return rows[::-1]


def _actions(call: Call) -> Response:
    return page_of(call, "actions", _log(call.account), lambda row: row)


register_route(
    Route(
        method="GET",
        path="/v2/actions",
        scope="actions:read",
        handle=_actions,
        params=frozenset({"page", "per_page"}),
    )
)
